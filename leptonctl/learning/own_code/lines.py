"""Reads what a program prints: lines of JSON are its progress, all others go to the log."""

import json
import math
import re
import sys
from collections import deque
from typing import IO

from leptonctl.core.frozen import Frozen
from leptonctl.spi.learning import Progress

LONGEST = 16_384
MOST_LOSSES = 100_000
MOST_LOGGED = 8 << 20
"""Bytes of a program's lines in the log of the worker."""
LAST, WIDEST = 12, 300
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class ProgressLine(Frozen):
    """A line of progress. `loss` NaN: one that is not a finite number."""

    iteration: int | None = None
    of: int | None = None
    loss: float | None = None
    message: str = ""


def read_line(line: str) -> ProgressLine | None:
    """The progress in a line, None for any other line."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict) or not value or not value.keys() <= {"iteration", "of", "loss", "message"}:
        return None
    iteration, of, loss, message = (value.get(name) for name in ("iteration", "of", "loss", "message"))
    counts = all(count is None or (type(count) is int and 0 <= count < 2**53) for count in (iteration, of))
    if not counts or not isinstance(loss, float | int | None) or isinstance(loss, bool) or not isinstance(message, str | None):
        return None
    if "loss" in value:
        loss = float(loss) if loss is not None and abs(loss) < sys.float_info.max else math.nan
    return ProgressLine(iteration=iteration, of=of, loss=loss, message=plain(message or ""))


def plain(text: str) -> str:
    """The text without control characters."""
    return CONTROL.sub("", text.replace("\t", "    "))


class Printout:
    """Collects what a program prints, and passes its progress on. One thread per stream writes into it."""

    def __init__(self, progress: Progress, folder: str) -> None:
        self._losses: list[float | None] = []
        # every `_stride`th of `_count` losses is kept
        self._stride, self._count = 1, 0
        self._newest: float | None = None
        self.iterations = 0
        self._progress, self._folder = progress, folder
        self._logged = 0
        self._last: dict[str, deque[str]] = {"stdout": deque(maxlen=LAST), "stderr": deque(maxlen=LAST)}

    @property
    def last(self) -> list[str]:
        """The last lines of standard error; of standard output where that has none."""
        return [*(self._last["stderr"] or self._last["stdout"])]

    @property
    def counted(self) -> int:
        """How many losses there were."""
        return self._count

    @property
    def losses(self) -> list[float | None]:
        """All losses; of more than 100,000 every second, fourth … from the first on, and the last."""
        whole = (self._count - 1) % self._stride == 0
        return [*self._losses, *([] if whole or not self._count else [self._newest])]

    def _add(self, loss: float | None) -> None:
        if self._count % self._stride == 0:
            if len(self._losses) == MOST_LOSSES:
                self._losses, self._stride = self._losses[::2], 2 * self._stride
            if self._count % self._stride == 0:
                self._losses.append(loss)
        self._count, self._newest = self._count + 1, loss

    def read(self, stream: str, file: IO[bytes]) -> None:
        """Read a stream to its end, never stopping before: the program would block."""
        while data := file.readline(LONGEST):
            line = data.decode("utf-8", errors="replace").rstrip("\r\n")
            progress = read_line(line) if stream == "stdout" else None
            if progress is not None:
                self._note(progress)
                continue
            if self._logged < MOST_LOGGED:
                self._logged += len(data)
                sys.stdout.write(plain(line) + "\n")
            if line.strip():
                self._last[stream].append(plain(line.replace(f"{self._folder}/", ""))[:WIDEST])

    def _note(self, line: ProgressLine) -> None:
        self.iterations = max(self.iterations, line.iteration or 0)
        loss = None if line.loss is None or math.isnan(line.loss) else line.loss
        if line.loss is not None:
            self._add(loss)
        self._progress(message=line.message, iteration=line.iteration, of=line.of, loss=loss)
