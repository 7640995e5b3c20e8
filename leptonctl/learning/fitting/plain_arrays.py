"""Speeds up scikit-learn's checks whether an array is a data frame of one of a dozen libraries, which take longer than scoring few rows."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

import numpy as np

MODULE = "narwhals.stable.v2.dependencies"
CHECKS = ("is_into_dataframe", "is_into_series")


@contextmanager
def plain_arrays() -> Iterator[None]:
    """Inside the block the checks answer at once for NumPy arrays, and as before for everything else."""
    module = sys.modules.get(MODULE)
    functions = vars(module) if module is not None else {}
    before = {name: functions[name] for name in CHECKS if name in functions and not hasattr(functions[name], "__wrapped__")}
    functions.update({name: _at_once(original) for name, original in before.items()})
    try:
        yield
    finally:
        functions.update(before)


def _at_once(original: Callable[[object], bool]) -> Callable[[object], bool]:
    @wraps(original)
    def check(value: object) -> bool:
        return type(value) is not np.ndarray and original(value)

    return check
