"""Where a step that fits a model for each fold keeps the folds that are done, and how far the fit of the next one is."""

import json
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from leptonctl.spi.learning import Checkpoint

Fold = TypeVar("Fold")
Given = TypeVar("Given")
"""A JSON value."""


class Folds(Generic[Given]):
    """What each fold has given so far. After a kill, `done` begins with the folds of the earlier process.

    It is also the checkpoint (`spi.learning.Checkpoint`) of the fit of the next fold.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint, self._fit = checkpoint, b""
        self.done: list[Given] = []
        data = None if checkpoint is None else checkpoint.load()
        if data is not None:
            line, _, self._fit = data.partition(b"\n")
            self.done = json.loads(line)

    def left(self, folds: Iterable[Fold]) -> Iterator[tuple[int, Fold]]:
        """The folds that are not done, each with its number from 1."""
        before = len(self.done)
        return (fold for fold in enumerate(folds, 1) if fold[0] > before)

    def add(self, value: Given) -> None:
        """Note what a fold has given."""
        self.done.append(value)
        self._fit = b""
        if self.is_due():
            self.save(b"")

    def load(self) -> bytes | None:
        """How far the fit of the next fold was."""
        return self._fit or None

    def is_due(self) -> bool:
        return self._checkpoint is not None and self._checkpoint.is_due()

    def save(self, data: bytes) -> None:
        """Keep the folds, and how far the fit of the next one is."""
        if self._checkpoint is not None:
            self._checkpoint.save(b"\n".join([json.dumps(self.done).encode(), data]))
