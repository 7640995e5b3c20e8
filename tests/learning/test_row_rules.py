"""What rules about rows compute: the figures of the file as decimals, also on prepared rows, which are float32."""

from pathlib import Path

import polars as pl
import pytest

from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import replace
from leptonctl.learning.prepare_inputs import RowCheck
from leptonctl.learning.preparing.row_checks import RuleColumns, broken_rows, moments
from tests.learning.test_prepare import failure, prepare

INFINITE = float("inf")


def broken(rule: str, dtype: type[pl.DataType], **cells: list[float | None]) -> list[int]:
    columns = {name: pl.Series(name, values, dtype=dtype) for name, values in cells.items()}
    return broken_rows(RowCheck(rule=rule), RuleColumns(columns=columns)).to_list()


def test_a_sum_of_decimals_is_what_the_file_says(tmp_path: Path) -> None:
    """The rule of the documentation, on figures that are right to the digit, through the step itself."""
    lines = [f"{i / 10:.1f},{i / 5:.1f},{i * 3 / 10:.1f},{'pq'[i % 2]}" for i in range(60)]
    fields = {"target": "label", "checks": [{"rule": "total == net + tax"}, {"rule": "total <= net + tax"}, {"rule": "total - tax >= net"}]}
    (tmp_path / "t.csv").write_text("\n".join(["net,tax,total,label", *lines]) + "\n")
    prepare(tmp_path, "t.csv", **fields)
    lines[7] = "0.7,1.4,2.2,q"
    error = failure(tmp_path, "\n".join(["net,tax,total,label", *lines]) + "\n", **fields)
    assert (error.id, error.line, error.detail.count("1 row breaks it")) == ("row-check", 9, 2)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_comparisons_have_room_for_rounding_only(dtype: type[pl.DataType]) -> None:
    cells: dict[str, list[float | None]] = {
        "net": [0.1, 0.1, None, 1000.0],
        "tax": [0.2, 0.2, 1.0, 0.01],
        "total": [0.3, 0.31, 2.0, 1000.02],
    }
    assert broken("total == net + tax", dtype, **cells) == [1, 3]
    assert broken("total != net + tax", dtype, **cells) == [0]
    assert broken("total < net + tax", dtype, **cells) == [0, 1, 3]
    assert broken("a in [0.1, 0.7]", dtype, a=[0.1, 0.7, 0.2]) == [2]
    assert broken("a >= 0.7 and a <= 0.7", dtype, a=[0.7, 0.7001]) == [1]
    assert broken("a / b > 2", dtype, a=[1.0, 1.0, INFINITE], b=[0.0, 1.0, 1.0]) == [1]
    assert broken("a == -b * 1", dtype, a=[INFINITE], b=[-INFINITE]) == []
    assert broken("a < b", dtype, a=[1.0, 1.0], b=[1.0, 1.0000002]) == [0], "what is only read is exact"


def test_dates_of_every_year_are_compared() -> None:
    """`9999-12-31` is how many databases write that something has no end; nanoseconds since 1970 fill 64 bits in 2262."""
    texts = pl.Series(["9999-12-31", "2262-04-12", "0001-01-01", None])
    column = DateColumn(name="end", type="date", parts=("year",))
    kept = RuleColumns(columns={}, dates={"end": (column, texts), "start": (replace(column, name="start"), pl.Series(["2024-02-01"] * 4))})
    assert broken_rows(RowCheck(rule="start <= end"), kept).to_list() == [2]
    assert broken_rows(RowCheck(rule="end < '9999-12-31'"), kept).to_list() == [0]
    assert moments(column, pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]
