"""Clustering and anomaly: the exported answers are scikit-learn's, metrics too, clusters are matched, and no target is needed."""

import json

import numpy as np
import pytest
from sklearn import metrics

from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.fitting.unsupervised import match_clusters
from leptonctl.learning.onnx.parity import run_graph
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.steps.export import export
from leptonctl.project.catalog import load_catalog
from leptonctl.providers.estimators.listed import TRAINERS
from leptonctl.spi.learning import Prediction, ProviderError, Scoring
from leptonctl.testing import check_trainer
from tests import projects
from tests.learning.model_rows import quiet, recipe
from tests.sweep.subjects import PARAMS, SCALER
from tests.sweep.tables import Table

CATALOG = load_catalog()
NAMES = [(task, name) for task in ("clustering", "anomaly") for name in TRAINERS[task]]
QUICK = {"IsolationForest": {"n_estimators": 10}}
MIXTURES = ["full", "tied", "diag", "spherical"]


def answers(task, name, params, table="wine"):
    """The estimator, its input, and the answers of the exported graph to rows that it has not seen."""
    inputs = recipe(task, name, SCALER, params=params, seed=3)
    seen, unseen = Table(name=table).halves(task)
    fitted = load_native(dump_native(fit(inputs, seen.columns, seen.y, quiet)), inputs)
    exported = export(fitted, seen, unseen)
    assert exported.parity.labels_differ == 0
    return fitted.estimator, fitted.matrix(unseen.columns), run_graph(open_session(exported.onnx), fitted, unseen.columns)


@pytest.mark.parametrize(("task", "name"), NAMES, ids=lambda value: value)
def test_the_graph_answers_as_scikit_learn(task, name):
    estimator, matrix, found = answers(task, name, QUICK.get(name) or PARAMS.get(name) or {})
    if task == "anomaly":
        scores = estimator.decision_function(matrix).reshape(-1)
        assert np.allclose(found.values, scores, rtol=0, atol=1e-4 * max(np.std(scores), 1e-3))
        assert (found.labels == np.where(estimator.predict(matrix) == -1, "outlier", "normal")).all()
    else:
        wide = matrix.astype(np.float64)
        assert (found.labels == estimator.predict(wide)).all()
        if hasattr(estimator, "transform"):
            assert np.allclose(found.values, estimator.transform(wide).min(axis=1), atol=1e-5)


@pytest.mark.parametrize("covariance", MIXTURES)
@pytest.mark.parametrize("name", ["GaussianMixture", "BayesianGaussianMixture"])
def test_a_mixture_of_any_covariance_is_exact(name, covariance):
    estimator, matrix, found = answers("clustering", name, {"n_components": 3, "covariance_type": covariance})
    assert (found.labels == estimator.predict(matrix.astype(np.float64))).all()


def test_few_features_a_tree_are_found_at_their_places():
    estimator, matrix, found = answers("anomaly", "IsolationForest", {"n_estimators": 10, "max_features": 0.4, "contamination": 0.1})
    assert np.allclose(found.values, estimator.decision_function(matrix), atol=1e-6)


def test_detector_and_clusterer_conform_like_any_trainer():
    check_trainer(CATALOG.trainers["anomaly", "EllipticEnvelope"])
    check_trainer(CATALOG.trainers["clustering", "KMeans"], {"n_clusters": 3})


def test_clusters_are_matched_before_labels_are_compared():
    ours = np.array([0, 0, 1, 1, 2, 2, 2])
    assert match_clusters(ours, np.array([2, 2, 0, 0, 1, 1, 1])).tolist() == ours.tolist()
    assert match_clusters(ours, np.array([5, 5, 5, 7, 6, 6, 6])).tolist() == [0, 0, 0, 1, 2, 2, 2]
    more = match_clusters(ours, np.array([3, 4, 0, 0, 1, 1, 1]))
    assert (more[2:] == ours[2:]).all()
    assert len({*more.tolist()}) == 4, "a cluster without a partner keeps a number of its own"


def score(task, name, y, prediction, **scoring):
    return CATALOG.metrics[task, name].score(y, prediction, Scoring(**scoring))


def test_metrics_of_clusters_are_those_of_scikit_learn():
    draw = np.random.RandomState(0)
    matrix, labels, y = draw.normal(size=(60, 3)), draw.randint(0, 3, 60), draw.choice(["a", "b"], 60)
    found = Prediction(labels=labels, values=np.abs(matrix[:, 0]), matrix=matrix)
    assert score("clustering", "silhouette", y, found) == metrics.silhouette_score(matrix, labels)
    assert score("clustering", "davies_bouldin", y, found) == metrics.davies_bouldin_score(matrix, labels)
    assert score("clustering", "calinski_harabasz", y, found) == metrics.calinski_harabasz_score(matrix, labels)
    assert score("clustering", "inertia", y, found) == pytest.approx((matrix[:, 0] ** 2).sum())
    assert score("clustering", "adjusted_rand", y, found) == metrics.adjusted_rand_score(y, labels)
    assert score("clustering", "homogeneity", y, found) == metrics.homogeneity_score(y, labels)
    with pytest.raises(ProviderError, match="not defined"):
        score("clustering", "silhouette", y, Prediction(labels=np.zeros(60, dtype=int), values=found.values, matrix=matrix))


def test_metrics_of_outliers_compare_the_positive_class():
    y = np.array(["bad", "good", "good", "bad", "good"])
    found = Prediction(
        labels=np.array(["outlier", "normal", "outlier", "normal", "normal"], dtype=object), values=np.array([-2, 1, -1, 0.5, 2])
    )
    assert score("anomaly", "outlier_share", y, found) == 0.4
    assert score("anomaly", "precision", y, found, positive="bad") == 0.5
    assert score("anomaly", "recall", y, found, positive="bad") == 0.5
    assert score("anomaly", "roc_auc", y, found, positive="bad") == pytest.approx(5 / 6)
    with pytest.raises(ProviderError, match="not defined"):
        score("anomaly", "roc_auc", y, found, positive="worse")


def test_a_target_of_judged_rows_is_only_compared_with(tmp_path):
    """The same model with and without a target: equal bytes; with one there are more metrics, and folds have them too."""
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{}"}}, {})
    data, model = root / "data.yaml", root / "model-line.yaml"
    projects.edit(data, "versions:", "split: {test: 0.25, stratify: false}\nversions:")
    text = data.read_text(encoding="utf-8")
    data.write_text(
        text + "---\n" + text.replace("target: side\n", "privacy: {drop: [side]}\n").replace("name: points", "name: bare"), encoding="utf-8"
    )
    model.write_text(
        "kind: Model\nname: line\ndataset: points@first\nalgorithm: IsolationForest\nparams: {n_estimators: 5}\nversions:\n"
        "  v1: {evaluate: {positive: below, cross_validation: 2}}\n  v2: {dataset: bare@first}\n",
        encoding="utf-8",
    )  # fmt: skip
    built = projects.run("build", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    versions = {name: json.loads(projects.run("show", f"line@{name}", "--json", cwd=root).stdout)["version"] for name in ("v1", "v2")}
    numbers = {name: {m["name"] for m in version["metrics"]} for name, version in versions.items()}
    assert numbers["v2"] == {"outlier_share"}
    assert numbers["v1"] >= {"outlier_share", "roc_auc", "f1", "precision", "recall"}
    assert versions["v1"]["artifacts"]["model.onnx"] == versions["v2"]["artifacts"]["model.onnx"]
