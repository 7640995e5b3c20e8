"""How a search is doing, said at the end of each trial: its number, its score and the best so far. Trials that are cached count too."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node, Step
from leptonctl.kinds.model.search import SEARCH, combination
from leptonctl.kinds.model.search_steps import TRIAL


class BestSoFar:
    """The searches of one run. Rungs are apart: their trials score different rows."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._ended: dict[str, int] = {}
        self._best: dict[tuple[str, Json], tuple[float, str]] = {}

    def remark(self, step: Step, result: Result) -> str:
        """`7/20 f1 0.912, best 0.934 (C=1.0)`; "" for a step that is neither a trial nor a search."""
        if step.op == SEARCH and step.decides:
            chosen = cast("dict[str, Json]", result.outputs.get("chosen") or {})
            return f"{combination(chosen)}: {result.outputs.get('metric')} {_figure(result.outputs.get('mean'))}"
        node = self._nodes.get(step.address)
        if step.op != TRIAL or node is None:
            return ""
        self._ended[step.address] = number = self._ended.get(step.address, 0) + 1
        head = f"{number}/{sum(each.op == TRIAL for each in node.steps)} {step.inputs.get('metric')}"
        mean, place = result.outputs.get("mean"), (step.address, step.inputs.get("share"))
        if isinstance(mean, int | float):
            self._keep(place, float(mean), result, greater_is_better=node.step(SEARCH).inputs.get("greater_is_better") is True)
        best = self._best.get(place)
        so_far = f", best {_figure(best[0])} ({best[1]})" if best else ""
        return f"{head} {_figure(mean)}{so_far}" + (f": {result.outputs['reason']}" if result.outputs.get("reason") else "")

    def _keep(self, place: tuple[str, Json], mean: float, result: Result, *, greater_is_better: bool) -> None:
        best = self._best.get(place)
        if best is None or (mean > best[0] if greater_is_better else mean < best[0]):
            self._best[place] = (mean, combination(cast("dict[str, Json]", result.outputs.get("chosen") or {})))


def _figure(value: Json) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "failed"
