"""An executor that starts one Python process a step, two at a time: slow, and as simple as an executor can be."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Self

from leptonctl.spi import ExecutorBackend, Lost, Outcome, Progressed, Task, Workplace

AT_A_TIME = 2
CHILD = "import sys; sys.path[:] = {path!r}; from lepton_toy.process_child import work; work()"


class ProcessExecutor:
    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._waiting: deque[Task] = deque()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._said: queue.SimpleQueue[tuple[str, Outcome | None]] = queue.SimpleQueue()
        self._ready: list[Outcome] = []

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._hand_out()

    def poll(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        while not self._ready and self._running:
            try:
                self._take_in(*self._said.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        ready, self._ready = self._ready, []
        return ready

    def cancel(self) -> None:
        left = [*self._running, *(task.id for task in self._waiting)]
        self.close()
        self._ready += [Lost(id=id_, why="It was stopped on request.", cancelled=True) for id_ in left]

    def close(self) -> None:
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
        while self._waiting and len(self._running) < AT_A_TIME:
            task = self._waiting.popleft()
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", CHILD.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            pickle.dump((task, self._place.project, self._place.store), process.stdin)
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
        process.wait()
        del self._running[id_]
        self._ready.append(outcome or Lost(id=id_, why=f"Its process ended with exit code {process.returncode}."))
        self._hand_out()


EXECUTOR = ExecutorBackend(
    name="processes",
    description="One process a step.",
    open=ProcessExecutor,
    settings={"niceness": {"type": "integer", "minimum": 0, "maximum": 19, "default": 0, "description": "How nice the processes are."}},
)
