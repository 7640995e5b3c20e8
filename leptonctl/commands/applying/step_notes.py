"""What the results and errors of steps say of the YAML: notices about a result, and the place of an error."""

from collections.abc import Mapping
from dataclasses import dataclass

from leptonctl.commands.planning.line import Planned
from leptonctl.commands.planning.recheck import adopted_notices
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.result import Result
from leptonctl.core.values import Path, Span, value_at
from leptonctl.kinds.notices import features_by_address, notices, warning_rules
from leptonctl.spi.running import StepError

# id of a step's error -> the field of the YAML that it is about
FIELDS: Mapping[str, Path] = {
    "average-needs-two-classes": ("evaluate", "average"),
    "bad-delimiter": ("delimiter",),
    "bad-sample-weight": ("sample_weight",),
    "decision-not-possible": ("threshold",),
    "empty-split": ("split",),
    "header-order": ("header",),
    "header-width": ("header",),
    "missing-library": ("algorithm",),
    "no-threshold": ("threshold",),
    "not-monotonic": ("monotonic",),
    "missing-secret": ("privacy", "key"),
    "bad-rule": ("checks",),
    "row-check": ("checks",),
    "split-impossible": ("split",),
    "search-failed": ("search",),
    "too-few-rows-for-search": ("search",),
    "too-few-rows-for-folds": ("evaluate", "cross_validation"),
    "too-few-rows-to-calibrate": ("calibrate",),
    "too-many-neighbors": ("params", "n_neighbors"),
    "unknown-class": ("evaluate", "positive"),
    "unknown-class-weight": ("class_weight",),
    "unknown-encoding": ("encoding",),
    "wrong-key": ("privacy", "key_id"),
}


@dataclass(slots=True, kw_only=True)
class StepNotes:
    """Relates the steps of one plan to its YAML."""

    session: Session
    planned: Planned
    _features: dict[str, frozenset[str]] | None = None

    def notices(self, address: str, result: Result) -> tuple[Diagnostic, ...]:
        """What there is to say about a result, at the version whose step made it."""
        node = self.planned.settled.by_address.get(address)
        if self._features is None:
            self._features = features_by_address(self.planned.settled.nodes)
        (recipe, rules), features = (node.recipe, warning_rules(node)) if node else ({}, None), self._features.get(address)
        return tuple(
            notice
            for one in (result, *adopted_notices(self.session, address, result))
            for notice in notices(one, address, node.span if node else None, recipe=recipe, features=features, rules=rules)
        )

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
