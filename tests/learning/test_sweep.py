"""Every bundled algorithm with every bundled preprocess step, built in two processes; and each case that is known to be exported wrongly without an error."""

import hashlib
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from leptonctl.core.codec import encode, plain
from leptonctl.core.frozen import replace
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.onnx.canonical import serialize
from leptonctl.learning.onnx.graph import build_graph
from leptonctl.learning.onnx.parity import run_graph
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.steps.export import export, refuse_unfaithful
from leptonctl.learning.tables.prepared import take_rows
from leptonctl.project.catalog import PREPROCESSORS, TRAINERS, load_catalog
from leptonctl.spi.learning import ProviderError
from tests.learning.model_rows import as_columns, cancer, diabetes, halves, mixed, quiet, recipe, shuffled, wine

QUICK = {
    "random_forest": {"n_estimators": 6},
    "extra_trees": {"n_estimators": 6},
    "gradient_boosting": {"n_estimators": 6},
    "hist_gradient_boosting": {"max_iter": 6},
    "mlp": {"max_iter": 15, "hidden_layer_sizes": [6]},
    "sgd": {"max_iter": 10},
}
PARAMS = {"pca": {"n_components": 3}, "select_k_best": {"k": 3}, "polynomial": {"degree": 2}}
TEXT = {"tfidf": ["size", "message"], "one_hot": ["size", "colour", "flag"], "ordinal": ["size", "colour", "flag"]}
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def rows_for(step, task):
    """A small table that suits the step."""
    if step in TEXT or step == "imputer":
        columns, target = mixed()
        columns = {name: columns[name] for name in TEXT.get(step, ["size", "gaps"])}
        return columns, (columns["size"] * 3 + (target == "spam")).astype(np.float64) if task == "regression" else target
    columns, target = diabetes() if task == "regression" else wine()
    return {name: columns[name][:160] for name in list(columns)[:5]}, target[:160]


def steps_for(step):
    if step is None:
        return []
    columns = {"tfidf": ["message"], "one_hot": "categorical", "ordinal": "categorical"}.get(step, "numeric")
    return [(step, columns, PARAMS.get(step, {}))]


def case(task, algorithm, step):
    """The outcome of building one model: the digests of its artifacts, and the parity."""
    columns, target = rows_for(step, task)
    seen, unseen = halves(columns, target)
    inputs = recipe(task, algorithm, *steps_for(step), params=QUICK.get(algorithm))
    fitted = fit(inputs, seen.columns, seen.y, quiet)
    stored = dump_native(fitted)
    try:
        result = export(load_native(stored, inputs), seen, unseen)
    except ProviderError as refused:
        return {"refused": f"{refused.id}: {refused.detail}"}
    made_of = {**stored, "model.onnx": result.onnx, "golden.json": encode(result.golden)}
    return {name: hashlib.sha256(data).hexdigest() for name, data in made_of.items()} | {"parity": plain(result.parity)}


def sweep():
    warnings.simplefilter("ignore")
    names = [(task, algorithm, step) for task, all_ in TRAINERS.items() for algorithm in all_ for step in [None, *PREPROCESSORS]]
    return {f"{task} {algorithm} {step}": case(task, algorithm, step) for task, algorithm, step in names}


def test_every_algorithm_with_every_step_has_the_same_bytes_in_two_processes():
    command = [sys.executable, "-W", "ignore", "-m", "tests.learning.test_sweep"]
    runs = [
        subprocess.Popen(command, env={**os.environ, **THREADS, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for seed in ("1", "2")
    ]
    outputs = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs[0][1].decode()[-2000:]
    one, other = (json.loads(out) for out, _ in outputs)
    assert [err for _, err in outputs] == [b"", b""], "nothing is printed on stderr"
    assert len(one) == (len(TRAINERS["classification"]) + len(TRAINERS["regression"])) * (len(PREPROCESSORS) + 1)
    assert {name: result["refused"] for name, result in one.items() if "refused" in result} == {}
    assert one == other
    for name, result in one.items():
        parity = result["parity"]
        assert parity["labels_differ"] == 0, name
        assert parity["rows"] == 40, name
        assert parity["hard_rows"] >= 4, name
        assert max(parity["max_probability_diff"], parity["max_value_diff"]) <= parity["tolerance"], name


# --- the silent errors: each is repaired or refused -----------------------------------------------------------------


def built(load, task, algorithm, *steps, params=None):
    columns, target = load()
    seen, unseen = halves(columns, target)
    inputs = recipe(task, algorithm, *steps, params=params)
    return fit(inputs, seen.columns, seen.y, quiet), seen, unseen


def digits():
    from sklearn.datasets import load_digits

    features, classes = load_digits(return_X_y=True)
    return shuffled(as_columns(features), classes.astype(np.int64))


def refused(id_, fitted, seen, unseen):
    with pytest.raises(ProviderError) as caught:
        export(fitted, seen, unseen)
    assert caught.value.id == id_
    return caught.value


def test_a_scaler_before_trees_keeps_their_exact_thresholds():
    """Converted as one pipeline, the same model gives other answers for many rows; exported by leptonctl it does not."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.pipeline import make_pipeline

    fitted, seen, unseen = built(digits, "classification", "random_forest", ("standard_scaler", "numeric"), params={"n_estimators": 20})
    result = export(fitted, seen, unseen)
    assert result.parity.max_probability_diff < 1e-6
    whole = make_pipeline(fitted.steps[0].transformer, fitted.estimator)
    naive = convert_sklearn(
        whole,
        initial_types=[("x", FloatTensorType([None, 64]))],
        target_opset={"": 18, "ai.onnx.ml": 3},
        options={id(fitted.estimator): {"zipmap": False}},
    )
    matrix = np.column_stack(list(unseen.columns.values()))
    off = np.abs(open_session(naive.SerializeToString()).run(None, {"x": matrix})[1] - whole.predict_proba(matrix)).max(axis=1)
    assert (off > 1e-3).sum() > 20


@pytest.mark.parametrize("scaler", ["standard_scaler", "min_max_scaler", "robust_scaler"])
@pytest.mark.parametrize("algorithm", ["decision_tree", "hist_gradient_boosting", "gradient_boosting"])
def test_every_scaler_before_every_tree_holds_at_the_thresholds(scaler, algorithm):
    fitted, seen, unseen = built(cancer, "classification", algorithm, (scaler, "numeric"), params=QUICK.get(algorithm))
    parity = export(fitted, seen, unseen).parity
    assert parity.hard_rows > 100
    assert parity.max_probability_diff < 1e-6


def test_histogram_thresholds_are_rounded_down_to_float32():
    fitted, seen, unseen = built(wine, "classification", "hist_gradient_boosting", params={"max_iter": 20})
    assert export(fitted, seen, unseen).parity.repairs == ("hist_gradient_boosting: a known converter fault was corrected",)
    without = replace(fitted, trainer=replace(fitted.trainer, repair=None))
    assert "next to a threshold" in refused("export-mismatch", without, seen, unseen).detail


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_regression_that_learns_the_logarithm_answers_values(loss):
    fitted, seen, unseen = built(diabetes, "regression", "hist_gradient_boosting", params={"loss": loss, "max_iter": 20})
    result = export(fitted, seen, unseen)
    assert result.parity.max_value_diff < 1e-5
    assert min(result.golden.response.outputs[0].data) > 20
    without = replace(fitted, trainer=replace(fitted.trainer, repair=None))
    refused("export-mismatch", without, seen, unseen)


def test_isotonic_calibration_is_not_offered_and_is_refused():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.naive_bayes import GaussianNB

    for (_, name), trainer in load_catalog().trainers.items():
        assert "method" not in trainer.params, name
    fitted, seen, unseen = built(cancer, "classification", "svm")
    features = fitted.matrix(seen.columns)
    wrong = replace(fitted, estimator=CalibratedClassifierCV(GaussianNB(), method="isotonic", ensemble=False).fit(features, seen.y))
    refused("export-mismatch", wrong, seen, unseen)


def test_discriminant_analysis_is_not_offered_and_is_refused():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    assert not [name for _, name in load_catalog().trainers if "discriminant" in name]
    fitted, seen, unseen = built(cancer, "classification", "naive_bayes")
    wrong = replace(fitted, estimator=LinearDiscriminantAnalysis().fit(fitted.matrix(seen.columns), seen.y))
    refused("export-mismatch", wrong, seen, unseen)


def test_neighbours_weighted_by_distance_are_refused_by_plan_and_parity():
    params = {"weights": "distance"}
    with pytest.raises(ProviderError) as caught:
        refuse_unfaithful(recipe("classification", "knn", params=params))
    assert caught.value.id == "not-exportable"
    refused("export-mismatch", *built(cancer, "classification", "knn", params=params))


@pytest.mark.parametrize("params", [{"sublinear_tf": True}, {"analyzer": "char"}, {"analyzer": "char_wb"}])
def test_text_weights_that_are_exported_wrongly_are_refused(params):
    with pytest.raises(ProviderError) as caught:
        refuse_unfaithful(recipe("classification", "knn", ("tfidf", ["message"], params)))
    assert caught.value.id == "not-exportable"
    assert "tfidf" in caught.value.detail


@pytest.mark.parametrize(
    "params", [{}, {"ngram_range": [1, 2]}, {"lowercase": False}, {"stop_words": "english", "binary": True, "norm": None}]
)
def test_the_graph_splits_words_of_every_script_alike(params):
    def texts():
        columns, target = mixed()
        return {"message": columns["message"]}, target

    fitted, seen, unseen = built(texts, "classification", "logistic_regression", ("tfidf", ["message"], params))
    words = set(fitted.steps[0].transformer.vocabulary_)
    assert {"中文", "ünder" if params.get("lowercase", True) else "Ünder"} <= words
    if params.get("lowercase", True):
        assert {"istanbul", "οδοσ", "école"} <= words
    assert export(fitted, seen, unseen).parity.max_probability_diff < 1e-6


def test_the_text_graph_uses_a_locale_that_every_machine_has():
    def texts():
        columns, target = mixed()
        return {"message": columns["message"]}, target

    result = export(*built(texts, "classification", "naive_bayes", ("tfidf", ["message"])))
    assert b"C.UTF-8" in result.onnx
    assert b"en_US" not in result.onnx


@pytest.mark.parametrize("algorithm", ["random_forest", "extra_trees", "decision_tree", "gradient_boosting"])
def test_trees_refuse_missing_values(algorithm):
    columns, target = mixed()
    with pytest.raises(ProviderError) as caught:
        fit(recipe("classification", algorithm), {"gaps": columns["gaps"]}, target, quiet)
    assert caught.value.id == "missing-values"


def test_missing_values_that_training_had_none_of_are_not_compared():
    columns, target = cancer()
    seen, unseen = halves(columns, target)
    gaps = take_rows(unseen.columns, slice(None)) | {
        "c0": np.where(np.arange(len(unseen.y)) < 5, np.nan, unseen.columns["c0"]).astype(np.float32)
    }
    fitted = fit(recipe("classification", "random_forest", params={"n_estimators": 5}), seen.columns, seen.y, quiet)
    result = export(fitted, seen, replace(unseen, columns=gaps))
    assert result.parity.rows == len(unseen.y) - 5
    assert result.parity.not_compared >= 5
    assert (result.unanswered, export(fitted, seen, unseen).unanswered) == (5, 0)


def test_distances_to_far_neighbours_are_computed_in_float64():
    parity = export(*built(wine, "classification", "knn", ("standard_scaler", "numeric"), ("pca", "all"))).parity
    assert parity.repairs == ("knn: computed in float64",)
    assert parity.max_probability_diff < 1e-6


def unscaled():
    """Eight columns that hardly differ: large terms cancel in their sum, which is too coarse in float32."""
    draw = np.random.RandomState(0)
    features = (draw.uniform(300, 306, (200, 1)) + draw.normal(size=(200, 8))).astype(np.float32)
    return as_columns(features), (features - features.mean(axis=0)) @ draw.normal(size=8) + draw.normal(size=200) * 0.1


@pytest.mark.parametrize("algorithm", ["linear", "ridge"])
@pytest.mark.parametrize("intercept", [True, False])
def test_sums_of_large_terms_are_exported_in_float64(algorithm, intercept):
    """Without an intercept scikit-learn holds the number 0.0 for it, which the float64 converter does not take."""
    fitted, seen, unseen = built(unscaled, "regression", algorithm, params={"fit_intercept": intercept})
    assert isinstance(fitted.estimator.intercept_, float) is not intercept
    parity = export(fitted, seen, unseen).parity
    assert parity.repairs[0] == f"{algorithm}: computed in float64"
    assert parity.max_value_diff < 1e-6
    assert parity.rows == len(unseen.y)


@pytest.mark.parametrize("algorithm", ["linear", "ridge", "lasso", "elastic_net"])
def test_a_linear_model_without_an_intercept_is_converted_in_float64(algorithm):
    fitted, _, unseen = built(diabetes, "regression", algorithm, ("standard_scaler", "numeric"), params={"fit_intercept": False})
    model, repairs = build_graph(fitted, 18, wide=True)
    assert repairs == [f"{algorithm}: computed in float64"]
    answer = run_graph(open_session(serialize(model)), fitted, unseen.columns)
    assert np.allclose(answer.values, fitted.predict(unseen.columns).values, rtol=1e-5)
    assert fitted.estimator.intercept_ == 0.0, "the fitted estimator is unchanged"


def test_any_error_of_the_converter_is_a_refusal():
    fitted, seen, unseen = built(cancer, "classification", "logistic_regression")
    broken = type(fitted.estimator)()
    refused("export-failed", replace(fitted, estimator=broken_copy(fitted.estimator, broken)), seen, unseen)


def broken_copy(estimator, other):
    """An estimator that predicts but lacks an attribute that the converter reads."""
    vars(other).update(vars(estimator))
    other.predict, other.predict_proba = estimator.predict, estimator.predict_proba
    del other.coef_
    return other


if __name__ == "__main__":
    print(json.dumps(sweep(), sort_keys=True))
