"""scikit-learn's question whether an array is a data frame: the same answers, sooner, and nothing left changed."""

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl
import pytest
import sklearn.utils.validation  # it asks

from leptonctl.learning.fitting import plain_arrays
from leptonctl.learning.fitting.plain_arrays import CHECKS

VALUES = (np.zeros(3), np.zeros((2, 2)), np.array(["a"], dtype=object), np.ma.zeros(2), pl.DataFrame({"a": [1]}), pl.Series([1]), [1], None)


@pytest.mark.parametrize("question", CHECKS)
def test_the_answers_are_the_same(question: str) -> None:
    before = [getattr(nw.dependencies, question)(value) for value in VALUES]
    with plain_arrays.plain_arrays():
        inside = [getattr(nw.dependencies, question)(value) for value in VALUES]
    assert inside == before
    assert any(before)


def test_an_array_is_not_looked_at() -> None:
    original = nw.dependencies.is_into_dataframe
    with plain_arrays.plain_arrays():
        assert nw.dependencies.is_into_dataframe is not original
        # what scikit-learn calls for every array that it checks
        assert sklearn.utils.validation.nw.dependencies is nw.dependencies


def test_an_inner_one_leaves_it_to_the_outer() -> None:
    originals = [getattr(nw.dependencies, question) for question in CHECKS]
    with plain_arrays.plain_arrays():
        outer = nw.dependencies.is_into_series
        with plain_arrays.plain_arrays():
            assert nw.dependencies.is_into_series is outer
        assert nw.dependencies.is_into_series is outer
    assert [getattr(nw.dependencies, question) for question in CHECKS] == originals


def test_an_error_inside_leaves_nothing_changed() -> None:
    original = nw.dependencies.is_into_dataframe
    with pytest.raises(ValueError, match="within"), plain_arrays.plain_arrays():
        raise ValueError("within")
    assert nw.dependencies.is_into_dataframe is original


def test_without_that_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_arrays, "MODULE", "no.such.module")
    original = nw.dependencies.is_into_dataframe
    with plain_arrays.plain_arrays():
        assert nw.dependencies.is_into_dataframe is original
