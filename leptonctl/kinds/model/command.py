"""`command:` of a model version: a program of the user instead of an algorithm. What its keys mean and what is wrong with them.

Pure, given the observed files. Nothing of it runs before the step `train`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.address import short
from leptonctl.core.canonical import digest
from leptonctl.core.contract import PREPARED
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Json, Path, Span
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model.draft import Draft
from leptonctl.kinds.model.imported import OPTIONS, option_conflicts, reads_files
from leptonctl.kinds.model.inheritance import OF_DECISION, OF_TRAINING, PROGRAM_INPUTS
from leptonctl.language.resolve import Declared, Project, override_for

COMMAND, FILES, LIMITS, ALLOW = "command", "files", "limits", "allow"
OUTPUT = "model.onnx"
OWN_VARIABLES = ("LEPTON_SEED", "HOME", "TMPDIR")
UNITS = {"MiB": 2**20, "GiB": 2**30}

Facts = Mapping[SourceKey, SourceFacts]


def files(project: Project) -> Iterator[SourceKey]:
    """Every file that a program of a version needs, to be observed before planning."""
    for document in project.of("Model").values():
        if reads_files(document):
            yield from (SourceKey(path=path) for declared in project.versions(document) for _, path, _ in _declared_paths(declared))


def command_of(draft: Draft) -> dict[str, Json] | None:
    """The program with each file and its digest; None when it cannot run."""
    declared, count = draft.declared, len(draft.problems)
    block = cast("dict[str, Json]", declared.fields[COMMAND])
    if not _is_pinned(declared):
        draft.report(*not_allowed(declared, draft.declarations.project))
    draft.report(*_conflicts(draft), *_mistakes(declared, block))
    digests = _digests(draft)
    output = _plain(str(block.get("output") or OUTPUT))
    if output in digests or (output or "").startswith(f"{PREPARED}/"):
        detail = f"the program writes {output}, which is there before the program runs"
        draft.report(_conflict(declared.at(COMMAND, "output"), detail, "name another file under `output:`"))
    if len(draft.problems) > count:
        return None
    env = cast("dict[str, Json]", block.get("env") or {})
    return {"run": block["run"], FILES: dict(sorted(digests.items())), "output": output, "env": env}


def source_leaks(declared: Declared, dataset: Dataset, command: Mapping[str, Json]) -> Iterator[Diagnostic]:
    """A warning for each file of the program that is a source of its dataset; an error where that has private columns."""
    contents = dataset.contents.values()
    sources = {content.path for content in contents} | {part.path for content in contents for part in content.parts}
    digests = {content.digest for content in contents} | {part.digest for content in contents for part in content.parts}
    private = bool(dataset.inputs.get("privacy")) and not _is_pinned(declared)
    spans = file_origins(declared, command)
    for name, content in cast("dict[str, str]", command[FILES]).items():
        if name not in sources and content not in digests:
            continue
        address = short(dataset.address)
        detail = f"{name} is a source of {address}: the program sees the rows that it is evaluated on"
        yield Diagnostic(
            id="program-sees-test-rows", severity="error" if private else "warning", summary="A program has the test rows among its files",
            detail=f"{detail}, and private columns as they are" if private else detail, span=spans.get((COMMAND, FILES, name)),
            hint="take it out of `files:`; the training rows are in prepared/train.parquet and prepared/train.jsonl",
        )  # fmt: skip


def limits_of(declared: Declared) -> dict[str, Json]:
    """The limits in seconds and bytes; {} without any."""
    limits = cast("dict[str, Json]", declared.fields.get(LIMITS) or {})
    memory = str(limits.get("memory") or "")
    size = int(memory[:-3]) * UNITS[memory[-3:]] if memory else None
    return {name: value for name, value in (("seconds", limits.get("seconds")), ("memory", size)) if value is not None}


def unused_limits(declared: Declared) -> Iterator[Diagnostic]:
    """An error for limits of a version without a program. Those of a base block may be for other versions."""
    if declared.fields.get(LIMITS) is None:
        return
    if ("versions", declared.version, LIMITS) in declared.document.values or not reads_files(declared.document):
        yield _conflict(declared.key_at(LIMITS), "only a `command` can be limited yet, and this version has none", "remove the key")


def file_origins(declared: Declared, command: Mapping[str, Json]) -> dict[Path, Span]:
    """Where each file of the program is declared."""
    origins: dict[Path, Span] = {}
    for at, path, _ in _declared_paths(declared):
        for name in cast("dict[str, Json]", command[FILES]):
            if name == _plain(path) or _is_below_glob(name, path):
                origins.setdefault((COMMAND, FILES, name), declared.at(*at))
    return origins


def recipe_keys_of(recipe: Mapping[str, Json], prepare: str, but: Sequence[str]) -> tuple[str, str]:
    """The keys of `train` and `export`, from a recorded recipe."""
    own = {name: value for name, value in recipe.items() if name not in but and name not in OPTIONS}
    options = {name: recipe[name] for name in OPTIONS if recipe.get(name) is not None}
    train = digest({"op": COMMAND, "prepare": prepare, **own})
    return train, digest({"op": "import", "train": train, **options})


def command_override(recipe: Mapping[str, Json], base: Mapping[str, Json]) -> dict[str, Json]:
    """The override of its base block with which a version is made by this program again: with the digest of each file."""
    fields: dict[str, Json] = {COMMAND: override_for(recipe[COMMAND], base.get(COMMAND))}
    for name, default in (("seed", 0), ("revision", 1), ("features", None)):
        if recipe.get(name) != base.get(name, default):
            fields[name] = recipe.get(name)
    for name in OPTIONS:
        if recipe.get(name) != base.get(name):
            fields[name] = override_for(recipe.get(name), base.get(name))
    return fields


def needed_program(declared: Declared, facts: Facts) -> Iterator[Diagnostic]:
    """An error for each pinned file of a program that has to run, and that is gone or has other bytes."""
    for at, path, pin in _declared_paths(declared):
        digest = facts.get(SourceKey(path=path), SourceFacts()).digest
        if pin is None or digest == pin:
            continue
        state = f"has {digest[:19]}…, not {pin[:19]}…" if digest else "is gone"
        detail, hint = f"{path} {state}, and the program needs it", "restore the file, or declare a new version for the new file"
        yield error("source-changed", "A pinned file does not have the pinned bytes", detail, span=declared.at(*at), hint=hint)


def _declared_paths(declared: Declared) -> Iterator[tuple[Path, str, str | None]]:
    """Each declared path or glob of a version's program: its place in the YAML, the path, and its digest if it is pinned."""
    command = declared.fields.get(COMMAND)
    written = command.get(FILES) if isinstance(command, Mapping) else None
    if isinstance(written, Mapping):
        yield from (((COMMAND, FILES, path), path, str(pin)) for path, pin in written.items())
    elif isinstance(written, Sequence) and not isinstance(written, str):
        yield from (((COMMAND, FILES, place), path, None) for place, path in enumerate(written) if isinstance(path, str))


def _digests(draft: Draft) -> dict[str, Json]:
    """Each file of the program with its digest. Those that it cannot have are reported."""
    digests: dict[str, Json] = {}
    for at, path, pin in _declared_paths(draft.declared):
        facts = draft.declarations.facts.get(SourceKey(path=path), SourceFacts())
        problem = _path_problem(path, facts, draft.declared.at(*at), is_pinned=pin is not None)
        if problem is not None:
            draft.report(problem)
        elif pin is not None:
            digests[_plain(path) or path] = pin
        else:
            digests |= {_plain(name) or name: digest for name, digest in facts.files or ((path, facts.digest),)}
    return digests


def _path_problem(path: str, facts: SourceFacts, span: Span, *, is_pinned: bool) -> Diagnostic | None:
    """Why a program cannot have the file at a path. A pinned one may be gone, since its results may exist."""
    plain = _plain(path)
    if plain is None or facts.outside or (facts.problem is not None and facts.problem[0] == "outside-project"):
        detail = f"{path} leads out of the project folder, and a program has only files of the project"
        return error("outside-project", "A path leaves the project folder", detail, span=span, hint="copy it into the project")
    if plain == PREPARED or plain.startswith(f"{PREPARED}/"):
        return _conflict(span, f"the program finds its rows in the folder {PREPARED}/", "move the file into another folder")
    if is_pinned:
        return None
    if facts.problem is not None or facts.digest is None:
        name, summary, detail, hint = facts.problem or ("missing-file", "A path names no file", path, "")
        summary = "A file of a command does not exist" if name == "missing-file" else summary
        return error(name, summary, detail, span=span, hint=_folder_hint(path) if name == "not-a-file" else hint)
    if facts.files and not _is_glob(path):
        return error("not-a-file", "A path names no file", f"{path} is a folder", span=span, hint=_folder_hint(path))
    return None


def _folder_hint(path: str) -> str:
    return f"write `{path.rstrip('/')}/**` for all files below it"


def _plain(path: str) -> str | None:
    """The path without `.` and empty parts; None when it is not one inside the project."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return None if path.startswith("/") or ".." in parts or "\0" in path else "/".join(parts) or None


def _is_glob(path: str) -> bool:
    return not {*"*?["}.isdisjoint(path)


def _is_below_glob(name: str, glob: str) -> bool:
    """Whether a file lies in the folder in which the search for a glob begins."""
    folder = _plain(re.split(r"[^/]*[*?\[]", glob, maxsplit=1)[0])
    return _is_glob(glob) and name.startswith(f"{folder}/" if folder else "")


def _is_pinned(declared: Declared) -> bool:
    """Whether every file of the program is pinned, as a return writes it: such a version may be declared and never run again (law 9)."""
    return all(pin is not None for _, _, pin in _declared_paths(declared))


def not_allowed(declared: Declared, project: Project) -> Iterator[Diagnostic]:
    """An error where the project does not let programs run."""
    if COMMAND not in cast("list[str]", project.settings.get(ALLOW) or []):
        detail = "a command runs with your rights on whatever machine builds, and this project does not allow it"
        hint = f"add `allow: [command]` to {project.document.file}, if you trust everyone who can change this project"
        yield error("command-not-allowed", "Commands are not allowed here", detail, span=declared.key_at(COMMAND), hint=hint)


def _conflict(span: Span, detail: str, hint: str) -> Diagnostic:
    return error("command-conflict", "A key does not go with `command`", detail, span=span, hint=hint)


def _conflicts(draft: Draft) -> Iterator[Diagnostic]:
    declared, task, fields = draft.declared, draft.task, draft.fields
    for name in OF_TRAINING:
        if name not in PROGRAM_INPUTS and fields.get(name) is not None:
            detail = f"the program decides how it learns, so that `{name}` has no meaning for it"
            yield _conflict(declared.key_at(name), detail, f"remove `{name}`, or `command`")
    for name in OF_DECISION:
        if fields.get(name) is not None and (name == "calibrate" or isinstance(fields[name], Mapping)):
            detail = f"`{name}` is fitted on folds of the training rows, and a command is run once, on all of them"
            yield _conflict(declared.key_at(name), detail, "write the threshold as a number" if name == "threshold" else f"remove `{name}`")
    evaluate, folds = fields.get("evaluate"), ("evaluate", "cross_validation")
    own = ("versions", declared.version, *folds) in declared.document.values or declared.document.value.get(COMMAND) is not None
    if isinstance(evaluate, Mapping) and evaluate.get("cross_validation") is not None and own:
        detail = "a command is run once, on all training rows, and not on folds"
        yield _conflict(declared.key_at(*folds), detail, "remove `cross_validation`")
    if task in UNSUPERVISED:
        yield _conflict(declared.at("task"), f"a model for {task} cannot come from a command", "write a classification or a regression")
    for problem in option_conflicts(draft):
        yield _conflict(cast("Span", problem.span), problem.detail, problem.hint) if problem.id == "import-conflict" else problem


def _mistakes(declared: Declared, block: Mapping[str, Json]) -> Iterator[Diagnostic]:
    for name in ("run", FILES):
        if not block.get(name):
            detail = f"`{name}` is missing under `command`"
            hint = "write `command: {run: [python, train.py], files: [train.py]}`"
            yield error("missing-key", "A required key is missing", detail, span=declared.key_at(COMMAND), hint=hint)
    run = cast("list[str]", block.get("run") or [])
    if run and (not run[0].strip() or any("\0" in part for part in run)):
        yield _conflict(declared.at(COMMAND, "run"), "`run` names no program", "write the program first: `run: [python, train.py]`")
    if _plain(str(block.get("output") or OUTPUT)) is None:
        detail, hint = "`output` is not a path in the folder of the program", "write a path such as `model.onnx`"
        yield _conflict(declared.at(COMMAND, "output"), detail, hint)
    for name, value in cast("dict[str, Json]", block.get("env") or {}).items():
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in str(value):
            hint = "write letters, digits and `_`"
            yield _conflict(declared.key_at(COMMAND, "env", name), "this is not a name or value of an environment variable", hint)
        elif name in OWN_VARIABLES:
            hint = "write `seed:` in the version" if name == "LEPTON_SEED" else "remove it"
            yield _conflict(declared.key_at(COMMAND, "env", name), f"leptonctl sets {name} itself", hint)
