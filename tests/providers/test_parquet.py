"""Parquet files: types, times, and damaged files."""

import os
import random
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from leptonctl.providers.sources.parquet import SOURCE as PARQUET
from leptonctl.spi.learning import ProviderError
from tests.providers.files import PLAIN, write


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"i": [1, None], "f": [0.5, 1.0], "s": ["07", ""], "b": [True, None]})
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    table_read = PARQUET.read(path, PLAIN)
    assert PARQUET.columns(path, PLAIN) == ["i", "f", "s", "b"]
    assert table_read.equals(frame.with_columns(s=pl.Series(["07", None])))
    assert PARQUET.line_of(path, PLAIN, [0, 4]) == [1, 5]
    assert PARQUET.typed


@pytest.mark.parametrize("zone", ["+05:30", "Mars/1"])
def test_parquet_times_of_a_zone_that_no_table_has_are_in_utc(tmp_path: Path, zone: str, capfd: pytest.CaptureFixture[str]) -> None:
    """pandas writes the offset of Kolkata as it is. polars panics at it, and prints that even where the panic is caught."""
    path, moment = tmp_path / "t.parquet", datetime(2024, 1, 11, 4, 30, tzinfo=UTC)
    pl.DataFrame({"t": pl.Series([moment], dtype=pl.Datetime("us", "Israel")), "x": [1.0]}).write_parquet(path)
    content = re.sub(
        rb"[A-Za-z0-9+/=]{200,}", lambda coded: b64encode(b64decode(coded[0]).replace(b"Israel", zone.encode())), path.read_bytes()
    )
    assert content != path.read_bytes()
    path.write_bytes(content)
    before = dict(os.environ)
    assert PARQUET.columns(path, PLAIN) == ["t", "x"]
    for table in (PARQUET.read(path, PLAIN), next(PARQUET.batches(path, PLAIN, 9)) if PARQUET.batches else None):
        assert table is not None
        assert (table["t"].dtype, table["t"].to_list()) == (pl.Datetime("us", "UTC"), [moment])
    assert dict(os.environ) == before
    assert capfd.readouterr().err == ""


def test_a_parquet_file_with_duplicate_names_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"aa": [1], "ab": [2]}).write_parquet(path)
    content = re.sub(rb"[A-Za-z0-9+/=]{200,}", lambda coded: b64encode(b64decode(coded[0]).replace(b"ab", b"aa")), path.read_bytes())
    path.write_bytes(content.replace(b"ab", b"aa"))
    with pytest.raises(ProviderError) as caught:
        PARQUET.read(path, PLAIN)
    assert (caught.value.id, "more than one" in caught.value.detail) == ("unreadable-file", True)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_parquet(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, "t.parquet", content)
    for use in (PARQUET.read, PARQUET.columns):
        with pytest.raises(ProviderError) as caught:
            use(path, PLAIN)
        assert caught.value.id == "unreadable-file"


def test_any_damage_to_a_parquet_header_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": list(range(200)), "s": [f"täxt{i % 50}" for i in range(200)]}).write_parquet(path)
    whole, reports = path.read_bytes(), 0
    for seed in range(200):
        chance, damaged = random.Random(seed), bytearray(whole)
        for _ in range(3):
            damaged[-chance.randrange(1, 600)] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            PARQUET.columns(path, PLAIN)
        except ProviderError as error:
            assert error.id in ("unreadable-file", "empty-column-name", "duplicate-column")
            reports += 1
    assert reports > 100


def test_parquet_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}).write_parquet(path)
    with pytest.raises(ProviderError) as caught:
        PARQUET.read(path, PLAIN)
    assert caught.value.id == "empty-data"
