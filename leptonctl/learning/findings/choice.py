"""Chooses how a target is learned: task, algorithm, preprocess steps and the first gate. Reads no file."""

import math
from collections.abc import Sequence

import polars as pl

from leptonctl.core.contract import ColumnType
from leptonctl.core.frozen import Frozen
from leptonctl.learning.findings.findings import Declared, PreprocessLine
from leptonctl.learning.findings.roles import is_text
from leptonctl.learning.findings.table_column import TableColumn
from leptonctl.learning.findings.words import true_and_false
from leptonctl.spi.learning import LearningTask

FEW_CLASSES, ROWS_A_CLASS = 20, 5
TEST = 0.25
"""The share of the test rows where no split is declared."""
COMMON = 0.8
"""From this share of the most frequent class on, accuracy says little."""
DROPS = {"accuracy": 0.02, "balanced_accuracy": 0.03, "r2": 0.05}
ALGORITHMS: dict[str, str] = {"classification": "logistic_regression", "regression": "ridge"}


class Learning(Frozen):
    """How a target is learned. type: to be declared for it, None if it is inferred. uneven: why it cannot be stratified, None if it can.

    gate: the metric that later versions are compared by, and how much of it they may lose.
    """

    task: LearningTask
    task_reason: str
    type: ColumnType | None
    positive: str | None
    uneven: str | None
    steps: tuple[PreprocessLine, ...]
    gate: tuple[str, float]
    gate_reason: str

    @property
    def algorithm(self) -> str:
        return ALGORITHMS[self.task]


def learning_of(target: TableColumn, features: Sequence[TableColumn], declared: Sequence[Declared], *, is_number: bool) -> Learning:
    """Task, preprocess steps and gate for a target. `is_number`: its strings are numbers."""
    task, task_reason = task_of(target)
    gate, gate_reason = gate_of(target, task)
    return Learning(
        task=task,
        task_reason=task_reason,
        type=target_type(target, task) or ("number" if is_number else None),
        positive=positive_of(target) if task == "classification" else None,
        uneven=stratify_obstacle(target, task),
        steps=preprocess_of(features, declared),
        gate=gate,
        gate_reason=gate_reason,
    )


def task_of(target: TableColumn) -> tuple[LearningTask, str]:
    """The task, and why. Words and few different integers are classes."""
    if target.type in ("string", "boolean"):
        return "classification", f"{target.distinct} classes"
    if target.distinct <= FEW_CLASSES and target.distinct < max(3, target.present / ROWS_A_CLASS) and _is_whole(target):
        return "classification", f"{target.distinct} different integers are classes"
    return "regression", f"{target.distinct} different numbers"


def target_type(target: TableColumn, task: LearningTask) -> ColumnType | None:
    """The type to declare: classes that pandas wrote as 0.0 and 1.0 are integers, and integers of more than 64 bits are text."""
    if target.large:
        return "string"
    return "integer" if task == "classification" and target.type == "number" else None


def positive_of(target: TableColumn) -> str | None:
    """The positive class, where it is not the last one."""
    words = true_and_false(target.texts) if target.type == "string" else None
    if words is None:
        return None
    return words.true[0] if words.true[0] in target.texts and max(target.texts) != words.true[0] else None


def stratify_obstacle(target: TableColumn, task: LearningTask) -> str | None:
    """Why the classes cannot be stratified; None if they can, or if there are none."""
    if task != "classification" or (target.type == "integer" and target.distinct > FEW_CLASSES):
        return None
    test = math.ceil(TEST * target.present)
    if target.rarest < 2:  # noqa: PLR2004 - one row cannot be on both sides
        return "a class has only one row"
    return "there are more classes than test rows" if min(test, target.present - test) < target.distinct else None


def preprocess_of(features: Sequence[TableColumn], declared: Sequence[Declared]) -> tuple[PreprocessLine, ...]:
    """The steps that turn the features into numbers without gaps, on one scale."""
    by_name = {declaration.name: declaration for declaration in declared}
    dates = [column for column in features if column.name in by_name and by_name[column.name].date is not None]
    booleans = [column for column in features if column.type == "boolean" or _declared_boolean(by_name.get(column.name))]
    rest = [column for column in features if column not in dates and column not in booleans]
    numbers = [column for column in rest if column.type in ("number", "integer")] + dates
    texts = [column for column in rest if is_text(column)]
    words = [column for column in rest if column.type == "string" and column not in texts]
    steps = []
    if any(column.missing for column in numbers):
        steps.append(PreprocessLine(use="imputer", columns="numeric"))
    if numbers:
        steps.append(PreprocessLine(use="standard_scaler", columns="numeric"))
    steps += [PreprocessLine(use="tfidf", columns=(column.name,)) for column in texts]
    if words or any(column.missing for column in booleans):
        steps.append(PreprocessLine(use="one_hot", columns="categorical"))
    return tuple(steps)


def gate_of(target: TableColumn, task: LearningTask) -> tuple[tuple[str, float], str]:
    """The metric that later versions are compared by with how much of it they may lose, and why that metric."""
    if task == "regression":
        return ("r2", DROPS["r2"]), "a later version may lose this much against the one that serves"
    counts = target.values.drop_nulls().value_counts(name="rows")["rows"]
    share = float(pl.Series(counts).max() or 0) / max(1, target.present)  # type: ignore[arg-type]
    metric = "balanced_accuracy" if share >= COMMON else "accuracy"
    why = f"one class has {share:.0%} of the rows, so plain accuracy says little" if metric != "accuracy" else ""
    return (metric, DROPS[metric]), why or "a later version may lose this much against the one that serves"


def _declared_boolean(declaration: Declared | None) -> bool:
    return declaration is not None and declaration.type == "boolean"


def _is_whole(target: TableColumn) -> bool:
    values = target.values.drop_nulls()
    return target.type == "integer" or bool((values == values.floor()).all())
