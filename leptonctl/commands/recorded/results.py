"""Joins the results of one address into one object, and orders its metrics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.search_steps import TRIAL
from leptonctl.spi.catalog import Catalog

if TYPE_CHECKING:
    from leptonctl.commands.session import Session

COPIED = ("rows", "contract", "size", "positive", "average", "checks", "package", "decision")
"""Outputs that are copied unchanged."""
NOT_JOINED = (TRIAL, SEARCH)
"""Ops whose results are not about the version itself, see `search_story`."""


def join_results(keys: Mapping[str, str], results: Mapping[str, Result]) -> dict[str, Json]:
    """The results of one address: flat metrics, artifacts, parity, provenance, evaluation, rows. `keys`: step name -> key."""
    metrics: dict[str, Json] = {}
    evaluation: dict[str, Json] = {}
    artifacts: dict[str, Json] = {}
    provenance: dict[str, Json] = {}
    seconds: dict[str, Json] = {}
    outputs: dict[str, Json] = {"parity": None}
    for name, key in keys.items():
        result = results.get(key)
        if result is None or result.op in NOT_JOINED:
            continue
        metrics |= _mapping(result, "metrics")
        for field, value in _mapping(result, "evaluation").items():
            earlier = evaluation.get(field)
            # several steps may have notes
            evaluation[field] = [*earlier, *value] if isinstance(earlier, list) and isinstance(value, list) else value
        artifacts |= result.artifacts
        provenance[name] = dict(result.provenance)
        seconds[name] = result.seconds
        outputs["parity"] = result.outputs.get("parity") or outputs["parity"]
        outputs |= {output: result.outputs[output] for output in COPIED if output in result.outputs}
    return {
        "metrics": metrics,
        "artifacts": artifacts,
        "provenance": provenance,
        "evaluation": evaluation,
        "seconds": seconds,
        **outputs,
    }


def gated_metrics(session: "Session") -> tuple[str, ...]:
    """The metrics that have gates, in the order of the gates."""
    return tuple(dict.fromkeys(gate.metric for binding in bindings(session.declarations).values() for gate in binding.gates))


def put_gated_first(gated: Sequence[str], metrics: Json) -> dict[str, Json]:
    """Metrics with gates first, in the order of the gates, then all others as they are."""
    named = metrics if isinstance(metrics, dict) else {}
    return {name: named[name] for name in dict.fromkeys([*gated, *named]) if name in named}


def metrics_of(result: Result | None) -> dict[str, Json]:
    """The flat metrics of an evaluation."""
    return _mapping(result, "metrics") if result is not None else {}


def direction(catalog: Catalog, task: str, metric: str) -> str | None:
    """`higher` or `lower`, whichever is better; None for a metric that is unknown or has no better direction. `cv_f1_mean` is like f1."""
    if metric.startswith("cv_") and metric.endswith("_mean"):
        metric = metric.removeprefix("cv_").removesuffix("_mean")
    known = catalog.metrics.get((task, metric))
    if known is None or known.greater_is_better is None:
        return None
    return "higher" if known.greater_is_better else "lower"


def _mapping(result: Result, name: str) -> dict[str, Json]:
    value = result.outputs.get(name)
    return value if isinstance(value, dict) else {}
