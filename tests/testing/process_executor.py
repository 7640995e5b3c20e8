"""The smallest executor that keeps the seam's promises: a process a task. What `check_executor` itself is tried with."""

import importlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Self

from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Completed, Failed, Lost, Outcome, Produced, Progressed, StepError, Task
from leptonctl.storage.batch import ArtifactBatch
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store

PARALLELISM = 2
CHILD = "import sys; sys.path[:] = {path!r}; from tests.testing.process_executor import serve; serve()"


class ProcessExecutor:
    """Runs each task in a fresh process, two at a time."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._waiting: deque[Task] = deque()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._said: queue.SimpleQueue[tuple[str, Outcome | None]] = queue.SimpleQueue()
        self._ready: list[Outcome] = []

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._hand_out()

    def poll(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        while not self._ready and (self._running or self._waiting):
            try:
                self._take_in(*self._said.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        outcomes, self._ready = self._ready, []
        return outcomes

    def cancel(self) -> None:
        ids = [*self._running, *(task.id for task in self._waiting)]
        self._ready += [Lost(id=id_, why="It was stopped on request.", cancelled=True) for id_ in ids]
        self._end_all()

    def close(self) -> None:
        self._end_all()

    def _end_all(self) -> None:
        self._waiting.clear()
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self) -> None:
        while self._waiting and len(self._running) < PARALLELISM:
            task = self._waiting.popleft()
            process = subprocess.Popen(
                [sys.executable, "-c", CHILD.format(path=sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            pickle.dump((task, self._project), process.stdin)
            process.stdin.close()
            self._running[task.id] = process
            threading.Thread(target=self._listen, args=(task.id, process), daemon=True).start()

    def _listen(self, id_: str, process: subprocess.Popen[bytes]) -> None:
        with process.stdout as pipe:
            while True:
                try:
                    self._said.put((id_, pickle.load(pipe)))
                except (EOFError, pickle.UnpicklingError):
                    self._said.put((id_, None))
                    return

    def _take_in(self, id_: str, outcome: Outcome | None) -> None:
        process = self._running.get(id_)
        if process is None:
            return
        if isinstance(outcome, Progressed):
            self._ready.append(outcome)
            return
        self._ready.append(outcome or Lost(id=id_, why=f"Its process ended with {process.wait()}."))
        process.kill()
        process.wait()
        del self._running[id_]
        self._hand_out()


def serve() -> None:
    """A worker: one task comes in, outcomes go out."""
    task, project = pickle.load(sys.stdin.buffer)
    out = os.fdopen(os.dup(1), "wb")
    started = time.monotonic()

    def say(outcome: Outcome) -> None:
        pickle.dump(outcome, out)
        out.flush()

    def progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        say(Progressed(id=task.id, seconds=time.monotonic() - started, message=message, iteration=iteration, of=of, loss=loss))

    store = open_store("store", project, {"": STORE})
    batch = ArtifactBatch(store=store)
    try:
        module, _, name = task.run.partition(":")
        produced = getattr(importlib.import_module(module), name)(
            dict(task.inputs), task.needs, Bench(project=project, artifacts=batch, progress=progress, check_key=store.check_key)
        )
        if not isinstance(produced, Produced):
            raise TypeError(produced)
        batch.flush()
    except ProviderError as problem:
        error = StepError(
            id=problem.id, summary=problem.summary, detail=problem.detail, hint=problem.hint,
            file=problem.file, line=problem.line, column=problem.column,
        )  # fmt: skip
        say(Failed(id=task.id, error=error, seconds=time.monotonic() - started))
    except BaseException as problem:
        say(Failed(id=task.id, error=StepError(id="bug-in-step", summary=repr(problem)), seconds=time.monotonic() - started))
    else:
        say(Completed(id=task.id, produced=produced, seconds=time.monotonic() - started, provenance={"pid": os.getpid()}))
