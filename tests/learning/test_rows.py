"""Prepared rows as arrays, and raw files in the shape of a contract."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from leptonctl.core.contract import hash_text
from leptonctl.learning.tables.rows import Rows, read_input, read_rows, row_ids
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.spi.learning import ProviderError, SourceOptions

PLAIN = SourceOptions()


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "fill": None, "min": None, "max": None, "values": None, "hash": False, **more}


CONTRACT = {
    "target": "y",
    "target_type": "string",
    "classes": ["n", "y"],
    "columns": [
        column("n", "number", fill=0.5),
        column("i", "integer", nullable=False, min=0),
        column("b", "boolean"),
        column("s", "string"),
        column("who", "string", hash=True),
    ],
}


def raw(folder: Path, rows: list[list[str]], header: tuple[str, ...] = ("s", "n", "extra", "i", "b", "who")) -> Path:
    path = folder / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(header), *rows])
    return path


def test_read_rows_gives_the_arrays_that_were_written() -> None:
    features = pl.DataFrame(
        {
            "n": pl.Series([1.5, None, -0.0], dtype=pl.Float32),
            "i": pl.Series([1, 2, None], dtype=pl.Float32),
            "b": pl.Series([True, None, False]),
            "s": ["ä\0b", None, ""],
            "who": ["h1", None, "h2"],
        }
    )
    # a trailing zero byte belongs to an id
    ids = [b"\1" * 15 + b"\0", b"\2" * 16, b"\0" * 16]
    frame = features.with_columns(y=pl.Series(["y", "n", "y"]), __row__=pl.Series(ids, dtype=pl.Binary))
    out = io.BytesIO()
    frame.write_parquet(out)
    rows = read_rows(out.getvalue(), CONTRACT)
    assert list(rows.columns) == ["n", "i", "b", "s", "who"]
    assert np.array_equal(rows.columns["n"], np.array([1.5, np.nan, 0], dtype=np.float32), equal_nan=True)
    assert np.array_equal(rows.columns["b"], np.array([1, np.nan, 0], dtype=np.float32), equal_nan=True)
    assert rows.columns["b"].dtype == np.float32
    assert rows.columns["s"].tolist() == ["ä\0b", "", ""]
    assert rows.columns["s"].dtype == object
    assert rows.target.tolist() == ["y", "n", "y"]
    assert rows.ids.tolist() == ids
    assert rows.size == 3
    rows.columns["n"][0] = 2  # callers may write


def test_take_and_not_among() -> None:
    features = pl.DataFrame({"n": pl.Series([1, 2, 3, 4], dtype=pl.Float32)})
    target = pl.Series("y", [1.0, 2.0, 3.0, 4.0])
    ids = np.frombuffer(b"".join(row_ids(features, target)), dtype="V16")
    rows = Rows(columns={"n": features["n"].to_numpy()}, target=target.to_numpy(), ids=ids, size=4)
    part = rows.take(np.array([False, True, True, False]))
    assert (part.size, part.target.tolist(), part.columns["n"].tolist()) == (2, [2.0, 3.0], [2.0, 3.0])
    assert rows.not_among(part).tolist() == [True, False, False, True]
    assert rows.not_among().all()
    assert not rows.not_among(part, rows.take(np.array([0, 3]))).any()


def test_read_input_fills_hashes_and_ignores_other_columns(tmp_path: Path) -> None:
    path = raw(tmp_path, [["x", "", "?", "3", "true", "Jürgen"], ["NA", "2.5", "?", "4.0", "NA", ""]])
    rows = read_input(path, CSV, PLAIN, CONTRACT, key=b"k")
    assert list(rows.columns) == ["n", "i", "b", "s", "who"]
    assert rows.columns["n"].tolist() == [0.5, 2.5]
    assert rows.columns["i"].tolist() == [3, 4]
    assert np.array_equal(rows.columns["b"], np.array([1, np.nan], dtype=np.float32), equal_nan=True)
    assert rows.columns["s"].tolist() == ["x", "NA"]
    assert rows.columns["who"].tolist() == [hash_text(b"k", "Jürgen"), ""]
    assert (rows.size, len(rows.target), len(rows.ids)) == (2, 0, 0)


@pytest.mark.parametrize(
    ("rows", "key", "problem", "line", "name"),
    [
        ([["x", "1", "", "3", "true", "a"], ["x", "one", "", "3", "true", "a"]], b"k", "data-contract", 3, "n"),
        ([["x\ny", "1", "", "3", "true", "a"], ["x", "1", "", "", "true", "a"]], b"k", "data-contract", 4, "i"),
        ([["x", "1", "", "3.5", "true", "a"]], b"k", "data-contract", 2, "i"),
        ([["x", "1e39", "", "3", "true", "a"]], b"k", "data-contract", 2, "n"),
        ([["x", "1", "", "3", "maybe", "a"]], b"k", "data-contract", 2, "b"),
        ([["x", "1", "", "3", "true", "a"]], None, "missing-secret", None, "who"),
    ],
)
def test_bad_input_has_its_place(
    tmp_path: Path, rows: list[list[str]], key: bytes | None, problem: str, line: int | None, name: str
) -> None:
    path = raw(tmp_path, rows)
    with pytest.raises(ProviderError) as caught:
        read_input(path, CSV, PLAIN, CONTRACT, key=key, name="given.csv")
    assert (caught.value.id, caught.value.line, caught.value.column) == (problem, line, name)
    if line:
        assert caught.value.file == "given.csv"


def test_input_that_lacks_a_column(tmp_path: Path) -> None:
    path = raw(tmp_path, [["x", "1", "3", "true", "a"]], ("s", "n", "ii", "b", "who"))
    with pytest.raises(ProviderError) as caught:
        read_input(path, CSV, PLAIN, CONTRACT, key=b"k")
    assert (caught.value.id, caught.value.column, caught.value.hint) == ("missing-column", "i", 'did you mean "ii"?')
