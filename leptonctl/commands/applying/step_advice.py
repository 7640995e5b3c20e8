"""What the steps of a plan mean to its project: notices about results, refusals, remarks, and the place of an error in the YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leptonctl.building.work import Advice
from leptonctl.commands.applying.best_so_far import BestSoFar
from leptonctl.commands.planning.line import Planned
from leptonctl.commands.planning.recheck import adopted_notices, adoption_problem
from leptonctl.commands.planning.references import earlier_keys
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.result import Result
from leptonctl.core.values import Path, Span, Step, StepPlace, value_at
from leptonctl.kinds.notices import features_by_address, notices, warning_rules
from leptonctl.spi.running import StepError

# id of a step's error -> the field of the YAML that it is about
FIELDS: Mapping[str, Path] = {
    "average-needs-two-classes": ("evaluate", "average"),
    "bad-delimiter": ("delimiter",),
    "bad-rule": ("checks",),
    "bad-sample-weight": ("sample_weight",),
    "decision-not-possible": ("threshold",),
    "empty-split": ("split",),
    "header-order": ("header",),
    "header-width": ("header",),
    "missing-library": ("algorithm",),
    "missing-secret": ("privacy", "key"),
    "no-threshold": ("threshold",),
    "not-monotonic": ("monotonic",),
    "row-check": ("checks",),
    "search-failed": ("search",),
    "split-impossible": ("split",),
    "too-few-rows-for-folds": ("evaluate", "cross_validation"),
    "too-few-rows-for-search": ("search",),
    "too-few-rows-to-calibrate": ("calibrate",),
    "too-many-neighbors": ("params", "n_neighbors"),
    "unknown-class": ("evaluate", "positive"),
    "unknown-class-weight": ("class_weight",),
    "unknown-encoding": ("encoding",),
    "wrong-key": ("privacy", "key_id"),
}


@dataclass(kw_only=True)
class StepAdvice(Advice):
    """Answers what a scheduler asks about the steps of one plan.

    `warned`: the warnings so far, each with the op and the address of its step.
    """

    session: Session
    planned: Planned
    warned: dict[Diagnostic, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._features: dict[str, frozenset[str]] | None = None
        self._best = BestSoFar(self.planned.settled.by_address)

    def notices(self, address: str, result: Result) -> tuple[Diagnostic, ...]:
        """The notices in a result, and the rules of its own dataset that adopted rows break. Warnings are kept in `warned`."""
        node = self.planned.settled.by_address.get(address)
        if self._features is None:
            self._features = features_by_address(self.planned.settled.nodes)
        recipe, rules, span = (node.recipe, warning_rules(node), node.span) if node else ({}, None, None)
        features = self._features.get(address)
        each = (result, *adopted_notices(self.session, address, result))
        found = tuple(n for one in each for n in notices(one, address, span, recipe=recipe, features=features, rules=rules))
        self.warned.update((notice, (result.op, address)) for notice in found if notice.severity == "warning")
        return found

    def refusal(self, step: Step, result: Result) -> Diagnostic | None:
        """The check of its dataset that the adopted rows break; None where they break none."""
        return adoption_problem(self.session, step, result)

    def remark(self, step: Step, result: Result) -> str:
        """How a search is doing after a trial; "" for other steps."""
        return self._best.remark(step, result)

    def figures(self, result: Result) -> Mapping[str, float]:
        return metrics_of(result)

    def earlier_keys(self) -> Mapping[StepPlace, tuple[str, ...]]:
        """The keys that each step had before, newest first."""
        return earlier_keys(self.session, self.planned)

    def locate(self, address: str, problem: StepError | None) -> Span | None:
        """The place of a step's error in the YAML: the name of the column, or the field at fault, or the version."""
        node = self.planned.settled.by_address.get(address)
        if node is None:
            return None
        if problem is not None and problem.column is not None:
            # a column's name occurs as a key of the contract, as an item of a list, or as a scalar
            contract = (place for path, place in node.origins.items() if path[-2:] == ("columns", problem.column))
            elsewhere = (place for path, place in node.origins.items() if path and value_at(node.recipe, path) == problem.column)
            span = next(contract, None) or next(elsewhere, None)
            if span is not None:
                return span
        about = FIELDS.get(problem.id) if problem else None
        places: list[Path] = [about, ("data", *about)] if about else []
        return next((node.origins[path] for path in (*places, ("source",)) if path in node.origins), node.span)


def metrics_of(result: Result) -> dict[str, float]:
    """The metrics in a result that are numbers. Those of a comparison are pairs, and not among them."""
    metrics = result.outputs.get("metrics")
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)} if isinstance(metrics, dict) else {}
