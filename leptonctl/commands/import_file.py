"""`import`: writes the YAML of a version that is a finished model, and describes its file. Builds nothing."""

from collections.abc import Mapping
from pathlib import Path

from leptonctl.commands.editing.names import require_name
from leptonctl.commands.files.import_fit import fit_of
from leptonctl.commands.files.problems import provider_failure
from leptonctl.commands.session import Session
from leptonctl.core.address import short, version_of
from leptonctl.core.codec import decode, encode
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Document, Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.model.imported import OTHER_FORMATS, largest
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.version import Model
from leptonctl.language.edit import insert_key, version_lines
from leptonctl.project.digests import digest_of, inside, stat_of
from leptonctl.project.own_edits import OwnEdits
from leptonctl.spi.learning import ProviderError

FORMAT = "1.0"
FOLDER = "models"


class Import(Frozen):
    """The version to write. `dataset`, `task`: None to infer them."""

    model: str
    version: str
    dataset: str | None = None
    task: str | None = None


def import_file(session: Session, file: Path, request: Import) -> dict[str, Json]:
    """The object of `import --json`. Failure: what is wrong with the file, `version-exists`, `missing-task`, or the errors of the YAML.

    The version goes into the model's document, or into a new file. If the project is not valid with it, the edit is undone. If the file
    does not fit the dataset, `problems` says why: then the YAML has to be completed.
    """
    require_name(request.model, "model")
    require_name(request.version, "version")
    path = _relative(session, file)
    described = _describe(session.root / path, path)
    document = session.project.of("Model").get(request.model)
    edit = _new_file(session, request, path, described) if document is None else _new_version(session, document, request, path, described)
    address = version_of("model", request.model, request.version)
    is_new = edit.file not in session.sources
    session, version = _write(session, edit, short(address))
    needs_classes = described["classes"] is None and version.task == "classification" and not version.declared.fields.get("classes")
    step = next(step for step in session.declarations.built[address].steps if step.op == "import")
    fit = fit_of(session, version, step, session.root / path)
    # `needs_classes` asks already which class is which
    problem = None if needs_classes and fit.problem is not None and fit.problem.id == "import-classes" else fit.problem
    return {
        "format_version": FORMAT,
        "address": address,
        "file": edit.file,
        "line": edit.line,
        "created": is_new,
        "import": path,
        "digest": digest_of(session.root / path),
        "size": (session.root / path).stat().st_size,
        **described,
        "needs_classes": needs_classes,
        "takes": {name: [*columns] for name, columns in fit.takes.items()},
        "problems": [] if problem is None else [problem.to_json()],
    }


class _Edit(Frozen):
    """The new text of a file, and the line of the version in it."""

    file: str
    text: str
    line: int


def _write(session: Session, edit: _Edit, name: str) -> tuple[Session, Model]:
    """The session and the version after the edit, which is undone when the project is not valid with it."""
    edits = OwnEdits(root=session.root)
    edits.write(edit.file, session.sources.get(edit.file), edit.text)
    try:
        session = session.reopen()
        return session, models(session.declarations)[name]
    except BaseException:
        edits.undo()
        raise


def _relative(session: Session, file: Path) -> str:
    """The path of the file in the project, as in the YAML. Failure `outside-project`, `missing-file`, `not-onnx`."""
    absolute = Path(file.absolute())
    root = session.root
    path = absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.resolve().as_posix()
    path = path.removeprefix(f"{root.as_posix()}/")
    refusal = next((refusal for ending, refusal in OTHER_FORMATS.items() if path.lower().endswith(ending)), None)
    if refusal is not None:
        detail, hint = refusal
        raise fail("not-onnx", "The file cannot be imported", f"{absolute.name}: {detail}", hint=hint)
    try:
        inside(root, path, session.project.roots)
    except ProviderError as problem:
        problem.hint = f"copy it into the project first: `mkdir -p vendor && cp {file} vendor/`"
        raise provider_failure(problem) from problem
    return path


def _describe(file: Path, path: str) -> dict[str, Json]:
    """What the file says about itself. Failure: what is wrong with it."""
    from leptonctl.learning.imported.description import describe

    try:
        size = stat_of(file)[0]
        if size > largest(path):
            detail = f"{path} has {size / 2**20:,.0f} MiB; at most {largest(path) / 2**20:,.0f} MiB are read"
            raise fail("file-too-large", "A file is too large", detail, hint="make the model smaller")
        described = decode(encode(describe(file.read_bytes())), dict[str, Json])
    except ProviderError as problem:
        raise provider_failure(problem) from problem
    return described


def _new_file(session: Session, request: Import, path: str, described: Mapping[str, Json]) -> _Edit:
    """A new file with the model."""
    file = f"{FOLDER}/{request.model}.yaml"
    if (session.root / file).exists():
        hint = f"declare the model {request.model} there"
        raise fail("cannot-write", "A file cannot be written", f"{file} exists, and does not declare {request.model}", hint=hint)
    names = [*datasets(session.declarations)]
    dataset = request.dataset or (names[0] if len(names) == 1 else None)
    if dataset is None:
        detail = f"the project has {', '.join(names) or 'no datasets'}"
        raise fail("missing-dataset", "Model names no dataset", detail, hint="add `--dataset NAME@VERSION`: its rows evaluate the model")
    task = request.task or described["task"]
    if task is None:
        detail = f"the outputs of {path} may be those of a classification or of a regression"
        raise fail("missing-task", "Model names no task", detail, hint="add `--task classification` or `--task regression`")
    (session.root / FOLDER).mkdir(exist_ok=True)
    head = f"kind: Model\nname: {request.model}\ndataset: {dataset}\ntask: {task}\nversions:\n"
    return _Edit(file=file, text=head + version_lines(request.version, {"import": path}), line=head.count("\n") + 1)


def _new_version(session: Session, document: Document, request: Import, path: str, described: Mapping[str, Json]) -> _Edit:
    """The model's file with the version added."""
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
    text = insert_key(old, session.as_written(document), ("versions",), request.version, entry)
    lines = zip(old.splitlines(), text.splitlines(), strict=False)
    line = next((number for number, (a, b) in enumerate(lines, 1) if a != b), len(old.splitlines()) + 1)
    return _Edit(file=document.file, text=text, line=line)
