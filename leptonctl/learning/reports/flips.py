"""Compares two versions on the rows that are fair to both, for `leptonctl diff`. Records nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.learning.outputs import CompareOutputs
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts, Bench


def compare_versions(
    store: Artifacts, project: Path, needs: Mapping[str, Result], scoring: Mapping[str, Json], metrics: Sequence[str] = ()
) -> CompareOutputs | None:
    """These metrics and the flips as the compare step computes them.

    None when the two versions cannot be compared, and where artifacts are gone, damaged or not those of such steps.
    """
    from leptonctl.learning.fitting.folds import no_progress
    from leptonctl.learning.inputs import CompareInputs, read_inputs
    from leptonctl.learning.steps.compare import comparison

    request = replace(read_inputs("compare", scoring, CompareInputs), metrics=tuple(metrics))
    bench = Bench(project=project, artifacts=store, progress=no_progress)
    try:
        outputs = comparison(request, needs, bench)
    except (ProviderError, KeyError, ValueError):
        return None
    return None if outputs.not_comparable and not outputs.rows else outputs


def flips(store: Artifacts, project: Path, needs: Mapping[str, Result], scoring: Mapping[str, Json]) -> Json:
    """`{rows, changed, share}`, or None when the two versions cannot be compared."""
    outputs = compare_versions(store, project, needs, scoring)
    return outputs.flips.to_json() if outputs else None
