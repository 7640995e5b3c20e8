"""What a worker keeps between the steps of many small versions. It must never answer for other rows, labels or graphs."""

import warnings

import numpy as np
import onnx.defs
import polars as pl
import pytest
import sklearn.metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from leptonctl.learning import needs
from leptonctl.learning.onnx.conversion import convert
from leptonctl.learning.scoring import open_session
from leptonctl.providers.metrics import accuracy, balanced_accuracy, confusion_matrix, f1, precision, recall
from leptonctl.spi.learning import Prediction, Scoring
from tests.learning.exported import Shelf, frame_of, prepared

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


def test_the_operators_that_the_converter_knows_are_those_of_onnx():
    from skl2onnx.common._container import ModelComponentContainer

    convert(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), name="lr", takes="number", width=1, opset=18, options={})
    schemas = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    assert set(ModelComponentContainer._op_versions) == schemas
