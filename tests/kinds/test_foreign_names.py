"""Names of scikit-learn and of other tools are answered with those that are used here."""

import pytest

from leptonctl.kinds.foreign_keys import foreign_hint
from leptonctl.kinds.foreign_names import ALGORITHMS, METRICS, PREPROCESSORS, name_hint
from leptonctl.project.catalog import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize("key", CATALOG.trainers, ids=".".join)
def test_the_class_of_every_shipped_trainer_leads_to_it(key: tuple[str, str]) -> None:
    """Whatever `build` makes is a name that people write."""
    task, name = key
    trainer = CATALOG.trainers[key]
    made = trainer.build({parameter: schema["default"] for parameter, schema in trainer.params.items()}, 0)
    inner = made.estimator if type(made).__name__ == "CalibratedClassifierCV" else made
    assert name_hint(type(inner).__name__, CATALOG.names(CATALOG.trainers, task), ALGORITHMS) == f'write "{name}"'


@pytest.mark.parametrize("name", CATALOG.preprocessors)
def test_the_class_of_every_shipped_step_leads_to_it(name: str) -> None:
    step = CATALOG.preprocessors[name]
    made = step.build({parameter: schema["default"] for parameter, schema in step.params.items()}, 0)
    assert name_hint(type(made).__name__, CATALOG.preprocessors, PREPROCESSORS) == f'write "{name}"'


@pytest.mark.parametrize(
    ("word", "task", "name"),
    [
        ("r2_score", "regression", "r2"),
        ("mean_squared_error", "regression", "mse"),
        ("neg_root_mean_squared_error", "regression", "rmse"),
        ("mean_absolute_error", "regression", "mae"),
        ("mean_absolute_percentage_error", "regression", "mape"),
        ("accuracy_score", "classification", "accuracy"),
        ("f1_macro", "classification", "f1"),
        ("roc_auc_score", "classification", "roc_auc"),
        ("balanced_accuracy_score", "classification", "balanced_accuracy"),
        ("neg_log_loss", "classification", "log_loss"),
    ],
)
def test_metrics_of_scikit_learn(word: str, task: str, name: str) -> None:
    assert name_hint(word, CATALOG.names(CATALOG.metrics, task), METRICS, CATALOG.metrics) == f'write "{name}"'


def test_a_name_of_another_task_names_that_task() -> None:
    known = CATALOG.names(CATALOG.metrics, "classification")
    assert name_hint("r2_score", known, METRICS, CATALOG.metrics) == '"r2" is what it is called here, and is for regression'
    assert name_hint("CatBoostRegressor", CATALOG.names(CATALOG.trainers, "regression"), ALGORITHMS) == 'write "hist_gradient_boosting"'
    assert name_hint("LGBM", CATALOG.names(CATALOG.trainers, "classification"), ALGORITHMS) == 'write "lightgbm"'
    assert name_hint("acuracy", known, METRICS) == 'did you mean "accuracy"?'


def test_shares_are_repeated_in_the_hint() -> None:
    assert foreign_hint("test_size", {}, 0.2, parameter=False) == "write `split: {test: 0.2}` in the Dataset"
    assert foreign_hint("train_size", {"split": 1}, 0.8, parameter=False) == "write `split: {test: 0.2}`"
    assert foreign_hint("test_size", {}, 50, parameter=False).startswith("write `split: {test: 0.25}`")
