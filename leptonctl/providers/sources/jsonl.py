"""JSON Lines: one object per line, columns in order of first appearance, an absent key is a missing cell.

A column with an object or an array is nested: no step can read its cells, so it is refused where one would.
JSON has types: a column of numbers is read as numbers, and a string stays a string, whatever it looks like. A column with both is a column
of strings, with its numbers written with the `decimal` of the options, unless its strings only mark missing cells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from leptonctl.providers.sources.encodings import check_not_utf8
from leptonctl.providers.sources.layout import encoding_of
from leptonctl.providers.sources.text import MOST_COLUMNS, check_header, empty, lines, open_text
from leptonctl.spi.learning import Layout, ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class _Nested(str):
    """An object or an array, as JSON."""

    __slots__ = ()


class _Number(str):
    """A number as written."""

    __slots__ = ()


class _Boolean(str):
    """true or false."""

    __slots__ = ()


INT64 = range(-(2**63), 2**63)
MOST_OF_INT64, MOST_DIGITS = 19, 38
"""Digits of a 64-bit integer, and of a decimal: larger integers are not exact."""


def columns(path: Path, options: SourceOptions) -> list[str]:
    """The union of all keys. Without a header the whole file must be read; the caller caches the result."""
    names: dict[str, None] = {}
    first = 0
    for line, row in _rows(path, options):
        first = first or line
        names.update(dict.fromkeys(row))
        if len(names) > MOST_COLUMNS:
            break
    if not names:
        raise empty(path)
    check_header(list(names), path, first)
    return list(names)


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """The columns with the types of their cells."""
    check_not_utf8(path, options.encoding, 0)
    cells: dict[str, list[str | None]] = {}
    count = first = 0
    for line, row in _rows(path, options):
        first = first or line
        if len(cells) > MOST_COLUMNS:
            break
        for name, cell in row.items():
            if name not in cells:
                cells[name] = [None] * count
            cells[name].append(cell)
        count += 1  # noqa: SIM113 - the number of rows that every column has now
        if len(row) < len(cells):
            for column in cells.values():
                if len(column) < count:
                    column.append(None)
    if not cells:
        raise empty(path)
    check_header(list(cells), path, first)
    return _frame(cells, options)


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`, each with all columns of the file."""
    check_not_utf8(path, options.encoding, 0)
    names = columns(path, options)
    rows = _rows(path, options)
    while part := list(islice(rows, at_once)):
        yield _frame({name: [row.get(name) for _, row in part] for name in names}, options)


def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
    """The file lines of rows. There may be blank lines between rows."""
    targets = set(rows)
    starts: dict[int, int] = {}
    with open_text(path, options, newline="\n") as text:
        row_lines = (line for line, content in enumerate(lines(text, path), 1) if content.strip())
        for index, line in enumerate(row_lines):
            if index in targets:
                starts[index] = line
                if len(starts) == len(targets):
                    break
    return [starts[row] for row in rows]


def _frame(columns: dict[str, list[str | None]], options: SourceOptions) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame([_series(name, cells, options) for name, cells in columns.items()])


def _series(name: str, cells: list[str | None], options: SourceOptions) -> pl.Series:
    """A column of the type that all its cells have; of strings as written where there are several types."""
    import polars as pl

    cells = _remove_missing(cells, {"", *options.missing})
    kinds = _kinds(cells)
    if _Nested in kinds:
        return _nested_column(name, cells)
    if len(kinds) > 1:
        # markers of missing cells among numbers or booleans do not make them strings
        others = _remove_missing(cells, {*options.markers})
        cells, kinds = (others, _kinds(others)) if str not in _kinds(others) else (_as_written(cells, options), kinds)
    if not kinds:
        return pl.Series(name, cells, dtype=pl.Null)
    if kinds == {_Boolean}:
        return pl.Series(name, [None if cell is None else cell == "true" for cell in cells], dtype=pl.Boolean)
    strings = pl.Series(name, cells, dtype=pl.String)
    return strings.cast(_number_type(cells)) if kinds == {_Number} else strings


def _nested_column(name: str, cells: list[str | None]) -> pl.Series:
    """A column of a nested type, which names the first key of its first cell, or is a list. Its cells hold their JSON."""
    import polars as pl

    first = json.loads(next(cell for cell in cells if isinstance(cell, _Nested)))
    key = next(iter(first), "")
    if isinstance(first, list):
        return pl.Series(name, [None if cell is None else [str(cell)] for cell in cells], dtype=pl.List(pl.String))
    return pl.Series(name, [None if cell is None else {key: str(cell)} for cell in cells], dtype=pl.Struct({key: pl.String}))


def _as_written(cells: list[str | None], options: SourceOptions) -> list[str | None]:
    """The cells with the decimal of the options in numbers too: beside `4.5`, a number of JSON, there may be "4,5"."""
    return [cell.replace(".", options.decimal) if isinstance(cell, _Number) else cell for cell in cells]


def _remove_missing(cells: list[str | None], missing: set[str]) -> list[str | None]:
    return [None if cell in missing else cell for cell in cells]


def _kinds(cells: list[str | None]) -> set[type]:
    return {type(cell) for cell in cells if cell is not None}


def _number_type(cells: list[str | None]) -> type[pl.DataType] | pl.DataType:
    import polars as pl

    numbers = [cell for cell in cells if cell is not None]
    if not all(number.removeprefix("-").isdigit() for number in numbers):
        return pl.Float64
    if max(map(len, numbers)) > MOST_DIGITS:
        return pl.Float64
    small = all(len(number) < MOST_OF_INT64 or int(number) in INT64 for number in numbers)
    return pl.Int64 if small else pl.Decimal(MOST_DIGITS, 0)


def _rows(path: Path, options: SourceOptions) -> Iterator[tuple[int, dict[str, str | None]]]:
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)
    with open_text(path, options, newline="\n") as text:
        for line, content in enumerate(lines(text, path), 1):
            if content.strip():
                yield line, _row(decoder, content, path, line)


def _row(decoder: json.JSONDecoder, content: str, path: Path, line: int) -> dict[str, str | None]:
    try:
        value = decoder.decode(content.strip())
        if not isinstance(value, _Pairs):
            raise _bad_line(path, line, "is not a JSON object", 'write one object per line, for example `{"length": 3}`')
        row = {name: _cell(cell) for name, cell in value.pairs}
        if len(row) != len(value.pairs):
            raise _bad_line(path, line, "has a duplicate key", "keep one of the two")
        # an escape may encode half of a surrogate pair, which cannot be encoded
        "".join(text for pair in row.items() for text in pair if text).encode()
    except (ValueError, RecursionError) as problem:
        raise _bad_line(path, line, "is not valid JSON", "write one JSON object per line; NaN and Infinity are not JSON") from problem
    return row


class _Pairs:
    """The keys and values of an object as written, with duplicate keys."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _Boolean("true" if value else "false")
    return _Nested(_json(value))


def _json(value: Any) -> str:
    """A value as JSON, with its numbers as written."""
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, _Pairs):
        return f"{{{', '.join(f'{json.dumps(name)}: {_json(cell)}' for name, cell in value.pairs)}}}"
    return str(value) if isinstance(value, _Number) else json.dumps(value)


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def _bad_line(path: Path, line: int, problem: str, hint: str) -> ProviderError:
    return ProviderError(
        "A line is not a row", detail=f"Line {line} of {path.name} {problem}.", hint=hint, id="bad-json-line", file=str(path), line=line
    )


def _layout(path: Path, encoding: str | None, header: bool | None) -> Layout:  # noqa: ARG001 - objects name their columns
    chosen, why = (encoding, "") if encoding else encoding_of(path)
    return Layout(options=SourceOptions(encoding=chosen), because={"encoding": why} if why else {})


SOURCE = Source(
    name="jsonl",
    description="JSON Lines: one flat object per line",
    suffixes=tuple(f".{ending}{packed}" for ending in ("jsonl", "ndjson") for packed in ("", ".gz", ".zst")),
    columns=columns,
    read=read,
    line_of=line_of,
    typed=True,
    batches=batches,
    layout=_layout,
)
