"""One worker process from its executor's side: starts it, gives it tasks, reads its messages, ends it. Knows nothing of queues."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from leptonctl.building.messages import Greeting, Message, Order
from leptonctl.core.codec import Record, decode, encode_line
from leptonctl.spi.running import THREAD_VARIABLES, Task
from leptonctl.telemetry import SWITCH

TAIL_BYTES = 2000
READ_BYTES = 1 << 20
MEMORY = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:100,muzzy_decay_ms:0"}
"""Makes Polars return memory to the system soon after freeing it; by default it keeps it."""


class Slot:
    """A living worker and its task, if any. `has_begun`: it has reported that it began the task; `task_count`: how many tasks it has ended.

    `imports`: the seconds of its imports before the first task.
    """

    def __init__(self, greeting: Greeting, log: Path) -> None:
        self.task: Task | None = None
        self.has_begun, self.task_count, self.imports = False, 0, 0.0
        self.events, self._control, self._life = -1, -1, -1
        self._partial = b""
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._process = self._start()
        self._write(greeting)

    def give(self, task: Task) -> None:
        """Hand over a task. If the worker has died, its events end."""
        self.task, self.has_begun = task, False
        self._log_start = self._log.stat().st_size
        self._write(Order(id=task.id, op=task.op, run=task.run, inputs=task.inputs, needs=task.needs, key=task.key))

    def read(self) -> list[Message] | None:
        """The messages that have arrived, once the pipe is readable; None when the worker has died."""
        data = os.read(self.events, READ_BYTES)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [decode(line, Message) for line in lines]  # type: ignore[arg-type]

    def finish(self, grace_s: float) -> None:
        """Let an idle worker end by itself, and kill it after `grace_s` seconds."""
        os.close(self._control)
        self._control = -1
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self.kill()

    def kill(self) -> int:
        """Kill the worker and all processes it started. Returns its exit code (negative: the signal that ended it)."""
        # until it is waited for, its pid cannot belong to another process, even if it has ended
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for handle in (self._control, self.events, self._life):
            if handle >= 0:
                os.close(handle)
        self.events = self._control = self._life = -1
        return self._process.returncode

    def log_tail(self) -> str:
        """The end of the log since the worker got its task."""
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - TAIL_BYTES))
            return file.read().decode(errors="replace").strip()

    def drop_empty_log(self) -> None:
        with suppress(FileNotFoundError):
            if self._log.stat().st_size == 0:
                self._log.unlink()

    def _start(self) -> subprocess.Popen[bytes]:
        control, self._control = os.pipe()
        self.events, events = os.pipe()
        life, self._life = os.pipe()
        # -P: do not search the project folder for modules; faulthandler: a crash in native code leaves a traceback
        command = [sys.executable, "-P", "-u", "-X", "faulthandler", "-m", "leptonctl.building.worker"]
        worker_ends = (control, events, life)
        try:
            with self._log.open("ab") as log:
                return subprocess.Popen(
                    [*command, *map(str, worker_ends)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=worker_ends,
                    start_new_session=True,  # Ctrl-C in the terminal must reach only the command
                    env=worker_environment(),
                )
        finally:
            for handle in worker_ends:
                os.close(handle)

    def _write(self, message: Record) -> None:
        view = memoryview(encode_line(message))
        with suppress(BrokenPipeError):
            while view:
                view = view[os.write(self._control, view) :]


def worker_environment() -> dict[str, str]:
    """The environment that steps run in.

    One thread per worker: with the default a small fit takes up to hundreds of times longer, and bytes depend on the machine.
    """
    return {SWITCH: "1", **os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), **MEMORY, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
