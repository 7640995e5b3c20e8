"""Steps that fit a model for each fold, killed in the middle: what they give is what they would have given."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.learning.steps import cross_validate, decide, export, train, trial
from leptonctl.spi.running import Bench, Produced
from tests.learning.exported import Shelf, bench, prepared
from tests.learning.killed import CLASSES, COLUMNS, Kept, saves_when_killed_twice

BOOSTING = {"task": "classification", "algorithm": "gradient_boosting", "seed": 0, "params": {"n_estimators": 4}}
FOLDS = 3
ALL = 4 * FOLDS
"""Each fold saves after each tree and, in place of the last, after its end."""


@pytest.fixture
def place(tmp_path: Path) -> tuple[dict[str, Result], Bench]:
    """What the steps need, and their bench."""
    shelf = Shelf()
    rows = pl.DataFrame({**COLUMNS, "y": CLASSES.tolist()})
    here: Bench = bench(shelf, tmp_path)
    needs: dict[str, Result] = {"prepare": prepared(shelf, rows, rows.head(20))}
    for op, run, inputs in (("train", train.run, BOOSTING), ("export", export.run, {"train": BOOSTING})):
        process: Produced = run(inputs, needs, here)  # type: ignore[operator]
        needs[op] = Result(key=op, op=op, artifacts=process.artifacts, outputs=process.outputs)
    return needs, here


STEPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "cross_validate": (cross_validate, {"train": BOOSTING, "folds": FOLDS, "seed": 0, "metrics": ["accuracy", "log_loss"]}),
    "trial": (trial, {"train": BOOSTING, "chosen": {}, "metric": "accuracy", "folds": FOLDS}),
    "decide": (decide, {"train": BOOSTING, "calibrate": {"method": "sigmoid", "cross_validation": FOLDS}}),
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_twice_it_gives_the_same(step: str, place: tuple[dict[str, Result], Bench]) -> None:
    (module, inputs), (needs, here) = STEPS[step], place

    def run(kept: Kept | None) -> Produced:
        process: Produced = module.run(inputs, needs, replace(here, checkpoint=kept))
        return process

    def same(again: Produced, whole: Produced) -> None:
        assert again == whole

    assert saves_when_killed_twice(run, same) <= ALL + FOLDS - 4, "it started over"
