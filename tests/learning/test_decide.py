"""The step `decide`: its calibration against scikit-learn's, its threshold against every other one, and its graph against both."""

import functools

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from leptonctl.core.codec import decode
from leptonctl.core.result import Result
from leptonctl.learning.inputs import Least, Objective
from leptonctl.learning.needs import read_package
from leptonctl.learning.onnx.golden import Golden
from leptonctl.learning.scoring.answers import open_session, predict_onnx
from leptonctl.learning.scoring.decision import between, choose, count
from leptonctl.learning.steps import decide, evaluate, export, train
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, frame_of, prepared

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": lambda y, p: f1_score(y, p, pos_label="yes"),
    "precision": lambda y, p: precision_score(y, p, pos_label="yes", zero_division=0),
    "recall": lambda y, p: recall_score(y, p, pos_label="yes"),
}
FOREST = {"algorithm": "random_forest", "params": {"n_estimators": 12, "max_depth": 4}}
BAYES = {"algorithm": "naive_bayes"}


def two_classes(rows=180, seed=0):
    """Overlapping classes, one of them rare."""
    draw = np.random.RandomState(seed)
    x = draw.normal(size=(rows, 3)).astype(np.float32)
    return x, np.where(x[:, 0] - x[:, 1] + draw.normal(size=rows) > 1.2, "yes", "no")


def integers(seed=3):
    x, y = two_classes(150, seed)
    return x, (y == "yes").astype(np.int64)


def iris():
    x, y = load_iris(return_X_y=True)
    return (x + np.random.RandomState(0).normal(size=x.shape)).astype(np.float32), np.array(["iris", "setosa", "zea"])[y]


class Learned:
    """A model that is trained and exported, and what `decide` makes of it."""

    def __init__(self, load, recipe, folder):
        self.shelf, (x, y) = Shelf(), load()
        third = np.arange(len(y)) % 3 == 0
        self.x, self.y, self.test_x, self.test_y = x[~third], y[~third], x[third], y[third]
        self.bench, self.recipe = bench(self.shelf, folder), {"task": "classification", "seed": 0, **recipe}
        self.needs = {"prepare": prepared(self.shelf, frame_of(self.x, self.y), frame_of(self.test_x, self.test_y))}
        for op, run, inputs in (("train", train.run, self.recipe), ("export", export.run, {"train": self.recipe})):
            self.needs[op] = self.result(op, run(inputs, self.needs, self.bench))

    @staticmethod
    def result(op, produced):
        return Result(key=op, op=op, artifacts=produced.artifacts, outputs=produced.outputs)

    def decide(self, **declared):
        return self.result("decide", decide.run({"train": self.recipe, **declared}, self.needs, self.bench))

    def answers(self, result, x=None):
        package = read_package(result, self.shelf)
        rows = self.test_x if x is None else x
        return predict_onnx(package.onnx, package.manifest, {f"c{i}": rows[:, i] for i in range(rows.shape[1])}, "float32")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    @functools.cache
    def make(load, algorithm):
        return Learned(load, FOREST if algorithm == "forest" else BAYES, tmp_path_factory.mktemp("learned"))

    return make


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize(("load", "algorithm"), [(two_classes, "forest"), (integers, "bayes"), (iris, "bayes")])
def test_calibrated_probabilities_are_those_of_scikit_learn_with_the_same_folds(learned, load, algorithm, method):
    model = learned(load, algorithm)
    estimator = GaussianNB() if algorithm == "bayes" else RandomForestClassifier(n_estimators=12, max_depth=4, random_state=0)
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    theirs = CalibratedClassifierCV(estimator, method=method, ensemble=False, cv=folds).fit(model.x, model.y)
    result = model.decide(calibrate={"method": method, "cross_validation": 4})
    ours = model.answers(result)
    # theirs are fitted on float64 probabilities: Platt's optimum moves a little with them, and an isotonic curve is steep
    np.testing.assert_allclose(ours.probabilities, theirs.predict_proba(model.test_x), atol=2e-4 if method == "sigmoid" else 1e-3)
    assert ours.labels.tolist() == theirs.predict(model.test_x).tolist()
    decision = result.outputs["decision"]
    assert (decision["calibration"], decision["folds"], decision["threshold"]) == (method, 4, None)
    assert decision["labels_differ"] == 0
    assert decision["rows"] == len(model.test_y)


@functools.cache
def held_out(model, folds=5):
    """The probability of the last class of each training row, by the same recipe fitted on the other folds."""
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    return cross_val_predict(GaussianNB(), model.x, model.y, cv=split, method="predict_proba")[:, 1].astype(np.float32)


@pytest.mark.parametrize("metric", METRICS)
def test_no_threshold_is_better_on_the_held_out_folds_than_the_one_chosen_by_a_metric(learned, metric):
    model = learned(two_classes, "bayes")
    decision = model.decide(threshold={"metric": metric})
    decision = decision.outputs["decision"]
    probability = held_out(model)

    def figure(threshold):
        return METRICS[metric](model.y, np.where(probability >= np.float32(threshold), "yes", "no"))

    best = max(figure(value) for value in [*probability, 2.0])
    assert figure(decision["threshold"]) == pytest.approx(best)
    assert decision["score"] == pytest.approx(best)
    assert decision["objective"] == f"best {metric}"


@pytest.mark.parametrize(("declared", "bounded", "wanted"), [("recall", "recall", "precision"), ("precision", "precision", "recall")])
def test_a_least_recall_is_met_with_the_best_precision_and_the_other_way_round(learned, declared, bounded, wanted):
    model = learned(two_classes, "bayes")
    decision = model.decide(threshold={declared: {"min": 0.8}}).outputs["decision"]
    probability = held_out(model)

    def figures(threshold):
        labels = np.where(probability >= np.float32(threshold), "yes", "no")
        return METRICS[bounded](model.y, labels), METRICS[wanted](model.y, labels)

    best = max(b for a, b in map(figures, [*probability, 2.0]) if a >= 0.8)
    assert figures(decision["threshold"])[0] >= 0.8
    assert figures(decision["threshold"])[1] == pytest.approx(best)


def test_a_threshold_decides_the_label_in_the_graph_and_leaves_probabilities(learned):
    model = learned(two_classes, "bayes")
    before, after = model.answers(model.needs["export"]), model.answers(model.decide(threshold=0.2))
    assert (before.probabilities == after.probabilities).all()
    assert after.labels.tolist() == np.where(before.probabilities[:, 1] >= np.float32(0.2), "yes", "no").tolist()
    assert after.labels.tolist() != before.labels.tolist()


@pytest.mark.parametrize("declared", [{"threshold": 0.2}, {"calibrate": {}}, {"calibrate": {"method": "isotonic"}, "threshold": 0.2}])
def test_the_outputs_of_the_graph_have_the_shapes_that_are_served(learned, declared):
    model = learned(two_classes, "bayes")
    session = open_session(model.shelf.get_artifact(model.decide(**declared).artifacts["model.onnx"]))
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("label", ["N"]), ("probabilities", ["N", 2])]
    for rows in (1, 5):
        label, probabilities = session.run(["label", "probabilities"], {"features": model.test_x[:rows]})
        assert (label.shape, probabilities.shape, probabilities.dtype) == ((rows,), (rows, 2), np.float32)


def test_a_threshold_is_about_the_declared_positive_class_also_of_integers(learned):
    model = learned(integers, "bayes")
    result = model.decide(threshold=0.9, positive=0)
    after = model.answers(result)
    assert after.labels.tolist() == np.where(after.probabilities[:, 0] >= np.float32(0.9), 0, 1).tolist()
    assert result.outputs["decision"]["positive"] == 0


def test_a_fixed_threshold_fits_nothing(learned):
    model = learned(two_classes, "bayes")
    heard = []
    listening = bench(model.shelf, model.bench.project)
    listening = type(listening)(project=listening.project, artifacts=model.shelf, progress=lambda **said: heard.append(said))
    produced = decide.run({"threshold": 0.4}, {name: model.needs[name] for name in ("prepare", "export")}, listening)
    assert heard == []
    assert produced.outputs["decision"]["folds"] == 0


def test_the_evaluation_rows_decide_nothing(learned, tmp_path):
    model = learned(two_classes, "bayes")
    others = {**model.needs, "prepare": prepared(model.shelf, frame_of(model.x, model.y), frame_of(model.test_x[:9] + 1, model.test_y[:9]))}
    for declared in ({"threshold": {"metric": "f1"}}, {"calibrate": {"method": "isotonic"}, "threshold": {"recall": {"min": 0.7}}}):
        here = model.decide(**declared)
        there = decide.run({"train": model.recipe, **declared}, others, model.bench)
        assert here.artifacts["model.onnx"] == there.artifacts["model.onnx"]
        assert here.outputs["package"] == there.outputs["package"]


def test_metrics_of_labels_follow_the_threshold_and_those_of_probabilities_the_calibration(learned):
    model = learned(two_classes, "forest")
    scoring = {"task": "classification", "metrics": ["recall", "accuracy", "roc_auc", "log_loss"]}

    def metrics(result):
        return evaluate.run(scoring, {"prepare": model.needs["prepare"], "export": result}, model.bench).outputs["metrics"]

    plain, low, calibrated = metrics(model.needs["export"]), metrics(model.decide(threshold=0.1)), metrics(model.decide(calibrate={}))
    assert low["recall"] > plain["recall"]
    assert (low["roc_auc"], low["log_loss"]) == (plain["roc_auc"], plain["log_loss"])
    assert calibrated["log_loss"] != plain["log_loss"]
    assert calibrated["roc_auc"] == pytest.approx(plain["roc_auc"])  # a rising curve keeps the order


def test_the_golden_rows_of_the_final_package_have_its_answers(learned):
    model = learned(two_classes, "bayes")
    result = model.decide(threshold=0.05)
    golden = decode(model.shelf.get_artifact(result.artifacts["golden.json"]), Golden)
    rows = np.column_stack([tensor.data for tensor in golden.request.inputs]).astype(np.float32)
    assert list(golden.response.outputs[0].data) == model.answers(result, rows).labels.tolist()
    assert [tensor.name for tensor in golden.request.inputs] == ["c0", "c1", "c2"]


def test_what_cannot_be_decided_is_an_error_with_the_reason(learned):
    bayes, three = learned(two_classes, "bayes"), learned(iris, "bayes")
    with pytest.raises(ProviderError, match="two classes") as found:
        three.decide(threshold=0.5)
    assert found.value.id == "decision-not-possible"
    with pytest.raises(ProviderError) as found:
        choose(count(np.array([0.9, 0.8], np.float32), np.array([False, True])), Objective(precision=Least(min=0.6)), float)
    assert found.value.id == "no-threshold"
    assert "0.5000, below 0.6" in found.value.detail
    with pytest.raises(ProviderError) as found:
        bayes.decide(calibrate={"cross_validation": 100})
    assert found.value.id == "too-few-rows-to-calibrate"
    with pytest.raises(ProviderError) as found:
        bayes.decide(threshold=0.5, positive="maybe")
    assert found.value.id == "unknown-class"
    with pytest.raises(ProviderError) as found:
        decide.run({"threshold": {"metric": "f1"}}, bayes.needs, bayes.bench)
    assert found.value.id == "decision-not-possible"


def test_equal_candidates_give_the_one_nearest_to_a_half_and_of_two_the_larger():
    probability = np.array([0.1, 0.3, 0.7, 0.9], dtype=np.float32)
    counts = count(probability, np.array([False, False, True, True]))
    assert choose(counts, Objective(metric="f1"), lambda _: 0.0).threshold == 0.5
    # below 0.3 and above 0.7 one row is wrong: both are as far from a half
    counts = count(np.array([0.3, 0.7], dtype=np.float32), np.array([True, False]))
    thresholds = counts.thresholds.tolist()
    assert choose(counts, Objective(metric="accuracy"), lambda _: 0.0).threshold == max(t for t in thresholds if t != 0.5)


def test_a_threshold_has_as_few_digits_as_there_is_room_for():
    assert between(0.2, 0.4) == 0.3
    low, high = float(np.float32(0.34561)), float(np.float32(0.34565))
    assert between(low, high) == 0.34563
    next_one = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert 0.5 < np.float32(between(0.5, next_one)) <= next_one


def test_a_metric_of_another_package_is_tried_at_many_thresholds():
    probability = np.linspace(0, 1, 2000, dtype=np.float32)
    counts = count(probability, probability > 0.6)
    found = choose(counts, Objective(metric="their_own"), lambda threshold: -abs(threshold - 0.25))
    assert found.threshold == pytest.approx(0.25, abs=0.01)
