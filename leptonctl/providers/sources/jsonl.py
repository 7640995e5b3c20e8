"""JSON Lines: one object a line, columns in first-seen order, an absent key is a missing cell. Nested values are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from leptonctl.providers.sources.text import check_header, empty, frame, opened, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class _Nested(Exception):
    """An array: never part of a row."""


def columns(path: Path, options: SourceOptions) -> list[str]:
    """The union of all keys. There is no header, so the file is read; the caller caches the answer."""
    names: dict[str, None] = {}
    first = 0
    for line, row in _rows(path, options):
        first = first or line
        names.update(dict.fromkeys(row))
    if not names:
        raise empty(path)
    check_header(list(names), path, first)
    return list(names)


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """All cells as texts, numbers as they are written."""
    cells: dict[str, list[str | None]] = {}
    count = first = 0
    for line, row in _rows(path, options):
        first = first or line
        for name, cell in row.items():
            if name not in cells:
                cells[name] = [None] * count
            cells[name].append(cell)
        count += 1  # noqa: SIM113 - the rows that every column has by now
        if len(row) < len(cells):
            for column in cells.values():
                if len(column) < count:
                    column.append(None)
    if not cells:
        raise empty(path)
    check_header(list(cells), path, first)
    return with_missing(frame(cells), options)


def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
    """Blank lines may stand between rows."""
    wanted = set(rows)
    found: dict[int, int] = {}
    with opened(path, options, newline="\n") as text:
        filled = (line for line, content in enumerate(text, 1) if content.strip())
        for index, line in enumerate(filled):
            if index in wanted:
                found[index] = line
                if len(found) == len(wanted):
                    break
    return [found[row] for row in rows]


def _rows(path: Path, options: SourceOptions) -> Iterator[tuple[int, dict[str, str | None]]]:
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=str, parse_int=str, parse_constant=_no_constant)
    with opened(path, options, newline="\n") as text:
        for line, content in enumerate(text, 1):
            if content.strip():
                yield line, _row(decoder, content, path, line)


def _row(decoder: json.JSONDecoder, content: str, path: Path, line: int) -> dict[str, str | None]:
    try:
        value = decoder.decode(content.strip())
        if not isinstance(value, _Pairs):
            raise _broken(path, line, "is no JSON object", 'write one object a line, for example `{"length": 3}`')
        row = {name: _cell(cell) for name, cell in value.pairs}
        if len(row) != len(value.pairs):
            raise _broken(path, line, "names a key twice", "keep one of the two")
        # an escape may give half a character, which is no text
        "".join(text for pair in row.items() for text in pair if text).encode()
    except _Nested:
        raise ProviderError(
            "A row holds a nested value",
            detail=f"Line {line} of {path.name} holds an object or an array inside a row.",
            hint="flatten it into columns of their own",
            id="nested-value",
            file=str(path),
            line=line,
        ) from None
    except (ValueError, RecursionError) as problem:
        raise _broken(path, line, "is not valid JSON", "write one JSON object a line; NaN and Infinity are no JSON") from problem
    return row


class _Pairs:
    """An object's keys and values as written: a duplicate key is not lost."""

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


def _broken(path: Path, line: int, what: str, hint: str) -> ProviderError:
    return ProviderError(
        "A line is no row", detail=f"Line {line} of {path.name} {what}.", hint=hint, id="bad-json-line", file=str(path), line=line
    )


SOURCE = Source(
    name="jsonl",
    description="JSON Lines: one flat object a line",
    suffixes=(".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
    columns=columns,
    read=read,
    line_of=line_of,
)
