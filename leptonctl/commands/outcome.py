"""What a command that acts comes back with, and how its exit code is chosen."""

from collections.abc import Iterable

from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import BUG, CHANGES, ERROR, GATE, INTERRUPTED, INVALID, LOCKED, OK, STALE
from leptonctl.core.event import ApplyFinished
from leptonctl.core.frozen import Frozen

# the first that applies wins
ORDER = (BUG, INTERRUPTED, INVALID, LOCKED, STALE, ERROR, GATE, CHANGES)


class Outcome(Frozen):
    """`finished` is None when nothing was done: no effect, or consent was not given."""

    plan: Plan
    exit_code: int
    finished: ApplyFinished | None = None
    commit_hint: str = ""


def exit_code(codes: Iterable[int]) -> int:
    """The one exit code of several things that happened."""
    seen = set(codes)
    return next((code for code in ORDER if code in seen), OK)
