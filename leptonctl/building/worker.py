"""A worker process: runs steps one after the other for the executor that started it, and ends when that one does.

`python -m leptonctl.building.worker CONTROL EVENTS LIFE`, three open pipes. JSON lines come in on CONTROL (first the
greeting, then tasks) and go out on EVENTS. Nothing is ever written to LIFE: its end is the end of the executor. What steps
print goes to the log, which is this process's standard output and error.
"""

import contextlib
import fcntl
import importlib
import json
import math
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leptonctl.building.provenance import provenance
from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Made
from leptonctl.storage.records import result_from_json
from leptonctl.storage.store import Store, open_store

EVERY_S = 0.1
# characters of a message that stay below PIPE_BUF when every one of them is escaped
MESSAGE = 300


class Events:
    """The way out, for two threads. Progress is thinned to ten a second (the first at once, the latest never lost)."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._changed = threading.Condition()
        self._waiting: dict[str, Json] | None = None
        self._last = 0.0
        threading.Thread(target=self._send_late, daemon=True).start()

    def send(self, message: dict[str, Json]) -> None:
        """The outcome of a task: progress that was not told by now is told no more."""
        data = json.dumps(message, allow_nan=False).encode() + b"\n"
        with self._changed:
            self._waiting, self._last = None, 0.0
            self._write(data)

    def progress(self, message: dict[str, Json]) -> None:
        with self._changed:
            self._waiting = message
            if time.monotonic() - self._last >= EVERY_S:
                self._send_waiting()
            else:
                self._changed.notify()

    def _send_waiting(self) -> None:
        # a line below PIPE_BUF fits when the pipe is writable at all; when nobody reads, no step waits for that
        if self._waiting is not None and select.select([], [self._handle], [], 0)[1]:
            self._write(json.dumps(self._waiting).encode() + b"\n")
            self._waiting = None
        self._last = time.monotonic()

    def _send_late(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None:
                    self._changed.wait()
                due = self._last + EVERY_S - time.monotonic()
                if due <= 0:
                    self._send_waiting()
                    due = EVERY_S
            time.sleep(due)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]


def run_task(task: dict[str, Any], steps: dict[str, str], project: Path, store: Store, progress: Callable[..., None]) -> dict[str, Json]:
    """Run one step; every way it can end is a message."""
    started = time.monotonic()
    try:
        made = _run(task, steps, Bench(project=project, artifacts=store, progress=progress, check_key=store.check_key))
        outcome: dict[str, Json] = {
            "type": "completed",
            "artifacts": dict(made.artifacts),
            "outputs": json.loads(json.dumps(dict(made.outputs), allow_nan=False)),
            "provenance": provenance(),
        }
    except BaseException as reason:  # noqa: BLE001  a step may raise anything, sys.exit included, and the worker serves on
        outcome = {"type": "failed", "error": _error(task, reason)}
    return {**outcome, "id": task["id"], "seconds": time.monotonic() - started}


def _run(task: dict[str, Any], steps: dict[str, str], bench: Bench) -> Made:
    module = importlib.import_module(steps[task["op"]])
    made = module.run(task["inputs"], {role: result_from_json(record) for role, record in task["needs"].items()}, bench)
    if not isinstance(made, Made):
        msg = f"{module.__name__}.run gave {type(made).__name__}, not Made"
        raise TypeError(msg)
    return made


def _error(task: dict[str, Any], reason: BaseException) -> dict[str, Json]:
    traceback.print_exception(reason)
    if isinstance(reason, ProviderError):
        return {
            "id": reason.id, "summary": reason.summary, "detail": reason.detail, "hint": reason.hint,
            "file": reason.file, "line": reason.line, "column": reason.column,
        }  # fmt: skip
    if isinstance(reason, Failure) and reason.diagnostics:
        first = reason.diagnostics[0]
        place = first.span
        return {
            "id": first.id, "summary": first.summary, "detail": first.detail, "hint": first.hint,
            "file": place.file if place else None, "line": place.line if place else None, "column": str(place.column) if place else None,
        }  # fmt: skip
    if isinstance(reason, MemoryError):
        return _told(
            "out-of-memory",
            "A step ran out of memory",
            f"The {task['op']} step asked for more memory than this machine gives.",
            "use fewer rows or a smaller model, lower `parallelism:` of the executor, or build on a larger machine",
        )
    return _told(
        "bug-in-step",
        "A step ended with an error of its own",
        f"The {task['op']} step raised {type(reason).__name__}; this is a bug of the step, not of your files.",
        "the log of the worker holds the traceback: please report it",
    )


def _told(id_: str, summary: str, detail: str, hint: str) -> dict[str, Json]:
    return {"id": id_, "summary": summary, "detail": detail, "hint": hint, "file": None, "line": None, "column": None}


def die_with(life: int) -> None:
    """End this process and all it started as soon as the other end of the pipe is gone, whatever runs at that moment."""
    # the kernel does it, also while native code keeps the interpreter from running; PR_SET_PDEATHSIG would not do: it
    # fires when the *thread* that started us ends
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    # and this does it on other systems, and when the end came before the lines above
    threading.Thread(target=_wait_for_end, args=(life,), daemon=True).start()


def _wait_for_end(life: int) -> None:
    with contextlib.suppress(OSError):
        os.read(life, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(control: int, events: int, life: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(life)
    out = Events(events)
    with open(control, encoding="utf-8") as lines:
        greeting = json.loads(next(lines))
        project, steps = Path(greeting["project"]), greeting["steps"]
        store = open_store(greeting["store"], project)
        provenance()  # looked up once, before a step's time is taken
        for line in lines:
            task = json.loads(line)
            sys.stdout.write(f"--- {task['op']} {task['id']}\n")  # the log
            out.send({"type": "begun"})
            out.send(run_task(task, steps, project, store, _progress_of(task["id"], out)))


def _progress_of(task_id: str, out: Events) -> Callable[..., None]:
    started = time.monotonic()

    def progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        out.progress({
            "type": "progressed", "id": task_id, "seconds": time.monotonic() - started,
            "message": message[:MESSAGE], "iteration": iteration, "of": of,
            "loss": float(loss) if loss is not None and math.isfinite(loss) else None,
        })  # fmt: skip

    return progress


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
