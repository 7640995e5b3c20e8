"""JSON Lines: one object per line, columns in order of first appearance, an absent key is a missing cell. Nested values are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from leptonctl.providers.sources.text import MOST_COLUMNS, check_header, empty, frame, lines, opened, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class _Nested(Exception):
    """A row contains an object or an array."""


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
    """All cells as strings, numbers as written."""
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
    return with_missing(frame(cells), options)


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`, each with all columns of the file."""
    names = columns(path, options)
    rows = _rows(path, options)
    while part := list(islice(rows, at_once)):
        yield with_missing(frame({name: [row.get(name) for _, row in part] for name in names}), options)


def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
    """The file lines of rows. There may be blank lines between rows."""
    requested = set(rows)
    starts: dict[int, int] = {}
    with opened(path, options, newline="\n") as text:
        row_lines = (line for line, content in enumerate(lines(text, path), 1) if content.strip())
        for index, line in enumerate(row_lines):
            if index in requested:
                starts[index] = line
                if len(starts) == len(requested):
                    break
    return [starts[row] for row in rows]


def _rows(path: Path, options: SourceOptions) -> Iterator[tuple[int, dict[str, str | None]]]:
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=str, parse_int=str, parse_constant=_no_constant)
    with opened(path, options, newline="\n") as text:
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
    except _Nested:
        raise ProviderError(
            "A row has a nested value",
            detail=f"Line {line} of {path.name} has an object or an array inside a row.",
            hint="flatten it into separate columns",
            id="nested-value",
            file=str(path),
            line=line,
        ) from None
    except (ValueError, RecursionError) as problem:
        raise _bad_line(path, line, "is not valid JSON", "write one JSON object per line; NaN and Infinity are not JSON") from problem
    return row


class _Pairs:
    """An object's keys and values as written, including duplicate keys."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise _Nested


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def _bad_line(path: Path, line: int, problem: str, hint: str) -> ProviderError:
    return ProviderError(
        "A line is not a row", detail=f"Line {line} of {path.name} {problem}.", hint=hint, id="bad-json-line", file=str(path), line=line
    )


SOURCE = Source(
    name="jsonl",
    description="JSON Lines: one flat object per line",
    suffixes=(".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
    columns=columns,
    read=read,
    line_of=line_of,
    batches=batches,
)
