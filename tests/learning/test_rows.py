"""Prepared rows as arrays, their identities, and raw files in the shape of a model's columns."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from leptonctl.core.contract import Column, Contract, hash_text
from leptonctl.core.manifest import GraphInput, ManifestColumn
from leptonctl.learning.preparing.identity import row_ids, rows_digest
from leptonctl.learning.tables.prepared import read_rows
from leptonctl.learning.tables.raw import read_batches
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.spi.learning import ProviderError, SourceOptions

PLAIN = SourceOptions()
COLUMNS = (
    Column(name="n", type="number", fill=0.5),
    Column(name="i", type="integer", nullable=False, min=0),
    Column(name="b", type="boolean"),
    Column(name="s", type="string"),
    Column(name="who", type="string", hash=True),
)
CONTRACT = Contract(target="y", target_type="string", classes=("n", "y"), columns=COLUMNS)
MODEL_COLUMNS = tuple(
    ManifestColumn(name=c.name, type=c.type, nullable=c.nullable, fill=c.fill, min=c.min, hash=c.hash, graph=GraphInput(input="unused"))
    for c in COLUMNS
)


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
    frame = features.with_columns(y=pl.Series(["y", "n", "y"]))
    out = io.BytesIO()
    frame.write_parquet(out)
    rows = read_rows(out.getvalue(), CONTRACT, "classification")
    assert list(rows.columns) == ["n", "i", "b", "s", "who"]
    assert np.array_equal(rows.columns["n"], np.array([1.5, np.nan, 0], dtype=np.float32), equal_nan=True)
    assert rows.columns["b"].tolist() == [1, -1, 0]
    assert rows.columns["b"].dtype == np.int8
    assert rows.columns["s"].tolist() == ["ä\0b", "", ""]
    assert rows.columns["s"].dtype == object
    assert rows.y.tolist() == ["y", "n", "y"]


def test_rows_under_other_column_names_are_different_rows() -> None:
    """The same cells in the same order, but a model that reads `f` finds other numbers there."""
    target = pl.Series("y", [1.0, 2.0])
    first = pl.DataFrame({"f": pl.Series([1, 2], dtype=pl.Float32), "z": pl.Series([3, 4], dtype=pl.Float32)})
    second = first.rename({"f": "a", "z": "f"})
    assert row_ids(first, target) == row_ids(second, target)

    def contract(*names: str, kind: Any = "number", target: str = "y") -> Contract:
        return Contract(target=target, target_type="number", classes=None, columns=tuple(Column(name=name, type=kind) for name in names))

    frames = [rows.with_columns(target, t=target) for rows in (first, second)]
    contracts = [contract("f", "z"), contract("a", "f"), contract("f", "z", kind="integer"), contract("f", "z", target="t")]
    digests = [rows_digest(frames["a" in one.names], one) for one in contracts]
    assert len(set(digests)) == len(contracts)
    assert rows_digest(frames[0][:1], contracts[0]) != digests[0]


def test_equal_cells_have_one_digest() -> None:
    """A missing cell is NaN or null, 0.0 equals -0.0, and strings have ends."""
    one = Contract(
        target="y", target_type="number", classes=None, columns=(Column(name="n", type="number"), Column(name="s", type="string"))
    )

    def digest(numbers: list[float | None], texts: list[str | None]) -> str:
        frame = pl.DataFrame({"y": [1.0, 2.0], "n": pl.Series(numbers, dtype=pl.Float32), "s": pl.Series(texts, dtype=pl.String)})
        return rows_digest(frame, one)

    assert digest([0.0, None], ["a", "b"]) == digest([-0.0, float("nan")], ["a", "b"])
    assert len({digest([0, 1], list(texts)) for texts in (("ab", "c"), ("a", "bc"), ("abc", ""), ("abc", None), (None, "abc"))}) == 5


def test_read_input_fills_hashes_and_ignores_other_columns(tmp_path: Path) -> None:
    path = raw(tmp_path, [["x", "", "?", "3", "true", "Jürgen"], ["NA", "2.5", "?", "4.0", "NA", ""]])
    (batch,) = read_batches(path, CSV, PLAIN, MODEL_COLUMNS, rows=100, key=b"k")
    columns = batch.columns
    assert list(columns) == ["n", "i", "b", "s", "who"]
    assert columns["n"].tolist() == [0.5, 2.5]
    assert columns["i"].tolist() == [3, 4]
    assert np.array_equal(columns["b"], np.array([1, -1], dtype=np.int8))
    assert columns["s"].tolist() == ["x", "NA"]
    assert columns["who"].tolist() == [hash_text(b"k", "Jürgen"), ""]


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
        list(read_batches(path, CSV, PLAIN, MODEL_COLUMNS, rows=100, key=key, name="given.csv"))
    assert (caught.value.id, caught.value.line, caught.value.column) == (problem, line, name)
    if line:
        assert caught.value.file == "given.csv"


def test_input_that_lacks_a_column(tmp_path: Path) -> None:
    path = raw(tmp_path, [["x", "1", "3", "true", "a"]], ("s", "n", "ii", "b", "who"))
    with pytest.raises(ProviderError) as caught:
        list(read_batches(path, CSV, PLAIN, MODEL_COLUMNS, rows=100, key=b"k"))
    assert (caught.value.id, caught.value.column, caught.value.hint) == ("missing-column", "i", 'did you mean "ii"?')
