"""A worker process: runs steps one after the other for the executor that started it, and ends with that executor.

`python -m leptonctl.building.worker CONTROL EVENTS LIFE`, three open pipes. JSON lines (`building.messages`) come in on CONTROL, first the
greeting, then orders, and go out on EVENTS. Nothing is ever written to LIFE: its end means that the executor has ended. What
steps print goes to the log, which is this process's standard output and error.
"""

import contextlib
import fcntl
import gc
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
from collections.abc import Sequence
from pathlib import Path

from leptonctl.building.checkpoint import FileCheckpoint
from leptonctl.building.messages import CompletedMessage, FailedMessage, Greeting, Order, ProgressMessage, StartedMessage
from leptonctl.building.provenance import provenance
from leptonctl.core.codec import Record, decode, encode_line
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Produced
from leptonctl.storage.batch import ArtifactBatch
from leptonctl.storage.open import open_store
from leptonctl.storage.store import Store

PROGRESS_S = 0.1
COLLECT_AFTER = 50_000
"""The garbage collector runs after this many new objects."""
# a message of this many characters stays below PIPE_BUF even if every one of them is escaped
MESSAGE_LENGTH = 300


class Events:
    """Sends messages to the executor, from two threads. Progress is limited to ten messages a second; the latest one is never lost."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._changed = threading.Condition()
        self._pending: Record | None = None
        self._last = 0.0
        threading.Thread(target=self._send_late, daemon=True).start()

    def send(self, message: Record) -> None:
        """Send any other message; progress that was not sent yet is dropped."""
        data = encode_line(message)
        with self._changed:
            self._pending, self._last = None, 0.0
            self._write(data)

    def progress(self, message: Record) -> None:
        with self._changed:
            self._pending = message
            if time.monotonic() - self._last >= PROGRESS_S:
                self._send_pending()
            else:
                self._changed.notify()

    def _send_pending(self) -> None:
        # a line below PIPE_BUF fits whenever the pipe is writable; if it is not, no step waits for the reader
        if self._pending is not None and select.select([], [self._handle], [], 0)[1]:
            self._write(encode_line(self._pending))
            self._pending = None
        self._last = time.monotonic()

    def _send_late(self) -> None:
        while True:
            with self._changed:
                while self._pending is None:
                    self._changed.wait()
                due = self._last + PROGRESS_S - time.monotonic()
                if due <= 0:
                    self._send_pending()
                    due = PROGRESS_S
            time.sleep(due)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]


class Reports:
    """The progress of a step (`spi.learning.Progress`), and notices about it."""

    def __init__(self, task_id: str, out: Events) -> None:
        self._id, self._out, self._started = task_id, out, time.monotonic()

    def __call__(self, *, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        number = float(loss) if loss is not None and math.isfinite(loss) else None
        self._out.progress(replace(self._message(message), iteration=iteration, of=of, loss=number))

    def notify(self, message: str) -> None:
        """A notice, which is never dropped."""
        self._out.send(replace(self._message(message), notice=True))

    def _message(self, message: str) -> ProgressMessage:
        return ProgressMessage(id=self._id, seconds=time.monotonic() - self._started, message=message[:MESSAGE_LENGTH])


def run_order(order: Order, project: Path, store: Store, progress: Reports) -> CompletedMessage | FailedMessage:
    """Run one step and return its outcome, whatever it raises."""
    started = time.monotonic()
    checkpoint = FileCheckpoint(project, order.key, notify=progress.notify) if order.key else None
    ended = True
    try:
        batch = ArtifactBatch(store=store)
        bench = Bench(project=project, artifacts=batch, progress=progress, check_key=store.check_key, checkpoint=checkpoint)
        produced = _run(order, bench)
        batch.flush()
        return CompletedMessage(
            id=order.id,
            seconds=time.monotonic() - started,
            artifacts=dict(produced.artifacts),
            # the codec would write NaN and infinity as null: they are a bug of the step, and raise here
            outputs=json.loads(json.dumps(dict(produced.outputs), allow_nan=False)),
            provenance=provenance(),
        )
    except BaseException as reason:  # noqa: BLE001  a step may raise anything, even SystemExit, and the worker continues
        if isinstance(reason, ProviderError) and reason.__cause__ is None:
            # it says everything, and our traceback would only hide what a program printed
            sys.stdout.write(f"{reason.summary}: {reason.detail}\n")
        else:
            traceback.print_exception(reason)
        # when disk or memory is full, the checkpoint is kept: the step is not at fault
        ended = not isinstance(reason, OSError | MemoryError)
        return _failure_message(order, reason, time.monotonic() - started)
    finally:
        if checkpoint is not None and ended:
            checkpoint.discard()


def _run(order: Order, bench: Bench) -> Produced:
    module, _, function = order.run.partition(":")
    produced = getattr(importlib.import_module(module), function)(dict(order.inputs), order.needs, bench)
    if not isinstance(produced, Produced):
        msg = f"{order.run} returned {type(produced).__name__}, not Produced"
        raise TypeError(msg)
    return produced


def _failure_message(order: Order, reason: BaseException, seconds: float) -> FailedMessage:
    if isinstance(reason, ProviderError):
        return FailedMessage(
            id=order.id, seconds=seconds, error=reason.id, summary=reason.summary, detail=reason.detail, hint=reason.hint,
            file=reason.file, line=reason.line, column=reason.column,
        )  # fmt: skip
    if isinstance(reason, Failure) and reason.diagnostics:
        first = reason.diagnostics[0]
        span = first.span
        return FailedMessage(
            id=order.id, seconds=seconds, error=first.id, summary=first.summary, detail=first.detail, hint=first.hint,
            file=span.file if span else None, line=span.line if span else None, column=str(span.column) if span else None,
        )  # fmt: skip
    if isinstance(reason, MemoryError):
        return FailedMessage(
            id=order.id,
            seconds=seconds,
            error="out-of-memory",
            summary="A step ran out of memory",
            detail=f"The {order.op} step needs more memory than this machine has.",
            hint="give the step less to do, lower `parallelism:` of the executor, or build on a larger machine",
        )
    return FailedMessage(
        id=order.id,
        seconds=seconds,
        error="bug-in-step",
        summary="A step raised an unexpected error",
        detail=f"The {order.op} step raised {type(reason).__name__}; this is a bug in the step, not in your files.",
        hint="report the traceback in the log of the worker",
    )


def die_with(life: int) -> None:
    """Kill this process and all it started as soon as the other end of the pipe is closed, whatever is running."""
    # the kernel does it, even while native code blocks the interpreter; PR_SET_PDEATHSIG would not do, because it fires when
    # the *thread* that started us ends
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    # and this thread does it on other systems, or if the pipe was closed before the lines above
    threading.Thread(target=_wait_for_end, args=(life,), daemon=True).start()


def _wait_for_end(life: int) -> None:
    with contextlib.suppress(OSError):
        os.read(life, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(control: int, events: int, life: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(life)
    out = Events(events)
    with open(control, "rb") as lines:
        greeting = decode(next(lines), Greeting)
        project = Path(os.fsdecode(greeting.project))
        store = open_store(greeting.store, project, load_catalog().stores)
        provenance()  # fill its caches before a step is timed
        imports = import_ahead(greeting.ahead)
        for line in lines:
            order = decode(line, Order)
            sys.stdout.write(f"--- {order.op} {order.id}\n")  # the log
            out.send(StartedMessage(imports=imports))
            imports = 0.0
            out.send(run_order(order, project, store, Reports(order.id, out)))


def import_ahead(modules: Sequence[str]) -> float:
    """Import modules of steps, and return how many seconds that took. One that cannot be imported is reported by its step."""
    started = time.monotonic()
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    return time.monotonic() - started


if __name__ == "__main__":
    # importing two thousand modules makes no garbage, and collecting it again and again takes a tenth of a small fit
    gc.set_threshold(COLLECT_AFTER)
    main(*(int(argument) for argument in sys.argv[1:4]))
    # everything is sent and stored; a regular exit, which takes the modules apart, takes another tenth
    sys.stdout.flush()
    os._exit(0)
