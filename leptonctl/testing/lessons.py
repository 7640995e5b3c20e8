"""A small table taught to a provider by the very steps of an apply: prepare, train, export, evaluate. Keeps nothing afterwards."""

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
from leptonctl.project.catalog import Loaded, load_catalog
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Params, Preprocessor, Trainer
from leptonctl.spi.running import Bench, StepFunction

if TYPE_CHECKING:
    from leptonctl.learning.outputs import ParityFigures

V = TypeVar("V")
WORDS = {0: ("red", "rouge", "stop"), 1: ("blue", "bleu", "go"), 2: ("grün", "緑", "wait")}
SCORES = {"classification": "accuracy", "regression": "r2"}


class Lesson(Frozen):
    """What came of it. `native` are the files of the native model, by name; `again` are those of the model that they were read as.

    `files` are those of the package: graph, manifest and golden rows.
    `score` is accuracy or R² on the test rows, `chance` what always saying the same would get at most.
    """

    native: Mapping[str, bytes]
    again: Mapping[str, bytes]
    files: Mapping[str, bytes]
    package: str
    parity: "ParityFigures"
    features: tuple[str, ...]
    width: int
    score: float
    chance: float
    progress: tuple[Mapping[str, Any], ...]


class Exercise(Frozen):
    """What is learnt: an algorithm with its parameters, and preprocess steps as train inputs have them."""

    algorithm: str
    params: Params = field(default_factory=dict)
    preprocess: Sequence[Json] = ()


class Shelf(Frozen):
    """Artifacts in memory."""

    held: dict[str, bytes] = field(default_factory=dict)

    def put_artifact(self, data: bytes) -> str:
        digest = "sha256:" + sha256(data).hexdigest()
        self.held[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        return self.held[digest]


def table(rows: int, task: str, *, classes: int = 2, gaps: bool = False, texts: Sequence[str] = ()) -> str:
    """CSV of four numbers (some missing with `gaps`) or of texts, and a target `y` that they tell."""
    draw = random.Random(7)  # noqa: S311 - rows, not secrets
    names = list(texts) or ["a", "b", "c", "d"]
    lines = [",".join([*names, "y"])]
    for row in range(rows):
        numbers = [draw.uniform(0, 2) for _ in names]
        value = 10 * (numbers[0] - 1) + 5 * (numbers[-1] - 1)
        group = row % classes if texts else min(classes - 1, int((value + 15) / 30 * classes))
        words = [draw.choice(WORDS[group]) if draw.random() < 0.9 else draw.choice(WORDS[(group + 1) % 3]) for _ in names]  # noqa: PLR2004
        cells = words if texts else ["" if gaps and draw.random() < 0.1 else f"{number:.4f}" for number in numbers]  # noqa: PLR2004
        lines.append(",".join([*cells, f"{value:.4f}" if task == "regression" else f"class {'xyz'[group]}"]))
    return "\n".join(lines) + "\n"


def learn(provider: Trainer | Preprocessor, exercise: Exercise, rows: str) -> Lesson:
    """Build one model in which the provider takes part."""
    from leptonctl.learning.catalog import with_catalog

    task = provider.task if isinstance(provider, Trainer) else "classification"
    train: dict[str, Json] = {
        "task": task, "target": "y", "features": None, "preprocess": [*exercise.preprocess], "algorithm": exercise.algorithm,
        "epoch": provider.epoch, "params": dict(exercise.params), "seed": 3, "revision": 1,
    }  # fmt: skip
    with TemporaryDirectory() as folder, with_catalog(_catalog_with(provider)):
        (Path(folder) / "rows.csv").write_text(rows, encoding="utf-8")
        return _lesson(Path(folder), task, train)


def _lesson(folder: Path, task: str, train: dict[str, Json]) -> Lesson:
    from leptonctl.learning.inputs import TrainInputs, read_inputs
    from leptonctl.learning.native import dump_native, load_native
    from leptonctl.learning.outputs import EvaluateOutputs, ExportOutputs
    from leptonctl.learning.results import native_files, read_prepared

    progress: list[Mapping[str, Any]] = []
    shelf = Shelf()
    results = _steps(
        Bench(project=folder, artifacts=shelf, progress=lambda **words: progress.append(_present(words))), _orders(folder, task, train)
    )  # fmt: skip
    native = native_files(results["train"], shelf)
    fitted = load_native(native, read_inputs("train", train, TrainInputs))
    exported = codec.convert(dict(results["export"].outputs), ExportOutputs)
    evaluated = codec.convert(dict(results["evaluate"].outputs), EvaluateOutputs)
    assert exported.parity is not None
    y = read_prepared(results["prepare"], "test", task, shelf).y
    return Lesson(
        native=native,
        again=dump_native(fitted),
        files={name: shelf.get_artifact(digest) for name, digest in results["export"].artifacts.items()},
        package=exported.package,
        parity=exported.parity,
        features=fitted.features,
        width=fitted.width,
        score=evaluated.metrics[SCORES[task]],
        chance=0.0 if task == "regression" else max(float((y == one).mean()) for one in set(y.tolist())),
        progress=tuple(progress),
    )


def _steps(bench: Bench, orders: Sequence[tuple[str, StepFunction, dict[str, Json]]]) -> dict[str, Result]:
    """The steps one after the other, each with the results of those before."""
    results: dict[str, Result] = {}
    for op, run, inputs in orders:
        produced = run(inputs, results, bench)
        results[op] = Result(key="", op=op, artifacts=produced.artifacts, outputs=produced.outputs)
    return results


def _orders(folder: Path, task: str, train: dict[str, Json]) -> list[tuple[str, StepFunction, dict[str, Json]]]:
    from leptonctl.learning.steps import evaluate, export, prepare
    from leptonctl.learning.steps import train as training

    digest = "sha256:" + sha256((folder / "rows.csv").read_bytes()).hexdigest()
    rows: dict[str, Json] = {
        "source": {"path": "rows.csv", "format": "csv", "digest": digest},
        "target": "y",
        "split": {"method": "random", "test": 0.25, "seed": 0},
    }
    return [
        ("prepare", prepare.run, rows),
        ("train", training.run, train),
        ("export", export.run, {"train": train}),
        ("evaluate", evaluate.run, {"task": task, "metrics": [SCORES[task]], "average": "macro"}),
    ]


def _present(words: Mapping[str, V | None]) -> dict[str, V]:
    return {name: value for name, value in words.items() if value is not None}


def _catalog_with(provider: Trainer | Preprocessor) -> Catalog:
    """What is installed, and this provider, installed or not."""
    catalog = load_catalog()
    if isinstance(provider, Trainer):
        trainers: dict[tuple[str, str], Callable[[], Trainer]] = {
            key: partial(catalog.trainers.__getitem__, key) for key in catalog.trainers
        }
        return replace(catalog, trainers=Loaded({**trainers, (provider.task, provider.name): lambda: provider}))
    steps: dict[str, Callable[[], Preprocessor]] = {
        name: partial(catalog.preprocessors.__getitem__, name) for name in catalog.preprocessors
    }
    return replace(catalog, preprocessors=Loaded({**steps, provider.name: lambda: provider}))
