"""Why rows of two versions cannot be told apart, with advice that can help."""

import pytest

from leptonctl.core.frozen import replace
from leptonctl.core.row_list import RowList, overlap_problem

ROWS = RowList(format="csv", columns=(("x", "number"),))


@pytest.mark.parametrize(
    ("evaluation", "training", "advice"),
    [
        (
            {"key": "k2", "id": "n", "id_key": "k2"},
            {"key": "k1", "id": "n", "id_key": "k1"},
            "a gate that compares nothing, such as `min`, can judge the candidate",
        ),
        ({"key": "k2"}, {"key": "k1"}, "a gate that compares nothing, such as `min`, can judge the candidate"),
        ({"key": "k2", "id": "n", "id_key": "k2"}, {"id": "n"}, "a gate that compares nothing, such as `min`, can judge the candidate"),
        ({"format": "parquet"}, {}, "declare an `id` column"),
        ({"format": "parquet", "id": "n"}, {}, "declare `id: n` for both"),
        ({"format": "parquet", "id": "n"}, {"id": "m"}, "declare the same `id` column for both: one has m, the other n"),
        ({"columns": (("y", "number"),), "id": "n"}, {"id": "m"}, "declare the same `id` column for both: one has m, the other n"),
    ],
)
def test_the_advice_is_one_that_can_help(evaluation: dict, training: dict, advice: str) -> None:
    """Ids are recorded under the key: under two keys an `id` column, declared already or not, tells nothing."""
    assert overlap_problem(replace(ROWS, **evaluation), replace(ROWS, **training), "the bound version").endswith(f"; {advice}")
