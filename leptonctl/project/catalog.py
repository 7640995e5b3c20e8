"""Finds the providers: a static table for the bundled ones, entry points for third parties. Imports a provider on first use.

Looking up entry points takes about 40 ms, so they are cached, with the times when the folders of `sys.path` last changed.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar, cast

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.diagnostic import fail
from leptonctl.project.classes import class_names, class_refusal, class_step, class_tasks, class_trainer
from leptonctl.spi.catalog import Catalog

K = TypeVar("K")
V = TypeVar("V")

TRAINERS = {
    "classification": (
        "logistic_regression", "sgd", "decision_tree", "random_forest", "extra_trees", "gradient_boosting",
        "hist_gradient_boosting", "svm", "linear_svm", "mlp", "knn", "naive_bayes",
    ),
    "regression": (
        "linear", "ridge", "lasso", "elastic_net", "sgd", "decision_tree", "random_forest", "gradient_boosting",
        "hist_gradient_boosting", "svm", "mlp", "knn",
    ),
}  # fmt: skip
# trainers whose library comes with an extra: planning does not need it
EXTRAS = {"classification": ("xgboost", "lightgbm", "torch_mlp"), "regression": ("xgboost", "lightgbm", "torch_mlp")}
METRICS = {
    "classification": (
        "accuracy", "balanced_accuracy", "precision", "recall", "f1", "log_loss", "roc_auc", "confusion_matrix", "roc_curve", "pr_curve",
    ),
    "regression": ("mae", "mse", "rmse", "r2", "mape"),
    "clustering": ("silhouette", "davies_bouldin", "calinski_harabasz", "inertia", "adjusted_rand", "homogeneity"),
    "anomaly": ("outlier_share", "precision", "recall", "f1", "roc_auc"),
}  # fmt: skip
PREPROCESSORS = (
    "standard_scaler", "min_max_scaler", "robust_scaler", "imputer", "one_hot", "ordinal", "tfidf", "pca", "polynomial", "select_k_best",
)  # fmt: skip
SOURCES = ("csv", "parquet", "jsonl")
ATTRIBUTES = {"trainers": "TRAINERS", "metrics": "METRICS", "preprocess": "PREPROCESSOR", "sources": "SOURCE"}
# back ends belong to the package that does their work, and are values like those of third parties
BACKENDS = {
    "platforms": {"server": "leptonctl.deploying.server:PLATFORM"},
    "executors": {"local": "leptonctl.building.local:EXECUTOR"},
    "stores": {"": "leptonctl.storage.folder:STORE"},
    "states": {"": "leptonctl.storage.state_folder:STATE"},
}
GROUPS = (*ATTRIBUTES, *BACKENDS)
# what an entry point of a group names, in `leptonctl.spi`
TYPES = {
    "trainers": "Trainer", "metrics": "Metric", "preprocess": "Preprocessor", "sources": "Source",
    "platforms": "Platform", "executors": "ExecutorBackend", "stores": "StoreBackend", "states": "StateBackend",
}  # fmt: skip


class _Cache(TypedDict):
    """stamp: [folder, its modification time]. groups: [name, "module:attribute"] by group."""

    stamp: list[list[str | int]]
    groups: dict[str, list[tuple[str, str]]]


class LazyMapping(Mapping[K, V], Generic[K, V]):
    """A mapping whose values are loaded on first access. `others` finds further ones, which are not iterated over."""

    def __init__(self, loaders: Mapping[K, Callable[[], V]], others: Callable[[K], V | None] | None = None) -> None:
        self._loaders = loaders
        self._others = others
        self._values: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._values:
            self._values[key] = self._loaders[key]() if key in self._loaders else self._other(key)
        return self._values[key]

    def _other(self, key: K) -> V:
        value = None if self._others is None else self._others(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[K]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def __contains__(self, key: object) -> bool:
        return key in self._loaders or (self._others is not None and self._others(cast("K", key)) is not None)


def load_catalog(cache_file: Path | None = None) -> Catalog:
    """The bundled providers, then those of installed packages. Bundled names win."""
    third_party = _third_parties(cache_file)
    return Catalog(
        trainers=LazyMapping({**_by_task("trainers", TRAINERS, third_party), **_by_task("trainers", EXTRAS, {})}, class_trainer),
        metrics=LazyMapping(_by_task("metrics", METRICS, third_party)),
        preprocessors=LazyMapping(_by_name("preprocess", PREPROCESSORS, third_party), class_step),
        sources=LazyMapping(_by_name("sources", SOURCES, third_party)),
        platforms=LazyMapping(_by_target("platforms", third_party)),
        executors=LazyMapping(_by_target("executors", third_party)),
        stores=LazyMapping(_by_target("stores", third_party)),
        states=LazyMapping(_by_target("states", third_party)),
        extended=any(third_party.get(group) for group in ("trainers", "metrics", "preprocess")),
        tasks_of=class_tasks,
        others=class_names,
        refusal=class_refusal,
    )


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    return find_spec(module) is not None


def _by_task(
    group: str, table: Mapping[str, tuple[str, ...]], third_party: Mapping[str, list[list[str]]]
) -> dict[tuple[str, str], Callable[[], Any]]:
    loaders: dict[tuple[str, str], Callable[[], Any]] = {}
    for name, target in third_party.get(group, []):
        task, _, short = name.partition(".")
        loaders[(task, short)] = partial(_load_foreign, group, name, target)
    for task, names in table.items():
        for name in names:
            loaders[(task, name)] = partial(_pick, f"leptonctl.providers.{group}.{name}", ATTRIBUTES[group], task)
    return loaders


def _by_name(group: str, names: tuple[str, ...], third_party: Mapping[str, list[list[str]]]) -> dict[str, Callable[[], Any]]:
    loaders: dict[str, Callable[[], Any]] = {n: partial(_load_foreign, group, n, target) for n, target in third_party.get(group, [])}
    for name in names:
        loaders[name] = partial(_load, f"leptonctl.providers.{group}.{name}:{ATTRIBUTES[group]}")
    return loaders


def _by_target(group: str, third_party: Mapping[str, list[list[str]]]) -> dict[str, Callable[[], Any]]:
    loaders: dict[str, Callable[[], Any]] = {n: partial(_load_foreign, group, n, target) for n, target in third_party.get(group, [])}
    loaders.update({name: partial(_load, target) for name, target in BACKENDS[group].items()})
    return loaders


@cache
def _pick(module: str, attribute: str, task: str) -> Any:
    return next(provider for provider in getattr(import_module(module), attribute) if provider.task == task)


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _load_foreign(group: str, name: str, target: str) -> Any:
    """The value that an entry point names. Raises Failure: broken-package, which names the entry point."""
    summary, entry = "An installed package cannot be used", f"entry point `{name} = {target}` of leptonctl.{group}"
    try:
        provider = _load(target)
    except Exception as problem:
        detail = f"{entry} failed: {type(problem).__name__}: {problem}"
        raise fail("broken-package", summary, detail, hint="fix or uninstall the package that provides it") from problem
    expected = TYPES[group]
    if not isinstance(provider, getattr(import_module("leptonctl.spi"), expected)):
        detail = f"{entry} names a {type(provider).__name__}, not a {expected}"
        raise fail("broken-package", summary, detail, hint=f"let it name one value of the type leptonctl.spi.{expected}")
    return provider


def _third_parties(cache_file: Path | None) -> dict[str, list[list[str]]]:
    """Group -> [name, "module:attribute"], from the cache while no folder of `sys.path` has changed."""
    stamp = [[folder, path.stat().st_mtime_ns] for folder in sys.path if folder and (path := Path(folder)).is_dir()]
    if cache_file is not None:
        try:
            cached = decode(cache_file.read_bytes(), _Cache)
            if cached["stamp"] == stamp:
                return {group: [[name, target] for name, target in targets] for group, targets in cached["groups"].items()}
        except (OSError, BadRecord):
            pass
    from importlib.metadata import entry_points

    groups = {group: sorted([e.name, e.value] for e in entry_points(group=f"leptonctl.{group}")) for group in GROUPS}
    if cache_file is not None:
        try:
            cache_file.parent.mkdir(parents=True, exist_ok=True)
            cache_file.write_text(json.dumps({"stamp": stamp, "groups": groups}), encoding="utf-8")
        except OSError:
            pass
    return groups
