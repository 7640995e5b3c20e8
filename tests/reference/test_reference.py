"""A few cases of `python -m tests.reference`, so that it keeps working; test_against_sklearn has the sample that is checked each time."""

from pathlib import Path

import pytest

from tests.reference.cases import DIFFERENT, REFUSED, SAME, outcomes
from tests.reference.tables import TABLES, PackageMissing, Table

BY_NAME = {table.name: table for table in TABLES}


@pytest.mark.parametrize(
    ("table", "task", "algorithm", "chain"),
    [
        ("iris", "classification", "random_forest", "all"), ("wine", "classification", "sgd", "scaled"),
        ("diabetes", "regression", "ridge", "products"), ("cancer", "regression", "hist_gradient_boosting", "best"),
    ],
)  # fmt: skip
def test_a_build_has_the_figures_of_plain_scikit_learn(tmp_path: Path, table: str, task: str, algorithm: str, chain: str) -> None:
    (outcome,) = outcomes(BY_NAME[table], task, tmp_path, {algorithm, chain}, 1, set())
    assert (outcome.outcome, outcome.details) == (SAME, ())


def test_a_refusal_is_checked_and_a_difference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.reference import plain

    (refused,) = outcomes(BY_NAME["wine"], "regression", tmp_path, {"sgd", "bare"}, 1, set())
    assert (refused.outcome, refused.id) == (REFUSED, "training-failed")
    monkeypatch.setitem(plain.ALGORITHMS["regression"], "ridge", ({"alpha": 2.0}, plain.Ridge(alpha=1.0)))
    (different,) = outcomes(BY_NAME["diabetes"], "regression", tmp_path, {"ridge", "scaled"}, 1, set())
    assert different.outcome == DIFFERENT
    assert any("mae" in text for text in different.details)


def test_a_table_of_a_package_that_is_missing_says_so(tmp_path: Path) -> None:
    def nowhere() -> list[dict[str, str]]:
        raise PackageMissing("penguins_of_nowhere")

    table = Table(name="nowhere", package="penguins_of_nowhere", read=nowhere, label="a", value="b")
    with pytest.raises(PackageMissing, match="penguins_of_nowhere"):
        list(outcomes(table, "regression", tmp_path, set(), 1, set()))
