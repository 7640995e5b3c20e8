"""Counts the rows that two versions label differently, for `leptonctl diff`. Records nothing."""

from collections.abc import Mapping
from pathlib import Path

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts, Bench


def flips(store: Artifacts, project: Path, needs: Mapping[str, Result], scoring: Mapping[str, Json]) -> Json:
    """`{rows, changed, share}` as the compare step computes it, or None when the two versions cannot be compared."""
    from leptonctl.learning.inputs import CompareInputs, read_inputs
    from leptonctl.learning.steps.compare import comparison

    request = replace(read_inputs("compare", scoring, CompareInputs), metrics=())
    bench = Bench(project=project, artifacts=store, progress=_silent)
    try:
        outputs = comparison(request, needs, bench)
    except ProviderError:
        return None
    return None if outputs.not_comparable and not outputs.rows else outputs.flips.to_json()


def _silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Report no progress: the comparison is short."""
