"""What a command that acts asks for and returns, and how its exit code is chosen."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import BUG, CHANGES, ERROR, GATE, INTERRUPTED, INVALID, LOCKED, OK, STALE
from leptonctl.core.event import ApplyFinished
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json

Consent: TypeAlias = Callable[[Mapping[str, Json]], bool]
"""Whether a person agrees to what a report announces. For plans: `apply.Consent`."""
# the first of these that occurred is the exit code
ORDER = (BUG, INTERRUPTED, INVALID, LOCKED, STALE, ERROR, GATE, CHANGES)


class Outcome(Frozen):
    """The outcome of a command. `finished` is None when nothing was done: the plan had no effect, or there was no consent.

    `held`: the addresses of the bindings that are held. `withdrawn`: the withdrawals, as in the last event.
    """

    plan: Plan
    exit_code: int
    finished: ApplyFinished | None = None
    commit_hint: str = ""
    held: tuple[str, ...] = ()
    withdrawn: tuple[Mapping[str, str], ...] = ()


def exit_code(codes: Iterable[int]) -> int:
    """The exit code of a command in which all of `codes` occurred."""
    occurred = set(codes)
    return next((code for code in ORDER if code in occurred), OK)
