"""Trainers of the listed classifiers and regressors, made of the list and the shipped parameters. scikit-learn is imported in `build`."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from leptonctl.providers.estimators.listed import ALIASES, CLASSIFICATION, REGRESSION, TRAINERS, Listed
from leptonctl.providers.estimators.members import MEMBERS, members_of
from leptonctl.providers.estimators.shipped import Signature, signatures
from leptonctl.providers.trainers.tree_checkpoint import fit_trees
from leptonctl.spi.learning import Conversion, Estimator, LearningTask, Params, Schema, Trainer

if TYPE_CHECKING:
    import numpy as np
    import onnx

FIXED: Mapping[str, Mapping[str, Any]] = {
    "LogisticRegressionCV": {"l1_ratios": (0.0,), "scoring": "neg_log_loss", "use_legacy_attributes": False},
    "VotingClassifier": {"flatten_transform": False, "voting": "soft"},
}
"""Arguments that are no choice of the user: the converter needs them, or scikit-learn is about to change their defaults."""


def trainer_of(task: str, name: str) -> Trainer | None:
    """The trainer of a class for a task; None when it is not one of the listed, or is another trainer's class (`ALIASES`)."""
    return _trainer(task, name) if name in TRAINERS.get(task, {}) else None


def tasks_of(name: str) -> tuple[str, ...]:
    """The tasks that a class is for."""
    alias = [ALIASES[name][0]] if name in ALIASES else []
    return tuple(sorted({*alias, *(task for task, names in TRAINERS.items() if name in names)}))


@cache
def _trainer(task: str, name: str) -> Trainer:
    listed, signature = TRAINERS[task][name], signatures()[name]
    params = {key: schema for key, schema in signature.params.items() if key not in listed.without}
    if listed.members:
        params = {**MEMBERS[task], **params}
    return Trainer(
        name=name,
        task=cast("LearningTask", task),
        description=listed.description,
        params=params,
        build=_builder(task, name, listed, signature),
        fit_from=fit_trees if listed.trees else None,
        to_onnx=_graph(listed.graph),
        distance=_distance(listed.distance),
        refuse=refusal(listed.refused),
        splits=listed.splits,
        takes_missing=listed.takes_missing,
        takes_sparse=listed.takes_sparse,
        weighs=signature.weighs and not listed.members and task in (CLASSIFICATION, REGRESSION),
        tolerance=listed.tolerance,
        holds_rows=listed.holds_rows,
        holds_every_row=listed.holds_every_row,
    )


def _builder(task: str, name: str, listed: Listed, signature: Signature) -> Callable[[Params, int], Estimator]:
    def build(params: Params, seed: int) -> Estimator:
        kind = getattr(import_module(signature.module), name)
        arguments = {key: argument(value, signature.params.get(key, {})) for key, value in params.items()}
        if listed.members:
            arguments["estimators"] = members_of(task, params["estimators"], seed)
        arguments |= {**FIXED.get(name, {}), **listed.fixed}
        arguments |= {"random_state": seed} if signature.seeded else {}
        estimator = kind(**arguments, **({"n_jobs": 1} if signature.jobs else {}))
        return _calibrated(estimator) if listed.calibrated else estimator

    return build


def argument(value: Any, schema: Schema) -> Any:
    return tuple(value) if isinstance(value, list) and schema.get("type") == "array" else value


def _calibrated(estimator: Estimator) -> Estimator:
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(estimator, method="sigmoid", ensemble=False, n_jobs=1)


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

        found: np.ndarray = getattr(distances, name)(estimator, matrix)
        return found

    return distance


def refusal(refused: Mapping[str, Mapping[str, str]]) -> Callable[[Params], str | None] | None:
    if not refused:
        return None

    def refuse(params: Params) -> str | None:
        return next((reason for key, values in refused.items() if (reason := values.get(str(params.get(key))))), None)

    return refuse
