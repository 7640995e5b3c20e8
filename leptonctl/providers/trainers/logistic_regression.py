"""Logistic regression for two or more classes."""

from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT, FIT_INTERCEPT
from leptonctl.spi.learning import Estimator, Params, Progress, Schema, Trainer, Training

if TYPE_CHECKING:
    import numpy as np

PARAMS: dict[str, Schema] = {
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the penalty's strength: smaller is stronger.",
    },
    "l1_ratio": {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
        "default": 0.0,
        "description": "Mix of the penalties: 0 is L2, 1 is L1 (needs the solver liblinear or saga), anything between needs saga.",
    },
    "dual": {"type": "boolean", "default": False, "description": "Solve the dual problem; only for the solver liblinear with L2."},
    "tol": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Stop when the improvement falls below this."},
    "fit_intercept": FIT_INTERCEPT,
    "intercept_scaling": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1,
        "description": "Value of the constant column that represents the intercept; only for the solver liblinear.",
    },
    "class_weight": CLASS_WEIGHT,
    "solver": {
        "enum": ["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"],
        "default": "lbfgs",
        "description": "Algorithm that minimises the loss.",
    },
    "max_iter": {"type": "integer", "minimum": 1, "default": 100, "description": "Maximum number of iterations of the solver."},
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params, random_state=seed)


def conflict(params: Params) -> str | None:
    solver, ratio = params["solver"], params["l1_ratio"] or 0.0
    if params["dual"] and solver != "liblinear":
        return f"`dual: true` needs `solver: liblinear`, not {solver}"
    if params["dual"] and ratio:
        return "`dual: true` needs `l1_ratio: 0.0`"
    if ratio == 1 and solver not in ("liblinear", "saga"):
        return f"`l1_ratio: 1.0` needs `solver: saga` or `solver: liblinear`, not {solver}"
    if 0 < ratio < 1 and solver != "saga":
        return f"an `l1_ratio` between 0 and 1 needs `solver: saga`, not {solver}"
    return None


class ReportIterations:
    """A scikit-learn callback that reports every iteration of the solver lbfgs and changes nothing."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.iteration = 0

    def setup(self, estimator: Estimator, context: Any) -> None:
        """Required by the callback protocol."""

    def teardown(self, estimator: Estimator, context: Any) -> None:
        """Required by the callback protocol."""

    def on_fit_task_begin(self, estimator: Estimator, context: Any, *, metadata: Any = None) -> None:
        """Required by the callback protocol."""

    def on_fit_task_end(self, estimator: Estimator, context: Any, *, metadata: Any = None) -> None:  # noqa: ARG002
        if context.task_name == "lbfgs-iter" and self.iteration < estimator.max_iter:
            self.iteration += 1
            self.progress(iteration=self.iteration, of=estimator.max_iter)


def fit(
    estimator: Estimator, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> Estimator:
    if estimator.solver != "lbfgs":
        return estimator.fit(features, target, sample_weight=weights)
    estimator.set_callbacks(ReportIterations(progress))
    try:
        return estimator.fit(features, target, sample_weight=weights)
    finally:
        del estimator._skl_callbacks  # noqa: SLF001


def resume(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """The solver begins at the parent's coefficients."""
    fresh.classes_, fresh.coef_, fresh.intercept_ = parent.classes_, parent.coef_.copy(), parent.intercept_.copy()
    fresh.warm_start = True
    try:
        return fit(fresh, training.features, training.target, training.progress)
    finally:
        fresh.warm_start = False


def resume_refuse(params: Params) -> str | None:
    return "the solver liblinear takes no starting point; use another `solver`" if params["solver"] == "liblinear" else None


TRAINERS = (
    Trainer(
        name="logistic_regression",
        task="classification",
        description="Logistic regression: a linear model of class probabilities.",
        params=PARAMS,
        build=build,
        weighs=True,
        fit=fit,
        resume=resume,
        resume_refuse=resume_refuse,
        conflict=conflict,
        scores="decision_function",
    ),
)
