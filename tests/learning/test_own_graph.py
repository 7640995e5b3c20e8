"""A trainer with its own graph and its own native file, from the fit to serving; and graphs that cannot be connected."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from leptonctl.core.codec import plain
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.learning.catalog import with_catalog
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import load_native
from leptonctl.learning.needs import native_files, read_package, read_prepared
from leptonctl.learning.scoring.answers import open_session, predict_onnx
from leptonctl.learning.steps import evaluate, export, train
from leptonctl.project.catalog import LazyMapping, load_catalog
from leptonctl.spi import NativeForm, ProviderError
from leptonctl.testing import check_trainer
from tests.learning.centroid import CENTROIDS, to_onnx
from tests.learning.exported import Shelf, bench, prepared
from tests.learning.model_rows import cancer, frame_of, halves, mixed, quiet, recipe

STEPS = [("imputer", "numeric"), ("tfidf", ["message"]), ("one_hot", "categorical"), ("min_max_scaler", ["size"])]


def catalog_with(trainer):
    catalog = load_catalog()
    trainers = {key: lambda key=key: catalog.trainers[key] for key in catalog.trainers}
    return replace(catalog, trainers=LazyMapping({**trainers, (trainer.task, trainer.name): lambda: trainer}))


def test_it_passes_the_suite_of_trainers():
    check_trainer(CENTROIDS)
    check_trainer(CENTROIDS, {"shrink": 0.25, "sharpness": 3.0})


def through_the_steps(folder, load, *steps, trainer=CENTROIDS):
    seen, unseen = halves(*load())
    shelf, asked = Shelf(), recipe("classification", trainer.name, *steps)
    needs = {"prepare": prepared(shelf, frame_of(seen), frame_of(unseen))}
    with with_catalog(catalog_with(trainer)):
        for op, run, inputs in (
            ("train", train.run, plain(asked)),
            ("export", export.run, {"train": plain(asked)}),
            ("evaluate", evaluate.run, {"task": "classification", "metrics": ["accuracy", "log_loss"]}),
        ):
            result = run(inputs, needs, bench(shelf, folder))
            needs[op] = Result(key=op, op=op, artifacts=result.artifacts, outputs=result.outputs)
    return shelf, asked, needs


@pytest.mark.parametrize(("load", "steps"), [(mixed, STEPS), (cancer, [("standard_scaler", "numeric")])])
def test_its_graph_is_connected_after_steps_and_gives_the_same_answers(tmp_path, load, steps):
    shelf, inputs, needs = through_the_steps(tmp_path, load, *steps)
    parity = needs["export"].outputs["parity"]
    assert parity["labels_differ"] == 0
    assert parity["max_probability_diff"] < 1e-6
    assert parity["repairs"] == []
    assert sorted(needs["train"].artifacts) == ["model.json", "steps.skops"]
    assert sorted(json.loads(shelf[needs["train"].artifacts["model.json"]])) == ["centroids", "classes", "sharpness", "shrink"]
    with with_catalog(catalog_with(CENTROIDS)):
        fitted = load_native(native_files(needs["train"], shelf), inputs)
    package = read_package(needs["export"], shelf)
    rows = read_prepared(needs["prepare"], "test", "classification", shelf)
    answer, native = predict_onnx(package.onnx, package.manifest, rows.columns), fitted.predict(rows.columns)
    assert answer.labels.tolist() == native.labels.tolist()
    assert np.abs(answer.probabilities - native.probabilities).max() < 1e-6
    assert needs["evaluate"].outputs["metrics"]["accuracy"] == float((native.labels == rows.y).mean()) > 0.55
    assert needs["export"].outputs["native_dtype"] == "float64"


def test_its_graph_is_not_converted_again_when_its_answers_differ():
    """The retry in float64 is for skl2onnx only; a trainer's own graph is used as it is, or refused."""
    blunt = replace(CENTROIDS, to_onnx=lambda estimator, conversion: to_onnx(sharpened(estimator), conversion))
    seen, unseen = halves(*cancer())
    with with_catalog(catalog_with(blunt)):
        fitted = fit(recipe("classification", "centroids", ("standard_scaler", "numeric")), seen.columns, seen.y, quiet)
        with pytest.raises(ProviderError) as refused:
            export.export(fitted, seen, unseen)
    assert refused.value.id == "export-mismatch"


def sharpened(estimator):
    other = type(estimator)(estimator.shrink, estimator.sharpness * 1.5)
    other.classes_, other.centroids_ = estimator.classes_, estimator.centroids_
    return other


def test_a_regression_graph_may_return_a_vector(tmp_path):
    """The smallest graph there is: one number for every row."""

    class Mean:
        def predict(self, features):
            return np.full(len(features), self.mean)

        def fit(self, _features, target):
            self.mean = float(target.mean())
            return self

    def constant(estimator, conversion):
        nodes = [
            helper.make_node("Constant", [], ["none"], value=helper.make_tensor("none", TensorProto.FLOAT, [], [0.0])),
            helper.make_node("Constant", [], ["mean"], value=helper.make_tensor("mean", TensorProto.FLOAT, [], [estimator.mean])),
            helper.make_node("Constant", [], ["across"], value=helper.make_tensor("across", TensorProto.INT64, [1], [1])),
            helper.make_node("Mul", ["rows", "none"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros", "across"], ["zero"], keepdims=0),
            helper.make_node("Add", ["zero", "mean"], ["value"]),
        ]
        rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, conversion.width])
        value = helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])
        return helper.make_model(helper.make_graph(nodes, "g", [rows], [value]), opset_imports=[helper.make_opsetid("", conversion.opset)])

    trainer = replace(
        CENTROIDS, name="mean", task="regression", params={}, build=lambda _params, _seed: Mean(), fit=None, to_onnx=constant, native=None
    )
    columns, target = cancer()
    seen, unseen = halves(columns, target.astype(np.float64))
    with with_catalog(catalog_with(trainer)):
        fitted = fit(recipe("regression", "mean"), seen.columns, seen.y, quiet)
        exported = export.export(fitted, seen, unseen)
    assert exported.parity.rows == len(unseen.y)
    fed = {"features": np.zeros((3, 30), dtype=np.float32)}
    assert open_session(exported.onnx).run(["prediction"], fed)[0].shape == (3, 1)
    assert exported.golden.response.outputs[0].data[0] == pytest.approx(seen.y.mean())


def two_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def one_output(model):
    del model.graph.output[1]


def another_opset(model):
    model.opset_import[0].version -= 1


def an_unknown_output(model):
    model.graph.output[1].name = "nothing"


def a_function(model):
    model.functions.append(helper.make_function("mine", "f", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], []))


def numbers_elsewhere(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


BROKEN = [
    (two_inputs, "has 2 inputs"),
    (one_output, "has 1 outputs, but must have 2"),
    (another_opset, "uses version 17 of the operator set '', but must use 18"),
    (an_unknown_output, "has the output nothing, which no node computes"),
    (a_function, "has functions"),
    (numbers_elsewhere, "stores tensors in external files"),
]


@pytest.mark.parametrize(("change", "reason"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_graph_that_cannot_be_connected_is_refused_with_the_reason(change, reason):
    def changed(estimator, conversion):
        model = to_onnx(estimator, conversion)
        change(model)
        return model

    seen, unseen = halves(*cancer())
    with with_catalog(catalog_with(replace(CENTROIDS, to_onnx=changed))):
        fitted = fit(recipe("classification", "centroids"), seen.columns, seen.y, quiet)
        with pytest.raises(ProviderError) as refused:
            export.export(fitted, seen, unseen)
    assert refused.value.id == "export-failed"
    assert reason in refused.value.detail


def careless_load(data):
    return json.loads(data)["classes"]


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        (replace(CENTROIDS, repair=lambda model, _estimator: model), "apply to skl2onnx"),
        (replace(CENTROIDS, native=replace(CENTROIDS.native, file="../model.json")), "is named like model.json"),
        (replace(CENTROIDS, native=replace(CENTROIDS.native, file="model.skops")), "reserved name"),
        (replace(CENTROIDS, native=replace(CENTROIDS.native, load=lambda data: data)), "refuses bytes that `dump` did not write"),
        (replace(CENTROIDS, native=replace(CENTROIDS.native, load=lambda data: data.nothing)), "not AttributeError"),
        (replace(CENTROIDS, native=replace(CENTROIDS.native, dump=lambda e: CENTROIDS.native.dump(sharpened(e)))), "has the same bytes"),
        (replace(CENTROIDS, fit=None), "a new object to fit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_suite_catches_broken_trainers(trainer, reason):
    with pytest.raises(AssertionError, match=reason):
        check_trainer(trainer)


def test_a_damaged_native_file_is_refused():
    seen, _ = halves(*cancer())
    with with_catalog(catalog_with(CENTROIDS)):
        inputs = recipe("classification", "centroids")
        files = export_files(inputs, seen)
        with pytest.raises(ProviderError) as refused:
            load_native({**files, "model.json": b"{"}, inputs)
    assert refused.value.id == "untrusted-model"
    assert "model.json" in refused.value.detail


def export_files(asked, seen):
    from leptonctl.learning.fitting.native import dump_native

    return dump_native(fit(asked, seen.columns, seen.y, quiet))


def test_a_native_form_alone_may_be_a_trainers_own(tmp_path):
    """scikit-learn's estimator, converted by skl2onnx, kept as JSON."""
    naive = load_catalog().trainers["classification", "naive_bayes"]

    def dump(estimator):
        kept = ("classes_", "theta_", "var_", "class_prior_", "class_count_", "epsilon_")
        return json.dumps({name: np.asarray(getattr(estimator, name)).tolist() for name in kept}).encode()

    def load(data):
        from sklearn.naive_bayes import GaussianNB

        estimator = GaussianNB()
        for name, values in json.loads(data).items():
            setattr(estimator, name, np.array(values) if isinstance(values, list) else values)
        return estimator

    trainer = replace(naive, name="plain_bayes", native=NativeForm(file="model.json", dump=dump, load=load))
    _, _, needs = through_the_steps(tmp_path, cancer, ("standard_scaler", "numeric"), trainer=trainer)
    assert sorted(needs["train"].artifacts) == ["model.json", "steps.skops"]
    assert needs["export"].outputs["parity"]["labels_differ"] == 0
