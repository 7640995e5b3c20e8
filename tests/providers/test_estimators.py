"""scikit-learn's classes by name: the lists are complete, the shipped parameters are current, and a sample of the sweep agrees."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.utils import all_estimators

from leptonctl.project.catalog import PREPROCESSORS, load_catalog
from leptonctl.project.catalog import TRAINERS as BUNDLED
from leptonctl.providers.estimators import refused
from leptonctl.providers.estimators.listed import ALIASES, STEP_ALIASES, STEPS, TRAINERS
from leptonctl.providers.estimators.shipped import FILE
from leptonctl.testing import check_trainer
from leptonctl.testing.declarations import check_params
from tests import projects
from tests.sweep.__main__ import PAGE
from tests.sweep.cases import EXPORTED, REFUSED, Case, outcome
from tests.sweep.page import page
from tests.sweep.signatures import written
from tests.sweep.subjects import IMPUTER, SCALER, cases
from tests.sweep.tables import Table

CATALOG = load_catalog()
CLASSES = [(task, name) for task, names in TRAINERS.items() for name in names]
NO_MODEL = frozenset({
    "ClassicalMDS", "EmpiricalCovariance", "FrozenEstimator", "GraphicalLasso", "GraphicalLassoCV", "LedoitWolf", "MDS", "MinCovDet",
    "NearestNeighbors", "OAS", "PatchExtractor", "Pipeline", "ShrunkCovariance", "SpectralEmbedding", "KNeighborsTransformer",
    "RadiusNeighborsTransformer",
})  # fmt: skip
"""Neither an algorithm nor a step: estimates of covariances, maps of training rows, graphs of neighbours, pieces of images."""


def test_the_shipped_parameters_are_those_of_this_release():
    assert FILE.read_text(encoding="utf-8") == written(), "run `python -m tests.sweep.signatures`, and look at what moved"


def test_every_class_of_scikit_learn_can_be_used_or_has_a_reason():
    listed = {*ALIASES, *STEP_ALIASES, *STEPS, *(name for _, name in CLASSES)}
    tables = (*refused.AS_ALGORITHM, refused.STEPS)
    reasons = {name for table in tables for name in table}
    assert {name for name, _ in all_estimators()} - listed - reasons - NO_MODEL == set()
    assert all(reason and hint and "\n" not in reason + hint for table in tables for reason, hint in table.values())
    assert not {name for table in refused.AS_ALGORITHM for name in table} & {*ALIASES, *(name for _, name in CLASSES)}
    assert not {*refused.STEPS} & {*STEP_ALIASES, *STEPS}


def test_a_class_that_has_a_name_here_is_that_provider():
    assert {name for task in BUNDLED for name in BUNDLED[task]} == {name for _, name in ALIASES.values()}
    for name, (task, alias) in ALIASES.items():
        assert CATALOG.trainers[task, name] is CATALOG.trainers[task, alias]
        assert (next(iter({*BUNDLED} - {task})), name) not in CATALOG.trainers
    assert set(PREPROCESSORS) == set(STEP_ALIASES.values())
    for name, alias in STEP_ALIASES.items():
        assert CATALOG.preprocessors[name] is CATALOG.preprocessors[alias]


@pytest.mark.parametrize(
    "provider", [*(CATALOG.trainers[key] for key in CLASSES), *(CATALOG.preprocessors[name] for name in STEPS)], ids=lambda p: p.name
)
def test_a_listed_class_has_valid_parameters_and_builds(provider):
    check_params(provider.params)
    defaults = {name: schema["default"] for name, schema in provider.params.items()}
    assert provider.refuse is None or provider.refuse(defaults) is None
    assert hasattr(provider.build(defaults, 3), "fit")


@pytest.mark.parametrize("name", ["LinearDiscriminantAnalysis", "AdaBoostClassifier"])
def test_a_class_conforms_like_any_trainer(name):
    check_trainer(CATALOG.trainers["classification", name], {"n_estimators": 8} if name.startswith("Ada") else {})


SAMPLE = [
    ("classification", "LinearDiscriminantAnalysis", "breast_cancer", ()),
    ("classification", "RidgeClassifier", "wine", (SCALER,)),
    ("classification", "DummyClassifier", "wine", ()),
    ("classification", "QuadraticDiscriminantAnalysis", "wine with gaps", (IMPUTER,)),
    ("classification", "decision_tree", "wine", (("MaxAbsScaler", "numeric", {}),)),
    ("regression", "TweedieRegressor", "diabetes", (("PowerTransformer", "numeric", {}),)),
    ("regression", "PLSRegression", "diabetes", ()),
    ("regression", "hist_gradient_boosting", "diabetes with gaps", ()),
    ("regression", "VotingRegressor", "diabetes", (SCALER,)),
]


@pytest.mark.parametrize(("task", "name", "table", "steps"), SAMPLE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_sample_of_the_sweep_agrees_with_scikit_learn(task, name, table, steps):
    params = {"estimators": ["ridge", "decision_tree"]} if name == "VotingRegressor" else {}
    result = outcome(Case(subject=name, task=task, algorithm=name, table=Table(name=table), steps=steps, params=params))
    assert result.result == EXPORTED, result.reason


WEIGHED = [(task, name) for task, name in CLASSES if CATALOG.trainers[task, name].weighs]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "name"), WEIGHED, ids=lambda value: value)
def test_a_class_that_takes_weights_of_rows_is_fitted_with_them(task, name):
    """With defaults, as a project does it."""
    provider = CATALOG.trainers[task, name]
    rows, y = sklearn_rows(task)
    weights = np.where(np.arange(len(y)) % 3 == 0, 5.0, 0.2)
    params = {key: schema["default"] for key, schema in provider.params.items()}
    params |= {"n_estimators": 3} if "n_estimators" in params else {}
    fitted = provider.build(params, 3).fit(rows, y, sample_weight=weights)
    assert len((fitted.predict_proba if task == "classification" else fitted.predict)(rows)) == len(y)


def sklearn_rows(task):
    half, _ = Table(name="wine" if task == "classification" else "diabetes").halves(task)
    return np.abs(np.column_stack([*half.columns.values()]))[:90], half.y[:90]


def test_a_graph_that_cannot_run_is_refused_in_one_line():
    case = Case(
        subject="DummyRegressor",
        task="regression",
        algorithm="DummyRegressor",
        table=Table(name="diabetes"),
        params={"strategy": "constant"},
    )
    assert outcome(case).result == REFUSED


def test_the_page_has_every_name_and_parameter():
    """Its figures need the whole sweep; the rest is quick to write."""
    text, without_figures = PAGE.read_text(encoding="utf-8"), page([])
    names = [line.split("|")[1] for line in without_figures.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")] == names
    assert text.partition("## Parameters")[2] == without_figures.partition("## Parameters")[2], "run `python -m tests.sweep`"
    assert {case.subject for case in cases()} >= {name for _, name in CLASSES} | set(STEPS)


def test_names_of_bundled_providers_read_no_list_of_classes():
    code = (
        "import sys; from leptonctl.project.catalog import load_catalog; c = load_catalog(); "
        "c.trainers['regression', 'ridge'], c.preprocessors['pca'], c.trainers.get(('regression', 'rigde')); "
        "print(*[m for m in sys.modules if 'estimators' in m]); c.trainers['regression', 'LassoCV']; "
        "print(*[m for m in ('numpy', 'sklearn', 'onnx') if m in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "\n\n"


def test_a_project_of_class_names_is_planned_built_and_queried(tmp_path):
    """It trains, exports and predicts; under the other name of the class, nothing changes."""
    versions = {"v1": "{algorithm: LinearDiscriminantAnalysis}", "v2": "{algorithm: GaussianNB, preprocess: [{use: MaxAbsScaler}]}"}
    root = projects.tiny_project(tmp_path / "p", {"line": versions})
    projects.edit(root / "model-line.yaml", "task: classification\n", "")
    applied = projects.run("build", cwd=root)
    assert applied.returncode == 0, applied.stderr
    projects.edit(root / "model-line.yaml", "GaussianNB", "naive_bayes")
    again = projects.run("plan", "--json", cwd=root)
    assert json.loads(again.stdout)["summary"]["train"] == 0
    answers = projects.run("predict", "line@v1", "--input", "data/points.csv", cwd=root)
    assert answers.stdout.startswith("label,probability_above,probability_below\n"), answers.stderr
