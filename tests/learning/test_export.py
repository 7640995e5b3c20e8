"""The export step: the canonical graph, its manifest and golden rows, and the rules by which it is compared with the native model."""

import hashlib
import json

import numpy as np
import onnx
import pytest

from leptonctl.core.codec import decode, plain
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Graph, GraphInput, Hashing, Manifest, package_digest
from leptonctl.core.result import Result
from leptonctl.kinds.notices import notices
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.onnx.canonical import canonical, serialize
from leptonctl.learning.onnx.golden import Golden, golden_rows
from leptonctl.learning.onnx.graph import build_graph
from leptonctl.learning.onnx.hard_rows import hard_rows
from leptonctl.learning.onnx.parity import compare, compare_classes, compare_values, native_rows, run_graph, unstable_rows
from leptonctl.learning.prepare_inputs import Privacy
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.steps import train
from leptonctl.learning.steps.export import export, run
from leptonctl.learning.tables.prepared import count_rows, take_rows
from leptonctl.spi.learning import Prediction, ProviderError
from tests.learning.exported import Shelf, bench, prepared
from tests.learning.model_rows import as_columns, cancer, diabetes, frame_of, halves, mixed, quiet, recipe, wine

TEXTS = [("imputer", "numeric"), ("tfidf", ["message"]), ("one_hot", "categorical")]


def fitted_on(load, task, algorithm, *steps, params=None, features=None):
    columns, target = load()
    seen, unseen = halves(columns, target)
    return fit(recipe(task, algorithm, *steps, params=params, features=features), seen.columns, seen.y, quiet), seen, unseen


def through_the_steps(folder, load, task, algorithm, *steps, **more):
    """train, then export, as a worker runs them."""
    columns, target = load()
    seen, unseen = halves(columns, target)
    shelf = Shelf()
    prepare = prepared(shelf, frame_of(seen), frame_of(unseen))
    train_inputs = recipe(task, algorithm, *steps, **more)
    result = train.run(plain(train_inputs), {"prepare": prepare}, bench(shelf, folder))
    needs = {"prepare": prepare, "train": Result(key="sha256:1", op="train", artifacts=result.artifacts, outputs=result.outputs)}
    inputs = {"task": task, "opset": 18, "tolerance": None, "train": plain(train_inputs), "privacy": None}
    out = run(inputs, needs, bench(shelf, folder))
    return out, {name: shelf[digest] for name, digest in out.artifacts.items()}, unseen


def test_the_step_writes_a_graph_a_manifest_and_golden_rows(tmp_path):
    result, files, unseen = through_the_steps(tmp_path, mixed, "classification", "logistic_regression", *TEXTS)
    assert sorted(files) == ["golden.json", "manifest.json", "model.onnx"]
    assert result.outputs["size"] == len(files["model.onnx"])
    parity = result.outputs["parity"]
    assert sorted(parity) == [
        "hard_rows", "labels_differ", "max_probability_diff", "max_value_diff", "not_compared", "repairs", "rows", "ties", "tolerance",
    ]  # fmt: skip
    assert (parity["rows"], parity["labels_differ"], parity["tolerance"]) == (len(unseen.y), 0, 1e-4)
    manifest = decode(files["manifest.json"], Manifest)
    assert manifest.graph == Graph(
        features=2, strings=("s0", "s1", "s2"), outputs={"label": "label", "probabilities": "probabilities"}
    )  # fmt: skip
    assert {c.name: c.graph for c in manifest.columns} == {
        "size": GraphInput(input="features", index=0),
        "colour": GraphInput(input="s0"),
        "message": GraphInput(input="s1"),
        "gaps": GraphInput(input="features", index=1),
        "flag": GraphInput(input="s2"),
    }
    assert (manifest.classes, manifest.target_type, manifest.privacy) == (("ham", "spam"), "string", None)
    assert result.outputs["package"] == package_digest(result.artifacts["model.onnx"], manifest)


def test_golden_rows_are_the_graphs_own_answers_to_a_request(tmp_path):
    _, files, _ = through_the_steps(tmp_path, mixed, "classification", "hist_gradient_boosting", *TEXTS[1:])
    manifest, golden = decode(files["manifest.json"], Manifest), json.loads(files["golden.json"])
    request = {tensor["name"]: tensor for tensor in golden["request"]["inputs"]}
    assert [t["datatype"] for t in request.values()] == ["FP32", "BYTES", "BYTES", "FP32", "BOOL"]
    size = request["size"]["shape"][0]
    assert size == 16
    assert any(None in tensor["data"] for tensor in request.values()), "some rows have missing cells"
    feed = {"features": np.empty((size, manifest.graph.features), dtype=np.float32)}
    for column in manifest.columns:
        data, place = request[column.name]["data"], column.graph
        if place.index is not None:
            feed["features"][:, place.index] = [np.nan if v is None else v for v in data]
        else:
            texts = ["" if v is None else v if isinstance(v, str) else str(v).lower() for v in data]
            feed[place.input] = np.array(texts, dtype=object).reshape(-1, 1)
    label, probabilities = open_session(files["model.onnx"]).run(["label", "probabilities"], feed)
    outputs = {tensor["name"]: tensor for tensor in golden["response"]["outputs"]}
    assert outputs["label"] == {"name": "label", "shape": [16], "datatype": "BYTES", "data": label.tolist()}
    assert outputs["probabilities"]["shape"] == [16, 2]
    assert np.array_equal(np.array(outputs["probabilities"]["data"], dtype=np.float32), probabilities.reshape(-1))
    assert set(label) == {"ham", "spam"}


def test_integer_classes_and_values_have_their_own_outputs(tmp_path):
    _, files, _ = through_the_steps(tmp_path, cancer, "classification", "decision_tree")
    golden = json.loads(files["golden.json"])
    assert golden["response"]["outputs"][0]["datatype"] == "INT64"
    assert decode(files["manifest.json"], Manifest).classes == (0, 1)
    result, files, _ = through_the_steps(tmp_path, diabetes, "regression", "ridge", ("standard_scaler", "numeric"))
    (output,) = json.loads(files["golden.json"])["response"]["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("prediction", "FP32", [16])
    manifest = decode(files["manifest.json"], Manifest)
    assert (manifest.graph.outputs, manifest.classes) == ({"prediction": "prediction"}, None)
    assert result.outputs["parity"]["tolerance"] == 1e-5


def test_the_manifest_has_privacy_and_the_chosen_features():
    from leptonctl.learning.onnx.manifest import trained_manifest
    from tests.learning.exported import contract

    fitted, seen, _ = fitted_on(mixed, "classification", "naive_bayes", ("one_hot", ["colour"]), features=["size", "colour"])
    privacy = Privacy(drop=("sender",), hash=("colour",), key={"secret": {"env": "K"}}, key_id="k1")
    described = trained_manifest(fitted, contract(frame_of(seen), "y"), privacy)
    assert [c.name for c in described.columns] == ["size", "colour"]
    assert described.privacy == Hashing(hash=("colour",), key={"secret": {"env": "K"}}, key_id="k1")


# --- the graph ----------------------------------------------------------------------------------------------------


def test_the_graph_is_canonical():
    fitted, _, _ = fitted_on(mixed, "classification", "random_forest", *TEXTS, params={"n_estimators": 3})
    model, _ = build_graph(fitted, 18)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18), ("ai.onnx.ml", 3), ("com.microsoft", 1)]
    assert model.ir_version <= 10
    assert (model.producer_name, model.producer_version, model.doc_string, model.graph.name) == ("leptonctl", "", "", "model")
    assert [v.name for v in model.graph.input] == ["features", "s0", "s1", "s2"]
    assert [v.name for v in model.graph.output] == ["label", "probabilities"]
    assert [i.name for i in model.graph.initializer] == sorted((i.name for i in model.graph.initializer), key=lambda n: int(n[1:]))
    assert len({n.name for n in model.graph.node}) == len(model.graph.node)
    assert not any(n.doc_string for n in model.graph.node)
    again = canonical(onnx.ModelProto.FromString(serialize(model)), 18)
    assert serialize(again) == serialize(model), "a canonical graph is unchanged"
    assert serialize(build_graph(fitted, 18)[0]) == serialize(model)


def test_subgraphs_are_renamed_too():
    fitted, seen, unseen = fitted_on(wine, "classification", "knn")
    model, _ = build_graph(fitted, 18)
    assert any(a.type == onnx.AttributeProto.GRAPH for n in model.graph.node for a in n.attribute)
    names = {n for node in model.graph.node for n in [*node.input, *node.output]}
    assert all(n[0] == "t" or n in {"features", "label", "probabilities"} for n in names)
    assert export(fitted, seen, unseen).parity.labels_differ == 0


@pytest.mark.parametrize("opset", [17, 18, 19, 20, 21])
def test_every_offered_opset_runs(opset):
    fitted, seen, unseen = fitted_on(mixed, "classification", "logistic_regression", *TEXTS)
    result = export(fitted, seen, unseen, opset=opset)
    model = onnx.ModelProto.FromString(result.onnx)
    assert model.opset_import[0].version == opset
    assert model.ir_version <= 10


def test_equal_models_have_equal_bytes_and_different_ones_do_not():
    one = export(*fitted_on(wine, "classification", "mlp", params={"max_iter": 10})).onnx
    same = export(*fitted_on(wine, "classification", "mlp", params={"max_iter": 10})).onnx
    other = export(*fitted_on(wine, "classification", "mlp", params={"max_iter": 11})).onnx
    digests = [hashlib.sha256(data).hexdigest() for data in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]


# --- the comparison -----------------------------------------------------------------------------------------------


def test_hard_rows_try_thresholds_gaps_unknown_words_and_far_values():
    fitted, _, unseen = fitted_on(
        mixed, "classification", "gradient_boosting", *TEXTS, ("standard_scaler", ["size"]), params={"n_estimators": 5}
    )
    model, _ = build_graph(fitted, 18)
    rows = hard_rows(fitted, model, unseen.columns)
    about = set(rows.descriptions)
    assert {
        "size next to a threshold",
        "a missing value in gaps",
        "an unknown category in colour",
        "a non-ASCII string in message",
    } <= about
    assert {"a huge value in size", "zero in gaps", "a missing value in flag", "a missing string in colour"} <= about
    assert count_rows(rows.columns) == len(rows.descriptions)
    near = [i for i, text in enumerate(rows.descriptions) if text == "size next to a threshold"]
    matrix = fitted.matrix(take_rows(rows.columns, np.array(near)))
    place = next(
        i for i, (tensor, _) in enumerate((p.tensor, c) for p in fitted.final for c in p.columns) if tensor == fitted.inputs.count + 3
    )
    thresholds = {
        np.float32(v)
        for node in model.graph.node
        if node.op_type.startswith("TreeEnsemble")
        for v, f in zip(
            *(next(list(a.floats or a.ints) for a in node.attribute if a.name == n) for n in ("nodes_values", "nodes_featureids")),
            strict=True,
        )
        if f == place
    }
    reached = np.array(sorted(thresholds), dtype=np.float32)
    assert np.abs(matrix[:, place][:, None] - reached).min(axis=1).max() < 1e-5, "the scaled values are close to thresholds"


def test_a_graph_with_other_answers_is_refused_with_the_rows():
    fitted, _, unseen = fitted_on(cancer, "classification", "logistic_regression", ("standard_scaler", "numeric"))
    other, _, _ = fitted_on(cancer, "classification", "logistic_regression", ("standard_scaler", "numeric"), params={"C": 0.5})
    session = open_session(serialize(build_graph(other, 18)[0]))
    parity = compare(fitted, session, unseen.columns, scale=0.0, tolerance=1e-4)
    off = np.abs(fitted.predict(unseen.columns).probabilities - other.predict(unseen.columns).probabilities).max(axis=1)
    assert parity.max_probability_diff == pytest.approx(off.max(), rel=1e-4)
    assert set(parity.mismatches) == set(np.flatnonzero(off > 1e-4))
    assert compare(fitted, session, unseen.columns, scale=0.0, tolerance=1.0).max_probability_diff == parity.max_probability_diff


def test_only_ties_may_change_a_label():
    native = Prediction(labels=np.array([0, 0, 1]), probabilities=np.array([[0.5, 0.5], [0.500004, 0.499996], [0.4, 0.6]]), classes=(0, 1))
    exported = Prediction(labels=np.array([1, 1, 1]), probabilities=native.probabilities.astype(np.float32), classes=(0, 1))
    parity = compare_classes(native, exported, np.arange(3), 1e-4)
    assert (parity.mismatches, parity.labels_differ, parity.ties) == ((), 0, 2)
    wrong = replace(exported, labels=np.array([0, 0, 0]))
    parity = compare_classes(native, wrong, np.arange(3), 1e-4)
    assert (parity.mismatches, parity.labels_differ, parity.ties) == ((2,), 1, 0)


def test_values_are_compared_relative_to_their_size_and_the_spread_of_the_target():
    native = Prediction(values=np.array([0.0, 100.0, 1e6]))
    exported = Prediction(values=np.array([0.0004, 100.0011, 1e6 + 9], dtype=np.float64))
    parity = compare_values(native, exported, np.arange(3), 50.0, 1e-5)
    assert parity.mismatches == (1,)
    assert parity.max_value_diff == pytest.approx(1.1e-5, rel=1e-3)


def test_rows_without_a_native_answer_are_counted_not_compared():
    fitted, _, unseen = fitted_on(cancer, "classification", "logistic_regression")
    gaps = unseen.columns | {"c1": unseen.columns["c1"].copy()}
    gaps["c1"][[3, 40, 41]] = np.nan
    answer, kept = native_rows(fitted, gaps, np.arange(len(unseen.y)))
    assert sorted(set(range(len(unseen.y))) - set(kept.tolist())) == [3, 40, 41]
    whole = fitted.predict(unseen.columns)
    assert np.array_equal(answer.labels, whole.labels[kept])
    parity = compare(fitted, open_session(serialize(build_graph(fitted, 18)[0])), gaps, scale=0.0, tolerance=1e-4)
    assert (parity.compared, parity.not_compared) == (len(unseen.y) - 3, 3)


@pytest.mark.parametrize(
    ("load", "task", "algorithm", "count"),
    [
        (cancer, "classification", "random_forest", 2), (diabetes, "regression", "ridge", 2),
        (cancer, "classification", "hist_gradient_boosting", 0),
    ],
)  # fmt: skip
def test_test_rows_that_the_native_model_cannot_answer_are_told(tmp_path, load, task, algorithm, count):
    """The graph answers something for a missing cell that no training row had, and the metrics count it."""

    def with_holes():
        columns, target = load()
        first = next(iter(columns))
        return {**columns, first: np.where(np.arange(len(target)) >= len(target) - 2, np.nan, columns[first]).astype(np.float32)}, target

    params = {"max_iter": 3} if algorithm == "hist_gradient_boosting" else {"n_estimators": 3} if algorithm == "random_forest" else None
    produced, _, _ = through_the_steps(tmp_path, with_holes, task, algorithm, params=params)
    result = Result(key="", op="export", outputs=produced.outputs)
    warnings = [(w.id, w.severity, f"{count} test rows" in w.detail) for w in notices(result, "model/m@v1", recipe={})]
    assert warnings == ([("unanswered-rows", "warning", True)] if count else [])


def test_models_with_thresholds_are_never_treated_as_unstable():
    fitted, _, unseen = fitted_on(cancer, "classification", "decision_tree")
    rows = list(range(20))
    assert unstable_rows(fitted, unseen.columns, rows, scale=0.0, tolerance=0.0) == frozenset()
    smooth, _, _ = fitted_on(cancer, "classification", "logistic_regression", ("standard_scaler", "numeric"))
    assert unstable_rows(smooth, unseen.columns, rows, scale=0.0, tolerance=1e-4) == frozenset()


def test_the_recipe_may_set_the_tolerance():
    fitted, seen, unseen = fitted_on(cancer, "classification", "logistic_regression")
    assert export(fitted, seen, unseen, tolerance=0.01).parity.tolerance == 0.01
    with pytest.raises(ProviderError) as caught:
        export(fitted, seen, unseen, tolerance=0.0)
    assert caught.value.id == "export-mismatch"
    assert "evaluation row" in caught.value.detail
    assert caught.value.hint


def test_without_evaluation_rows_the_training_rows_are_compared():
    fitted, seen, unseen = fitted_on(wine, "classification", "naive_bayes")
    none = replace(unseen, columns=take_rows(unseen.columns, slice(0, 0)), y=unseen.y[:0])
    assert export(fitted, seen, none).parity.rows == len(seen.y)


def test_golden_rows_cover_every_class_and_every_missing_column():
    columns, target = mixed()
    answers = Prediction(labels=target, probabilities=np.zeros((160, 2)), classes=("ham", "spam"))
    rows = golden_rows(columns, answers)
    assert len(rows) == 16
    assert len(set(rows.tolist())) == 16
    assert set(target[rows]) == {"ham", "spam"}
    assert np.isnan(columns["gaps"][rows]).any()
    assert (columns["flag"][rows] < 0).any()
    assert len(golden_rows(take_rows(columns, slice(0, 5)), replace(answers, labels=target[:5]))) == 5


def test_exports_print_nothing(capfd):
    fitted, seen, unseen = fitted_on(
        wine, "classification", "hist_gradient_boosting", ("standard_scaler", "numeric"), params={"max_iter": 5}
    )
    wrong = replace(fitted, trainer=replace(fitted.trainer, repair=None), final=fitted.final)
    export(fitted, seen, unseen)
    with pytest.raises(ProviderError):
        export(wrong, seen, unseen, tolerance=0.0)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_large_sets_are_predicted_in_batches():
    fitted, _, unseen = fitted_on(cancer, "classification", "logistic_regression")
    many = take_rows(unseen.columns, np.arange(9000) % len(unseen.y))
    session = open_session(serialize(build_graph(fitted, 18)[0]))
    answer = run_graph(session, fitted, many)
    assert answer.probabilities.shape == (9000, 2)
    assert np.array_equal(answer.labels[: len(unseen.y)], run_graph(session, fitted, unseen.columns).labels)


def test_golden_answers_that_are_not_numbers_are_null(tmp_path):
    """A missing cell in a column that had none in training: the graph answers NaN, and so will the server."""

    def load():
        columns, target = cancer()
        first = columns["c0"].copy()
        first[-5:] = np.nan
        return {"c0": first, "c1": columns["c1"]}, target

    _, files, _ = through_the_steps(tmp_path, load, "classification", "logistic_regression", ("standard_scaler", "numeric"))
    golden = decode(files["golden.json"], Golden)
    gaps = [row for row, cell in enumerate(golden.request.inputs[0].data) if cell is None]
    probabilities = golden.response.outputs[1].data
    assert gaps
    assert [row for row in range(16) if probabilities[2 * row] is None] == gaps


@pytest.mark.parametrize("positive", [15, 16, 28])
@pytest.mark.parametrize(
    ("algorithm", "params"),
    [
        ("hist_gradient_boosting", None),
        ("gradient_boosting", {"min_samples_leaf": 30}),
        ("gradient_boosting", {"min_samples_leaf": 30, "init": "zero", "n_estimators": 2}),
        ("gradient_boosting", {"min_samples_leaf": 30, "loss": "exponential"}),
    ],
)
def test_trees_without_a_split_are_exported(tmp_path, algorithm, params, positive):
    """A table of 30 rows: onnxruntime takes scores without a negative leaf for probabilities."""

    def table():
        classes = np.array(["no"] * (30 - positive) + ["yes"] * positive)
        cells = np.random.RandomState(0).rand(40, 2)
        return as_columns(cells), np.concatenate([classes, classes[:10]])

    _, files, unseen = through_the_steps(tmp_path, table, "classification", algorithm, params=params)
    features = np.column_stack(list(unseen.columns.values()))
    answers = open_session(files["model.onnx"]).run(["label"], {"features": features})[0]
    if positive != 15:
        assert set(answers.ravel().tolist()) == {"yes" if positive > 15 else "no"}
