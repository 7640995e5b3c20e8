"""`update`: writes a dataset version for new data and a model version that learns from it, as a person would, then plans.

The file is prepared first, as a build would, so that nothing is written for data that break the contract.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from leptonctl.commands.editing.bind_yaml import diff_of
from leptonctl.commands.editing.update_again import has_appended, same_dataset, same_version
from leptonctl.commands.editing.written_digest import as_written
from leptonctl.commands.pin import pin
from leptonctl.commands.plan import plan
from leptonctl.commands.predict import from_provider
from leptonctl.commands.reading import as_options, read_as, refuse_reading
from leptonctl.commands.session import Session
from leptonctl.core.address import short, version_of
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import INVALID, Failure, did_you_mean, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Json
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
    """What was written, as a unified diff, and what it would change. `known`: addresses of the two that were declared already."""

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
        """What was written."""
        return {
            "model": self.model, "version": self.version, "dataset": self.dataset, "dataset_version": self.dataset_version,
            "rows": {**self.rows}, "files": [*self.files], "diff": self.diff, "known": [*self.known],
        }  # fmt: skip


class _Names(Frozen):
    """The version before, and the names of what is written. `known`: those that are declared already, by kind."""

    before: Model
    version: str
    dataset_version: str
    path: str
    known: Mapping[str, str] = {}


def update(session: Session, request: Update) -> Updated:
    """Write both versions and plan the new one; what is declared already is not written again. Failure: nothing is written."""
    names = _names(session, request)
    rows = _prepared_rows(session, request, names)
    dataset = names.before.dataset.declared.name
    before, edits = dict(session.sources), OwnEdits(root=session.root)
    try:
        if "Dataset" not in names.known:
            session = _insert(session, edits, "Dataset", dataset, names.dataset_version, _dataset_entry(session, request, names))
            pin(session, [version_of("dataset", dataset, names.dataset_version)], edits)
            session = session.reopen()
        if "Model" not in names.known:
            session = _insert(session, edits, "Model", request.model, names.version, _model_entry(session, request, names))
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
        diff=diff, plan=planned, known=tuple(names.known.values()),
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
    names = _known_names(session, request, declared[like])
    today = datetime.now(UTC).date().isoformat()
    versions = cast("dict[str, Json]", names.before.dataset.declared.document.value["versions"])
    dataset_version = names.dataset_version or request.dataset_version or next_name([*versions][-1], versions, today)
    version = names.version or request.version or next_name([*declared][-1], declared, today)
    for kind, name, taken, flag in (
        ("Model", version, declared.keys(), "--version"), ("Dataset", dataset_version, versions.keys(), "--dataset-version"),
    ):  # fmt: skip
        if name in taken and kind not in names.known:
            raise fail("usage", "This version exists already", name, hint=f"pass another name with {flag}, or leave it out")
    if request.warm_start and "Model" not in names.known and (alone := why_alone(names.before, session.catalog)) is not None:
        raise fail(*alone, hint="leave out `--warm-start`", exit_code=INVALID)
    return replace(names, version=version, dataset_version=dataset_version)


def _known_names(session: Session, request: Update, before: Model) -> _Names:
    """The names of what is declared already, "" of what is not. Without `like`, the last version is itself what an earlier call wrote."""
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
        raise fail("outside-project", "The data lie outside the project folder", detail, hint=f"copy it: `cp {data} {root}/data/`")
    return file.relative_to(root).as_posix()


def _prepared_rows(session: Session, request: Update, names: _Names) -> dict[str, int]:
    """Prepare the new file as the new version will be, keeping nothing: how many rows it gives. Failure as a build would have it."""
    from leptonctl.learning.reports.new_rows import Earlier, Nowhere, check_new_rows

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
    rows = _source(before.dataset, names.path, source.name, digest, append=request.append)
    if "Model" in names.known:
        rows = cast("dict[str, Json]", datasets(session.declarations)[short(names.known["Dataset"])].inputs["source"])
    inputs = {**before.prepare.inputs, "source": rows}
    known = session.store.results([before.prepare.key or "", train_key(before)])
    earlier = Earlier(inputs=before.prepare.inputs, rows=known.get(before.prepare.key or ""), training=known.get(train_key(before)))
    bench = Bench(project=session.root, artifacts=Nowhere(), progress=_silent, check_key=session.store.check_key)
    try:
        warm = request.warm_start and "Model" not in names.known
        outputs = check_new_rows(read_as(inputs, request.reading), earlier, bench, warm_start=warm)
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
