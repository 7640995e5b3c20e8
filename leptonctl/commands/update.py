"""`update`: writes a dataset version for new data and a model version that learns from it, then plans.

The file is prepared first, as by a build, so that nothing is written for data that breaks the contract.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from leptonctl.commands.editing.edit_diff import edit_diff
from leptonctl.commands.editing.update_again import has_appended, same_dataset, same_version
from leptonctl.commands.files.problems import provider_failure
from leptonctl.commands.files.reading import as_options, read_as, refuse_reading
from leptonctl.commands.pin import pin
from leptonctl.commands.plan import plan
from leptonctl.commands.session import Session
from leptonctl.core.address import reference, short, version_of
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import INVALID, Failure, did_you_mean, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Document, Json
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.next_name import next_name
from leptonctl.kinds.model.version import Model
from leptonctl.kinds.model.warm import KEY, train_key, why_alone
from leptonctl.language.edit import insert_key
from leptonctl.project.digests import digest_of
from leptonctl.project.own_edits import OwnEdits
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench

OWN = ("source", "append", "digest", "description", "labels", KEY)
"""Fields that a new version does not take over from the version that it is based on."""
WRITTEN = ("model", "version", "dataset", "dataset_version", "rows", "files", "diff", "known")
"""What an update reports in addition to its plan."""


class Update(Frozen):
    """What to write. `version`, `dataset_version`: names, by default the next ones. `like`: the version that the new one is based on.

    `append`: the new rows come after those of its dataset version. `reading`: options of the dataset with which the new file is read, if
    they differ from those of its dataset version.
    """

    model: str
    data: Path
    version: str | None = None
    dataset_version: str | None = None
    like: str | None = None
    warm_start: bool = False
    append: bool = False
    reading: Mapping[str, str] = {}


class Updated(Frozen):
    """What was written, as a unified diff, and what it would change. `known`: those of the two addresses that were declared already."""

    model: str
    version: str
    dataset: str
    dataset_version: str
    rows: Mapping[str, int]
    files: tuple[str, ...]
    diff: str
    plan: Plan
    known: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """What was written, without the plan."""
        return update_to_json(self)


def update_to_json(written: Any) -> dict[str, Json]:
    """What an update wrote, from any value with the fields of `Updated`."""
    values = {name: getattr(written, name) for name in WRITTEN}
    return {**values, "rows": {**values["rows"]}, "files": [*values["files"]], "known": [*values["known"]]}


class _Names(Frozen):
    """The version that the new one is based on, and the names of what is written. `known`: addresses already declared, by kind."""

    before: Model
    version: str
    dataset_version: str
    path: str
    known: Mapping[str, str] = {}


def update(session: Session, request: Update) -> Updated:
    """Write both versions and plan the new one. What is already declared is not written again. After a Failure nothing is written."""
    names = _names(session, request)
    rows = _prepared_rows(session, request, names)
    dataset = names.before.dataset.declared.name
    before, edits = dict(session.sources), OwnEdits(root=session.root)
    try:
        if "Dataset" not in names.known:
            entry = _dataset_entry(session, request, names)
            session = _insert(session, edits, session.project.of("Dataset")[dataset], names.dataset_version, entry)
            pin(session, [version_of("dataset", dataset, names.dataset_version)], edits)
            session = session.reopen()
        if "Model" not in names.known:
            entry = _model_entry(session, request, names)
            session = _insert(session, edits, session.project.of("Model")[request.model], names.version, entry)
        planned = plan(session, only=[version_of("model", request.model, names.version)])
        files = edits.files
        diff = edit_diff(before, {file: session.sources[file] for file in files})
    except BaseException as problem:
        edited = edits.files
        edits.undo()
        if isinstance(problem, Failure):
            raise _without_places(problem, edited) from problem
        raise
    return Updated(
        model=request.model, version=names.version, dataset=dataset, dataset_version=names.dataset_version, rows=rows, files=files,
        diff=diff, plan=planned, known=tuple(names.known.values()),
    )  # fmt: skip


def _without_places(failure: Failure, edited: Collection[str]) -> Failure:
    """The failure without its places in edited files: their lines are gone, since the edit is undone."""
    diagnostics = [replace(d, span=None) if d.span is not None and d.span.file in edited else d for d in failure.diagnostics]
    return Failure(diagnostics, failure.exit_code)


def _names(session: Session, request: Update) -> _Names:
    """The names of both versions. Failure when a name is in use, or when there is no version to base them on."""
    documents = session.project.of("Model")
    if request.model not in documents:
        raise fail("unknown-model", "No such model", f"{request.model} is not declared", hint=did_you_mean(request.model, documents))
    declared = {model.declared.version: model for model in models(session.declarations).values() if model.declared.name == request.model}
    like = request.like or next(reversed(cast("dict[str, Json]", documents[request.model].value["versions"])))
    if like not in declared:
        detail, hint = f"{request.model} has no version {like}", did_you_mean(like, declared)
        raise fail("unknown-version", "No such version", detail, hint=hint)
    names = _known_names(session, request, declared[like])
    today = datetime.now(UTC).date().isoformat()
    versions = cast("dict[str, Json]", names.before.dataset.declared.document.value["versions"])
    dataset_version = names.dataset_version or request.dataset_version or next_name([*versions][-1], versions, today)
    version = names.version or request.version or next_name([*declared][-1], declared, today)
    for kind, name, existing, flag in (
        ("Model", version, declared.keys(), "--version"), ("Dataset", dataset_version, versions.keys(), "--dataset-version"),
    ):  # fmt: skip
        if name in existing and kind not in names.known:
            raise fail("usage", "This version exists already", name, hint=f"pass another name with {flag}, or leave it out")
    if request.warm_start and "Model" not in names.known and (alone := why_alone(names.before, session.catalog)) is not None:
        raise fail(*alone, hint="leave out `--warm-start`", exit_code=INVALID)
    return replace(names, version=version, dataset_version=dataset_version)


def _known_names(session: Session, request: Update, before: Model) -> _Names:
    """The names of what is already declared, "" for what is not. Without `like`, an earlier call may have written the last version."""
    path, dataset = _path(session, request.data), before.dataset
    names = _Names(before=before, version="", dataset_version="", path=path)
    source = session.catalog.source_for(path)
    if source is None:
        return names
    digest = digest_of(session.root / path)
    if request.append and request.like is None and has_appended(dataset, digest):
        same: Dataset | None = dataset
    else:
        rows = _source(dataset, path, source.name, digest, append=request.append)
        same = same_dataset(session, dataset, read_as({**dataset.inputs, "source": rows}, request.reading), request.dataset_version)
    if same is None:
        return names
    names = replace(names, dataset_version=same.declared.version, known={"Dataset": same.address})
    if request.like is None and same.address == dataset.address and request.version in (None, before.declared.version):
        version: str | None = before.declared.version
    else:
        version = same_version(session, request.model, _model_entry(session, request, names), request.version)
    if version is None:
        return names
    return replace(names, version=version, known={**names.known, "Model": version_of("model", request.model, version)})


def _path(session: Session, data: Path) -> str:
    """The path of the new file within the project."""
    file, root = data.resolve(), session.root.resolve()
    if not file.is_file():
        raise fail("missing-file", "The data file does not exist", str(data), hint="pass an existing file to --data")
    if not file.is_relative_to(root):
        detail = f"{data} is not below {root}"
        raise fail("outside-project", "The data is outside the project folder", detail, hint=f"copy it: `cp {data} {root}/data/`")
    return file.relative_to(root).as_posix()


def _prepared_rows(session: Session, request: Update, names: _Names) -> dict[str, int]:
    """How many rows the new file gives. It is prepared as by a build, with the same failures, and nothing is kept."""
    from leptonctl.learning.reports.new_rows import Earlier, Nowhere, check_new_rows

    refuse_reading(request.reading, append=request.append)
    before, source = names.before, session.catalog.source_for(names.path)
    if source is None:
        hint = "save the data as CSV, JSON Lines or Parquet"
        raise fail("unknown-format", "No source reads files with this ending", names.path, hint=hint)
    source_before = cast("dict[str, str]", before.dataset.inputs["source"])
    if request.append and source.name != source_before["format"]:
        detail = f"{source_before['path']} is {source_before['format']} and {names.path} is {source.name}"
        hint = "convert the new file to that format, or leave out `--append`: a new version may have another format"
        raise fail("mixed-formats", "The files of a version have several formats", detail, hint=hint, exit_code=INVALID)
    digest = digest_of(session.root / names.path)
    rows = _source(before.dataset, names.path, source.name, digest, append=request.append)
    if "Model" in names.known:
        rows = cast("dict[str, Json]", datasets(session.declarations)[short(names.known["Dataset"])].inputs["source"])
    inputs = {**before.prepare.inputs, "source": rows}
    known = session.store.results([before.prepare.key or "", train_key(before)])
    earlier = Earlier(inputs=before.prepare.inputs, rows=known.get(before.prepare.key or ""), training=known.get(train_key(before)))
    bench = Bench(project=session.root, artifacts=Nowhere(), check_key=session.store.check_key)
    try:
        warm = request.warm_start and "Model" not in names.known
        outputs = check_new_rows(read_as(inputs, request.reading), earlier, bench, warm_start=warm)
    except ProviderError as problem:
        problem.hint = as_options(problem.hint)
        raise provider_failure(problem) from problem
    return dict(outputs.rows)


def _source(dataset: Dataset, path: str, kind: str, digest: str, *, append: bool) -> dict[str, Json]:
    """The new rows as an input of `prepare`, read with the options of the earlier dataset version."""
    before = cast("dict[str, Json]", dataset.inputs["source"])
    new: dict[str, Json] = {"path": path, "format": kind, "digest": digest, "options": before["options"]}
    if not append:
        return new
    parts = cast("list[Json]", before.get("parts") or [{"path": before["path"], "digest": before["digest"]}])
    return {**new, "digest": None, "path": f"{before['path']}, {path}", "parts": [*parts, {"path": path, "digest": digest}]}


def _dataset_entry(session: Session, request: Update, names: _Names) -> dict[str, Json]:
    """The fields of the new dataset version: those of the earlier one, with the new file."""
    dataset = names.before.dataset
    fields = _fields(session, session.project.of("Dataset")[dataset.declared.name], dataset.declared.version)
    if not request.append:
        return {**fields, **request.reading, "source": names.path}
    return {**fields, "append": [{"version": dataset.declared.version}, {"file": names.path}]}


def _model_entry(session: Session, request: Update, names: _Names) -> dict[str, Json]:
    """The fields of the new model version: those of the earlier one, with the new dataset version."""
    before = names.before
    fields = _fields(session, session.project.of("Model")[request.model], before.declared.version)
    entry: dict[str, Json] = {**fields, "dataset": reference(before.dataset.declared.name, names.dataset_version)}
    return {KEY: before.declared.version, **entry} if request.warm_start else entry


def _fields(session: Session, document: Document, version: str) -> dict[str, Json]:
    """The fields of a version that a new one takes over, before templates are filled in."""
    versions = cast("dict[str, dict[str, Json] | None]", session.as_written(document).value.get("versions") or {})
    return {key: value for key, value in (versions.get(version) or {}).items() if key not in OWN}


def _insert(session: Session, edits: OwnEdits, document: Document, version: str, entry: dict[str, Json]) -> Session:
    """The session after a version was added to a document. Failure when its layout does not allow the edit."""
    try:
        text = insert_key(session.sources[document.file], session.as_written(document), ("versions",), version, entry)
    except ValueError as problem:
        hint = "write the version by hand"
        raise fail("cannot-edit", "The YAML cannot be edited", str(problem), hint=hint, exit_code=INVALID) from problem
    edits.write(document.file, session.sources[document.file], text)
    return session.reopen()
