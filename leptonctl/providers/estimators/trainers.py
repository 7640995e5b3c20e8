"""The trainers of listed estimators, from the list and the shipped parameters. scikit-learn is imported in `build`."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from leptonctl.providers.estimators.listed import ALIASES, CLASSIFICATION, REGRESSION, TRAINERS, Entry
from leptonctl.providers.estimators.members import MEMBERS, members_of
from leptonctl.providers.estimators.shipped import new_estimator, signatures
from leptonctl.providers.trainers.sklearn_fits import calibrate
from leptonctl.providers.trainers.tree_checkpoint import fit_trees
from leptonctl.spi.learning import Conversion, Estimator, LearningTask, Params, Trainer

if TYPE_CHECKING:
    import numpy as np
    import onnx

FIXED: Mapping[str, Mapping[str, Any]] = {
    "LogisticRegressionCV": {"l1_ratios": (0.0,), "scoring": "neg_log_loss", "use_legacy_attributes": False},
    "VotingClassifier": {"flatten_transform": False, "voting": "soft"},
}
"""Arguments that the user cannot choose: the converter needs them, or scikit-learn is about to change their defaults."""


def trainer_of(task: str, name: str) -> Trainer | None:
    """The trainer of a class for a task; None when the class is not listed for it, or has a name here (`ALIASES`)."""
    return _trainer(task, name) if name in TRAINERS.get(task, {}) else None


def tasks_of(name: str) -> tuple[str, ...]:
    """The tasks that a class is for."""
    alias = [ALIASES[name][0]] if name in ALIASES else []
    return tuple(sorted({*alias, *(task for task, names in TRAINERS.items() if name in names)}))


@cache
def _trainer(task: str, name: str) -> Trainer:
    entry, signature = TRAINERS[task][name], signatures()[name]
    params = {key: schema for key, schema in signature.params.items() if key not in entry.without}
    if entry.members:
        params = {**MEMBERS[task], **params}
    return Trainer(
        name=name,
        task=cast("LearningTask", task),
        description=entry.description,
        params=params,
        build=_builder(task, name, entry),
        fit_from=fit_trees if entry.trees else None,
        to_onnx=_graph(entry.graph),
        distance=_distance(entry.distance),
        refuse=refusal(entry.refused),
        splits=entry.splits,
        takes_missing=entry.takes_missing,
        takes_sparse=entry.takes_sparse,
        weighs=signature.weighs and not entry.members and task in (CLASSIFICATION, REGRESSION),
        tolerance=entry.tolerance,
        holds_rows=entry.holds_rows,
        holds_every_row=entry.holds_every_row,
    )


def _builder(task: str, name: str, entry: Entry) -> Callable[[Params, int], Estimator]:
    fixed = {**FIXED.get(name, {}), **entry.fixed}

    def build(params: Params, seed: int) -> Estimator:
        members = {"estimators": members_of(task, params["estimators"], seed)} if entry.members else {}
        estimator = new_estimator(name, {**params, **members, **fixed}, seed)
        return calibrate(estimator) if entry.calibrated else estimator

    return build


def _graph(name: str | None) -> "Callable[[Estimator, Conversion], onnx.ModelProto] | None":
    if name is None:
        return None

    def to_onnx(estimator: Estimator, conversion: Conversion) -> "onnx.ModelProto":
        from leptonctl.providers.estimators import graphs

        model: onnx.ModelProto = getattr(graphs, name)(estimator, conversion)
        return model

    return to_onnx


def _distance(name: str | None) -> "Callable[[Estimator, np.ndarray], np.ndarray] | None":
    if name is None:
        return None

    def distance(estimator: Estimator, matrix: "np.ndarray") -> "np.ndarray":
        from leptonctl.providers.estimators import distances

        values: np.ndarray = getattr(distances, name)(estimator, matrix)
        return values

    return distance


def refusal(refused: Mapping[str, Mapping[str, str]]) -> Callable[[Params], str | None] | None:
    """`refuse` of a provider, from parameter -> value -> reason."""
    if not refused:
        return None

    def refuse(params: Params) -> str | None:
        return next((reason for key, values in refused.items() if (reason := values.get(str(params.get(key))))), None)

    return refuse
