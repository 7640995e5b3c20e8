"""Eight chains of preprocess steps, as the YAML has them. They fit any table: its steps for text and for missing cells are put in front."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Step = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The features of a table by type, in file order. `words` is a column for tfidf; `holes`: whether numbers are missing."""

    numbers: Sequence[str]
    strings: Sequence[str]
    words: str | None
    holes: bool


def _step(use: str, columns: Any, **params: Any) -> Step:
    return {"use": use, "columns": columns, "params": params}


SCALE = _step("standard_scaler", "numeric")


def _fill(columns: Columns, strategy: str) -> list[Step]:
    return [_step("imputer", "numeric", strategy=strategy)] if columns.holes else []


def _encode(columns: Columns, use: str = "one_hot", **params: Any) -> list[Step]:
    return [_step(use, "categorical", **params)] if columns.strings else []


def _words(columns: Columns) -> list[Step]:
    """tfidf of one column, then one_hot of the others."""
    if columns.words is None:
        return _encode(columns)
    return [_step("tfidf", [columns.words]), *([_step("one_hot", "categorical")] if len(columns.strings) > 1 else [])]


def chains(columns: Columns) -> dict[str, list[Step]]:
    """The steps of each chain for these columns."""
    few, k = list(columns.numbers[:3]), min(3, len(columns.numbers))
    return {
        "bare": _encode(columns),
        "scaled": [*_fill(columns, "mean"), SCALE, *_encode(columns)],
        "ranged": [*_fill(columns, "median"), _step("min_max_scaler", "numeric"), *_encode(columns, "ordinal")],
        "robust": [*_words(columns), *_fill(columns, "median"), _step("robust_scaler", "numeric")],
        "components": [*_fill(columns, "mean"), SCALE, _step("pca", "numeric", n_components=min(2, k)), *_encode(columns, drop="first")],
        "best": [*_fill(columns, "constant"), _step("select_k_best", "numeric", k=k), *_encode(columns)],
        "products": [*_fill(columns, "most_frequent"), SCALE, *_encode(columns), _step("polynomial", few, degree=2, include_bias=False)],
        "all": [
            *_encode(columns, "ordinal"),
            *_fill(columns, "mean"),
            _step("min_max_scaler", "all"),
            _step("select_k_best", "all", k=k + 1),
        ],
    }
