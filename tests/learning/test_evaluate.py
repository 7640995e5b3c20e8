"""`evaluate` on exported models against the native model and scikit-learn's figures."""

import json

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes

from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Graph, GraphInput, Manifest, ManifestColumn
from leptonctl.learning.needs import read_package, read_prepared
from leptonctl.learning.scoring.answers import predict_onnx
from leptonctl.learning.scoring.batches import ROWS_AT_ONCE
from leptonctl.learning.steps import evaluate
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, export_of, exported, frame_of, prepared


def cancer(rows=slice(None)):
    x, target = load_breast_cancer(return_X_y=True)
    return frame_of(x[rows, :5], ["benign" if t else "malignant" for t in target[rows]])


def test_classification_equals_scikit_learn_on_the_native_model(tmp_path):
    shelf, train, test = Shelf(), cancer(slice(300)), cancer(slice(300, None))
    features = [f"c{i}" for i in range(5)]
    export, model = exported(shelf, train, features, max_iter=5000)
    needs = {"prepare": prepared(shelf, train, test), "export": export}
    result = evaluate.run({"task": "classification", "metrics": None, "positive": "benign", "average": None}, needs, bench(shelf, tmp_path))
    x, y = test.select(features).to_numpy(), np.array(test["y"].to_list())
    labels, p = model.predict(x), model.predict_proba(x)
    metrics = result.outputs["metrics"]
    assert metrics["accuracy"] == sk.accuracy_score(y, labels)
    assert metrics["f1"] == sk.f1_score(y, labels, pos_label="benign")
    assert metrics["roc_auc"] == pytest.approx(sk.roc_auc_score(y == "benign", p[:, 0]), abs=1e-6)
    assert metrics["log_loss"] == pytest.approx(sk.log_loss(y, p), abs=1e-6)
    assert result.outputs["evaluation"]["confusion_matrix"]["matrix"] == sk.confusion_matrix(y, labels).tolist()
    assert (result.outputs["rows"], result.outputs["positive"], result.outputs["average"]) == (269, "benign", "binary")
    assert result.artifacts == {}
    assert json.loads(json.dumps(result.outputs, allow_nan=False)) == result.outputs


def test_regression_equals_scikit_learn(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    shelf, train, test = Shelf(), frame_of(x[:300], y[:300]), frame_of(x[300:], y[300:])
    export, model = exported(shelf, train, train.columns[:-1])
    needs = {"prepare": prepared(shelf, train, test), "export": export}
    result = evaluate.run(
        {"task": "regression", "metrics": ["r2", "mae"], "positive": None, "average": None}, needs, bench(shelf, tmp_path)
    )
    native = model.predict(test.drop("y").to_numpy())
    expected = {"r2": sk.r2_score(y[300:], native), "mae": sk.mean_absolute_error(y[300:], native)}
    assert result.outputs["metrics"] == pytest.approx(expected, rel=1e-6)
    assert (result.outputs["rows"], result.outputs["positive"], result.outputs["average"]) == (142, None, None)


def test_missing_evaluation_rows_are_reported(tmp_path):
    shelf, train = Shelf(), cancer()
    export, _ = exported(shelf, train, ["c0"], max_iter=5000)
    with pytest.raises(ProviderError) as refused:
        evaluate.run(
            {"task": "classification"}, {"prepare": prepared(shelf, train, train.head(0)), "export": export}, bench(shelf, tmp_path)
        )
    assert refused.value.id == "no-evaluation-rows"


def test_answers_do_not_depend_on_where_batches_are_cut():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS_AT_ONCE + 700, 3)).astype(np.float32)
    train = frame_of(x, ["y" if s > 0 else "n" for s in x.sum(axis=1)])
    shelf = Shelf()
    export, model = exported(shelf, train, ["c0", "c1", "c2"])
    package = read_package(export, shelf)
    onnx, manifest = package.onnx, package.manifest
    answer = predict_onnx(onnx, manifest, {f"c{i}": x[:, i] for i in range(3)})
    assert (answer.labels == model.predict(x)).all()
    assert np.abs(answer.probabilities - model.predict_proba(x)).max() < 1e-6
    assert answer.probabilities.dtype == np.float64
    none = predict_onnx(onnx, manifest, {f"c{i}": x[:0, i] for i in range(3)})
    assert (none.labels.shape, none.probabilities.shape) == ((0,), (0, 2))


def test_booleans_and_missing_cells_enter_as_the_manifest_says():
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Identity", ["features"], ["probabilities"]), helper.make_node("Squeeze", ["s0", "axis"], ["label"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 2]),
            helper.make_tensor_value_info("s0", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        initializer=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()
    places = {"encoded": GraphInput(input="s0"), "plain": GraphInput(input="features", index=1), "n": GraphInput(input="features", index=0)}
    manifest = Manifest(
        task="classification",
        target="y",
        target_type="string",
        columns=tuple(
            ManifestColumn(name=name, type="number" if name == "n" else "boolean", nullable=True, graph=place)
            for name, place in places.items()
        ),
        classes=("a", "b"),
        graph=Graph(features=2, strings=("s0",), outputs={"label": "label", "probabilities": "probabilities"}),
    )
    train = pl.DataFrame({"encoded": [True, False, None], "plain": [True, False, None], "n": [0.5, None, 2.0], "y": ["a", "b", "a"]})
    train = train.with_columns(pl.col("n").cast(pl.Float32))
    shelf = Shelf()
    rows = read_prepared(prepared(shelf, train, train), "train", "classification", shelf)
    answer = predict_onnx(onnx, manifest, rows.columns)
    assert answer.labels.tolist() == ["true", "false", ""]
    np.testing.assert_array_equal(answer.probabilities, [[0.5, 1.0], [np.nan, 0.0], [2.0, np.nan]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_loss_is_clipped_at_the_precision_of_the_native_model(tmp_path, dtype):
    """A certain but wrong answer: its probability is exactly 0 in float32, so its loss depends on the precision it is clipped at."""
    shelf, train = Shelf(), frame_of(np.array([[-9.0], [9.0]] * 20), ["a", "b"] * 20)
    export, _ = exported(shelf, train, ["c0"], dtype=dtype, C=1e9)
    wrong = frame_of(np.array([[5000.0]]), ["a"])
    prepare = prepared(shelf, train, wrong)
    result = evaluate.run(
        {"task": "classification", "metrics": ["log_loss"]}, {"prepare": prepare, "export": export}, bench(shelf, tmp_path)
    )
    assert result.outputs["metrics"]["log_loss"] == pytest.approx(-np.log(np.finfo(dtype).eps), rel=1e-5)


def test_only_the_package_whose_digest_is_recorded_is_evaluated(tmp_path):
    """A graph with another manifest is another package: it is not evaluated under the digest of the first."""
    shelf, train = Shelf(), cancer()
    export, _ = exported(shelf, train, ["c0", "c1"], max_iter=5000)
    other, _ = exported(shelf, train, ["c1", "c0"], max_iter=5000)
    needs = {"prepare": prepared(shelf, train, train), "export": export}
    inputs = {"task": "classification", "metrics": ["accuracy"]}
    assert evaluate.run(inputs, needs, bench(shelf, tmp_path)).outputs["package"] == export.outputs["package"]
    mixed = export_of(shelf, read_package(export, shelf).onnx, read_package(other, shelf).manifest)
    assert mixed.artifacts["model.onnx"] == export.artifacts["model.onnx"]
    assert mixed.outputs["package"] != export.outputs["package"]
    wrong = replace(mixed, outputs=export.outputs)
    with pytest.raises(ProviderError) as refused:
        evaluate.run(inputs, {**needs, "export": wrong}, bench(shelf, tmp_path))
    assert refused.value.id == "wrong-package"
