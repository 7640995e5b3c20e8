"""Short ways through large tables: each must come to what the long way comes to."""

import hashlib
import random
import re

import polars as pl
import pytest

from leptonctl.learning.preparing.identity import ID_BYTES
from leptonctl.learning.preparing.row_list import PUBLIC, Listing, ListPrivacy
from leptonctl.learning.tables.numbers import PADDED, number_pattern, parse_numbers
from leptonctl.providers.sources.csv_blocks import _has_blank_lines
from leptonctl.spi.learning import SourceOptions

OPTIONS = SourceOptions()
PARTS = ("0", "7", "007", "-0", "-07", "+3", "1.0", "2.50", "0.5", "-.5", "00.5", "1e3", "1e400", "12345678901234567890", None)
ODD = ("inf", "nan", "-inf", "x", "1_0", "")


def long_way(cells: list[str | None]) -> list[int | float | None] | None:
    """By one pattern for each cell."""
    present = [cell for cell in cells if cell is not None]
    if any(re.search(PADDED, cell) or not re.search(number_pattern(".", None), cell) for cell in present):
        return None
    integers = all(re.fullmatch(r"[+-]?[0-9]+", cell) and abs(int(cell)) < 2**63 for cell in present)
    return [None if cell is None else int(cell) if integers else float(cell) for cell in cells]


@pytest.mark.parametrize("seed", range(60))
def test_numbers_are_read_as_cell_by_cell(seed: int) -> None:
    draw = random.Random(seed)
    choice = draw.sample(PARTS, draw.randint(1, 5)) + (draw.sample(ODD, 1) if seed % 4 == 0 else [])
    cells = [draw.choice(choice) for _ in range(draw.randint(1, 12))]
    found = parse_numbers(pl.Series("a", cells, dtype=pl.String), OPTIONS)
    assert (None if found is None else found.to_list()) == long_way(cells)


@pytest.mark.parametrize("rest", [["1.5"] * 200, ["1.5", None] * 100, ["3.0", "1.5", None] * 70])
def test_zeros_before_a_whole_number_are_seen_among_fractions(rest: list[str | None]) -> None:
    assert parse_numbers(pl.Series(rest, dtype=pl.String), OPTIONS) is not None
    assert parse_numbers(pl.Series([*rest, "007"], dtype=pl.String), OPTIONS) is None
    assert parse_numbers(pl.Series(["-007", *rest], dtype=pl.String), OPTIONS, floats=True) is None


@pytest.mark.parametrize(
    "text", [b"a\n\nb\n", b"a\n\n", b"\n\n", b"a\r\n\r\nb\r\n", b"a\n\r\nb\n", b"a\nb\n", b"a\r\nb\r\n", b"a", b"a\n", b"\n"]
)
def test_blank_lines_are_seen(text: bytes) -> None:
    assert _has_blank_lines(text) is (re.search(rb"\n\r?\n", text) is not None)


@pytest.mark.parametrize("key", [None, b"k" * 40])
def test_rows_are_marked_with_the_hash_of_their_cells(key: bytes | None) -> None:
    """These marks are in what was recorded: another one for the same row would make rows strangers to themselves."""
    privacy = PUBLIC if key is None else ListPrivacy(columns=frozenset({"a"}), key=key, key_id="k1")
    listing = Listing("csv", privacy=privacy)
    listing.add(pl.DataFrame({"b": ["é", None], "a": ["1", "2"]}))
    mark = {} if key is None else {"key": hashlib.sha256(b"rows\0" + key).digest()}
    texts = ("1\x1fé", "2\x1f\x1e0")
    expected = [hashlib.blake2b(text.encode(), digest_size=ID_BYTES, **mark).digest() for text in texts]
    assert [row.tobytes() for row in listing.finish()[1].records] == expected
