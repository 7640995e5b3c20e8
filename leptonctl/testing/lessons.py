"""A small table taught to a provider by the very steps of an apply: prepare, train, export, evaluate. Keeps nothing afterwards."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from leptonctl.core.values import Json, Op, Result
from leptonctl.project.catalog import Loaded, load_catalog
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Preprocessor, Trainer
from leptonctl.spi.running import Bench, StepFunction

WORDS = {0: ("red", "rouge", "stop"), 1: ("blue", "bleu", "go"), 2: ("grün", "緑", "wait")}
SCORES = {"classification": "accuracy", "regression": "r2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What came of it. `score` is accuracy or R² on the test rows, `chance` what always saying the same would get at most."""

    native: bytes
    onnx: bytes
    parity: Mapping[str, Json]
    features: tuple[str, ...]
    width: int
    score: float
    chance: float
    progress: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
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


def learn(provider: Trainer | Preprocessor, asked: Mapping[str, Any], rows: str) -> Lesson:
    """Build one model in which the provider takes part."""
    from leptonctl.learning import fit as learning

    task = provider.task if isinstance(provider, Trainer) else "classification"
    train: dict[str, Json] = {
        "task": task, "target": "y", "features": None, "preprocess": [], "params": {}, "epoch": provider.epoch, "seed": 3, "revision": 0,
        **asked,
    }  # fmt: skip
    with TemporaryDirectory() as folder, learning.with_catalog(_catalog_with(provider)):
        (Path(folder) / "rows.csv").write_text(rows, encoding="utf-8")
        return _lesson(Path(folder), task, train)


def _lesson(folder: Path, task: str, train: dict[str, Json]) -> Lesson:
    from leptonctl.learning.native import load_native
    from leptonctl.learning.steps import evaluate, export, prepare
    from leptonctl.learning.steps import train as training
    from leptonctl.learning.tables.prepared import read_rows

    told: list[Mapping[str, Any]] = []
    shelf = Shelf()
    bench = Bench(project=folder, artifacts=shelf, progress=lambda **said: told.append({k: v for k, v in said.items() if v is not None}))
    done: dict[str, Result] = {}
    metric = SCORES[task]
    steps: tuple[tuple[Op, StepFunction, dict[str, Json]], ...] = (
        ("prepare", prepare.run, _prepare_inputs(folder)),
        ("train", training.run, train),
        ("export", export.run, {"task": task, "opset": None, "tolerance": None, "train": train, "privacy": None}),
        ("evaluate", evaluate.run, {"task": task, "metrics": [metric], "positive": None, "average": "macro"}),
    )
    for op, run, inputs in steps:
        made = run(inputs, done, bench)
        done[op] = Result(key="", op=op, artifacts=made.artifacts, outputs=made.outputs, provenance={}, seconds=0.0)
    native = shelf.get_artifact(done["train"].artifacts["model.skops"])
    fitted = load_native(native, train)
    prepared = done["prepare"]
    unseen = read_rows(
        shelf.get_artifact(prepared.artifacts["test.parquet"]), cast("Mapping[str, Any]", prepared.outputs["contract"]), task
    )
    shares = [float((unseen.y == one).mean()) for one in set(unseen.y.tolist())]
    return Lesson(
        native=native,
        onnx=shelf.get_artifact(done["export"].artifacts["model.onnx"]),
        parity=cast("Mapping[str, Json]", done["export"].outputs["parity"]),
        features=fitted.features,
        width=fitted.width,
        score=float(cast("Mapping[str, float]", done["evaluate"].outputs["metrics"])[metric]),
        chance=0.0 if task == "regression" else max(shares),
        progress=tuple(told),
    )


def _prepare_inputs(folder: Path) -> dict[str, Json]:
    digest = "sha256:" + sha256((folder / "rows.csv").read_bytes()).hexdigest()
    options: dict[str, Json] = {"encoding": "utf-8", "delimiter": None, "missing_values": None}
    return {
        "source": {"path": "rows.csv", "format": "csv", "digest": digest, "options": options},
        "test_source": None,
        "target": "y",
        "columns": {},
        "privacy": None,
        "split": {"method": "random", "test": 0.25, "seed": 0, "stratify": None},
    }


def _catalog_with(provider: Trainer | Preprocessor) -> Catalog:
    """What is installed, and this provider, installed or not."""
    catalog = load_catalog()
    if isinstance(provider, Trainer):
        trainers = {key: partial(catalog.trainers.__getitem__, key) for key in catalog.trainers}
        return replace(catalog, trainers=Loaded({**trainers, (provider.task, provider.name): lambda: provider}))
    steps = {name: partial(catalog.preprocessors.__getitem__, name) for name in catalog.preprocessors}
    return replace(catalog, preprocessors=Loaded({**steps, provider.name: lambda: provider}))
