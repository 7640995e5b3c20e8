"""Results joined as people ask for them: all that is known of one version in one object."""

from collections.abc import Mapping

from leptonctl.core.result import Result
from leptonctl.core.values import Json

COPIED = ("rows", "contract", "size", "positive", "average", "checks", "package")
"""Outputs that are shown as they are."""


def joined(keys: Mapping[str, str], found: Mapping[str, Result]) -> dict[str, Json]:
    """The results of one address: flat metrics, artifacts, parity, provenance, evaluation, rows. `keys`: step name -> key."""
    metrics: dict[str, Json] = {}
    evaluation: dict[str, Json] = {}
    artifacts: dict[str, Json] = {}
    provenance: dict[str, Json] = {}
    seconds: dict[str, Json] = {}
    whole: dict[str, Json] = {"parity": None}
    for name, key in keys.items():
        result = found.get(key)
        if result is None:
            continue
        metrics |= _mapping(result, "metrics")
        evaluation |= _mapping(result, "evaluation")
        artifacts |= result.artifacts
        provenance[name] = dict(result.provenance)
        seconds[name] = result.seconds
        whole["parity"] = result.outputs.get("parity") or whole["parity"]
        whole |= {copied: result.outputs[copied] for copied in COPIED if copied in result.outputs}
    return {
        "metrics": metrics,
        "artifacts": artifacts,
        "provenance": provenance,
        "evaluation": evaluation,
        "seconds": seconds,
        **whole,
    }


def metrics_of(result: Result | None) -> dict[str, Json]:
    """The flat metrics of an evaluation."""
    return _mapping(result, "metrics") if result is not None else {}


def _mapping(result: Result, name: str) -> dict[str, Json]:
    value = result.outputs.get(name)
    return value if isinstance(value, dict) else {}
