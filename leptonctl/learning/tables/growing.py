"""A column of numbers that grows block by block in one array, so that a table is never in memory twice. Reads nothing."""

import numpy as np
import polars as pl

FIRST_ROWS = 1 << 15


class Numbers:
    """Numbers in order, null for missing: Int64, and Float64 from the first such block on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.clear()

    def clear(self) -> None:
        self._cells, self.size = np.empty(0, dtype=np.int64), 0
        self._missing = list[np.ndarray]()
        """The places of missing cells, by block."""

    @property
    def is_float(self) -> bool:
        return self._cells.dtype == np.float64

    def add(self, block: pl.Series) -> None:
        """Append a block: Int64 or Float64."""
        if block.dtype == pl.Float64 and not self.is_float:
            self._cells = self._cells.astype(np.float64)
        end = self.size + len(block)
        if end > len(self._cells):
            # the kernel provides memory only for pages that are written
            larger = np.empty(max(FIRST_ROWS, 2 * end), dtype=self._cells.dtype)
            larger[: self.size] = self._cells[: self.size]
            self._cells = larger
        if block.null_count():
            self._missing.append(block.is_null().arg_true().to_numpy() + self.size)
            block = block.fill_null(0)
        self._cells[self.size : end] = block.to_numpy()
        self.size = end

    def whole(self) -> pl.Series:
        """All cells as one column. Clears this value."""
        column = pl.Series(self._name, self._cells[: self.size])
        if self._missing:
            column = column.scatter(np.concatenate(self._missing), None)
        self.clear()
        return column
