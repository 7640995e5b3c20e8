"""The profile of training rows: frozen edges, exact counts, rare categories hidden, the same bytes for the same rows."""

import random

import numpy as np
import polars as pl
import pytest

from leptonctl.core.codec import decode, encode
from leptonctl.core.contract import Column, Contract
from leptonctl.core.profile import Profile, spread
from leptonctl.learning.preparing.distribution import profile_column, profile_rows

ROWS = 4000


def rows(seed: int = 3) -> pl.DataFrame:
    generator = random.Random(seed)
    return pl.DataFrame(
        {
            "amount": pl.Series([generator.lognormvariate(3, 1) for _ in range(ROWS)], dtype=pl.Float32),
            "zeros": pl.Series([generator.choice([0, 0, 0, generator.random()]) for _ in range(ROWS)], dtype=pl.Float32),
            "gaps": pl.Series([None if generator.random() < 0.1 else generator.randrange(5) for _ in range(ROWS)], dtype=pl.Float32),
            "town": [generator.choice(["Bonn", "Bonn", "Berlin", f"village {n}"]) for n in range(ROWS)],
            "paid": [generator.random() < 0.3 for _ in range(ROWS)],
            "account": [f"{n:064x}" for n in range(ROWS)],
            "side": [generator.choice("ab") for _ in range(ROWS)],
        }
    )


CONTRACT = Contract(
    target="side", target_type="string", classes=("a", "b"),
    columns=(
        Column(name="amount", type="number"), Column(name="zeros", type="number"), Column(name="gaps", type="integer"),
        Column(name="town", type="string"), Column(name="paid", type="boolean"), Column(name="account", type="string", hash=True),
    ),
)  # fmt: skip


def test_counts_are_exact_at_the_edges_and_add_up() -> None:
    frame = rows()
    profile = profile_rows(frame, CONTRACT)
    assert [c.name for c in profile.columns] == ["amount", "zeros", "gaps", "town", "paid", "side"], "nothing of a hashed column"
    for column in profile.columns[:3]:
        cells = frame[column.name].drop_nulls().to_numpy()
        assert column.bins is not None
        edges = np.array(column.bins.edges, dtype=np.float32)
        assert list(edges) == sorted(set(edges.tolist()))
        assert (edges[0], edges[-1]) == (cells.min(), cells.max())
        assert set(edges.tolist()) <= set(cells.tolist()), "an edge is a float32 that occurs"
        assert column.bins.counts[-1] == 0
        below = np.cumsum(column.bins.counts)
        assert [int((cells <= edge).sum()) for edge in edges] == below[:-1].tolist()
        assert sum(column.bins.counts) + column.missing == ROWS
        assert [column.bins.place(edge) for edge in column.bins.edges] == list(range(len(edges)))
    amount, zeros, gaps = profile.columns[:3]
    assert amount.bins is not None
    assert len(amount.bins.edges) == 100
    assert zeros.bins is not None
    assert zeros.bins.counts[0] == int((frame["zeros"] == 0).sum())
    assert gaps.bins is not None
    assert (gaps.bins.edges, gaps.missing, gaps.distinct) == ((0, 1, 2, 3, 4), frame["gaps"].null_count(), 5)


def test_rare_categories_are_counted_and_not_named() -> None:
    town, paid = profile_rows(rows(), CONTRACT).columns[3:5]
    assert town.categories is not None
    assert [text for text, _ in town.categories] == ["Bonn", "Berlin"]
    assert town.other == town.singletons == town.distinct - 2
    assert town.lengths is not None
    assert sum(town.lengths.counts) == ROWS
    assert paid.categories is not None
    assert {text for text, _ in paid.categories} == {"true", "false"}
    nine = pl.Series("c", ["rare"] * 9 + ["often"] * 10 + ["x" * 65] * 20)
    found = profile_column(nine, "c", "string")
    assert (found.categories, found.other, found.distinct) == ((("often", 10),), 29, 3)


def test_equal_rows_in_any_order_have_equal_bytes_of_about_a_kilobyte_a_column() -> None:
    data = encode(profile_rows(rows(), CONTRACT))
    assert encode(profile_rows(rows().sample(fraction=1, shuffle=True, seed=1), CONTRACT)) == data
    minus = rows().with_columns(
        pl.when(pl.col("zeros") == 0).then(pl.lit(-0.0, dtype=pl.Float32)).otherwise(pl.col("zeros")).alias("zeros")
    )
    assert encode(profile_rows(minus, CONTRACT)) == data
    assert decode(data, Profile) == profile_rows(rows(), CONTRACT)
    assert len(data) < 1500 * len(CONTRACT.columns)


@pytest.mark.parametrize("cells", [[], [None, None], [5.0], [5.0, 5.0, None]])
def test_columns_without_a_spread(cells: list[float | None]) -> None:
    column = profile_column(pl.Series("c", cells, dtype=pl.Float32), "c", "number")
    present = [cell for cell in cells if cell is not None]
    assert column.missing == len(cells) - len(present)
    if present:
        assert column.bins is not None
        assert (column.bins.edges, column.bins.counts) == ((5.0,), (len(present), 0))
        assert spread(column.bins, 8) == [len(present)]
    else:
        assert column.bins is None


def test_a_histogram_keeps_the_number_of_rows() -> None:
    for column in profile_rows(rows(), CONTRACT).columns[:3]:
        assert column.bins is not None
        assert sum(spread(column.bins, 8)) == pytest.approx(sum(column.bins.counts))
