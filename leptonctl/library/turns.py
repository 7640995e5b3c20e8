"""Lets the calls of this process that move the same bindings take turns, each from before it reads the YAML until its end."""

import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from leptonctl.core.address import document, member_of
from leptonctl.core.diagnostic import LOCKED, Failure, fail

Binding: TypeAlias = tuple[str, str]
"""An environment, and a model that it binds; "" for all of them."""
_TURNS: "list[Turn]" = []
_CHANGED = threading.Condition()


@dataclass(eq=False, slots=True, kw_only=True)
class Turn:
    """One call, and what it moves. `is_registered`: the state has its claim, which from then on decides who waits for whom."""

    root: str
    bindings: Collection[Binding]
    command: str
    is_return: bool
    thread: int
    is_registered: bool = False

    def register(self) -> None:
        """Note that the state has the claim of this call."""
        with _CHANGED:
            self.is_registered = True
            _CHANGED.notify_all()

    def waits_for(self, other: "Turn") -> bool:
        """Whether another call has to end first. A return never waits for a training: there the claims decide."""
        if other.root != self.root or other.thread == self.thread or (self.is_return and other.is_registered and not other.is_return):
            return False
        return any(_overlap(mine, its) for mine in self.bindings for its in other.bindings)


@contextmanager
def turn(root: Path, bindings: Collection[Binding], command: str, *, is_return: bool = False, wait: float = 0.0) -> Iterator[Turn]:
    """A block during which no other call of this process moves these bindings. Failure `lock-held` after `wait` seconds.

    A call inside the block, in the same thread, does not wait.
    """
    mine = Turn(root=os.path.realpath(root), bindings=bindings, command=command, is_return=is_return, thread=threading.get_ident())
    deadline = time.monotonic() + wait
    with _CHANGED:
        while (other := next((one for one in _TURNS if mine.waits_for(one)), None)) is not None:
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise _lock_held(mine, other)
            _CHANGED.wait(min(rest, threading.TIMEOUT_MAX))
        _TURNS.append(mine)
    try:
        yield mine
    finally:
        with _CHANGED:
            _TURNS.remove(mine)
            _CHANGED.notify_all()


def _overlap(one: Binding, other: Binding) -> bool:
    return one[0] == other[0] and (one[1] == other[1] or "" in (one[1], other[1]))


def _lock_held(mine: Turn, other: Turn) -> Failure:
    environment, model = next(one for one in mine.bindings if any(_overlap(one, its) for its in other.bindings))
    address = member_of("environment", environment, model) if model else document("environment", environment)
    return fail(
        "lock-held",
        "Another call moves the same addresses",
        f"{address} is held by another thread of this process: leptonctl.{other.command}",
        hint="wait until it ends: pass `wait=SECONDS`",
        exit_code=LOCKED,
    )
