"""The differences between what is declared and what is bound, for which `status --check` exits with 6. Pure."""

from collections.abc import Collection, Iterator

from leptonctl.commands.planning.line import Planned
from leptonctl.core.change import Change, Create, Drift, Remove
from leptonctl.core.state import State
from leptonctl.core.values import Json, Span


def differences(planned: Planned, unhealthy: Collection[str]) -> Iterator[dict[str, Json]]:
    """The entries of `differences` of `status --json`. `unhealthy`: environments whose problem the status already shows."""
    for change in sorted(planned.plan.moving, key=lambda change: change.address):
        if change.place.kind == "environment":
            yield _of_change(change, planned.state)
    for drift in planned.plan.drift:
        place = drift.place
        if drift.drift_class == "heal" and place.kind == "environment" and place.name not in unhealthy:
            yield _of_drift(drift)


def _of_change(change: Change, state: State | None) -> dict[str, Json]:
    place = change.place
    reason = _binding_reason(change) if place.member is not None else _own_reason(change, state)
    span = next((because.span for because in change.because if because.span is not None), change.span)
    return {
        "environment": place.name,
        "model": place.member,
        "declared": change.after_version,
        "bound": change.before_version,
        "reason": reason,
        **_place(span),
    }


def _of_drift(drift: Drift) -> dict[str, Json]:
    name = drift.place.name
    return {"environment": name, "model": None, "declared": None, "bound": None, "reason": drift.reason, **_place(None)}


def _binding_reason(change: Change) -> str:
    declared, bound = change.after_version, change.before_version
    if isinstance(change, Remove):
        return f"no longer declared, bound {bound}"
    if declared != bound:
        return f"declared {declared}, bound {bound or 'nothing'}"
    if change.before != change.after:
        return f"declared {declared} is not as it was bound: its recipe was edited"
    return f"declared {declared} is bound again" + (f": {change.reason}" if change.reason else "")


def _own_reason(change: Change, state: State | None) -> str:
    """What differs in the environment itself, apart from its bindings."""
    if isinstance(change, Remove):
        return "no longer declared"
    if isinstance(change, Create):
        record = state.environments.get(change.place.name) if state else None
        return "destroyed, but still declared" if record is not None and record.destroyed else "declared, but not applied yet"
    paths = ", ".join(because.path for because in change.because)
    return f"{paths} edited, not applied yet" if paths else "edited, not applied yet"


def _place(span: Span | None) -> dict[str, Json]:
    return {"file": span.file if span else None, "line": span.line if span else None}
