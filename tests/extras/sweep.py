"""Sweeps the objectives, boosters and activations of the extras over real tables with and without gaps, and writes docs/boosters.md.

`python -m tests.extras.sweep`, with the extras installed. Every case is trained, kept, read back, exported and compared, as an apply does it.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.steps.export import export
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from tests.learning.model_rows import as_columns, cancer, diabetes, halves, quiet, recipe, shuffled, wine

PAGE = Path(__file__).parents[2] / "docs" / "boosters.md"
CATALOG = load_catalog()
ROUNDS = 30
SHARES = ("reg:logistic", "cross_entropy", "cross_entropy_lambda")
"""Objectives of a target between 0 and 1."""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    task: str
    algorithm: str
    params: dict[str, Any] = field(hash=False, default_factory=dict)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.task} {self.words}"

    @property
    def words(self) -> str:
        return ", ".join(f"{name}: {value}" for name, value in self.params.items()) or "defaults"


NEEDED = {"reg:pseudohubererror": {"min_child_weight": 0.0}, "reg:squaredlogerror": {"min_child_weight": 0.0}}
"""With its defaults XGBoost splits no node: the second derivatives of these losses are tiny for large targets."""


def digits() -> tuple[dict[str, np.ndarray], np.ndarray]:
    from sklearn.datasets import load_digits

    features, classes = load_digits(return_X_y=True)
    return shuffled(as_columns(features), classes.astype(np.int64))


def cars() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The numbers of examples/car-mileage: six cars have no horsepower."""
    import csv

    with (Path(__file__).parents[2] / "examples" / "car-mileage" / "data" / "cars.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    names = [name for name in rows[0] if name not in ("mpg", "origin")]
    columns = {name: np.array([float(row[name] or "nan") for row in rows], dtype=np.float32) for name in names}
    return shuffled(columns, np.array([float(row["mpg"]) for row in rows]))


TABLES: dict[str, list[Callable[[], tuple[dict[str, np.ndarray], np.ndarray]]]] = {
    "classification": [cancer, wine, digits],
    "regression": [diabetes, cars],
}


def cases() -> Iterator[Case]:
    for (task, algorithm), trainer in CATALOG.trainers.items():
        if trainer.library is None:
            continue
        many = {"torch_mlp": ("activation", "optimizer", "loss")}.get(algorithm, ("objective",))
        for name in many:
            for value in trainer.params.get(name, {}).get("enum", []):
                yield Case(task, algorithm, {name: value, **NEEDED.get(value, {})})
        yield from (Case(task, algorithm, params) for params in MORE[algorithm])


MORE: dict[str, list[dict[str, Any]]] = {
    "xgboost": [
        {"booster": "dart", "rate_drop": 0.3}, {"num_parallel_tree": 3, "subsample": 0.7}, {"tree_method": "exact"}, {"tree_method": "approx"},
        {"grow_policy": "lossguide", "max_leaves": 8, "max_depth": 0}, {"base_score": 0.3}, {"early_stopping": 5},
    ],
    "lightgbm": [
        {"boosting_type": "dart"}, {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}, {"boosting_type": "rf", "colsample_bytree": 0.6},
        {"data_sample_strategy": "goss"}, {"extra_trees": True}, {"early_stopping": 5},
    ],
    "torch_mlp": [{"layers": []}, {"layers": [64, 32], "dropout": 0.2}, {"early_stopping": 3}, {"weight_decay": 0.01}],
}  # fmt: skip
REFUSED = [
    ("xgboost", "`booster: gblinear`", "not offered: a model of its own kind; `linear` or `logistic_regression` learn the same"),
    ("xgboost", "`objective: binary:hinge, binary:logitraw, multi:softmax`", "not offered: they give no probabilities"),
    ("xgboost", "`objective: survival:*, rank:*`", "not offered: their target is not one number a row"),
    ("xgboost", "`enable_categorical`", "refused with the way: `one_hot` or `ordinal` in `preprocess`"),
    ("lightgbm", "`linear_tree`", "refused: ONNX has no trees with linear leaves"),
    ("lightgbm", "`zero_as_missing`", "refused with the way: `missing_values:` of the Dataset"),
    ("lightgbm", "`objective: multiclassova`", "not offered: its probabilities do not add up to 1"),
    ("lightgbm", "`objective: lambdarank, rank_xendcg`", "not offered: their target is not one number a row"),
    ("lightgbm", "`categorical_feature`", "refused with the way: `one_hot` or `ordinal` in `preprocess`"),
]


def with_gaps(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns, a tenth of their cells without a value."""
    draw = np.random.RandomState(5)
    return {name: np.where(draw.rand(len(values)) < 0.1, np.nan, values).astype(np.float32) for name, values in columns.items()}


def outcome(case: Case) -> dict[str, str]:
    """Table -> `exact: …` with the largest difference, `refused: …` with the reason, or what else happened."""
    takes_missing = CATALOG.trainers[case.task, case.algorithm].takes_missing
    outcomes = {}
    for table in TABLES[case.task]:
        for gaps in (False, True) if takes_missing else (False,):
            columns, target = table()
            if case.params.get("objective") in SHARES:
                target = (target - target.min()) / (target.max() - target.min())
            outcomes[f"{table.__name__}{' with gaps' if gaps else ''}"] = _build_and_compare(
                case, with_gaps(columns) if gaps else columns, target
            )
    return outcomes


def _build_and_compare(case: Case, columns: dict[str, np.ndarray], target: np.ndarray) -> str:
    seen, unseen = halves(columns, target)
    steps = [] if case.algorithm != "torch_mlp" else [("imputer", "numeric"), ("standard_scaler", "numeric")]
    inputs = recipe(case.task, case.algorithm, *steps, params={**case.params, ("epochs" if steps else "n_estimators"): ROUNDS})
    try:
        fitted = load_native(dump_native(fit(inputs, seen.columns, seen.y, quiet)), inputs)
        parity = export(fitted, seen, unseen).parity
    except ProviderError as refusal:
        words = "refused" if refusal.id in ("training-failed", "not-exportable") else f"FAILED {refusal.id}"
        return f"{words}: {refusal.detail}"
    if parity.labels_differ:
        return f"FAILED: {parity.labels_differ} labels differ"
    return f"exact: {max(parity.max_probability_diff, parity.max_value_diff):.0e} over {parity.rows + parity.hard_rows} rows"


HEAD = """# Algorithms of other libraries: what is exported, and how exactly

Written by `python -m tests.extras.sweep`. Each line was trained, kept in the library's own file, read back, exported and compared with the
library's own answers, on test rows and on rows made to break an export: at every threshold and next to it, without a value, huge. The
figure is the largest difference found: of a probability, or of a value relative to the target's scale. Tables of classification: {classification};
of regression: {regression}; for the tree learners each also with a tenth of its cells removed. {versions}.

How to use these algorithms: [how-to/boosters.md](how-to/boosters.md). Why the graphs are ours: [ADR 0040](adr/0040-boosters-from-their-own-files.md).
"""


def page() -> str:
    warnings.simplefilter("ignore")
    names = {task: ", ".join(table.__name__ for table in tables) for task, tables in TABLES.items()}
    versions = ", ".join(f"{name} {version(name)}" for name in ("xgboost-cpu", "lightgbm", "torch"))
    lines = [HEAD.format(**names, versions=versions)]
    for algorithm in MORE:
        lines += [f"## `{algorithm}`\n", "| task | parameters | outcome |", "| --- | --- | --- |"]
        for case in CASES:
            if case.algorithm == algorithm:
                lines.append(f"| {case.task} | {f'`{case.words}`' if case.params else case.words} | {_summary(outcome(case))} |")
        lines += [f"| both | {what} | {words} |" for name, what, words in REFUSED if name == algorithm]
        lines.append("")
    return "\n".join(lines)


def _summary(outcomes: dict[str, str]) -> str:
    """One cell: the largest difference of all tables, and the tables that are not exact."""
    exact = [float(words.split()[1]) for words in outcomes.values() if words.startswith("exact")]
    rest = [words for words in outcomes.values() if not words.startswith("exact")]
    counted = [f"{words.replace(': ', f' on {rest.count(words)}: ', 1)}" for words in dict.fromkeys(rest)]
    return "; ".join([*([f"exact on {len(exact)} tables, {max(exact):.0e}"] if exact else []), *counted])


CASES = [*cases()]

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
