"""What a result says about itself when its step ends."""

import pytest

from leptonctl.commands.applying.step_advice import metrics_of
from leptonctl.core.result import Result
from leptonctl.core.values import Json


@pytest.mark.parametrize(
    ("outputs", "figures"),
    [
        ({"metrics": {"accuracy": 0.9, "auc": None, "words": "x"}}, {"accuracy": 0.9}),
        ({"metrics": {"accuracy": {"a": 0.9, "b": 0.8}}}, {}),
        ({"metrics": None}, {}),
        ({"rows": 3}, {}),
    ],
    ids=["evaluation", "comparison", "none", "no metrics"],
)
def test_the_metrics_of_a_step_are_the_numbers_among_them(outputs: dict[str, Json], figures: dict[str, float]) -> None:
    assert metrics_of(Result(key="", op="evaluate", outputs=outputs)) == figures
