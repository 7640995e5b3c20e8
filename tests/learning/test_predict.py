"""`predict` on raw files against what the server's request path answers for the same rows."""

import csv
import io
import json

import numpy as np
import pytest

from leptonctl.core.result import Result
from leptonctl.learning.needs import read_package
from leptonctl.learning.scoring.predict import Predictions, predict_batches, write_csv, write_jsonl
from leptonctl.learning.steps import export, prepare, train
from leptonctl.project.catalog import load_catalog
from leptonctl.serving import response
from leptonctl.serving.infer import infer
from leptonctl.serving.model import load_model
from leptonctl.spi.learning import ProviderError, SourceOptions
from tests.learning.exported import Shelf, bench

KEY = b"sixteen bytes and more"
CATALOG = load_catalog()


def predict_whole(*file, **more) -> Predictions:
    (predictions,) = predict_batches(*file, **more)
    return predictions


def filled(table, name, **params):
    return {key: schema["default"] for key, schema in table[name].params.items()} | params


def step(use, columns):
    return {"use": use, "columns": columns, "params": filled(CATALOG.preprocessors, use)}


def raw_rows(size=300):
    """Rows as a source has them: a gap here and there, every type, a private column, non-ASCII text."""
    rng = np.random.default_rng(5)
    for number in range(size):
        length, visits = round(float(rng.normal(3, 2)), 3), int(rng.integers(0, 50))
        city, member = ("Zürich", "東京", "")[rng.integers(3)], (True, False)[rng.integers(2)]
        account = f"acc-{rng.integers(9)}"
        score = length * 2 + visits / 10 + (3 if city == "Zürich" else 0) + (2 if member else 0) + rng.normal()
        yield {
            "length": None if number % 17 == 3 else length,
            "city": city or None,
            "member": member,
            "account": account,
            "visits": visits,
            "kind": "yes" if score > 10 else "no",
            "price": round(float(score), 4),
        }


def text_of(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def write_rows(path, rows):
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: text_of(v) for name, v in row.items()} for row in rows)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    write_rows(folder / "d.csv", list(raw_rows()))
    return folder


def built(project, monkeypatch, task, target, algorithm):
    """ONNX and manifest of a model of that file."""
    monkeypatch.setenv("LEPTON_TEST_PREDICT_KEY", KEY.decode())
    privacy = {
        "drop": ["price" if target == "kind" else "kind"],
        "hash": ["account"],
        "key": {"secret": {"env": "LEPTON_TEST_PREDICT_KEY"}},
        "key_id": "k1",
    }
    preprocess = [step("imputer", "numeric"), step("standard_scaler", "numeric"), step("one_hot", "categorical")]
    training = {
        "task": task, "target": target, "features": None, "preprocess": preprocess, "algorithm": algorithm, "epoch": 1,
        "params": filled(CATALOG.trainers, (task, algorithm)), "seed": 7, "revision": 1,
    }  # fmt: skip
    inputs = {
        "prepare": {
            "source": {"path": "d.csv", "format": "csv", "digest": None, "options": {}}, "test_source": None, "target": target,
            "columns": {}, "privacy": privacy, "split": {"method": "random", "test": 0.25, "seed": 7, "stratify": False},
        },
        "train": training,
        "export": {"task": task, "opset": 18, "tolerance": None, "key": None, "train": training, "privacy": privacy},
    }  # fmt: skip
    shelf, needs = Shelf(), {}
    for op, module in (("prepare", prepare), ("train", train), ("export", export)):
        predictions = module.run(inputs[op], needs, bench(shelf, project))
        needs[op] = Result(key=op, op=op, artifacts=predictions.artifacts, outputs=predictions.outputs)
    package = read_package(needs["export"], shelf)
    return package.onnx, package.manifest


def asked(model, rows):
    """The outputs of one request that carries these rows as a client would."""
    kinds = {"number": "FP32", "integer": "FP32", "boolean": "BOOL", "string": "BYTES"}
    inputs = [
        {"name": c.name, "shape": [len(rows)], "datatype": kinds["string" if c.hash else c.type], "data": [row[c.name] for row in rows]}
        for c in model.manifest.columns
    ]
    body = json.loads(infer(model, response.head("m", "v1"), json.dumps({"inputs": inputs}).encode()).body)
    return {output["name"]: output["data"] for output in body["outputs"]}


def csv_of(made):
    out = io.StringIO()
    write_csv(made, out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_a_classification_answers_as_over_http(project, monkeypatch):
    onnx, manifest = built(project, monkeypatch, "classification", "kind", "logistic_regression")
    predictions = predict_whole(onnx, manifest, project / "d.csv", CATALOG.sources["csv"], SourceOptions(), key=KEY)
    rows, model = list(raw_rows()), load_model(onnx, manifest, key=KEY)
    answer = asked(model, rows)
    written = csv_of(predictions)
    assert predictions.rows == len(written) == 300
    assert list(written[0]) == ["label", "probability_no", "probability_yes"]
    assert [row["label"] for row in written] == answer["label"]
    assert {"no", "yes"} == set(answer["label"])
    both = [float(row[name]) for row in written for name in ("probability_no", "probability_yes")]
    assert both == answer["probabilities"]
    for number in range(0, 300, 30):
        alone = asked(model, rows[number : number + 1])
        assert alone["label"] == [written[number]["label"]]
        assert alone["probabilities"] == pytest.approx(both[2 * number : 2 * number + 2], abs=1e-6)


def test_a_regression_answers_as_over_http(project, monkeypatch):
    onnx, manifest = built(project, monkeypatch, "regression", "price", "random_forest")
    predictions = predict_whole(onnx, manifest, project / "d.csv", CATALOG.sources["csv"], SourceOptions(), key=KEY)
    answer = asked(load_model(onnx, manifest, key=KEY), list(raw_rows()))
    assert [float(row["prediction"]) for row in csv_of(predictions)] == answer["prediction"]
    out = io.StringIO()
    write_jsonl(predictions, out)
    assert [json.loads(line)["prediction"] for line in out.getvalue().splitlines()] == answer["prediction"]
    assert all(float(np.float32(v)) == v for v in answer["prediction"])


def test_every_format_and_column_order_gives_the_same_answers(project, monkeypatch, tmp_path):
    onnx, manifest = built(project, monkeypatch, "classification", "kind", "logistic_regression")
    rows = [{name: row[name] for name in sorted(row, reverse=True) if name != "kind"} for row in raw_rows(40)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    write_rows(tmp_path / "d.csv", rows)
    texts = []
    for name in ("csv", "jsonl"):
        predictions = predict_whole(onnx, manifest, tmp_path / f"d.{name}", CATALOG.sources[name], SourceOptions(), key=KEY)
        out = io.StringIO()
        write_jsonl(predictions, out)
        texts.append(out.getvalue())
    assert texts[0] == texts[1]
    first = json.loads(texts[0].splitlines()[0])
    assert set(first) == {"label", "probabilities"}
    assert set(first["probabilities"]) == {"no", "yes"}


def test_mistakes_in_input_files_are_reported_with_their_place(project, monkeypatch, tmp_path):
    onnx, manifest = built(project, monkeypatch, "classification", "kind", "logistic_regression")
    rows = list(raw_rows(5))
    write_rows(tmp_path / "few.csv", [{k: v for k, v in row.items() if k != "visits"} for row in rows])
    write_rows(tmp_path / "bad.csv", [*rows, {**rows[0], "visits": "many"}])
    for name, expected in (("few.csv", "missing-column"), ("bad.csv", None)):
        with pytest.raises(ProviderError) as refused:
            predict_whole(onnx, manifest, tmp_path / name, CATALOG.sources["csv"], SourceOptions(), key=KEY)
        assert "visits" in refused.value.detail + str(refused.value.column)
        assert expected in {None, refused.value.id}
    assert refused.value.line == 7
    with pytest.raises(ProviderError) as refused:
        predict_whole(onnx, manifest, project / "d.csv", CATALOG.sources["csv"], SourceOptions())
    assert refused.value.id == "missing-secret"
