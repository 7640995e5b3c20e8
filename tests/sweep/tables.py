"""Real tables for the sweep: those that scikit-learn ships, with and without missing cells."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn import datasets

from leptonctl.learning.tables.prepared import Rows
from tests.learning.model_rows import as_columns, halves, mixed, shuffled

GAPS = 0.08
COLUMNS = {"digits": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table by name; `gaps`: whether cells are missing."""

    name: str

    @property
    def gaps(self) -> bool:
        return self.name.endswith("with gaps")

    def halves(self, task: str) -> tuple[Rows, Rows]:
        """The rows to learn from, and the others."""
        return _halves(self.name, task)


@cache
def _halves(name: str, task: str) -> tuple[Rows, Rows]:
    plain = name.removesuffix(" with gaps")
    if plain == "words":
        columns, target = mixed()
        columns = {name: columns[name] for name in ("colour", "message", "size")}
        target = (columns["size"] * 3 + (target == "spam")).astype(np.float64) if task == "regression" else target
        return halves(columns, target)
    features, target = getattr(datasets, f"load_{plain}")(return_X_y=True)
    features, target = features[:500], target[:500]
    if task == "classification" and plain == "wine":
        target = np.array(["barbera", "barolo", "grignolino"])[target]
    features = features.astype(np.float32)
    if name.endswith("with gaps"):
        features[np.random.RandomState(1).uniform(size=features.shape) < GAPS] = np.nan
    return halves(*shuffled(as_columns(features), target))
