"""How a file to import fits its dataset: which columns its inputs take, and what does not fit. Writes nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from leptonctl.commands.files.problems import provider_failure
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Step
from leptonctl.kinds.model.version import Model
from leptonctl.project.digests import stat_of
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts, Bench

LARGEST = 64 * 2**20
"""The largest table, in bytes, that is read just for this. For larger ones only rows that are already prepared are used."""


class Fit(Frozen):
    """`takes`: input of the graph -> columns, in order; empty if nothing could be compared. `problem`: why it does not fit."""

    takes: Mapping[str, tuple[str, ...]] = {}
    problem: Diagnostic | None = None


def fit_of(session: Session, model: Model, step: Step, file: Path) -> Fit:
    """How a file fits the rows of its version. `step`: the one that imports it. Problems of the rows are left to a build."""
    from leptonctl.learning.reports.import_check import InMemory, match_columns

    try:
        rows, artifacts = _prepared_rows(session, model) or _prepare_now(session, model, InMemory())
    except (ProviderError, OSError):
        return Fit()
    try:
        return Fit(takes=match_columns(step.inputs, rows, artifacts, file.read_bytes()))
    except ProviderError as problem:
        (mismatch,) = provider_failure(problem).diagnostics
        place = next((key for key in ("inputs", "classes", "outputs") if key in model.declared.fields), "import")
        return Fit(problem=replace(mismatch, severity="warning", span=model.declared.at(place)))


def _prepared_rows(session: Session, model: Model) -> tuple[Result, Artifacts] | None:
    """The rows that are already prepared, and where their artifacts are; None if they are not."""
    key = model.prepare.key or ""
    result = session.store.results([key]).get(key)
    if result is None or not session.store.present(result.artifacts.values()) >= set(result.artifacts.values()):
        return None
    return result, session.store


def _prepare_now(session: Session, model: Model, artifacts: Artifacts) -> tuple[Result, Artifacts]:
    """The rows of a table, prepared now. Raises OSError for one that is too large, and what `prepare` raises."""
    from leptonctl.learning.reports.import_check import prepare_rows

    inputs = model.prepare.inputs
    for path in _paths(inputs.get("source")):
        if stat_of(session.root / path)[0] > LARGEST:
            raise OSError(path)
    return prepare_rows(inputs, Bench(project=session.root, artifacts=artifacts)), artifacts


def _paths(source: Json) -> Iterator[str]:
    parts = source.get("parts") or [source] if isinstance(source, Mapping) else []
    yield from (str(part["path"]) for part in parts if isinstance(part, Mapping)) if isinstance(parts, list) else ()
