"""Builds a model of a small table with the steps of an apply: prepare, train, export, evaluate. Keeps no files."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from leptonctl.core import codec
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.project.catalog import LazyMapping, load_catalog
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Params, Preprocessor, Trainer
from leptonctl.spi.running import Bench, StepFunction

if TYPE_CHECKING:
    from leptonctl.learning.outputs import ParityFigures

V = TypeVar("V")
WORDS = {0: ("red", "rouge", "stop"), 1: ("blue", "bleu", "go"), 2: ("grün", "緑", "wait")}
SCORES = {"classification": "accuracy", "regression": "r2", "clustering": "silhouette", "anomaly": "outlier_share"}
CHANCE = {"regression": 0.0, "clustering": 0.0, "anomaly": 0.0}
"""The score of a constant answer; for classes it is the share of the most frequent one."""


class BuiltModel(Frozen):
    """A model and its figures. `native` are the files of the native model by name, `reloaded` the same after load and dump.

    `files` are graph, manifest and golden rows. `score` is accuracy, R², silhouette or the share of outliers on
    the test rows, `chance` the best score of a constant answer. `progress` are the reports of all steps.
    """

    native: Mapping[str, bytes]
    reloaded: Mapping[str, bytes]
    files: Mapping[str, bytes]
    package: str
    parity: "ParityFigures"
    features: tuple[str, ...]
    width: int
    score: float
    chance: float
    progress: tuple[Mapping[str, Any], ...]


class ModelSpec(Frozen):
    """What to build: an algorithm with its parameters, and preprocess steps in the form of train inputs."""

    algorithm: str
    params: Params = field(default_factory=dict)
    preprocess: Sequence[Json] = ()


class MemoryArtifacts(Frozen):
    """Artifacts kept in memory."""

    data: dict[str, bytes] = field(default_factory=dict)

    def put_artifact(self, data: bytes) -> str:
        digest = "sha256:" + sha256(data).hexdigest()
        self.data[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        return self.data[digest]


def csv_table(rows: int, task: str, *, classes: int = 2, gaps: bool = False, strings: Sequence[str] = ()) -> str:
    """CSV of four columns of numbers (some missing with `gaps`) or of string columns, and a target `y` that depends on them."""
    rng = random.Random(7)  # noqa: S311 - rows, not secrets
    names = list(strings) or ["a", "b", "c", "d"]
    lines = [",".join([*names, "y"])]
    for row in range(rows):
        numbers = [rng.uniform(0, 2) for _ in names]
        value = 10 * (numbers[0] - 1) + 5 * (numbers[-1] - 1)
        group = row % classes if strings else min(classes - 1, int((value + 15) / 30 * classes))
        words = [rng.choice(WORDS[group]) if rng.random() < 0.9 else rng.choice(WORDS[(group + 1) % 3]) for _ in names]  # noqa: PLR2004
        cells = words if strings else ["" if gaps and rng.random() < 0.1 else f"{number:.4f}" for number in numbers]  # noqa: PLR2004
        lines.append(",".join([*cells, f"{value:.4f}" if task == "regression" else f"class {'xyz'[group]}"]))
    return "\n".join(lines) + "\n"


def build_model(provider: Trainer | Preprocessor, spec: ModelSpec, rows: str, before: str = "") -> BuiltModel:
    """Build one model that uses the provider. `before`: the rows of an earlier version to continue from, "" for none."""
    from leptonctl.learning.catalog import with_catalog

    task = provider.task if isinstance(provider, Trainer) else "classification"
    train: dict[str, Json] = {
        "task": task, "target": "y", "features": None, "preprocess": [*spec.preprocess], "algorithm": spec.algorithm,
        "epoch": provider.epoch, "params": dict(spec.params), "seed": 3, "revision": 1,
    }  # fmt: skip
    with TemporaryDirectory() as folder, with_catalog(catalog_with(provider)):
        (Path(folder) / "rows.csv").write_text(rows, encoding="utf-8")
        (Path(folder) / "before.csv").write_text(before, encoding="utf-8")
        return _build(Path(folder), task, train, is_warm=bool(before))


def _build(folder: Path, task: str, train: dict[str, Json], *, is_warm: bool) -> BuiltModel:
    progress: list[Mapping[str, Any]] = []
    artifacts = MemoryArtifacts()
    bench = Bench(project=folder, artifacts=artifacts, progress=lambda **report: progress.append(_without_none(report)))
    earlier = _run_steps(bench, _steps(folder / "before.csv", task, train)[:2], {}) if is_warm else {}
    train = {**train, "warm_start": {"train": train}} if is_warm else train
    needs = {"warm_start": earlier["train"], "warm_prepare": earlier["prepare"]} if is_warm else {}
    results = _run_steps(bench, _steps(folder / "rows.csv", task, train), needs)
    return _read_model(results, task, train, artifacts, progress)


def _read_model(
    results: Mapping[str, Result], task: str, train: dict[str, Json], artifacts: MemoryArtifacts, progress: Sequence[Mapping[str, Any]]
) -> BuiltModel:
    from leptonctl.learning.fitting.native import dump_native, load_native
    from leptonctl.learning.inputs import TrainInputs, read_inputs
    from leptonctl.learning.needs import native_files, read_prepared
    from leptonctl.learning.outputs import EvaluateOutputs, ExportOutputs

    native = native_files(results["train"], artifacts)
    fitted = load_native(native, read_inputs("train", train, TrainInputs))
    export = codec.convert(dict(results["export"].outputs), ExportOutputs)
    evaluation = codec.convert(dict(results["evaluate"].outputs), EvaluateOutputs)
    assert export.parity is not None
    y = read_prepared(results["prepare"], "test", task, artifacts).y
    return BuiltModel(
        native=native,
        reloaded=dump_native(fitted),
        files={name: artifacts.get_artifact(digest) for name, digest in results["export"].artifacts.items()},
        package=export.package,
        parity=export.parity,
        features=fitted.features,
        width=fitted.width,
        score=evaluation.metrics[SCORES[task]],
        chance=CHANCE[task] if task in CHANCE else max(float((y == label).mean()) for label in set(y.tolist())),
        progress=tuple(progress),
    )


def _run_steps(bench: Bench, steps: Sequence[tuple[str, StepFunction, dict[str, Json]]], needs: Mapping[str, Result]) -> dict[str, Result]:
    """Run the steps in order, each with the results `needs` and those of the steps before it."""
    results = dict(needs)
    for op, run, inputs in steps:
        produced = run(inputs, results, bench)
        results[op] = Result(key="", op=op, artifacts=produced.artifacts, outputs=produced.outputs)
    return results


def _steps(file: Path, task: str, train: dict[str, Json]) -> list[tuple[str, StepFunction, dict[str, Json]]]:
    from leptonctl.learning.steps import evaluate, export, prepare
    from leptonctl.learning.steps import train as training

    digest = "sha256:" + sha256(file.read_bytes()).hexdigest()
    rows: dict[str, Json] = {
        "source": {"path": file.name, "format": "csv", "digest": digest},
        "target": "y",
        "split": {"method": "random", "test": 0.25, "seed": 0},
    }
    return [
        ("prepare", prepare.run, rows),
        ("train", training.run, train),
        ("export", export.run, {"train": train}),
        ("evaluate", evaluate.run, {"task": task, "metrics": [SCORES[task]], "average": "macro"}),
    ]


def _without_none(fields: Mapping[str, V | None]) -> dict[str, V]:
    return {name: value for name, value in fields.items() if value is not None}


def catalog_with(provider: Trainer | Preprocessor) -> Catalog:
    """The installed catalog with this provider added."""
    catalog = load_catalog()
    if isinstance(provider, Trainer):
        trainers: dict[tuple[str, str], Callable[[], Trainer]] = {
            key: partial(catalog.trainers.__getitem__, key) for key in catalog.trainers
        }
        return replace(catalog, trainers=LazyMapping({**trainers, (provider.task, provider.name): lambda: provider}))
    steps: dict[str, Callable[[], Preprocessor]] = {
        name: partial(catalog.preprocessors.__getitem__, name) for name in catalog.preprocessors
    }
    return replace(catalog, preprocessors=LazyMapping({**steps, provider.name: lambda: provider}))
