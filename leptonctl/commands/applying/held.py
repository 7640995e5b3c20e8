"""What the state and the history record of bindings that are held. Pure."""

from collections.abc import Iterable, Iterator

from leptonctl.core.change import Change
from leptonctl.core.holds import Act, HeldBinding
from leptonctl.core.state import Moved
from leptonctl.kinds.environment.holding import held_binding
from leptonctl.kinds.environment.judging import Decision, Held, Move, Skipped

EDITING = ("rollback", "promote")
"""Commands that edit the YAML themselves."""


def holds_after(move: Move, decision: Decision, at: str) -> dict[str, HeldBinding | None]:
    """What the state is to record of holds: those met for the first time, and None for what moves.

    A command that takes its edit of the YAML back leaves nothing that is declared and held.
    """
    holds: dict[str, HeldBinding | None] = {one.change.address: None for one in decision.ready}
    if move.author.command in EDITING:
        return holds
    for one in decision.outcomes:
        if isinstance(one, Held | Skipped) and one.hold is not None and not one.hold.since:
            holds[one.change.address] = held_binding(one.change, one.hold, at)
    return holds


def acts_of_holds(held: Iterable[Held]) -> Iterator[Act]:
    """Why bindings are held, for the history, unless the verdicts of their gates say it."""
    for one in held:
        if one.hold is not None and one.hold.kind not in ("gate", "not_comparable"):
            model, version = one.change.place.member or "", one.change.after_version or ""
            yield Act(kind="held", model=model, version=version, reason=one.hold.reason)


def unmoved_entry(change: Change) -> Moved:
    """The history's entry of a binding that was held."""
    return Moved(
        address=change.address,
        before=change.before,
        after=change.after,
        before_version=change.before_version,
        after_version=change.after_version,
    )
