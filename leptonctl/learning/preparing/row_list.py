"""Row lists: what identifies a version's rows when two versions are compared. Reads no file.

A row is identified by its declared id, and by its record: all columns of the file as text, before options and before a column is
dropped. Feature choices, options, splits and the order of a file change neither. Prepared rows have their own identities (`identity`).
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from leptonctl.core.frozen import Frozen
from leptonctl.core.row_list import RowList
from leptonctl.learning.preparing.identity import ID_BYTES, length_prefixed

ROWS_AT_ONCE = 1 << 16
ESCAPE, END = "\x1e", "\x1f"
EXACT = 2**53
"""Float64 rounds integers beyond this one."""
TEXT = (pl.String, pl.Categorical, pl.Enum)
FILES = {"train": "train.rows", "test": "test.rows"}
"""Names of the artifacts by side."""


class Marks(Frozen):
    """The marks of the rows of one side, in order: 16 bytes each for the record, and for the id where there is one."""

    records: np.ndarray
    ids: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Marks:
        return Marks(records=self.records[rows], ids=None if self.ids is None else self.ids[rows])

    def pack(self) -> bytes:
        """All records, then all ids."""
        return self.records.tobytes() + (b"" if self.ids is None else self.ids.tobytes())


class ListPrivacy(Frozen):
    """What a row list may contain: private columns only under a key."""

    columns: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    key: bytes | None = None
    key_id: str | None = None


PUBLIC = ListPrivacy()


class Listing:
    """Lists the rows of a file part by part. Each part is as read before an option replaces cells; `source` is the file's format.

    Without a key, the columns that `privacy` drops are left out: an unkeyed hash of guessable text would reveal it.
    """

    def __init__(
        self,
        source: str,
        *,
        id: str | None = None,  # noqa: A002
        id_type: str | None = None,
        privacy: ListPrivacy = PUBLIC,
    ) -> None:
        self._source, self._id, self._id_type, self._privacy = source, id, id_type, privacy
        self._key = privacy.key if privacy.columns else None
        self._left_out = privacy.dropped if privacy.key is None else frozenset[str]()
        self._present = frozenset[str]()
        self._kinds: dict[str, str] = {}
        self._records, self._ids = list[bytes](), list[bytes]()

    def add(self, part: pl.DataFrame) -> None:
        """Append rows."""
        if not self._kinds:
            self._present = frozenset(part.columns)
            self._kinds = {name: kind_of(part[name].dtype) for name in sorted(self._present - self._left_out)}
        for rows in part.iter_slices(ROWS_AT_ONCE):
            self._records.append(_hashes(_records(rows.select([*self._kinds])), self._key))
            if self._id in self._present:
                texts = length_prefixed([as_id(rows[self._id], self._id_type)], rows.height)
                self._ids.append(_hashes([text.encode() for text in texts], self._key))

    def finish(self) -> tuple[RowList, Marks]:
        """The list and the marks of all rows. Clears this value."""
        key_id, has_id = self._privacy.key_id, self._id is not None
        rows = RowList(
            format=self._source,
            columns=tuple(self._kinds.items()),
            left_out=tuple(sorted(self._left_out & self._present)),
            key=key_id if self._key is not None else None,
            id=self._id,
            id_key=key_id if has_id and self._key is not None else None,
        )
        records, ids = (np.frombuffer(b"".join(marks), dtype=f"V{ID_BYTES}") for marks in (self._records, self._ids))
        self._records, self._ids = [], []
        return rows, Marks(records=records, ids=ids if has_id else None)


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
    if dtype.is_integer() or dtype in (pl.Float64, pl.Null):
        return "number"
    if dtype == pl.Datetime:
        return "datetime" if getattr(dtype, "time_zone", None) is None else "datetime with zone"
    return str(dtype).partition("(")[0].lower()


def _hashes(texts: list[bytes], key: bytes | None) -> bytes:
    """BLAKE2b of each text, keyed with `key`, one after the other."""
    # copying a state is cheaper than setting one up
    empty = hashlib.blake2b(digest_size=ID_BYTES, key=b"" if key is None else hashlib.sha256(b"rows\0" + key).digest())
    marks = list[bytes]()
    for text in texts:
        state = empty.copy()
        state.update(text)
        marks.append(state.digest())
    return b"".join(marks)


def _records(frame: pl.DataFrame) -> list[bytes]:
    """The cells of each row as unambiguous bytes: the numbers as float64, then the others as text."""
    numbers = [column for column in frame.get_columns() if kind_of(column.dtype) == "number"]
    others = [as_record(column) for column in frame.get_columns() if kind_of(column.dtype) != "number"]
    texts = _texts(pl.DataFrame(others)) if others else [b""] * frame.height
    if not numbers:
        return texts
    large = [column for column in numbers if _largest(column) >= EXACT]
    for column in large:
        texts = [text + more for text, more in zip(texts, _in_full(column), strict=True)]
    table = np.empty((frame.height, len(numbers)), dtype="<f8")
    for place, column in enumerate(numbers):
        table[:, place] = _floats(column)
    fixed = table.view(f"V{8 * len(numbers)}").ravel().tolist()
    return [cells + text for cells, text in zip(fixed, texts, strict=True)] if others or large else fixed


def _floats(cells: pl.Series) -> np.ndarray:
    """Numbers as float64: missing is always the same NaN, and -0.0 is 0.0."""
    values = cells.cast(pl.Float64, strict=False)
    if not cells.dtype.is_float():
        return values.fill_null(float("nan")).to_numpy()
    return values.fill_nan(None).fill_null(float("nan")).to_numpy() + 0.0


def _largest(cells: pl.Series) -> int:
    return max(abs(int(end or 0)) for end in (cells.min(), cells.max())) if cells.dtype in (pl.Int64, pl.UInt64) else 0  # type: ignore[arg-type]


def _in_full(cells: pl.Series) -> list[bytes]:
    """The digits of the integers that float64 rounds, and nothing for others."""
    large = cells >= EXACT
    if cells.dtype.is_signed_integer():
        large |= cells <= -EXACT
    digits = pl.lit(f"{END}{cells.name}{ESCAPE}=") + cells.cast(pl.String)
    return pl.select(pl.when(large).then(digits).otherwise(pl.lit("")).cast(pl.Binary).fill_null(b"")).to_series().to_list()


def _texts(cells: pl.DataFrame) -> list[bytes]:
    """One unambiguous text for each row: a missing cell differs from an empty one."""
    records = _join_cells(cells).cast(pl.Binary).to_list()
    signs = np.frombuffer(b"".join(records), dtype=np.uint8)
    marks = [int(np.count_nonzero(signs == ord(sign))) for sign in (END, ESCAPE)]
    if marks != [cells.height * (cells.width - 1), sum(column.null_count() for column in cells.get_columns())]:
        escaped = pl.all().str.replace_all(ESCAPE, ESCAPE + "1", literal=True).str.replace_all(END, ESCAPE + "2", literal=True)
        records = _join_cells(cells.select(escaped)).cast(pl.Binary).to_list()
    return records


def _join_cells(cells: pl.DataFrame) -> pl.Series:
    return cells.select(pl.concat_str(pl.all().fill_null(ESCAPE + "0"), separator=END).alias("record")).to_series()


def as_record(cells: pl.Series) -> pl.Series:
    """Cells as text, null for missing. Equal typed cells have equal text: 1 and 1.0 are `1`, NaN is missing, times are in microseconds."""
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


def as_id(cells: pl.Series, kind: str | None) -> pl.Series:
    """Ids as text without white space around them, integers in one form: `+7` is `7`, and so is `007` in a column declared as integer."""
    texts = as_record(cells).str.strip_chars()
    if kind not in (None, "integer"):
        return texts
    is_integer = texts.str.contains(r"^[+-]?[0-9]+$" if kind == "integer" else r"^[+-]?(0|[1-9][0-9]*)$")
    integers = texts.str.strip_prefix("+").str.replace(r"^(-?)0+([0-9])", "${1}${2}").replace("-0", "0")
    return pl.select(pl.when(is_integer).then(integers).otherwise(texts)).to_series().rename(cells.name)


def _number(cells: pl.Series) -> pl.Series:
    whole = cells.is_finite() & (cells == cells.floor()) & (cells.abs() < 2**53)
    integers = cells.set((~whole).fill_null(value=True), None).cast(pl.Int64)
    return pl.select(pl.coalesce(integers.cast(pl.String), cells.cast(pl.String))).to_series().rename(cells.name)
