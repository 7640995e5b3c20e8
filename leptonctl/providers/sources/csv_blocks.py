"""Reads delimiter-separated values fast: polars parses blocks of whole rows, each checked to be what the strict parser would read.

Text that is not written as usual (a lone carriage return, a quote inside an unquoted cell, blank lines between quoted rows, ragged rows,
bytes that do not decode) is Irregular: the strict reader then reads on from there, or reports what is wrong.
"""

from __future__ import annotations

import codecs
import re
import zlib
from typing import IO, TYPE_CHECKING

from leptonctl.providers.sources.compressed import open_bytes
from leptonctl.providers.sources.text import LONGEST_HEADER, is_utf8
from leptonctl.spi.learning import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import polars as pl

BLOCK, LONGEST_ROW = 2 << 20, 32 << 20
QUOTE, BREAK = 0x22, 0x0A
_BLANK = re.compile(rb"(?:\r?\n){2,}")


class Irregular(Exception):
    """The file is written in a way that the fast reader cannot read."""


def blocks(path: Path, options: SourceOptions, delimiter: str, names: list[str]) -> Iterator[pl.DataFrame]:
    """The rows as strings, null for an empty cell, in file order. Raises Irregular."""
    if not delimiter.isascii() or (delimiter.isspace() and delimiter != "\t"):
        raise Irregular
    mark = delimiter.encode()
    with _unpack(path) as raw:
        texts = _texts(raw, options.encoding)
        rest = _after_header(next(texts, b""), options, mark)
        for text in texts:
            rest += text
            end = _end_of_rows(rest)
            if end:
                yield from _frame(rest[:end], mark, names)
                rest = rest[end:]
            elif len(rest) > LONGEST_ROW:
                raise Irregular
        yield from _frame(rest, mark, names)


def _unpack(path: Path) -> IO[bytes]:
    try:
        return open_bytes(path)
    except (OSError, EOFError) as problem:
        raise Irregular from problem


def _texts(raw: IO[bytes], encoding: str) -> Iterator[bytes]:
    """The file as UTF-8 in blocks, without a byte order mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    first, data, is_plain = True, b"-", is_utf8(encoding)
    while data:
        try:
            data = raw.read(BLOCK)
            # ASCII is the same in UTF-8, unless the block begins inside a character
            is_same = is_plain and not first and data.isascii() and not decoder.getstate()[0]
            text = "" if is_same else decoder.decode(data, final=not data)
            block = data if is_same else text.removeprefix("\ufeff" if first else "").encode()
        except (OSError, EOFError, ValueError, zlib.error) as problem:
            raise Irregular from problem
        if b"\0" in block:
            raise Irregular
        first = False
        yield block


def _after_header(text: bytes, options: SourceOptions, mark: bytes) -> bytes:
    """The block after the lines that are skipped, and after the header line if there is one."""
    place = 0
    for _ in range(options.skip_rows):
        place = text.find(b"\n", place) + 1
        if not place:
            raise Irregular
    if b"\r" in text[:place].replace(b"\r\n", b""):
        raise Irregular
    text = text[place:].lstrip(b"\r\n")
    if options.header is not True:
        return text
    end = text.find(b"\n") + 1
    while end and text.count(b'"', 0, end) % 2:
        end = text.find(b"\n", end) + 1
    header = text[:end]
    if not end or len(header) > LONGEST_HEADER:
        raise Irregular
    _require_regular(header, mark)
    return text[end:]


def _end_of_rows(text: bytes) -> int:
    """Where the last whole row ends; 0 without one. A line break within quotes ends no row."""
    end = text.rfind(b"\n") + 1
    quotes = text.count(b'"', 0, end)
    while end and quotes % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        quotes -= text.count(b'"', before, end)
        end = before
    return end


def _require_regular(text: bytes, mark: bytes) -> None:
    """Raises Irregular unless line ends are usual and quotes enclose whole cells."""
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
        raise Irregular
    if b'"' in text and not _encloses_cells(text, mark):
        raise Irregular


def _encloses_cells(text: bytes, mark: bytes) -> bool:
    """Whether quotes open after a delimiter or a line break, and close before one; a doubled quote closes and opens again."""
    import numpy as np

    cells = np.frombuffer(text, dtype=np.uint8)
    places = np.flatnonzero(cells == QUOTE)
    if len(places) % 2:
        return False
    opening, closing = places[::2], places[1::2]
    doubled = np.flatnonzero(opening[1:] == closing[:-1] + 1)
    opens, closes = np.ones(len(opening), dtype=bool), np.ones(len(closing), dtype=bool)
    opens[doubled + 1] = closes[doubled] = False
    before, after = opening[opens] - 1, closing[closes] + 1
    before, after = before[before >= 0], after[after < len(cells)]
    return _all_in(cells[before], (mark[0], BREAK)) and _all_in(cells[after], (mark[0], BREAK, 0x0D))


def _all_in(cells: np.ndarray, allowed: tuple[int, ...]) -> bool:
    import numpy as np

    return bool(np.isin(cells, np.array(allowed, dtype=np.uint8)).all())


def _frame(text: bytes, mark: bytes, names: list[str]) -> Iterator[pl.DataFrame]:
    """The rows of a block; none where it is blank."""
    import polars as pl

    _require_regular(text, mark)
    if text[:1] in (b"\r", b"\n") or not text.endswith(b"\n") or text[-2:-1] in (b"\r", b"\n"):
        text = text.strip(b"\r\n") + b"\n"
    if text == b"\n":
        return
    quoted = b'"' in text
    if _has_blank_lines(text):
        if quoted and len(names) == 1:
            raise Irregular
        text = text if quoted else _BLANK.sub(b"\n", text)
    try:
        table = pl.read_csv(
            text, has_header=False, separator=mark.decode(), quote_char='"' if quoted else None, infer_schema=False,
        )  # fmt: skip
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
        raise Irregular from problem
    inside = _counts(table, (mark.decode(), "\n")) if quoted else (0, 0)
    # polars fills up a row that is too short, but then delimiters are missing
    between, ends = (_count(text, sign) - within for sign, within in zip((mark, b"\n"), inside, strict=True))
    if (table.width, between, ends) != (len(names), (len(names) - 1) * table.height, table.height):
        raise Irregular
    table.columns = names
    # the parser takes an empty cell as missing unless it is quoted
    yield table.with_columns(pl.all().replace("", None)) if quoted else table


def _has_blank_lines(text: bytes) -> bool:
    import numpy as np

    # faster than `in`, since every line ends with the first byte of what is sought
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == BREAK)
    return bool((np.diff(ends) == 1).any()) or (b"\r" in text and b"\n\r\n" in text)


def _count(text: bytes, sign: bytes) -> int:
    import numpy as np

    # faster than bytes.count for a byte that is everywhere
    return int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == sign[0]))


def _counts(table: pl.DataFrame, signs: tuple[str, str]) -> tuple[int, int]:
    """How often each sign occurs within cells."""
    import polars as pl

    first, second = (int(table.select(pl.sum_horizontal(pl.all().str.count_matches(s, literal=True).sum())).item() or 0) for s in signs)
    return first, second
