"""A data file as read. Columns of plain numbers are held as numbers, which takes a fraction of the memory of their text."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import polars.selectors as cs

from leptonctl.core.contract import Cells
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.tables.numbers import parsed
from leptonctl.spi.learning import Source, SourceOptions

ROWS_AT_ONCE = 1 << 18


class Table(Frozen):
    """One file as read. `name` is its path as written in the project.

    frame: the columns. Of a format without types they hold text as written, except those in `numbers`: all their cells are numbers
    or missing, and they are held as Int64 or Float64; `written` reads their text again.
    """

    name: str
    path: Path
    source: Source
    options: SourceOptions
    frame: pl.DataFrame
    numbers: Mapping[str, Cells] = {}

    def written(self, name: str) -> pl.Series:
        """The cells of a column as the file has them."""
        if name not in self.numbers:
            return self.frame[name]
        return _texts(self.path, self.source, self.options, [name])[name]


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
        # a format may tell by the missing values which types its columns have
        frame = source.read(path, options) if options.missing else frame
        return Table(name=name, path=path, source=source, options=options, frame=frame)
    columns: dict[str, _Column] = {}
    for part in source.batches(path, replace(options, missing_values=None), ROWS_AT_ONCE):
        each(part)
        columns = columns or {column: _Column(options, as_text=column in text) for column in part.columns}
        for cells in without_missing(part, options).get_columns():
            columns[cells.name].add(cells)
    lost = [column for column, held in columns.items() if held.lost]
    texts = _texts(path, source, options, lost) if lost else pl.DataFrame()
    frame = pl.DataFrame([texts[column] if held.lost else held.whole() for column, held in columns.items()])
    numbers = {column: held.counts(frame[column]) for column, held in columns.items() if not held.as_text}
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
    return strings.set(strings.is_in(list(options.markers)).fill_null(value=False), None) if options.markers else strings


class _Column:
    """The parts of a column: numbers until a cell is none, then text. `lost`: the text of its first parts has to be read again."""

    def __init__(self, options: SourceOptions, *, as_text: bool) -> None:
        self._options, self._parts = options, list[pl.Series]()
        self.as_text, self.lost = as_text, False

    def add(self, cells: pl.Series) -> None:
        if not self.as_text:
            numbers = parsed(cells, self._options)
            if numbers is None:
                numbers = parsed(trim(cells, self._options), self._options)
            if numbers is not None:
                self._parts.append(numbers)
                return
            self.as_text, self.lost, self._parts = True, bool(self._parts), []
        if not self.lost:
            self._parts.append(cells)

    def whole(self) -> pl.Series:
        """All parts as one, as floating-point numbers if one of them is."""
        if len({part.dtype for part in self._parts}) > 1:
            self._parts = [part.cast(pl.Float64) for part in self._parts]
        whole = pl.concat(self._parts, rechunk=True)
        self._parts = []
        return whole

    def counts(self, cells: pl.Series) -> Cells:
        present = len(cells) - cells.null_count()
        return Cells(present=present, integers=present if cells.dtype == pl.Int64 else 0, numbers=present, booleans=0)


def _texts(path: Path, source: Source, options: SourceOptions, names: Sequence[str]) -> pl.DataFrame:
    def parts() -> Iterator[pl.DataFrame]:
        for part in source.batches(path, options, ROWS_AT_ONCE) if source.batches is not None else [source.read(path, options)]:
            yield part.select(names)

    return pl.concat(parts(), rechunk=True)
