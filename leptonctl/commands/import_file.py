"""`import`: writes the YAML of a version that is imported, and says what its file holds. Builds nothing."""

import re
from collections.abc import Mapping
from pathlib import Path

from leptonctl.commands.editing.written_digest import as_written
from leptonctl.commands.import_fit import fit_of
from leptonctl.commands.predict import from_provider
from leptonctl.commands.session import Session
from leptonctl.core.address import short, version_of
from leptonctl.core.codec import decode, encode
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Document, Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.model.imported import OTHER_FORMATS, largest
from leptonctl.kinds.model.kind import models
from leptonctl.language.edit import insert_key, version_lines
from leptonctl.language.explain_schema import NAME_PATTERN
from leptonctl.project.digests import digest_of, inside, stat_of
from leptonctl.project.own_edits import OwnEdits
from leptonctl.spi.learning import ProviderError

FORMAT = "1.0"
FOLDER = "models"


class Import(Frozen):
    """What the command line asks for. dataset, task: None where they are to be found out."""

    model: str
    version: str
    dataset: str | None = None
    task: str | None = None


def import_file(session: Session, file: Path, request: Import) -> dict[str, Json]:
    """The object of `import --json`. Failure: what is wrong with the file, `version-exists`, `missing-task`, or the mistakes of the YAML.

    The version goes into the model's document, or into a new file. When the project is not valid with it, nothing stays. Where the file
    does not fit the dataset, `problems` says why: the YAML is what has to be completed.
    """
    _check_names(request)
    path = _relative(session, file)
    described = _describe(session.root / path, path)
    document = session.project.of("Model").get(request.model)
    where, text, line = _new(session, request, path, described) if document is None else _added(session, document, request, path, described)
    before = session.sources.get(where)
    edits = OwnEdits(root=session.root)
    edits.write(where, before, text)
    address = version_of("model", request.model, request.version)
    try:
        session = session.reopen()
        version = models(session.declarations)[short(address)]
    except BaseException:
        edits.undo()
        raise
    needs_classes = described["classes"] is None and version.task == "classification" and not version.declared.fields.get("classes")
    step = next(step for step in session.declarations.built[address].steps if step.op == "import")
    fit = fit_of(session, version, step, session.root / path)
    # which class is which is asked for already
    problem = None if needs_classes and fit.problem is not None and fit.problem.id == "import-classes" else fit.problem
    return {
        "format_version": FORMAT,
        "address": address,
        "file": where,
        "line": line,
        "created": before is None,
        "import": path,
        "digest": digest_of(session.root / path),
        "size": (session.root / path).stat().st_size,
        **described,
        "needs_classes": needs_classes,
        "takes": {name: [*columns] for name, columns in fit.takes.items()},
        "problems": [] if problem is None else [problem.to_json()],
    }


def _check_names(request: Import) -> None:
    """Failure `bad-name`: the name becomes that of a file."""
    for what, name in (("model", request.model), ("version", request.version)):
        if not re.fullmatch(NAME_PATTERN, name):
            detail = f"{name!r} is no name of a {what}"
            hint = "use lower-case letters, digits, `.`, `_` and `-`, with a letter or a digit first"
            raise fail("bad-name", "This is not a name", detail, hint=hint)


def _relative(session: Session, file: Path) -> str:
    """The path as the YAML has it. Failure `outside-project`, `missing-file`, `not-onnx`."""
    absolute = Path(file.absolute())
    root = session.root
    path = absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.resolve().as_posix()
    path = path.removeprefix(f"{root.as_posix()}/")
    other = next((of for ending, of in OTHER_FORMATS.items() if path.lower().endswith(ending)), None)
    if other is not None:
        raise fail("not-onnx", "The file cannot be imported", f"{absolute.name}: {other[0]}", hint=other[1])
    try:
        inside(root, path, session.project.roots)
    except ProviderError as problem:
        problem.hint = f"copy it into the project first: `mkdir -p vendor && cp {file} vendor/`"
        raise from_provider(problem) from problem
    return path


def _describe(file: Path, path: str) -> dict[str, Json]:
    from leptonctl.learning.imported.description import describe

    try:
        size = stat_of(file)[0]
        if size > largest(path):
            detail = f"{path} has {size / 2**20:,.0f} MiB; at most {largest(path) / 2**20:,.0f} MiB are read"
            raise fail("file-too-large", "A file is too large", detail, hint="make the model smaller")
        described = decode(encode(describe(file.read_bytes())), dict[str, Json])
    except ProviderError as problem:
        raise from_provider(problem) from problem
    return described


def _new(session: Session, request: Import, path: str, described: Mapping[str, Json]) -> tuple[str, str, int]:
    """The path and the text of a new file with the model, and the line of the version."""
    where = f"{FOLDER}/{request.model}.yaml"
    if (session.root / where).exists():
        hint = f"declare the model {request.model} there"
        raise fail("cannot-write", "A file cannot be written", f"{where} exists, and does not declare {request.model}", hint=hint)
    known = [*datasets(session.declarations)]
    dataset = request.dataset or (known[0] if len(known) == 1 else None)
    if dataset is None:
        detail = f"the project has {', '.join(known) or 'no datasets'}"
        raise fail("missing-dataset", "Model names no dataset", detail, hint="add `--dataset NAME@VERSION`: its rows evaluate the model")
    task = request.task or described["task"]
    if task is None:
        detail = f"the outputs of {path} may be those of a classification or of a regression"
        raise fail("missing-task", "Model names no task", detail, hint="add `--task classification` or `--task regression`")
    (session.root / FOLDER).mkdir(exist_ok=True)
    head = f"kind: Model\nname: {request.model}\ndataset: {dataset}\ntask: {task}\nversions:\n"
    return where, head + version_lines(request.version, {"import": path}), head.count("\n") + 1


def _added(session: Session, document: Document, request: Import, path: str, described: Mapping[str, Json]) -> tuple[str, str, int]:
    """The path and the new text of the model's file, and the line of the version."""
    versions = document.value.get("versions")
    if isinstance(versions, Mapping) and request.version in versions:
        span = document.key_at("versions", request.version)
        detail = f"{request.model} has a version {request.version}"
        raise fail("version-exists", "A version exists already", detail, span=span, hint="choose another name for the new version")
    entry: dict[str, Json] = {"import": path}
    if request.dataset is not None and document.value.get("dataset") != request.dataset:
        entry["dataset"] = request.dataset
    task = request.task or (described["task"] if document.value.get("task") is None else None)
    if task is not None and document.value.get("task") != task:
        entry["task"] = task
    old = session.sources[document.file]
    text = insert_key(old, as_written(session, document), ("versions",), request.version, entry)
    lines = zip(old.splitlines(), text.splitlines(), strict=False)
    line = next((number for number, (a, b) in enumerate(lines, 1) if a != b), len(old.splitlines()) + 1)
    return document.file, text, line
