"""What a worker keeps between the steps of many small versions. It must never answer for other rows, labels or graphs."""

import warnings

import numpy as np
import onnx.defs
import polars as pl
import pytest
import sklearn.metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from leptonctl.core.result import Result
from leptonctl.learning import needs
from leptonctl.learning.onnx.conversion import convert
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.scoring.batches import run_in_batches
from leptonctl.learning.steps import export, train
from leptonctl.providers.metrics import accuracy, balanced_accuracy, confusion_matrix, f1, precision, recall
from leptonctl.spi.learning import Prediction, Scoring
from tests.learning.exported import Shelf, bench, frame_of, prepared

Y = np.array(["n", "y", "y", "n", "y", "n"])


def rows(shift: float) -> pl.DataFrame:
    return frame_of(np.arange(12, dtype=np.float32).reshape(6, 2) + np.float32(shift), pl.Series(Y.tolist()))


def test_rows_are_kept_by_their_bytes_and_what_a_step_does_to_them_stays_its_own():
    shelf = Shelf()
    first, second = prepared(shelf, rows(0), rows(1)), prepared(shelf, rows(2), rows(3))
    before = needs.read_prepared(first, "train", "classification", shelf)
    for values in before.columns.values():
        values[:] = -1
    before.y[:] = "n"
    again = needs.read_prepared(first, "train", "classification", shelf)
    assert again.columns["c0"].tolist() == [0, 2, 4, 6, 8, 10]
    assert again.y.tolist() == Y.tolist()
    assert needs.read_prepared(first, "test", "classification", shelf).columns["c0"][0] == 1
    assert needs.read_prepared(second, "train", "classification", shelf).columns["c0"][0] == 2


def test_only_a_few_small_tables_are_kept():
    shelf = Shelf()
    for shift in range(2 * needs.MOST_RECENT):
        needs.read_prepared(prepared(shelf, rows(shift), rows(shift)), "train", "classification", shelf)
    assert len(needs._RECENT) <= needs.MOST_RECENT


@pytest.mark.parametrize("average", ["binary", "macro", "weighted"])
def test_rates_follow_the_labels_the_rows_and_the_averaging(average):
    labels = (Y, np.array(["y", "y", "n", "n", "y", "n"]), np.array(["n"] * 6))
    for y in (Y, Y[::-1].copy()):
        for label in labels:
            prediction = Prediction(labels=label, probabilities=np.full((6, 2), 0.5), classes=("n", "y"))
            for positive in ("y", "n"):
                scoring = Scoring(positive=positive, average=average)
                options = {"average": average, "zero_division": 0, **({"pos_label": positive} if average == "binary" else {})}
                found = [module.METRICS[0].score(y, prediction, scoring) for module in (precision, recall, f1)]
                assert found == [metric(y, label, **options) for metric in (precision_score, recall_score, f1_score)]


@pytest.mark.parametrize("classes", [2, 3, 40])
@pytest.mark.parametrize("kind", ["text", "integer"])
def test_counted_pairs_give_the_bytes_that_all_rows_give(classes, kind):
    random = np.random.default_rng(classes)
    names = np.arange(classes) * 7 - 3 if kind == "integer" else np.array([f"c{place:02}" for place in range(classes)])
    true, noise = (random.choice(names, 997, p=random.dirichlet(np.ones(classes))) for _ in range(2))
    for labels in (true.copy(), noise, np.where(random.random(997) < 0.8, true, noise), np.repeat(names[-1:], 997)):
        # labels of a graph are objects where they are text
        prediction = Prediction(labels=labels.astype(object) if kind == "text" else labels, classes=tuple(names.tolist()))
        average = {"average": "binary", "pos_label": names[-1].item()} if classes == 2 else {"average": "macro"}
        scoring = Scoring(positive=names[-1].item(), average=average["average"])
        found = [module.METRICS[0].score(true, prediction, scoring) for module in (accuracy, precision, recall, f1)]
        expected = [metric(true, labels, **average, zero_division=0) for metric in (precision_score, recall_score, f1_score)]
        assert found == [accuracy_score(true, labels), *expected]
        with warnings.catch_warnings(action="ignore"):
            assert balanced_accuracy.METRICS[0].score(true, prediction, scoring) == balanced_accuracy_score(true, labels)
        matrix = confusion_matrix.METRICS[0].detail(true, prediction, scoring)["matrix"]
        assert matrix == sklearn.metrics.confusion_matrix(true, labels, labels=names).tolist()


def test_a_session_belongs_to_the_bytes_of_its_graph():
    x, graphs = np.arange(12, dtype=np.float32).reshape(6, 2), []
    for y in (Y, Y[::-1]):
        model = LogisticRegression().fit(x, y)
        part = convert(model, name="lr", takes="number", width=2, opset=18, options={"zipmap": False})
        graphs.append((part.SerializeToString(), model.predict_proba(x)))
    for graph, expected in (*graphs, *graphs[::-1]):
        (chances,) = open_session(graph).run([onnx.load_from_string(graph).graph.output[1].name], {"x": x})
        assert np.allclose(chances, expected, atol=1e-6)


class Counting:
    """A session that counts how often it runs."""

    def __init__(self, session):
        self.session, self.runs = session, 0

    def run(self, names, inputs):
        self.runs += 1
        return self.session.run(names, inputs)


def test_the_answers_to_the_rows_before_are_kept_for_the_same_session_and_numbers_alone():
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    part = convert(LogisticRegression().fit(x, Y), name="lr", takes="number", width=2, opset=18, options={"zipmap": False})
    graph = part.SerializeToString()
    names = [output.name for output in part.graph.output]
    first, other = Counting(open_session(graph)), Counting(open_session(graph))
    answer = run_in_batches(first, names, {"x": x})
    changed = x.copy()
    changed[3, 1] = np.nextafter(changed[3, 1], np.float32(9))
    cases = (
        # a copy of the numbers, and one output of two
        (first, names[1:], x.copy(), False), (first, names, x, True), (first, names, changed, True), (other, names, changed, True),
        (other, names, changed[:5], True), (other, names[:1], x, True), (other, names, x, True), (other, names, x, False),
    )  # fmt: skip
    for session, expected, rows, runs in cases:
        before = session.runs
        found = run_in_batches(session, expected, {"x": rows})
        assert session.runs - before == runs
        assert [np.concatenate(parts).tolist() for parts in found] == [part.tolist() for part in session.session.run(expected, {"x": rows})]
    assert [parts[0].tolist() for parts in answer] == [part.tolist() for part in first.session.run(names, {"x": x})]


def test_targets_are_arrays_of_their_class_names():
    names = ["b", "a", "", "ä long one", "b"]
    texts = [(pl.Series(names), names), (pl.Series([1, 0, 1]), [1, 0, 1])]
    for series, expected in texts:
        shelf, frame = Shelf(), frame_of(np.zeros((len(series), 1), dtype=np.float32), series)
        y = needs.read_prepared(prepared(shelf, frame, frame), "test", "classification", shelf).y
        assert (y.tolist(), y.dtype) == (expected, np.array(expected).dtype)
        assert y.flags.writeable


def test_an_export_of_a_classification_reads_no_training_rows(tmp_path):
    shelf = Shelf()
    needed = {"prepare": prepared(shelf, rows(0), rows(1))}
    recipe = {"task": "classification", "algorithm": "logistic_regression", "seed": 0, "target": "y", "params": {}, "preprocess": []}
    trained = train.run(recipe, needed, bench(shelf, tmp_path))
    needed["train"] = Result(key="train", op="train", artifacts=trained.artifacts, outputs=trained.outputs)
    del shelf[needed["prepare"].artifacts["train.parquet"]]
    needs._RECENT.clear()
    assert export.run({"train": recipe}, needed, bench(shelf, tmp_path)).outputs["parity"]["rows"] == len(Y)


def test_the_operators_that_the_converter_knows_are_those_of_onnx():
    from skl2onnx.common._container import ModelComponentContainer

    convert(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), name="lr", takes="number", width=1, opset=18, options={})
    schemas = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    assert set(ModelComponentContainer._op_versions) == schemas
