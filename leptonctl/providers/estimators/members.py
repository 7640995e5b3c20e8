"""The models that voting and stacking are made of: a choice among the trainers that have a name here, with their defaults."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from leptonctl.spi.learning import Estimator, Schema

CHOICES: Mapping[str, tuple[str, ...]] = {
    "classification": (
        "logistic_regression", "naive_bayes", "decision_tree", "random_forest", "extra_trees", "gradient_boosting", "mlp",
    ),
    "regression": ("linear", "ridge", "lasso", "elastic_net", "decision_tree", "random_forest", "gradient_boosting", "mlp"),
}  # fmt: skip
DEFAULTS = {
    "classification": ["logistic_regression", "naive_bayes", "random_forest"],
    "regression": ["ridge", "gradient_boosting", "random_forest"],
}


def _schema(task: str) -> Schema:
    return {
        "type": "array",
        "items": {"enum": [*CHOICES[task]]},
        "minItems": 2,
        "uniqueItems": True,
        "default": DEFAULTS[task],
        "description": "The models that it is made of, each with its default parameters.",
    }


MEMBERS: Mapping[str, Mapping[str, Schema]] = {task: {"estimators": _schema(task)} for task in CHOICES}


def members_of(task: str, names: Sequence[str], seed: int) -> list[tuple[str, Estimator]]:
    """The unfitted models, each with its name, defaults and the seed."""
    return [(name, _member(task, name, seed)) for name in names]


def _member(task: str, name: str, seed: int) -> Estimator:
    module = import_module(f"leptonctl.providers.trainers.{name}")
    trainer = next(trainer for trainer in module.TRAINERS if trainer.task == task)
    return trainer.build({key: schema["default"] for key, schema in trainer.params.items()}, seed)
