"""`compare`: which rows count, metrics of both sides, flips."""

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes

from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Graph, GraphInput, Hashing, Manifest, ManifestColumn
from leptonctl.learning.inputs import CompareInputs
from leptonctl.learning.outputs import Flips, Sides
from leptonctl.learning.steps import compare
from leptonctl.spi.learning import Prediction, ProviderError
from tests.learning.exported import Shelf, bench, exported, frame_of, prepared

CLASSIFICATION = {"task": "classification", "metrics": ["accuracy", "roc_auc", "confusion_matrix"], "positive": None, "average": None}


def cancer(labels=("malignant", "benign")):
    x, target = load_breast_cancer(return_X_y=True)
    return frame_of(x[:, :6], [labels[t] for t in target])


def run(shelf, tmp_path, inputs=CLASSIFICATION, **needs):
    return compare.run(inputs, needs, bench(shelf, tmp_path)).outputs


def test_rows_that_either_has_learned_from_are_left_out(tmp_path):
    shelf, frame = Shelf(), cancer()
    old, new, test = frame[:200], frame[100:400], frame[150:]
    bound, model_a = exported(shelf, old, ["c0", "c1"], max_iter=5000)
    candidate, model_b = exported(shelf, new, ["c2", "c0", "c4"], max_iter=5000)
    out = run(
        shelf, tmp_path, prepare=prepared(shelf, new, test), export=candidate, bound_prepare=prepared(shelf, old, test), bound_export=bound
    )
    fresh = frame[400:]
    a, b = model_a.predict(fresh.select("c0", "c1").to_numpy()), model_b.predict(fresh.select("c2", "c0", "c4").to_numpy())
    y = np.array(fresh["y"].to_list())
    assert (out["n"], out["rows"], out["excluded"]) == (169, 169, 250)
    assert list(out) == ["n", "rows", "excluded", "metrics", "flips", "notes", "excluded_by", "not_comparable"]
    assert (out["excluded_by"], out["not_comparable"]) == ({"bound": 50, "candidate": 250}, "")
    assert out["notes"] == [
        "of 419 evaluation rows without 50 that the bound version was trained on and 250 that the candidate was trained on"
    ]
    assert out["metrics"]["accuracy"] == {"a": sk.accuracy_score(y, a), "b": sk.accuracy_score(y, b)}
    assert out["flips"] == {"rows": 169, "changed": int((a != b).sum()), "share": float((a != b).mean())}
    assert out["flips"]["changed"] > 0
    assert set(out["metrics"]) == {"accuracy", "roc_auc"}


def test_a_version_beside_itself_flips_nothing(tmp_path):
    shelf, frame = Shelf(), cancer()
    export, _ = exported(shelf, frame[:300], ["c0"], max_iter=5000)
    prepare = prepared(shelf, frame[:300], frame[300:])
    out = run(shelf, tmp_path, prepare=prepare, export=export, bound_prepare=prepare, bound_export=export)
    assert out["flips"] == {"rows": 269, "changed": 0, "share": 0.0}
    assert all(pair["a"] == pair["b"] for pair in out["metrics"].values())


def test_classes_of_another_type_are_compared_as_text(tmp_path):
    shelf, words, numbers = Shelf(), cancer(("0", "1")), cancer((0, 1))
    bound, _ = exported(shelf, numbers[:300], ["c0"], max_iter=5000)
    candidate, _ = exported(shelf, words[:300], ["c0"], max_iter=5000)
    out = run(
        shelf,
        tmp_path,
        prepare=prepared(shelf, words[:300], words[300:]),
        export=candidate,
        bound_prepare=prepared(shelf, numbers[:300], numbers[300:]),
        bound_export=bound,
    )
    assert out["flips"] == {"rows": 269, "changed": 0, "share": 0.0}
    assert out["metrics"]["accuracy"]["a"] == out["metrics"]["accuracy"]["b"] > 0.8


def test_a_metric_that_one_side_cannot_have_is_left_out_with_a_note():
    y = np.array(["a", "b", "c", "a"])
    two = Prediction(labels=np.array(["a", "b", "a", "a"], dtype=object), probabilities=np.eye(2)[[0, 1, 0, 0]], classes=("a", "b"))
    three = Prediction(labels=y.astype(object), probabilities=np.eye(3)[[0, 1, 2, 0]], classes=("a", "b", "c"))
    out = compare.compare(CompareInputs(task="classification", metrics=("accuracy", "roc_auc")), y, two, three)
    assert out.metrics == {"accuracy": Sides(a=0.75, b=1.0)}
    assert out.notes == ["a: roc_auc: the model does not know the class c of these rows"]
    assert out.flips == Flips(rows=4, changed=1, share=0.25)


def test_a_regression_has_no_flips_for_a_gate_to_pass(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    shelf, frame = Shelf(), frame_of(x, y)
    export, _ = exported(shelf, frame[:300], ["c0", "c1"])
    prepare = prepared(shelf, frame[:300], frame[300:])
    inputs = {"task": "regression", "metrics": None, "positive": None, "average": None}
    out = run(shelf, tmp_path, inputs, prepare=prepare, export=export, bound_prepare=prepare, bound_export=export)
    assert out["flips"] == {"rows": 142, "changed": 0, "share": None}
    assert set(out["metrics"]) == {"mae", "mse", "rmse", "r2", "mape"}


def test_nothing_left_to_compare_on_is_evidence_that_no_gate_passes(tmp_path):
    shelf, frame = Shelf(), cancer()
    export, _ = exported(shelf, frame, ["c0"], max_iter=5000)
    out = run(
        shelf,
        tmp_path,
        prepare=prepared(shelf, frame[:300], frame[300:]),
        export=export,
        bound_prepare=prepared(shelf, frame[300:], frame[:300]),
        bound_export=export,
    )
    assert (out["n"], out["rows"], out["excluded"], out["metrics"]) == (0, 0, 269, {})
    assert out["flips"] == {"rows": 0, "changed": 0, "share": None}
    assert "all 269 evaluation rows" in out["notes"][0]


def test_a_bound_version_that_needs_a_column_the_candidate_lacks(tmp_path):
    shelf, frame = Shelf(), cancer()
    bound, _ = exported(shelf, frame[:300], ["c0", "c5"], max_iter=5000)
    fewer = frame.drop("c5")
    candidate, _ = exported(shelf, fewer[:300], ["c0"], max_iter=5000)
    out = run(
        shelf,
        tmp_path,
        prepare=prepared(shelf, fewer[:300], fewer[300:]),
        export=candidate,
        bound_prepare=prepared(shelf, frame[:300], frame[300:]),
        bound_export=bound,
    )
    assert (out["rows"], out["metrics"], out["flips"]) == (0, {}, {"rows": 0, "changed": 0, "share": None})
    for reason in (
        "other columns than that of the evaluation rows (c5)",
        "reads the column c5, which the candidate's dataset does not have",
    ):
        assert reason in out["not_comparable"]


def test_versions_that_answer_different_questions_are_not_comparable(tmp_path):
    """B5 of the faults: another target of equal classes, and its brothers: other classes, another task, rows of unknown origin."""
    shelf, frame = Shelf(), cancer()
    swapped = frame.with_columns(y=frame["y"].replace({"malignant": "benign", "benign": "malignant"})).rename({"y": "z"})
    three = frame.with_columns(y=pl.when(pl.col("c0") > 20).then(pl.lit("large")).otherwise("y"))
    numbers = frame_of(load_breast_cancer(return_X_y=True)[0][:, :6], np.linspace(0, 1, 569))
    candidate, _ = exported(shelf, frame[:300], ["c0"], max_iter=5000)
    prepare = prepared(shelf, frame[:300], frame[300:])
    for others, target, reason in (
        (swapped, "z", "predicts z, the candidate y"),
        (three, "y", "the classes differ: the bound version knows 3, the candidate 2, both 2"),
        (numbers, "y", "the bound version is a regression, the candidate a classification"),
    ):
        bound, _ = exported(shelf, others[:300], ["c0"], target=target, **({} if others is numbers else {"max_iter": 5000}))
        other = prepared(shelf, others[:300], others[300:], target=target)
        out = run(shelf, tmp_path, prepare=prepare, export=candidate, bound_prepare=other, bound_export=bound)
        assert reason in out["not_comparable"]
    assert (out["rows"], out["metrics"]) == (0, {}), "a regression has no labels to compare"
    unknown = replace(prepare, outputs={k: v for k, v in prepare.outputs.items() if k != "row_lists"})
    out = run(shelf, tmp_path, prepare=prepare, export=candidate, bound_prepare=unknown, bound_export=candidate)
    assert "not recorded which rows" in out["not_comparable"]
    assert out["rows"] == 269, "with `comparable: assume`"


def manifest(*columns, key_id=None):
    return Manifest(
        task="classification",
        target="y",
        target_type="string",
        columns=tuple(ManifestColumn(nullable=True, graph=GraphInput(input="features", index=0), **column) for column in columns),
        classes=("a", "b"),
        graph=Graph(features=1, strings=(), outputs={}),
        privacy=None if key_id is None else Hashing(hash=("s",), key_id=key_id),
    )


def test_the_bound_version_fills_missing_cells_as_it_does_for_a_request():
    bound = manifest({"name": "n", "type": "number", "fill": 3.0}, {"name": "s", "type": "string", "fill": "x"})
    columns = {"n": np.array([np.nan, 1], dtype=np.float32), "s": np.array(["", "é"], dtype=object)}
    read = compare.columns_for(bound, manifest(), columns)
    assert (read["n"].tolist(), read["s"].tolist()) == ([3.0, 1.0], ["x", "é"])
    assert read["n"].dtype == np.float32
    assert np.isnan(columns["n"][0]), "the candidate reads its own rows afterwards"
    bound = manifest({"name": "b", "type": "boolean", "fill": True})
    assert compare.columns_for(bound, manifest(), {"b": np.array([0, -1, 1], dtype=np.int8)})["b"].tolist() == [0, 1, 1]


def test_columns_of_another_type_or_hashed_with_another_key_are_not_comparable():
    columns = {"s": np.array(["a", "b"], dtype=object)}
    numbers, hashes = manifest({"name": "s", "type": "number"}), manifest({"name": "s", "type": "string", "hash": True}, key_id="k1")
    for bound, candidate, detail in ((numbers, numbers, "is number"), (hashes, manifest(key_id="k2"), "the key k1")):
        with pytest.raises(ProviderError) as refused:
            compare.columns_for(bound, candidate, columns)
        assert refused.value.id == "not-comparable"
        assert detail in refused.value.detail
    assert list(compare.columns_for(hashes, manifest(key_id="k1"), columns)) == ["s"]
