"""Keeps the results of folds while a step fits a model for each, and how far the fit of the next one is."""

import json
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from leptonctl.spi.learning import Checkpoint

Fold = TypeVar("Fold")
Value = TypeVar("Value")
"""A JSON value."""


class Folds(Generic[Value]):
    """The result of each fold so far. After a kill, `results` begins with those of the earlier process.

    It is also the checkpoint (`spi.learning.Checkpoint`) of the fit of the next fold.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint, self._fit = checkpoint, b""
        self.results: list[Value] = []
        data = None if checkpoint is None else checkpoint.load()
        if data is not None:
            line, _, self._fit = data.partition(b"\n")
            self.results = json.loads(line)

    def remaining(self, folds: Iterable[Fold]) -> Iterator[tuple[int, Fold]]:
        """The folds that have no result yet, each with its number from 1."""
        before = len(self.results)
        return (fold for fold in enumerate(folds, 1) if fold[0] > before)

    def add(self, value: Value) -> None:
        """Add the result of a fold."""
        self.results.append(value)
        self._fit = b""
        if self.is_due():
            self.save(b"")

    def load(self) -> bytes | None:
        """How far the fit of the next fold was."""
        return self._fit or None

    def is_due(self) -> bool:
        return self._checkpoint is not None and self._checkpoint.is_due()

    def save(self, data: bytes) -> None:
        """Keep the results, and how far the fit of the next fold is."""
        if self._checkpoint is not None:
            self._checkpoint.save(b"\n".join([json.dumps(self.results).encode(), data]))
