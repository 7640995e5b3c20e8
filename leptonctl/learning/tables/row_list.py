"""Row lists: by what a version's rows are known when two versions are compared (protocols 12). Reads no file.

A row is known by its declared id, and by its record: all columns of the file as text, before options and before a column is dropped.
Feature choices, options, splits and the order of a file change neither. The prepared rows have identities of their own (`identity`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl

from leptonctl.core.frozen import Frozen
from leptonctl.core.row_list import RowList
from leptonctl.learning.tables.identity import ID_BYTES, length_prefixed

ROWS_AT_ONCE = 100_000
TEXT = (pl.String, pl.Categorical, pl.Enum)
FILES = {"train": "train.rows", "test": "test.rows"}
"""Names of the artifacts by side."""


class Marks(Frozen):
    """What the rows of one side are known by, in their order: 16 bytes each for the record, and for the id where there is one."""

    records: np.ndarray
    ids: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Marks:
        return Marks(records=self.records[rows], ids=None if self.ids is None else self.ids[rows])

    def pack(self) -> bytes:
        """All records, then all ids."""
        return self.records.tobytes() + (b"" if self.ids is None else self.ids.tobytes())


class Privacy(Frozen):
    """What the list of a table may hold: private columns only under a key."""

    columns: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    key: bytes | None = None
    key_id: str | None = None


PUBLIC = Privacy()


def list_rows(frame: pl.DataFrame, source: str, *, id: str | None = None, privacy: Privacy = PUBLIC) -> tuple[RowList, Marks]:  # noqa: A002
    """The list of a file's rows and their marks. `frame` is as read without options that replace cells; `source` is its format.

    Without a key the columns that `privacy` drops are left out: a hash of guessable text would give them away.
    """
    left_out = privacy.dropped if privacy.key is None else frozenset()
    names = sorted(name for name in frame.columns if name not in left_out)
    kinds = [kind_of(frame[name].dtype) for name in names]
    key = privacy.key if privacy.columns else None
    rows = RowList(
        format=source,
        columns=tuple(zip(names, kinds, strict=True)),
        left_out=tuple(sorted(left_out & {*frame.columns})),
        key=privacy.key_id if key is not None else None,
        id=id,
        id_key=privacy.key_id if id is not None and key is not None else None,
    )
    ids = None if id is None else _hashes(frame.select(id), key)
    return rows, Marks(records=_hashes(frame.select(names), key), ids=ids)


def unpack(data: bytes, rows: RowList) -> Marks:
    """The marks that `pack` wrote."""
    table = np.frombuffer(data, dtype=f"V{ID_BYTES}")
    if rows.id is None:
        return Marks(records=table)
    return Marks(records=table[: len(table) // 2], ids=table[len(table) // 2 :])


def kind_of(dtype: pl.DataType) -> str:
    """What cells of this type are as text. Integers and float64 are alike: one missing cell makes a column of integers float64."""
    if dtype in TEXT:
        return "text"
    if dtype.is_integer() or dtype == pl.Float64:
        return "number"
    if dtype == pl.Datetime:
        return "datetime" if getattr(dtype, "time_zone", None) is None else "datetime with zone"
    return str(dtype).partition("(")[0].lower()


def _hashes(frame: pl.DataFrame, key: bytes | None) -> np.ndarray:
    """BLAKE2b of each row's cells, keyed with `key`."""
    mark = hashlib.sha256(b"rows\0" + key).digest() if key is not None else b""
    joined = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES, key=mark).digest() for text in _rows(frame)
    )
    return np.frombuffer(joined, dtype=f"V{ID_BYTES}")


def _rows(frame: pl.DataFrame) -> Iterator[str]:
    for part in frame.iter_slices(ROWS_AT_ONCE):
        yield from length_prefixed([as_record(part[name]) for name in part.columns], part.height)


def as_record(cells: pl.Series) -> pl.Series:
    """Cells as text, null for missing. Typed cells have one text each: 1 and 1.0 are `1`, NaN is missing, times are in microseconds."""
    dtype = cells.dtype
    if dtype == pl.String:
        return cells
    if dtype.is_float():
        return _number(cells.fill_nan(None).cast(pl.Float64))
    if dtype == pl.Datetime:
        return cells.dt.cast_time_unit("us").dt.to_string("iso")
    if dtype.is_temporal():
        return cells.dt.to_string("iso")
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return pl.Series(cells.name, [None if value is None else repr(value) for value in cells.to_list()], dtype=pl.String)
    return cells.cast(pl.String)


def _number(cells: pl.Series) -> pl.Series:
    whole = cells.is_finite() & (cells == cells.floor()) & (cells.abs() < 2**53)
    integers = cells.set((~whole).fill_null(value=True), None).cast(pl.Int64)
    return pl.select(pl.coalesce(integers.cast(pl.String), cells.cast(pl.String))).to_series().rename(cells.name)
