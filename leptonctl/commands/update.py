"""`update`: writes a dataset version for new data and a model version that learns from it, as a person would, then plans.

The file is prepared first, as a build would, so that nothing is written for data that break the contract.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from leptonctl.commands.editing.bind_yaml import diff_of
from leptonctl.commands.editing.written_digest import as_written
from leptonctl.commands.pin import pin
from leptonctl.commands.plan import plan
from leptonctl.commands.predict import from_provider
from leptonctl.commands.reading import as_options, read_as, refuse_reading
from leptonctl.commands.session import Session
from leptonctl.core.address import version_of
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import INVALID, Failure, did_you_mean, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset
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
"""What a version says of itself alone: the one after it says its own, or nothing."""


class Update(Frozen):
    """What is asked for. `version`, `dataset_version`: names, else the next ones. `like`: the version that the new one is written after.

    append: the new rows come after those of the dataset version before. reading: keys of the dataset that say how the new file is
    written, where that is another way than the file before.
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
    """What was written, as a unified diff, and what it would change."""

    model: str
    version: str
    dataset: str
    dataset_version: str
    rows: Mapping[str, int]
    files: tuple[str, ...]
    diff: str
    plan: Plan

    def to_json(self) -> dict[str, Json]:
        """What was written."""
        return {
            "model": self.model, "version": self.version, "dataset": self.dataset, "dataset_version": self.dataset_version,
            "rows": {**self.rows}, "files": [*self.files], "diff": self.diff,
        }  # fmt: skip


class _Names(Frozen):
    """The version before, and the names of what is written."""

    before: Model
    version: str
    dataset_version: str
    path: str


def update(session: Session, request: Update) -> Updated:
    """Write both versions and plan the new one. Failure: nothing is written."""
    names = _names(session, request)
    rows = _prepared_rows(session, request, names)
    dataset = names.before.dataset.declared.name
    before, edits = dict(session.sources), OwnEdits(root=session.root)
    try:
        session = _insert(session, edits, "Dataset", dataset, names.dataset_version, _dataset_entry(session, request, names))
        session = _insert(session, edits, "Model", request.model, names.version, _model_entry(session, request, names))
        pin(session, [version_of("dataset", dataset, names.dataset_version)], edits)
        session = session.reopen()
        planned = plan(session, only=[version_of("model", request.model, names.version)])
        files = edits.files
        diff = diff_of(before, {file: session.sources[file] for file in files})
    except BaseException as problem:
        edited = edits.files
        edits.take_back()
        if isinstance(problem, Failure):
            raise _of_edit(problem, edited) from problem
        raise
    return Updated(
        model=request.model, version=names.version, dataset=dataset, dataset_version=names.dataset_version, rows=rows, files=files,
        diff=diff, plan=planned,
    )  # fmt: skip


def _of_edit(failure: Failure, edited: Collection[str]) -> Failure:
    """The failure without its places in files that are as they were: the lines that it is about were never there."""
    moved = [replace(d, span=None) if d.span is not None and d.span.file in edited else d for d in failure.diagnostics]
    return Failure(moved, failure.exit_code)


def _names(session: Session, request: Update) -> _Names:
    """The names of both versions. Failure when a name is taken, or when there is nothing to write after."""
    documents = session.project.of("Model")
    if request.model not in documents:
        raise fail("unknown-model", "No such model", f"{request.model} is not declared", hint=did_you_mean(request.model, documents))
    declared = {model.declared.version: model for model in models(session.declarations).values() if model.declared.name == request.model}
    like = request.like or next(reversed(cast("dict[str, Json]", documents[request.model].value["versions"])))
    if like not in declared:
        detail, hint = f"{request.model} has no version {like}", did_you_mean(like, declared)
        raise fail("unknown-version", "No such version", detail, hint=hint)
    before = declared[like]
    path = _path(session, request.data)
    today = datetime.now(UTC).date().isoformat()
    versions = cast("dict[str, Json]", before.dataset.declared.document.value["versions"])
    dataset_version = request.dataset_version or next_name([*versions][-1], versions, today)
    version = request.version or next_name([*declared][-1], declared, today)
    for name, known, flag in ((version, declared.keys(), "--version"), (dataset_version, versions.keys(), "--dataset-version")):
        if name in known:
            raise fail("usage", "This version exists already", name, hint=f"pass another name with {flag}, or leave it out")
    if request.warm_start and (alone := why_alone(before, session.catalog)) is not None:
        raise fail(*alone, hint="leave out `--warm-start`", exit_code=INVALID)
    return _Names(before=before, version=version, dataset_version=dataset_version, path=path)


def _path(session: Session, data: Path) -> str:
    """The path of the new file within the project."""
    file, root = data.resolve(), session.root.resolve()
    if not file.is_file():
        raise fail("missing-file", "The data file does not exist", str(data), hint="pass an existing file to --data")
    if not file.is_relative_to(root):
        detail = f"{data} is not below {root}"
        raise fail("outside-project", "The data lie outside the project folder", detail, hint=f"copy it: `cp {data} {root}/data/`")
    return file.relative_to(root).as_posix()


def _prepared_rows(session: Session, request: Update, names: _Names) -> dict[str, int]:
    """Prepare the new file as the new version will be, keeping nothing: how many rows it gives. Failure as a build would have it."""
    from leptonctl.learning.new_rows import Earlier, Nowhere, check_new_rows

    refuse_reading(request.reading, append=request.append)
    before, source = names.before, session.catalog.source_for(names.path)
    if source is None:
        hint = "save the data as CSV, JSON Lines or Parquet"
        raise fail("unknown-format", "No source reads files with this ending", names.path, hint=hint)
    source_before = cast("dict[str, str]", before.dataset.inputs["source"])
    if request.append and source.name != source_before["format"]:
        detail = f"{source_before['path']} is {source_before['format']} and {names.path} is {source.name}"
        hint = "convert the new file to that format, or leave out `--append`: a version may have another format than the one before"
        raise fail("mixed-formats", "The files of a version have several formats", detail, hint=hint, exit_code=INVALID)
    digest = digest_of(session.root / names.path)
    inputs = {**before.prepare.inputs, "source": _source(before.dataset, names.path, source.name, digest, append=request.append)}
    known = session.store.results([before.prepare.key or "", train_key(before)])
    earlier = Earlier(inputs=before.prepare.inputs, rows=known.get(before.prepare.key or ""), training=known.get(train_key(before)))
    bench = Bench(project=session.root, artifacts=Nowhere(), progress=_silent, check_key=session.store.check_key)
    try:
        outputs = check_new_rows(read_as(inputs, request.reading), earlier, bench, warm_start=request.warm_start)
    except ProviderError as problem:
        problem.hint = as_options(problem.hint)
        raise from_provider(problem) from problem
    return dict(outputs.rows)


def _source(dataset: Dataset, path: str, kind: str, digest: str, *, append: bool) -> dict[str, Json]:
    """The new rows as the payload of `prepare` has them, read with the options of the version before."""
    before = cast("dict[str, Json]", dataset.inputs["source"])
    new: dict[str, Json] = {"path": path, "format": kind, "digest": digest, "options": before["options"]}
    if not append:
        return new
    parts = cast("list[Json]", before.get("parts") or [{"path": before["path"], "digest": before["digest"]}])
    return {**new, "digest": None, "path": f"{before['path']}, {path}", "parts": [*parts, {"path": path, "digest": digest}]}


def _dataset_entry(session: Session, request: Update, names: _Names) -> dict[str, Json]:
    """The lines of the dataset version: those of the one before, with the new file."""
    dataset = names.before.dataset
    own = _as_written(session, "Dataset", dataset.declared.name, dataset.declared.version)
    if not request.append:
        return {**own, **request.reading, "source": names.path}
    return {**own, "append": [{"version": dataset.declared.version}, {"file": names.path}]}


def _model_entry(session: Session, request: Update, names: _Names) -> dict[str, Json]:
    """The lines of the model version: those of the one before, with the new dataset version."""
    before = names.before
    own = _as_written(session, "Model", request.model, before.declared.version)
    entry: dict[str, Json] = {**own, "dataset": f"{before.dataset.declared.name}@{names.dataset_version}"}
    return {KEY: before.declared.version, **entry} if request.warm_start else entry


def _as_written(session: Session, kind: str, name: str, version: str) -> dict[str, Json]:
    """What a version says, before templates are filled in, without what it says of itself alone."""
    raw = as_written(session, session.project.of(kind)[name])
    versions = cast("dict[str, dict[str, Json] | None]", raw.value.get("versions") or {})
    return {key: value for key, value in (versions.get(version) or {}).items() if key not in OWN}


def _insert(session: Session, edits: OwnEdits, kind: str, name: str, version: str, entry: dict[str, Json]) -> Session:
    """The session after a version was added to its document. Failure when the edit, or what it gives, is not sound."""
    document = session.project.of(kind)[name]
    try:
        text = insert_key(session.sources[document.file], as_written(session, document), ("versions",), version, entry)
    except ValueError as problem:
        raise fail(
            "cannot-edit", "The YAML cannot be edited", str(problem), hint="write the version by hand", exit_code=INVALID
        ) from problem
    edits.write(document.file, session.sources[document.file], text)
    return session.reopen()


def _silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Drop the progress of a look at a file."""
