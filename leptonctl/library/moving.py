"""Runs a command that moves pointers: keeps its events, and waits for other commands that move the same ones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from leptonctl.commands.outcome import Outcome
from leptonctl.commands.reason import reason_of
from leptonctl.core.diagnostic import LOCKED, Failure, fail
from leptonctl.library.names import seconds_of
from leptonctl.library.turns import Binding, turn
from leptonctl.library.work import Progress, Recorder, Work

if TYPE_CHECKING:
    from leptonctl.commands.session import Session

POLL_S = 0.5
_EDITING = threading.Lock()
Move: TypeAlias = "Callable[[Session, Recorder], Outcome]"
Bindings: TypeAlias = "Callable[[Session], Collection[Binding]]"


def open_session(root: Path, command: str) -> Session:
    """A session that reads the files now. `command`: the command that claims and locks name."""
    from leptonctl.commands.session import Session, folder_of

    if not os.path.isdir(folder_of(root)):  # noqa: PTH112 - is_dir raises for a name that is too long
        raise fail("no-folder", "The folder does not exist", str(root), hint="pass the path of an existing folder")
    return Session.open(root, f"leptonctl.{command}")


def moving(
    root: Path,
    command: str,
    move: Move,
    *,
    bindings: Bindings | None = None,
    is_return: bool = False,
    wait: float = 0.0,
    progress: Progress | None = None,
) -> Work:
    """Run a command; again, for at most `wait` seconds, while another one moves the same addresses.

    `bindings`: those whose lines it edits; no other call of this process edits them meanwhile. `is_return`: it goes back to an earlier
    version.
    """
    deadline = time.monotonic() + seconds_of(wait, "wait")
    while True:
        recorder = Recorder(progress)
        try:
            session = open_session(root, command)
            if bindings is None:
                return recorder.conclude(command.rpartition(".")[2], move(session, recorder))
            rest = max(0.0, deadline - time.monotonic())
            with turn(session.root, bindings(session), command, is_return=is_return, wait=rest) as mine:
                recorder.first = mine.register
                # the call that it waited for has edited the files
                return recorder.conclude(command.rpartition(".")[2], move(session.reopen(), recorder))
        except Failure as failure:
            if failure.exit_code != LOCKED or time.monotonic() >= deadline:
                raise
        time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A block that edits the YAML. Two threads at once would each write a file without the edit of the other."""
    with _EDITING:
        yield


def consent(_plan: object) -> bool:
    """The call itself is the consent."""
    return True


def one_line(reason: str) -> str:
    """A reason for the history, without surrounding spaces. Failure `usage` when it cannot be recorded."""
    if not isinstance(reason, str):
        raise fail("usage", "The reason is text", f"`reason` is a {type(reason).__name__}", hint='pass `reason="…"`')
    try:
        return reason_of(reason)
    except ValueError as problem:
        raise fail("usage", "The reason cannot be recorded", str(problem), hint="change `reason`") from problem
