"""Malformed inputs of steps: each is refused with the name of the field."""

import importlib
import json

import pytest

from leptonctl.core.result import Result
from leptonctl.learning.needs import read_contract, read_package
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench

TRAIN = {"task": "classification", "target": "y", "algorithm": "naive_bayes", "seed": 1}
ROWS = {"source": {"path": "a.csv", "format": "csv"}, "target": "y", "split": {"method": "random", "test": 0.25}}
FOLDS = {"train": TRAIN, "folds": 5, "seed": 1}
BAD = [
    ("prepare", {}, "`source`"),
    ("prepare", {**ROWS, "source": {"format": "csv"}}, "$.source"),
    ("prepare", {**ROWS, "source": {"path": "a.csv", "format": "csv", "options": {"delimiter": 3}}}, "$.source.options.delimiter"),
    ("prepare", {**ROWS, "split": {"method": "by hand"}}, "$.split.method"),
    ("prepare", {**ROWS, "split": {"method": "hash", "test": 0.2}}, "`by`"),
    ("prepare", {**ROWS, "columns": {"a": {"type": "moment"}}}, "$.columns[...].type"),
    ("prepare", {**ROWS, "columns": {"a": {"missing": [1]}}}, "$.columns[...].missing"),
    ("prepare", {**ROWS, "privacy": {"hash": "who"}}, "$.privacy.hash"),
    ("train", {**TRAIN, "task": "divination"}, "$.task"),
    ("train", {**TRAIN, "seed": "one"}, "$.seed"),
    ("train", {**TRAIN, "features": [1]}, "$.features[0]"),
    ("train", {**TRAIN, "preprocess": [{"columns": "all"}]}, "$.preprocess[0]"),
    ("export", {"train": {**TRAIN, "params": None}}, "$.train.params"),
    ("export", {"train": TRAIN, "opset": "18"}, "$.opset"),
    ("evaluate", {"metrics": ["accuracy"]}, "`task`"),
    ("evaluate", {"task": "classification", "metrics": "accuracy"}, "$.metrics"),
    ("cross_validate", {**FOLDS, "folds": 2.5}, "$.folds"),
    ("cross_validate", {**FOLDS, "train": {}}, "$.train"),
    ("compare", {"task": "classification", "positive": ["y"]}, "$.positive"),
]


@pytest.mark.parametrize(("op", "inputs", "field"), BAD, ids=[f"{op} {field}" for op, _, field in BAD])
def test_a_field_that_is_absent_or_wrong_is_named(tmp_path, op, inputs, field):
    run = importlib.import_module(f"leptonctl.learning.steps.{op}").run
    with pytest.raises(ProviderError) as refused:
        run(json.loads(json.dumps(inputs)), {}, bench(Shelf(), tmp_path))
    assert refused.value.id == "bad-step-inputs"
    assert f"the inputs of `{op}`" in refused.value.detail
    assert field in refused.value.detail
    assert refused.value.hint


def test_malformed_results_are_refused_with_the_field():
    with pytest.raises(ProviderError) as refused:
        read_contract(Result(key="", op="prepare", outputs={"contract": {"target": "y"}}))
    assert refused.value.id == "bad-step-inputs"
    with pytest.raises(ProviderError) as refused:
        read_package(Result(key="", op="export", outputs={"size": 3}), Shelf())
    assert (refused.value.id, "`package`" in refused.value.detail) == ("bad-step-inputs", True)
