"""Gradient boosting on binned features, for classification and regression; handles missing values.

The converter rounds thresholds to the nearest float32 and omits the exponential of the losses poisson and gamma; both are corrected here.
"""

from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.hist_checkpoint import fit_trees, replay_trees
from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT
from leptonctl.providers.trainers.sklearn_fits import constrain
from leptonctl.providers.trainers.tree_graph import compare_scores_with_zero, float32_below
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer, Training

if TYPE_CHECKING:
    import numpy as np
    import onnx

BOOSTING: dict[str, Schema] = {
    "learning_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.1, "description": "Weight of each tree."},
    "max_iter": {"type": "integer", "minimum": 1, "default": 100, "description": "Maximum number of boosting stages."},
    "max_leaf_nodes": {
        "type": ["integer", "null"],
        "minimum": 2,
        "default": 31,
        "description": "Maximum number of leaves of a tree; null sets no limit.",
    },
    "max_depth": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Maximum depth of a tree; null sets no limit.",
    },
    "min_samples_leaf": {"type": "integer", "minimum": 1, "default": 20, "description": "Minimum number of rows in a leaf."},
    "l2_regularization": {"type": "number", "minimum": 0, "default": 0.0, "description": "Strength of the L2 penalty on the leaf values."},
    "max_features": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the features, drawn at random, that each split considers.",
    },
    "max_bins": {"type": "integer", "minimum": 2, "maximum": 255, "default": 255, "description": "Maximum number of bins of a feature."},
    "early_stopping": {
        "enum": ["auto", True, False],
        "default": "auto",
        "description": "Whether to stop early, judged on held-out rows; auto does so above 10,000 rows.",
    },
    "validation_fraction": {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"type": "null"}],
        "default": 0.1,
        "description": "Rows held out for early stopping: a fraction, a count, or null to judge on the training rows.",
    },
    "n_iter_no_change": {"type": "integer", "minimum": 1, "default": 10, "description": "Stop after this many stages without improvement."},
    "tol": {"type": "number", "minimum": 0, "default": 1e-7, "description": "Smallest improvement of the loss that counts."},
}
LOG_LINK = {"poisson", "gamma"}


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import HistGradientBoostingClassifier

    weights = params["class_weight"]
    if isinstance(weights, dict):
        # scikit-learn looks the classes up by their number; the weights are in the order of the sorted classes
        params = {**params, "class_weight": dict(enumerate(weights.values()))}
    return HistGradientBoostingClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(**params, random_state=seed)


def resume(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """`max_iter` more stages after those of the parent, on the parent's bins and with its directions.

    While it fits, scikit-learn reads the earlier trees by bins, so that bins of other rows would give other answers than the model has.
    """
    from copy import deepcopy
    from functools import partial

    params = {name: value for name, value in fresh.get_params().items() if name != "monotonic_cst"}
    boosting = deepcopy(parent).set_params(**params)
    boosting.set_params(warm_start=True, max_iter=len(parent._predictors) + fresh.max_iter)  # noqa: SLF001
    boosting._bin_data = partial(_bin_data, boosting, boosting._bin_mapper)  # noqa: SLF001
    try:
        with replay_trees(boosting, training.checkpoint):
            return boosting.fit(training.features, training.target).set_params(warm_start=False)
    finally:
        del boosting._bin_data  # noqa: SLF001


def _bin_data(estimator: Estimator, mapper: Any, features: "np.ndarray", *_: Any, is_training_data: bool) -> "np.ndarray":
    """Takes the place of scikit-learn's method, which would make bins of the new rows."""
    import numpy as np

    estimator._bin_mapper = mapper  # noqa: SLF001
    bins: np.ndarray = mapper.transform(features)
    return bins if is_training_data else np.ascontiguousarray(bins)


def repair(model: "onnx.ModelProto", estimator: Estimator) -> "onnx.ModelProto":
    """Round thresholds down to float32, so that `x <= threshold` has the same answer for every float32 x, let labels follow the sign of the
    score, and add the exponential to models that predict a logarithm.
    """
    import numpy as np
    from onnx import helper

    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        values = next(a for a in node.attribute if a.name == "nodes_values")
        values.floats[:] = float32_below(np.array(_thresholds(estimator), dtype=np.float64)).tolist()
    compare_scores_with_zero(model)
    if getattr(estimator, "loss", None) in LOG_LINK:
        out = model.graph.output[0].name
        for node in model.graph.node:
            node.output[:] = ["logarithm" if name == out else name for name in node.output]
        model.graph.node.append(helper.make_node("Exp", ["logarithm"], [out]))
    return model


def _thresholds(estimator: Estimator) -> list[float]:
    """The thresholds in the converter's order: by stage, class and node; 0 at leaves."""
    return [
        0.0 if node["is_leaf"] else float(node["num_threshold"])
        for stage in estimator._predictors  # noqa: SLF001
        for tree in stage
        for node in tree.nodes
    ]


TRAINERS = (
    Trainer(
        name="hist_gradient_boosting",
        task="classification",
        description="Fast gradient boosting on binned features; handles missing values.",
        params={**BOOSTING, "class_weight": CLASS_WEIGHT},
        build=build_classifier,
        weighs=True,
        fit_from=fit_trees,
        monotonic=constrain,
        repair=repair,
        resume=resume,
        resume_keeps=("max_bins",),
        scores="_raw_predict",
        splits=True,
        takes_missing=True,
    ),
    Trainer(
        name="hist_gradient_boosting",
        task="regression",
        description="Fast gradient boosting on binned features; handles missing values.",
        params={
            "loss": {
                "enum": ["squared_error", "absolute_error", "gamma", "poisson", "quantile"],
                "default": "squared_error",
                "description": "The loss to minimise.",
            },
            "quantile": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "default": None,
                "description": "The quantile to estimate; required by the loss quantile.",
            },
            **BOOSTING,
        },
        build=build_regressor,
        weighs=True,
        fit_from=fit_trees,
        monotonic=constrain,
        repair=repair,
        resume=resume,
        resume_keeps=("max_bins", "loss", "quantile"),
        splits=True,
        takes_missing=True,
    ),
)
