"""Judges a binding's gates on the evidence that exists, the same way at plan time and before the bind. Pure."""

from leptonctl.core.gate import Judgement
from leptonctl.core.plan import Settled
from leptonctl.core.state import State
from leptonctl.kinds.binding import Binding
from leptonctl.kinds.evidence import evidence_of
from leptonctl.kinds.gate_rules import metrics_to_evaluate
from leptonctl.kinds.gates import judgements
from leptonctl.kinds.kind import Declarations


def judge(binding: Binding, declarations: Declarations, settled: Settled, state: State | None, *, is_return: bool) -> tuple[Judgement, ...]:
    """The judgement of every gate of a binding, in order. `state` says what is bound now."""
    model, task = binding.model.address, binding.model.task
    keys = [settled.keys.of(model, "evaluate")]
    if metrics_to_evaluate(binding.gates, binding.model.metrics):
        keys.append(settled.keys.of(binding.address, "evaluate"))
    bound = state.current.get(binding.address) if state else None
    evidence = evidence_of(
        [settled.results.get(key or "") for key in keys],
        settled.results.get(settled.keys.of(binding.address, "compare") or ""),
        compares=bound is not None and bound.digest != declarations.built[model].digest,
    )
    metrics = declarations.catalog.metrics
    return judgements(binding.gates, evidence, lambda metric: metrics[task, metric].greater_is_better is not False, is_return=is_return)
