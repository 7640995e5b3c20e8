"""Processes that outlive the command that starts them."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class Detached(subprocess.Popen[bytes]):
    """A child process meant to outlive us: no warning when its handle is deleted."""

    def __del__(self) -> None:
        with suppress(ChildProcessError):
            self.poll()


def start_detached(command: Sequence[str], log: Path) -> Detached:
    """Start a process in a session of its own, which writes to the end of `log`."""
    with log.open("ab") as output:
        return Detached(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True)
