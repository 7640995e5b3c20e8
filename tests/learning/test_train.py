"""Fits against real scikit-learn pipelines, what is refused and where, the native file, and the train step."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from leptonctl.core.codec import plain
from leptonctl.core.frozen import replace
from leptonctl.core.numbers import coerce
from leptonctl.learning.catalog import with_catalog
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.fitting.recipe import with_defaults
from leptonctl.learning.needs import read_prepared
from leptonctl.learning.steps.train import notices, run
from leptonctl.learning.tables.prepared import as_number, as_text, take_rows
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, prepared
from tests.learning.model_rows import diabetes, halves, mixed, quiet, recipe, wine

CATALOG = load_catalog()


def frame_of(columns):
    """The same columns as a scikit-learn user has them: a data frame with string columns."""
    return pl.DataFrame({n: as_text(v).tolist() if n in {"colour", "message", "flag"} else as_number(v) for n, v in columns.items()})


def built(kind, name, params=None, seed=0):
    provider = CATALOG.preprocessors[name] if kind == "step" else CATALOG.trainers[kind, name]
    return provider.build(with_defaults(provider.params, params or {}), seed)


def answers(fitted, columns):
    prediction = fitted.predict(columns)
    return prediction.values if prediction.values is not None else prediction.probabilities


NUMBERS = [
    [],
    [("standard_scaler", [3, 5], {})],
    [("standard_scaler", [5, 3, 0], {}), ("min_max_scaler", [1, 2], {})],
    [("robust_scaler", "all", {}), ("pca", "all", {"n_components": 5})],
    [("polynomial", [0, 1, 2], {}), ("select_k_best", "all", {"k": 7})],
    [("select_k_best", [4, 3, 2, 1], {"k": 2}), ("standard_scaler", "all", {})],
    [("pca", [0, 1, 2, 3], {"whiten": True, "n_components": 2})],
]


@pytest.mark.parametrize("steps", NUMBERS, ids=lambda s: "+".join(x[0] for x in s) or "none")
@pytest.mark.parametrize(
    ("load", "task", "algorithm"), [(wine, "classification", "logistic_regression"), (diabetes, "regression", "ridge")]
)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Features:UserWarning", "ignore:invalid value:RuntimeWarning"
)
def test_a_fit_equals_that_of_a_pipeline_of_column_transformers(load, task, algorithm, steps):
    columns, target = load()
    names = list(columns)
    inputs = [(use, spec if spec == "all" else [names[i] for i in spec], params) for use, spec, params in steps]
    ours = fit(recipe(task, algorithm, *inputs), columns, target, quiet)
    matrix = np.column_stack(list(columns.values()))
    where = list(names)  # the present name of each column of the matrix
    stages = []
    for use, spec, params in inputs:
        places = list(range(len(where))) if spec == "all" else [where.index(name) for name in spec]
        stages.append((f"{len(stages)}", ColumnTransformer([("use", built("step", use, params), places)], remainder="passthrough")))
        width = Pipeline(stages).fit_transform(matrix, target).shape[1]
        rest = [name for i, name in enumerate(where) if i not in places]
        kept = [where[i] for i in places] if CATALOG.preprocessors[use].keeps else [None] * (width - len(rest))
        where = kept + rest
    theirs = Pipeline([*stages, ("model", built(task, algorithm))]).fit(matrix, target)
    expected = theirs.predict(matrix) if task == "regression" else theirs.predict_proba(matrix)
    assert np.array_equal(answers(ours, columns), expected)


def test_text_categories_and_booleans_fit_as_a_column_transformer_on_a_data_frame():
    columns, target = mixed()
    steps = [("imputer", ["gaps"], {}), ("tfidf", ["message"], {"lowercase": False}), ("one_hot", "categorical", {})]
    ours = fit(recipe("classification", "logistic_regression", *steps), columns, target, quiet)
    frame = frame_of(columns)
    parts = [
        ("one_hot", built("step", "one_hot"), ["colour", "flag"]),
        ("tfidf", built("step", "tfidf", {"lowercase": False}), "message"),
        ("imputer", built("step", "imputer"), ["gaps"]),
        ("size", "passthrough", ["size"]),
    ]
    theirs = Pipeline([("columns", ColumnTransformer(parts)), ("model", built("classification", "logistic_regression"))]).fit(frame, target)
    assert np.allclose(answers(ours, columns), theirs.predict_proba(frame), atol=2e-6)


def test_columns_come_transformed_first_and_the_rest_in_their_order():
    columns, target = wine()
    fitted = fit(recipe("classification", "naive_bayes", ("standard_scaler", ["c5", "c3"])), columns, target, quiet)
    seen = fitted.matrix(columns)
    rest = [f"c{i}" for i in range(13) if i not in {3, 5}]
    assert np.array_equal(seen[:, 2:], np.column_stack([columns[name] for name in rest]))
    assert abs(seen[:, 0].mean()) < 1e-5
    raw = columns["c5"].astype(np.float64)
    assert np.allclose(seen[:, 0], (raw - raw.mean()) / raw.std(), atol=1e-5)
    assert seen.dtype == np.float32


def test_selectors_name_columns_by_type():
    columns, target = mixed()
    steps = [("imputer", "numeric", {}), ("tfidf", ["message"], {}), ("ordinal", "categorical", {}), ("standard_scaler", ["colour"], {})]
    fitted = fit(recipe("classification", "naive_bayes", *steps), columns, target, quiet)
    assert fitted.inputs.numbers == ("size", "gaps")
    assert fitted.inputs.strings == ("colour", "message", "flag"), "an encoder takes the boolean, so it enters as a string"
    assert [len(piece.columns) for piece in fitted.steps[2].takes] == [1, 1]
    plain = {name: columns[name] for name in ("size", "flag")}
    as_numbers = fit(recipe("classification", "hist_gradient_boosting"), plain, target, quiet)
    assert as_numbers.inputs.numbers == ("size", "flag")
    flags = as_numbers.matrix(plain)[:, 1]
    assert set(flags[~np.isnan(flags)]) == {0.0, 1.0}
    assert np.array_equal(np.isnan(flags), columns["flag"] < 0)


def test_features_are_taken_in_the_order_of_the_file():
    columns, target = wine()
    fitted = fit(recipe("classification", "naive_bayes", features=["c4", "c1"]), columns, target, quiet)
    assert fitted.features == ("c1", "c4")
    assert fitted.width == 2


def test_later_rows_are_transformed_as_the_first_were():
    columns, target = mixed()
    steps = [("tfidf", ["message"], {}), ("imputer", "numeric", {}), ("one_hot", "categorical", {})]
    fitted = fit(recipe("classification", "svm", *steps), columns, target, quiet)
    whole = fitted.predict(columns).probabilities
    parts = [fitted.predict(take_rows(columns, slice(i, i + 1))).probabilities for i in range(12)]
    assert np.allclose(np.concatenate(parts), whole[:12], atol=1e-7), "sparse or dense is decided once, not by each batch"


def refused(id_, *steps, algorithm="logistic_regression", columns=None, target=None, **more):
    rows, expected = mixed()
    rows = rows if columns is None else {name: rows[name] for name in columns}
    with pytest.raises(ProviderError) as caught:
        fit(recipe(more.pop("task", "classification"), algorithm, *steps, **more), rows, expected if target is None else target, quiet)
    assert caught.value.id == id_, caught.value.detail
    assert caught.value.hint
    assert caught.value.summary
    return caught.value


def test_a_string_column_without_an_encoder_is_named():
    problem = refused("unencoded-column", ("imputer", "numeric"), columns=["size", "colour", "message"])
    assert "colour, message" in problem.detail
    assert "one_hot" in problem.hint
    assert problem.column == "colour"


@pytest.mark.parametrize("algorithm", ["logistic_regression", "random_forest", "decision_tree", "knn"])
def test_missing_values_are_named_before_an_algorithm_that_cannot_take_them(algorithm):
    problem = refused("missing-values", algorithm=algorithm, columns=["size", "gaps"])
    assert "gaps" in problem.detail
    assert "size" not in problem.detail
    assert "imputer" in problem.hint


def test_missing_values_are_named_before_a_step_that_cannot_take_them():
    assert refused("missing-values", ("pca", "numeric"), columns=["size", "gaps"]).column == "gaps"
    columns, target = mixed()
    numbers = {"size": columns["size"], "gaps": columns["gaps"]}
    fit(recipe("classification", "hist_gradient_boosting", ("standard_scaler", "numeric")), numbers, target, quiet)


def test_steps_that_do_not_fit_their_columns_are_refused():
    assert refused("wrong-column-type", ("standard_scaler", "all"), columns=["size", "colour"]).column == "colour"
    assert refused("wrong-column-type", ("one_hot", ["size"]), columns=["size"]).column == "size"
    assert "flag" in refused("wrong-column-type", ("imputer", ["flag"]), ("one_hot", ["flag"]), columns=["flag"]).detail
    refused("one-column-step", ("tfidf", ["colour", "message"]), columns=["colour", "message"])
    assert refused("unknown-column", ("one_hot", ["color"]), columns=["size", "colour"]).column == "color"
    problem = refused("replaced-column", ("pca", ["size"]), ("standard_scaler", ["size"]), columns=["size"])
    assert "all" in problem.hint
    refused("unknown-column", features=["nothing"])
    refused("one-class", columns=["size"], target=np.array(["ham"] * 160))
    refused("unknown-provider", algorithm="oracle")


def test_an_error_of_scikit_learn_is_reported_with_its_words():
    problem = refused("training-failed", columns=["size"], params={"solver": "liblinear"}, target=np.array(["a", "b", "c", "d"] * 40))
    assert "multiclass" in problem.detail
    assert "\n" not in problem.detail
    problem = refused("training-failed", algorithm="hist_gradient_boosting", columns=["size"], task="regression",
                   target=np.arange(160.0), params={"loss": "quantile"})  # fmt: skip
    assert "quantile" in problem.detail


def test_an_empty_selection_changes_nothing():
    columns, target = wine()
    plain = fit(recipe("classification", "naive_bayes"), columns, target, quiet)
    same = fit(recipe("classification", "naive_bayes", ("one_hot", "categorical")), columns, target, quiet)
    assert np.array_equal(plain.predict(columns).probabilities, same.predict(columns).probabilities)
    assert same.steps == ()


def test_what_a_library_says_to_its_caller_is_no_warning_about_the_training():
    """A deprecated argument that nobody declared; (brother) what it says of the training is."""
    columns, target = mixed()
    found = fit(recipe("classification", "naive_bayes", ("TargetEncoder", ["colour"], {}), ("tfidf", ["message"], {}), ("imputer", "numeric", {}),
                       ("one_hot", ["flag"], {})), columns, target, quiet)  # fmt: skip
    assert found.warnings == ()
    stopped = fit(recipe("classification", "mlp", params={"max_iter": 1}), *wine(), quiet)
    assert "converge" in " ".join(stopped.warnings)


def test_labels_keep_the_type_of_the_target():
    columns, target = wine()
    assert fit(recipe("classification", "naive_bayes"), columns, target, quiet).predict(columns).labels.dtype.kind == "U"
    numbers = (target == "barolo").astype(np.int64)
    prediction = fit(recipe("classification", "naive_bayes"), columns, numbers, quiet).predict(columns)
    assert prediction.labels.dtype == np.int64
    assert prediction.classes == (0, 1)


# --- the native file ----------------------------------------------------------------------------------------------


def native(algorithm="mlp"):
    columns, target = mixed()
    steps = [("imputer", "numeric", {}), ("tfidf", ["message"], {}), ("one_hot", "categorical", {}), ("select_k_best", "all", {"k": 9})]
    inputs = recipe("classification", algorithm, *steps, params={"max_iter": 20} if algorithm == "mlp" else {})
    return inputs, fit(inputs, columns, target, quiet), columns


def test_the_native_file_restores_the_model():
    inputs, fitted, columns = native()
    again = load_native(dump_native(fitted), inputs)
    assert np.array_equal(again.predict(columns).probabilities, fitted.predict(columns).probabilities)
    assert again.features == fitted.features


def test_the_native_file_has_the_same_bytes_for_the_same_model():
    inputs, fitted, _ = native()
    files = dump_native(fitted)
    data = files["model.skops"]
    assert dump_native(fitted) == files
    assert dump_native(load_native(files, inputs)) == files
    assert dump_native(native()[1]) == files
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert names[-1] == "schema.json"
    assert names[0] == "0.npy"


@pytest.mark.parametrize(
    ("load", "task", "algorithm"),
    [
        *((wine, "classification", name) for name in ("logistic_regression", "linear_svm", "knn", "mlp")),
        *((diabetes, "regression", name) for name in ("knn", "elastic_net", "sgd")),
    ],
)
def test_parameters_that_are_left_out_and_those_that_a_plan_fills_in_give_the_same_bytes(load, task, algorithm):
    """A search leaves out what is the default. Equal numbers of one source may be one object, those of a record are not (brother)."""
    columns, target = load()
    few = slice(0, 100)
    filled = json.loads(json.dumps({name: coerce(one["default"], one) for name, one in CATALOG.trainers[task, algorithm].params.items()}))
    ways = [fit(recipe(task, algorithm, params=params), take_rows(columns, few), target[few], quiet) for params in ({}, filled)]
    assert dump_native(ways[0]) == dump_native(ways[1])


def test_a_native_file_with_other_types_is_refused_before_it_is_loaded(tmp_path):
    inputs, fitted, _ = native("naive_bayes")
    source = zipfile.ZipFile(io.BytesIO(dump_native(fitted)["model.skops"]))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                data = data.replace(b'"__class__": "GaussianNB"', b'"__class__": "Popen"').replace(
                    b'"__module__": "sklearn.naive_bayes"', b'"__module__": "subprocess"'
                )
            target.writestr(name, data)
    with pytest.raises(ProviderError) as caught:
        load_native({"model.skops": out.getvalue()}, inputs)
    assert caught.value.id == "untrusted-model"
    assert "subprocess.Popen" in caught.value.detail


# --- the step -----------------------------------------------------------------------------------------------------


def test_the_train_step_stores_the_model_and_reports_its_progress(tmp_path):
    columns, target = wine()
    seen, unseen = halves(columns, target)
    frames = [pl.DataFrame({**rows.columns, "y": rows.y.tolist()}) for rows in (seen, unseen)]
    shelf = Shelf()
    inputs = recipe("classification", "mlp", ("standard_scaler", "numeric"), params={"max_iter": 15, "hidden_layer_sizes": [6]})
    prepare = prepared(shelf, *frames)
    result = run(plain(inputs), {"prepare": prepare}, bench(shelf, tmp_path))
    assert result.outputs["features"] == list(columns)
    assert result.outputs["iterations"] == 15
    assert len(result.outputs["loss"]) == 15
    assert any("converge" in text for text in result.outputs["warnings"])
    assert list(result.artifacts) == ["model.skops"]
    fitted = load_native({"model.skops": shelf[result.artifacts["model.skops"]]}, inputs)
    rows = read_prepared(prepare, "test", "classification", shelf)
    same = fit(inputs, seen.columns, seen.y, quiet)
    assert np.array_equal(fitted.predict(rows.columns).probabilities, same.predict(unseen.columns).probabilities)


@pytest.mark.parametrize(
    ("load", "task", "algorithm", "params", "stopped"),
    [
        (wine, "classification", "sgd", {"max_iter": 2}, 2),
        (diabetes, "regression", "sgd", {"max_iter": 1}, 1),
        (wine, "classification", "svm", {"max_iter": 1}, 1),
        (diabetes, "regression", "svm", {"max_iter": 1}, 1),
        (wine, "classification", "linear_svm", {"max_iter": 1}, 1),
        (wine, "classification", "logistic_regression", {"max_iter": 1}, 1),
        (diabetes, "regression", "lasso", {"max_iter": 1, "alpha": 0.01}, 1),
    ],
)
def test_whatever_stops_too_early_says_so_once_with_its_iterations(load, task, algorithm, params, stopped):
    columns, target = load()
    found = notices(fit(recipe(task, algorithm, ("standard_scaler", "numeric"), params=params), columns, target, quiet))
    assert [(notice.check, notice.count) for notice in found] == [("unconverged", stopped)]


@pytest.mark.parametrize(("load", "task"), [(wine, "classification"), (diabetes, "regression")])
def test_sgd_that_has_converged_or_has_no_tolerance_says_nothing(load, task):
    columns, target = load()
    for params in ({"tol": 10.0}, {"max_iter": 2, "tol": None}):
        assert not notices(fit(recipe(task, "sgd", ("standard_scaler", "numeric"), params=params), columns, target, quiet)), params


@pytest.mark.parametrize(("load", "task"), [(wine, "classification"), (diabetes, "regression")])
def test_more_neighbours_than_rows_are_refused_in_training(load, task):
    columns, target = load()
    rows = len(target)
    with pytest.raises(ProviderError) as caught:
        fit(recipe(task, "knn", params={"n_neighbors": rows + 1}), columns, target, quiet)
    assert caught.value.id == "too-many-neighbors"
    assert f"{rows + 1} nearest of {rows} training rows" in caught.value.detail
    assert f"n_neighbors: {rows}" in caught.value.hint
    assert fit(recipe(task, "knn", params={"n_neighbors": rows}), columns, target, quiet).predict(columns)


def test_a_loss_that_is_not_a_number_is_recorded_as_none(tmp_path):
    def diverging(estimator, features, target, progress):
        progress(iteration=1, of=2, loss=float("inf"))
        progress(iteration=2, of=2, loss=0.5)
        return estimator.fit(features, target)

    catalog = load_catalog()
    naive = replace(catalog.trainers["classification", "naive_bayes"], fit=diverging)
    columns, target = wine()
    frame = pl.DataFrame({**columns, "y": target.tolist()})
    with with_catalog(replace(catalog, trainers={("classification", "naive_bayes"): naive})):
        needs = {"prepare": prepared(shelf := Shelf(), frame, frame)}
        result = run(plain(recipe("classification", "naive_bayes")), needs, bench(shelf, tmp_path))
    assert result.outputs["loss"] == [None, 0.5]


@pytest.mark.parametrize(
    ("task", "target", "id_"),
    [("regression", ["a", "b"], "target-not-numeric"), ("classification", [0.5, 1.5], "target-not-classes")],
)
def test_a_target_of_the_wrong_kind_is_refused(tmp_path, task, target, id_):
    frame = pl.DataFrame({"x": pl.Series([1.0, 2.0], dtype=pl.Float32), "y": target})
    shelf = Shelf()
    with pytest.raises(ProviderError) as caught:
        run(plain(recipe(task, "knn")), {"prepare": prepared(shelf, frame, frame)}, bench(shelf, tmp_path))
    assert caught.value.id == id_


def test_two_processes_with_other_hash_seeds_write_the_same_native_bytes():
    code = (
        "import hashlib; from tests.learning.test_train import native; from leptonctl.learning.fitting.native import dump_native;"
        "print(hashlib.sha256(dump_native(native()[1])['model.skops']).hexdigest())"
    )
    ours = hashlib.sha256(dump_native(native()[1])["model.skops"]).hexdigest()
    for seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            # this process's variables for its libraries (BLAS kernels too), so that only the seed differs
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        assert process.stdout.strip() == ours
