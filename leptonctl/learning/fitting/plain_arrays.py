"""scikit-learn asks of every array whether it is a data frame of one of a dozen libraries: longer than small rows take to score."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

import numpy as np

ASKED = "narwhals.stable.v2.dependencies"
QUESTIONS = ("is_into_dataframe", "is_into_series")


@contextmanager
def plain_arrays() -> Iterator[None]:
    """Inside, it gets the same answers, for NumPy arrays at once."""
    module = sys.modules.get(ASKED)
    answers = vars(module) if module is not None else {}
    before = {name: answers[name] for name in QUESTIONS if name in answers and not hasattr(answers[name], "__wrapped__")}
    answers.update({name: _at_once(answer) for name, answer in before.items()})
    try:
        yield
    finally:
        answers.update(before)


def _at_once(answer: Callable[[object], bool]) -> Callable[[object], bool]:
    @wraps(answer)
    def answered(value: object) -> bool:
        return type(value) is not np.ndarray and answer(value)

    return answered
