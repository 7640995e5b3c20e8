"""An executor that starts one Python process a step: slow, and as simple as an executor can be."""

import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from leptonctl.spi import Completed, ExecutorBackend, Failed, Lost, Outcome, Task, Workplace

CHILD = "import pickle, sys; from lepton_toy.process_child import work; work(*sys.argv[1:])"


class ProcessExecutor:
    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._running: dict[str, tuple[subprocess.Popen[bytes], Path, float]] = {}
        self._ended: list[Outcome] = []

    def submit(self, task: Task) -> None:
        folder = Path(tempfile.mkdtemp(prefix="lepton-toy-"))
        (folder / "task").write_bytes(pickle.dumps((task, str(self._place.project), self._place.store)))
        process = subprocess.Popen([sys.executable, "-P", "-c", CHILD, str(folder)], stdin=subprocess.DEVNULL, start_new_session=True)
        self._running[task.id] = (process, folder, time.monotonic())

    def poll(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        while True:
            for id_, (process, folder, began) in list(self._running.items()):
                if process.poll() is not None:
                    del self._running[id_]
                    self._ended.append(self._outcome(id_, process, folder, time.monotonic() - began))
            if self._ended or not self._running or time.monotonic() >= deadline:
                ended, self._ended = self._ended, []
                return ended
            time.sleep(0.01)

    def cancel(self) -> None:
        for id_, (process, _, _) in self._running.items():
            process.kill()
            process.wait()
            self._ended.append(Lost(id=id_, why="It was stopped on request.", cancelled=True))
        self._running.clear()

    def close(self) -> None:
        for process, _, _ in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(self, id_: str, process: subprocess.Popen[bytes], folder: Path, seconds: float) -> Outcome:
        answer = folder / "answer"
        if not answer.exists():
            return Lost(id=id_, why=f"Its process ended with exit code {process.returncode}.")
        produced, error = pickle.loads(answer.read_bytes())
        if error is not None:
            return Failed(id=id_, error=error, seconds=seconds)
        return Completed(id=id_, produced=produced, seconds=seconds, provenance={})


EXECUTOR = ExecutorBackend(
    name="processes",
    description="One process a step.",
    open=ProcessExecutor,
    settings={"niceness": {"type": "integer", "minimum": 0, "maximum": 19, "default": 0, "description": "How nice the processes are."}},
)
