"""Columns that have the order of the target: functions of it that are no straight line."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.learning.findings.findings import Wishes
from leptonctl.learning.findings.observe import observe
from leptonctl.project.catalog import load_catalog
from tests.learning.test_prepare import prepare


@pytest.mark.parametrize(
    ("column", "warned"),
    [
        (lambda price, i: f"{math.log(price):.4f}", True),
        (lambda price, i: f"{-(price**3)}", True),
        (lambda price, i: str(i // 3), False),
        (lambda price, i: str(int(price > 50)), False),
        (lambda price, i: f"{math.log(price):.4f}" if i != 7 else "0.1", False),
    ],
)
def test_a_column_in_the_order_of_the_target_is_a_leak(tmp_path: Path, column: Callable[[float, int], str], warned: bool) -> None:
    """The logarithm of a price, or (brothers) minus its cube; not what has one row in another place, or few values."""
    prices = [i * 37 % 101 + 1.5 for i in range(100)]
    text = "".join(f"{column(price, i)},{i * 13 % 7},{price}\n" for i, price in enumerate(prices))
    (tmp_path / "t.csv").write_text(f"x,z,y\n{text}", encoding="utf-8")
    result = prepare(tmp_path, "t.csv", split={"method": "random", "test": 0.25, "seed": 7, "stratify": False})
    assert [check["column"] for check in result.outputs["checks"] if check["check"] == "orders_target"] == ["x"] * warned
    source = load_catalog().source_for("t.csv")
    assert source is not None
    reasons = observe(tmp_path / "t.csv", source, Wishes()).reasons
    assert [reason.about for reason in reasons if "exactly the order" in reason.detail] == ["x"] * warned


def test_what_grows_with_time_is_no_leak(tmp_path: Path) -> None:
    """Brother: inhabitants by year, in the order of the years."""
    text = "".join(f"{1900 + i},{i * 13 % 7},{1000 + i * i}\n" for i in range(100))
    (tmp_path / "t.csv").write_text(f"year,z,y\n{text}", encoding="utf-8")
    result = prepare(tmp_path, "t.csv", split={"method": "random", "test": 0.25, "seed": 7, "stratify": False})
    assert result.outputs["checks"] == []
