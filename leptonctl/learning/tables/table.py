"""A data file as read. Columns of numbers are held as numbers, which take a fraction of the memory of their text."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from leptonctl.core.contract import Cells
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.tables.growing import Numbers
from leptonctl.learning.tables.numbers import parse_numbers
from leptonctl.spi.learning import Source, SourceOptions

ROWS_AT_ONCE = 1 << 18


class Piece(Frozen):
    """One file of a table: its rows begin at row `start` of the table."""

    name: str
    path: Path
    options: SourceOptions
    start: int


class Table(Frozen):
    """The rows of a file, or of several files of one format. `name` is the path as written in the project.

    frame: the columns. In a format without types they are text as written, except those in `numbers`, whose cells are all numbers or
    missing: these are Int64 or Float64, and `written_cells` reads their text again. pieces: the files, if there are several.
    file_rows: the numbers of the files' rows that are in `frame`, if some were left out.
    """

    name: str
    path: Path
    source: Source
    options: SourceOptions
    frame: pl.DataFrame
    numbers: Mapping[str, Cells] = {}
    pieces: tuple[Piece, ...] = ()
    file_rows: np.ndarray | None = None

    @property
    def files(self) -> tuple[Piece, ...]:
        """The files of the table, even if there is only one."""
        return self.pieces or (Piece(name=self.name, path=self.path, options=self.options, start=0),)

    def written_cells(self, name: str) -> pl.Series:
        """The cells of a column as the files have them."""
        if name not in self.numbers:
            return self.frame[name]
        texts = pl.concat([_texts(piece.path, self.source, piece.options, [name])[name] for piece in self.files])
        return texts if self.file_rows is None else texts[self.file_rows]

    def places(self, rows: Sequence[int]) -> list[tuple[str, int]]:
        """(file, line) of each row of the frame."""
        numbers = rows if self.file_rows is None else [int(self.file_rows[row]) for row in rows]
        places: dict[int, tuple[str, int]] = {}
        for piece, after in pairwise((*self.files, None)):
            assert piece is not None
            own = [number for number in numbers if number >= piece.start and (after is None or number < after.start)]
            lines = self.source.line_of(piece.path, piece.options, [number - piece.start for number in own]) if own else []
            places |= {number: (piece.name, line) for number, line in zip(own, lines, strict=True)}
        return [places[number] for number in numbers]


def read_table(
    path: Path,
    source: Source,
    options: SourceOptions,
    *,
    name: str | None = None,
    text: Collection[str] = (),
    each: Callable[[pl.DataFrame], None] = lambda _: None,
) -> Table:
    """Read a file. `text`: columns whose text is needed. `each` gets the file in parts, before `missing_values` are replaced."""
    name = name or path.name
    if source.typed or source.batches is None:
        frame = source.read(path, replace(options, missing_values=None))
        each(frame)
        # a format may infer the types of its columns without the missing values
        frame = source.read(path, options) if options.missing else frame
        return Table(name=name, path=path, source=source, options=options, frame=frame)
    columns: dict[str, _Column] = {}
    for part in source.batches(path, replace(options, missing_values=None), ROWS_AT_ONCE):
        each(part)
        columns = columns or {column: _Column(column, options, as_text=column in text) for column in part.columns}
        for cells in without_missing(part, options).get_columns():
            columns[cells.name].add(cells)
    lost = [column for column, column_cells in columns.items() if column_cells.lost]
    texts = _texts(path, source, options, lost) if lost else pl.DataFrame()
    frame = pl.DataFrame([texts[column] if column_cells.lost else column_cells.whole() for column, column_cells in columns.items()])
    numbers = {column: column_cells.counts(frame[column]) for column, column_cells in columns.items() if not column_cells.as_text}
    return Table(name=name, path=path, source=source, options=options, frame=frame, numbers=numbers)


def without_missing(frame: pl.DataFrame, options: SourceOptions) -> pl.DataFrame:
    """The table with null for the strings that are missing in every column."""
    if not options.missing:
        return frame
    missing = pl.Series(options.missing, dtype=pl.String)
    return frame.with_columns(pl.when(~cs.string().is_in(missing.implode())).then(cs.string()).name.keep())


def trim(cells: pl.Series, options: SourceOptions) -> pl.Series:
    """Strings without surrounding white space, null for missing."""
    strings = cells.str.strip_chars(" \t").replace("", None)
    markers = [*options.markers, *(text.strip(" \t") for text in options.missing)]
    return strings.set(strings.is_in(markers).fill_null(value=False), None) if markers else strings


class _Column:
    """The cells of a column: numbers until a cell is not one, then text. `lost`: the text of its first cells must be read again."""

    def __init__(self, name: str, options: SourceOptions, *, as_text: bool) -> None:
        self._options, self._numbers, self._texts = options, Numbers(name), list[pl.Series]()
        self.as_text, self.lost = as_text, False

    def add(self, cells: pl.Series) -> None:
        if not self.as_text:
            floats = self._numbers.is_float
            numbers = parse_numbers(cells, self._options, floats=floats)
            if numbers is None:
                numbers = parse_numbers(trim(cells, self._options), self._options, floats=floats)
            if numbers is not None:
                self._numbers.add(numbers)
                return
            self.as_text, self.lost = True, self._numbers.size > 0
            self._numbers.clear()
        if not self.lost:
            self._texts.append(cells)

    def whole(self) -> pl.Series:
        """All cells. May be called once."""
        if not self.as_text:
            return self._numbers.whole()
        texts, self._texts = self._texts, []
        return pl.concat(texts, rechunk=True)

    def counts(self, cells: pl.Series) -> Cells:
        present = len(cells) - cells.null_count()
        return Cells(present=present, integers=present if cells.dtype == pl.Int64 else 0, numbers=present, booleans=0)


def _texts(path: Path, source: Source, options: SourceOptions, names: Sequence[str]) -> pl.DataFrame:
    def parts() -> Iterator[pl.DataFrame]:
        for part in source.batches(path, options, ROWS_AT_ONCE) if source.batches is not None else [source.read(path, options)]:
            yield part.select(names)

    return pl.concat(parts(), rechunk=True)
