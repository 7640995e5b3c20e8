"""A summary of a table by column: types, missing cells, distinct values. `init` makes its guesses from it."""

from collections.abc import Mapping
from pathlib import Path

from leptonctl.core.contract import ColumnType
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen
from leptonctl.spi.learning import Source, SourceOptions


class Profile(Frozen):
    """The number of rows, and figures by column in file order. `length` is the mean length of the cells as written, in characters.

    dates: the columns of text that hold dates in one format, with their parts that differ between rows.
    """

    rows: int
    types: Mapping[str, ColumnType]
    missing: Mapping[str, int]
    distinct: Mapping[str, int]
    length: Mapping[str, float]
    dates: Mapping[str, DateColumn] = {}


def profile(path: Path, source: Source) -> Profile:
    """Summarise a file in one read. Raises ProviderError with file and line when it cannot be read."""
    from leptonctl.learning.tables.cells import as_text, infer, typed
    from leptonctl.learning.tables.date_like import guess_column
    from leptonctl.learning.tables.table import Table

    options = SourceOptions()
    frame = source.read(path, options)
    table = Table(name=path.name, path=path, source=source, options=options, frame=frame)
    types = {name: infer([table], name) for name in frame.columns}
    cells = {name: typed(table, name, kind)[0] for name, kind in types.items()}
    strings = {name: as_text(table, name) for name in frame.columns}
    dates = {name: guess_column(name, strings[name]) for name, kind in types.items() if kind == "string"}
    return Profile(
        rows=frame.height,
        types=types,
        missing={name: values.null_count() for name, values in cells.items()},
        distinct={name: values.drop_nulls().n_unique() for name, values in cells.items()},
        length={name: float(values.str.len_chars().mean() or 0) for name, values in strings.items()},  # type: ignore[arg-type]
        dates={name: column for name, column in dates.items() if column is not None},
    )
