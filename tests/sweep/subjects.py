"""What the sweep builds: every estimator that has a name, in the ways that people use it."""

from collections.abc import Iterator

from leptonctl.project.catalog import PREPROCESSORS, load_catalog
from leptonctl.project.catalog import TRAINERS as BUNDLED
from leptonctl.providers.estimators.listed import STEPS, TRAINERS
from tests.sweep.cases import Case, Step
from tests.sweep.tables import Table

SCALER: Step = ("min_max_scaler", "numeric", {})
IMPUTER: Step = ("imputer", "numeric", {})
TABLES = {
    "classification": ("breast_cancer", "wine", "digits"), "regression": ("diabetes",),
    "clustering": ("breast_cancer", "wine", "diabetes"), "anomaly": ("breast_cancer", "wine", "diabetes"),
}  # fmt: skip
WITH_GAPS = {
    "classification": "wine with gaps", "regression": "diabetes with gaps", "clustering": "wine with gaps", "anomaly": "wine with gaps",
}  # fmt: skip
BEFORE: dict[str, Step] = {"CategoricalNB": ("KBinsDiscretizer", "numeric", {})}
PARAMS = {
    "GaussianRandomProjection": {"n_components": 5},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 4},
    "QuantileTransformer": {"n_quantiles": 50},
    "SelectPercentile": {"percentile": 30},
    "pca": {"n_components": 3},
    "select_k_best": {"k": 4},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "KMeans": {"n_clusters": 3},
    "MiniBatchKMeans": {"n_clusters": 3},
    "GaussianMixture": {"n_components": 3},
    "BayesianGaussianMixture": {"n_components": 3},
    "IsolationForest": {"n_estimators": 50},
}
TEXT = {"CountVectorizer": "message", "tfidf": "message", "TargetEncoder": "colour", "one_hot": "colour", "ordinal": "colour"}
AFTER = (
    ("classification", "logistic_regression"), ("classification", "decision_tree"), ("regression", "ridge"), ("regression", "decision_tree"),
)  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them: trainers, then steps."""
    for task in TABLES:
        for name in (*BUNDLED.get(task, ()), *TRAINERS[task]):
            yield from of_trainer(task, name)
    for name in (*PREPROCESSORS, *STEPS):
        yield from of_step(name)


def of_trainer(task: str, name: str) -> Iterator[Case]:
    before = [BEFORE[name]] if name in BEFORE else []
    chains = [(table, before) for table in TABLES[task]]
    chains += [(table, [SCALER]) for table in TABLES[task] if not before]
    chains += [(WITH_GAPS[task], before), (WITH_GAPS[task], [IMPUTER, *before])]
    for table, steps in chains:
        yield Case(subject=name, task=task, algorithm=name, table=Table(name=table), steps=steps, params=PARAMS.get(name))


def of_step(name: str) -> Iterator[Case]:
    provider = load_catalog().preprocessors[name]
    for task, algorithm in AFTER:
        if name in TEXT:
            other: Step = ("tfidf", ["message"], {}) if TEXT[name] == "colour" else ("one_hot", ["colour"], {})
            yield Case(subject=name, task=task, algorithm=algorithm, table=Table(name="words"), steps=[(name, [TEXT[name]], {}), other])
        elif not (provider.loose and algorithm == "decision_tree"):
            table = Table(name=TABLES[task][-1] if task == "regression" else "wine")
            yield Case(subject=name, task=task, algorithm=algorithm, table=table, steps=[(name, "numeric", PARAMS.get(name, {}))])
    if name not in TEXT:
        step: Step = (name, "numeric", PARAMS.get(name, {}))
        for steps in ([step], [IMPUTER, step]):
            yield Case(
                subject=name, task="classification", algorithm="logistic_regression", table=Table(name="wine with gaps"), steps=steps
            )
