"""Which rows two versions label differently, computed here and now for `leptonctl diff`. Records nothing."""

from collections.abc import Mapping
from pathlib import Path

from leptonctl.core.values import Json, Result
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts, Bench


def flips(store: Artifacts, project: Path, needs: Mapping[str, Result], scoring: Mapping[str, Json]) -> Json:
    """`{rows, changed, share}` by the compare step, or None when the two cannot be compared."""
    from leptonctl.learning.steps.compare import run

    bench = Bench(project=project, artifacts=store, progress=_untold)
    try:
        made = run({**scoring, "metrics": []}, needs, bench)
    except ProviderError:
        return None
    return made.outputs["flips"]


def _untold(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Nobody waits for this long enough to be told."""
