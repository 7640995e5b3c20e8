"""Large files are read block by block. What comes out must not depend on where a block ends, nor on which way a column was read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leptonctl.core.frozen import replace
from leptonctl.learning.preparing.copies import determines
from leptonctl.learning.tables.cells import type_column
from leptonctl.learning.tables.faults import contract_error
from leptonctl.learning.tables.growing import FIRST_ROWS, Numbers
from leptonctl.learning.tables.numbers import parse_numbers
from leptonctl.learning.tables.table import read_table
from leptonctl.providers.sources import csv
from leptonctl.spi.learning import SourceOptions
from tests.learning.test_prepare import prepare

ROWS = 70_000
RECORDED = {
    # written down when every column was read in one piece, and every cell looked at with a pattern
    "t.csv": (
        "sha256:678a03a2f4232d6995c04ca410d2975c1dbc25c1ee83ab6e7159c85fb38076fd",
        "sha256:cb56fbb5ce733665d4c3c6164250ab823ca860b23b8e013f9f086010a914bd9b",
    ),
    "t.parquet": (
        "sha256:678a03a2f4232d6995c04ca410d2975c1dbc25c1ee83ab6e7159c85fb38076fd",
        "sha256:e26e7245151375777e2efb042095cf99b151f7fe9785442a3229c590f9a6ca01",
    ),
}


def rows() -> pl.DataFrame:
    """Several blocks of each kind of column: one that turns to fractions late, missing cells, -0.0, signs within text, large integers."""
    places = np.arange(ROWS)
    numbers = pl.Series("late", np.where(places < 60_000, places % 1000 - 500, places % 7 / 4), dtype=pl.Float64)
    return pl.DataFrame(
        {
            "late": numbers,
            "some": pl.Series(places % 11).set(pl.Series(places % 97 == 0), None),
            "zero": np.where(places % 5 == 0, -0.0, places % 3 / 2),
            "large": 2**53 + places,
            "word": pl.Series(["a", "b\x1f", "\x1e0", "é", ""] * (ROWS // 5)),
            "y": pl.Series(["n", "n", "j"] * (ROWS // 3) + ["j"] * (ROWS % 3)),
        }
    )


@pytest.mark.parametrize("name", RECORDED)
def test_a_table_of_many_blocks_gives_the_rows_and_marks_it_always_gave(tmp_path: Path, name: str) -> None:
    if name.endswith(".csv"):
        whole = pl.col("late").cast(pl.Int64).cast(pl.String)
        late = pl.when(pl.col("late") == pl.col("late").floor()).then(whole).otherwise(pl.col("late").cast(pl.String))
        rows().with_columns(late.alias("late")).write_csv(tmp_path / name)
    else:
        rows().write_parquet(tmp_path / name)
    prepared = prepare(tmp_path, name, format=name.partition(".")[2])
    assert prepared.columns["late"].type == "number"
    assert (prepared.outputs["rows_digest"]["train"], prepared.made.artifacts["train.rows"]) == RECORDED[name]


def test_blocks_of_numbers_become_one_column() -> None:
    numbers, blocks = Numbers("n"), [pl.Series([1, None, 3]), pl.Series(range(FIRST_ROWS)), pl.Series([0.5, None]), pl.Series([None, 2.0])]
    for block in blocks:
        numbers.add(block)
    expected = pl.concat([block.cast(pl.Float64) for block in blocks])
    assert numbers.whole().to_list() == expected.to_list()
    integers = Numbers("i")
    integers.add(pl.Series([None, 2**63 - 1]))
    assert integers.whole().to_list() == [None, 2**63 - 1], "an integer must not pass through a float"


@pytest.mark.parametrize(
    ("cells", "is_number"),
    [
        (["0", "10", "-7"], True),
        (["0", "007"], False),
        (["+7", "-0", "0"], True),
        (["-07"], False),
        (["+00"], False),
        ([None, None], True),
        (["-9223372036854775808", "1"], True),
        (["0.5", "-0.25", "1e3"], True),
        (["0.5", "007"], False),
        (["0.5", "00.5"], True),
        (["0.5", "-012"], False),
        (["1e300", "0123456789012345678901234567890"], False),
    ],
)
def test_zeros_before_digits_make_text_of_a_column(cells: list[str | None], is_number: bool) -> None:
    assert (parse_numbers(pl.Series(cells, dtype=pl.String), SourceOptions()) is not None) is is_number


def test_a_column_determines_the_target_or_fails_to_far_from_the_first_rows() -> None:
    cells = pl.Series(np.arange(12_000) % 12)
    target = pl.Series(np.where(np.arange(12_000) % 12 < 5, "n", "y"))
    assert determines(cells, target)
    assert not determines(cells, target.scatter(11_999, "n"))


def test_faults_in_many_columns_look_for_their_lines_once(tmp_path: Path) -> None:
    pl.DataFrame({f"c{place}": [*map(str, range(200)), "oops"] for place in range(12)}).write_csv(tmp_path / "t.csv")
    reads: list[Sequence[int]] = []

    def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
        reads.append(rows)
        return csv.line_of(path, options, rows)

    table = read_table(tmp_path / "t.csv", replace(csv.SOURCE, line_of=line_of), SourceOptions())
    refusal = contract_error([fault for name in table.frame.columns for fault in type_column(table, name, "integer")[1]])
    assert refusal.detail.count("1 cell is not an integer (line 202)") == 12
    assert refusal.line == 202
    assert reads == [[200]]
