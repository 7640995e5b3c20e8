"""What `import` says of a file beside its dataset: which columns its inputs take, and what does not fit. Writes nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from leptonctl.commands.predict import from_provider
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
"""Bytes of a table that is read for this alone; of a larger one only rows that are prepared already."""


class Fit(Frozen):
    """`takes`: input of the graph -> columns, in order; empty where nothing could be compared. `problem`: why it does not fit."""

    takes: Mapping[str, tuple[str, ...]] = {}
    problem: Diagnostic | None = None


def fit_of(session: Session, model: Model, step: Step, file: Path) -> Fit:
    """How a file fits the rows of its version. `step`: the one that imports it. What is wrong with the rows is left to a build."""
    from leptonctl.learning.reports.import_check import InMemory, match_columns

    try:
        rows, artifacts = _prepared(session, model) or _read(session, model, InMemory())
    except (ProviderError, OSError):
        return Fit()
    try:
        return Fit(takes=match_columns(step.inputs, rows, artifacts, file.read_bytes()))
    except ProviderError as problem:
        (found,) = from_provider(problem).diagnostics
        place = next((key for key in ("inputs", "classes", "outputs") if key in model.declared.fields), "import")
        return Fit(problem=replace(found, severity="warning", span=model.declared.at(place)))


def _prepared(session: Session, model: Model) -> tuple[Result, Artifacts] | None:
    """The rows that are prepared already, if they are."""
    found = session.store.results([model.prepare.key or ""]).get(model.prepare.key or "")
    files = set(found.artifacts.values()) if found is not None else set()
    return (found, session.store) if found is not None and session.store.present(files) == files else None


def _read(session: Session, model: Model, artifacts: Artifacts) -> tuple[Result, Artifacts]:
    """The rows of a table that is not too large. Raises OSError for one that is, and what `prepare` raises."""
    from leptonctl.learning.reports.import_check import prepare_rows

    inputs = model.prepare.inputs
    for path in _paths(inputs.get("source")):
        if stat_of(session.root / path)[0] > LARGEST:
            raise OSError(path)
    return prepare_rows(inputs, Bench(project=session.root, artifacts=artifacts, progress=_silent)), artifacts


def _paths(source: Json) -> Iterator[str]:
    parts = source.get("parts") or [source] if isinstance(source, Mapping) else []
    yield from (str(part["path"]) for part in parts if isinstance(part, Mapping)) if isinstance(parts, list) else ()


def _silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Drop the progress."""
