"""A model through the steps of a build, in this process: prepare, train, export, evaluate, cross_validate, and what `show` draws."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leptonctl.core.result import Result
from leptonctl.learning.reports.details import details
from leptonctl.learning.steps import cross_validate, evaluate, export, prepare, train
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.running import Bench, Produced
from tests.learning.exported import Shelf, quiet
from tests.reference.plain import FOLDS, SEED, SHARE
from tests.reference.tables import Row

METRICS = {
    "classification": ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "log_loss", "roc_auc"],
    "regression": ["mae", "mse", "rmse", "r2", "mape"],
}
CURVES = ["confusion_matrix", "roc_curve", "pr_curve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A table as the models of one task read it: its file, and the result of `prepare`."""

    task: str
    target: str
    file: Path
    result: Result
    shelf: Shelf
    bench: Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The outputs of evaluate and cross_validate, what `show` draws, and how far the export may be from the native model."""

    metrics: Mapping[str, float]
    evaluation: Mapping[str, Any]
    folds: Sequence[Mapping[str, float]]
    means: Mapping[str, float]
    drawn: Mapping[str, Any]
    tolerance: float
    warnings: Sequence[str]


def prepared(folder: Path, name: str, rows: Sequence[Row], target: str, task: str) -> Prepared:
    """Write the rows into a file of the folder, and prepare it."""
    file = folder / f"{name}-{task}.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    shelf = Shelf()
    bench = Bench(project=folder, artifacts=shelf, progress=quiet)
    inputs: dict[str, Any] = {
        "source": {"path": file.name, "format": "csv"}, "target": target,
        "split": {"method": "random", "test": SHARE, "seed": SEED, "stratify": task == "classification"},
    }  # fmt: skip
    return Prepared(
        task=task, target=target, file=file, result=_result("prepare", prepare.run(inputs, {}, bench)), shelf=shelf, bench=bench
    )


def built(data: Prepared, algorithm: str, params: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Built:
    """Build a version and measure it. Raises ProviderError where a step refuses."""
    defaults = {name: schema["default"] for name, schema in load_catalog().trainers[data.task, algorithm].params.items()}
    inputs: dict[str, Any] = {
        "task": data.task, "algorithm": algorithm, "seed": SEED, "target": data.target,
        "preprocess": list(steps), "params": {**defaults, **params},
    }  # fmt: skip
    drawn = CURVES if data.task == "classification" else []
    scoring: dict[str, Any] = {"metrics": [*METRICS[data.task], *drawn], "positive": None, "average": None}
    needs = {"prepare": data.result}
    needs["train"] = _result("train", train.run(inputs, needs, data.bench))
    needs["export"] = _result("export", export.run({"train": inputs}, needs, data.bench))
    scored: Any = evaluate.run({"task": data.task, **scoring}, needs, data.bench).outputs
    folded: Any = cross_validate.run({"train": inputs, "folds": FOLDS, "seed": SEED, **scoring}, needs, data.bench).outputs
    parity: Any = needs["export"].outputs["parity"]
    return Built(
        metrics=scored["metrics"], evaluation=scored["evaluation"], folds=folded["evaluation"]["folds"], means=folded["metrics"],
        drawn=details(data.shelf, data.result, needs["export"], {"task": data.task, **scoring}),
        tolerance=parity["tolerance"],
        warnings=[notice["check"] for step in needs.values() for notice in (step.outputs.get("checks") or step.outputs.get("notices") or ())],
    )  # fmt: skip


def _result(op: str, produced: Produced) -> Result:
    return Result(key=f"sha256:{op}", op=op, artifacts=produced.artifacts, outputs=produced.outputs)
