"""The step `import` on files that XGBoost and LightGBM saved: the kept ones give the libraries' own answers, damaged ones are refused.

Without the libraries; `tests/extras/test_imported_files.py` compares with them.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from leptonctl.core.contract import Column
from leptonctl.learning.imported import library_file
from leptonctl.learning.imported.description import describe
from leptonctl.learning.imported.library_file import read_library_file
from tests.learning.test_import import World

KEPT = json.loads((Path(__file__).parents[1] / "providers" / "library_models.json").read_text(encoding="utf-8"))
CASES = {f"{case['library']} {case['name']}": case for case in KEPT["cases"]}
ROWS = np.array([[np.nan if cell is None else cell for cell in row] for row in KEPT["rows"]], dtype=np.float32)
WORDS = ["below", "even", "over"]


@pytest.fixture(autouse=True)
def _without_libraries(monkeypatch):
    """As in the test environment, where a machine has them."""
    monkeypatch.setattr(library_file, "is_installed", lambda module: False)


def world(folder, case, words=WORDS):
    """The hard rows with some target, by the names a, b and c."""
    count = 2 if case["classes"] == [0, 1] else 3
    y = np.array([words[place % count] for place in range(len(ROWS))]) if case["classes"] else np.arange(len(ROWS), dtype=np.float64)
    return World(folder, y, {name: ROWS[:, place] for place, name in enumerate("abc")})


@pytest.mark.parametrize(
    "name",
    ["xgboost binary:logistic", "xgboost reg:gamma 2 0.7 2.0", "lightgbm binary", "lightgbm multiclass", "lightgbm regression True"],
)
def test_a_kept_file_gives_the_librarys_answers_and_says_that_nobody_compared_them(tmp_path, name):
    case = CASES[name]
    classes = {"classes": WORDS[: 2 if case["classes"] == [0, 1] else 3]} if case["classes"] else {}
    manifest, answers, outputs = world(tmp_path, case).run(case["model"].encode(), **classes)
    native = np.array(case["answers"])
    assert (manifest.origin, outputs["parity"]) == ("imported", None)
    assert ("parity_not_compared", "note") in [(notice["check"], notice["severity"]) for notice in outputs["notices"]]
    if case["classes"]:
        np.testing.assert_allclose(answers.probabilities, native, atol=1e-6)
        assert answers.labels.tolist() == [classes["classes"][place] for place in answers.probabilities.argmax(axis=1)]
    else:
        np.testing.assert_allclose(answers.values, native, rtol=1e-5, atol=1e-6)


def test_classes_are_numbers_unless_they_are_listed_and_may_stand_in_another_order(tmp_path):
    case = CASES["xgboost multi:softprob"]
    case_world = world(tmp_path, case)
    id_, detail, hint = case_world.refusal(case["model"].encode())
    assert (id_, "classes of its outputs" in detail, "classes:" in hint) == ("import-classes", True, True)
    _, answers, _ = case_world.run(case["model"].encode(), classes=["over", "below", "even"])
    np.testing.assert_allclose(answers.probabilities, np.array(case["answers"])[:, [1, 2, 0]], atol=1e-6)


def test_the_columns_are_those_that_the_file_names_in_whatever_order_the_dataset_has_them(tmp_path):
    """LightGBM writes `_` for a blank; names that are not features are refused, numbers of columns are not names."""
    columns = {name: Column(name=name, type="number") for name in ("b b", "c", "a")}
    for name, of in (("xgboost reg:squarederror", xgboost_named), ("lightgbm regression", lightgbm_named)):
        blank = "b b" if of is xgboost_named else "b_b"
        assert read_library_file(of(CASES[name]["model"], ["c", "a", blank])).inputs(columns) == ("c", "a", "b b")
        assert read_library_file(CASES[name]["model"].encode()).inputs(columns) is None
    case = CASES["lightgbm regression"]
    case_world = world(tmp_path, case)
    _, answers, _ = case_world.run(lightgbm_named(case["model"], ["c", "a", "b"]))
    _, expected, _ = case_world.run(case["model"].encode(), inputs=["c", "a", "b"])
    np.testing.assert_array_equal(answers.values, expected.values)
    id_, detail, hint = case_world.refusal(lightgbm_named(case["model"], ["a", "b", "weight"]))
    assert (id_, "weight is not a feature" in detail, "inputs:" in hint) == ("import-inputs", True, True)


def xgboost_named(text, names):
    model = json.loads(text)
    model["learner"]["feature_names"] = names
    return json.dumps(model).encode()


def lightgbm_named(text, names):
    return re.sub("feature_names=.*", f"feature_names={' '.join(names)}", text).encode()


def test_rounds_after_the_best_one_are_reported(tmp_path):
    case = CASES["xgboost multi:softprob"]
    model = json.loads(case["model"])
    model["learner"]["attributes"] = {"best_iteration": "0"}
    _, _, outputs = world(tmp_path, case).run(json.dumps(model).encode(), classes=WORDS)
    assert [(notice["check"], notice["count"]) for notice in outputs["notices"]][-1] == ("rounds_after_best", 2)


def test_a_file_says_what_it_is_before_it_is_declared():
    description = describe(CASES["lightgbm multiclass"]["model"].encode())
    assert (description.producer, description.task, description.classes, [shape.columns for shape in description.inputs]) == (
        "LightGBM",
        "classification",
        None,
        [3],
    )
    assert describe(CASES["xgboost reg:gamma 2 0.7 2.0"]["model"].encode()).task == "regression"


def xgboost(change, name="xgboost reg:squarederror"):
    """A kept file after `change`, which gets the learner and its first tree."""
    model = json.loads(CASES[name]["model"])
    change(model["learner"], model["learner"]["gradient_booster"]["model"]["trees"][0])
    return json.dumps(model).encode()


def lightgbm(pattern, new, name="lightgbm regression"):
    text, count = re.subn(pattern, new, CASES[name]["model"], count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    return text.encode()


def trees(learner):
    model = learner["gradient_booster"]["model"]
    return model["trees"], model["tree_info"]


def put(key, place, value):
    def change(_, tree):
        tree[key][place] = value

    return change


def param(key, value):
    return lambda learner, _: learner["learner_model_param"].update({key: value})


WHOLE = CASES["xgboost reg:squarederror"]["model"].encode()
TEXT = CASES["lightgbm regression"]["model"].encode()
DAMAGED = {
    "cut off": (WHOLE[: len(WHOLE) // 2], "not a whole model"),
    "other JSON": (b'{"trees": []}', "not a whole model"),
    "deep JSON": (b'{"learner":' + b"[" * 100_000, "not a whole model"),
    "a list for the learner": (b'{"learner": []}', "not a whole model"),
    "not UTF-8": (WHOLE.replace(b"learner", b"learner\xff", 1), "not a whole model"),
    "text for a child": (xgboost(put("left_children", 0, "1")), "left_children"),
    "half a node": (xgboost(put("left_children", 0, 1.5)), "left_children"),
    "a huge node": (xgboost(put("left_children", 0, 10**30)), "whole model"),
    "a child beyond the tree": (xgboost(put("right_children", 0, 10**9)), "child does not exist"),
    "a circle": (xgboost(put("left_children", 1, 0)), "child|circle|complete"),
    "a node under itself": (xgboost(put("left_children", 0, 0)), "two parents, or a circle"),
    "a column beyond": (xgboost(put("split_indices", 0, 3)), "beyond the 3"),
    "a negative column": (xgboost(put("split_indices", 0, -1)), "beyond the 3"),
    "a threshold of none": (xgboost(put("split_conditions", 0, float("nan"))), "not a number"),
    "fewer thresholds": (xgboost(lambda _, tree: tree["split_conditions"].pop()), "not complete"),
    "no nodes": (xgboost(lambda _, tree: [tree[key].clear() for key in tree if isinstance(tree[key], list)]), "not complete"),
    "no trees": (xgboost(lambda learner, _: [of.clear() for of in trees(learner)]), "no trees|trees"),
    "a billion classes": (xgboost(param("num_class", "1000000000")), "1000000000 classes"),
    "a billion targets": (xgboost(param("num_target", "1000000000")), "1000000000 classes"),
    "many targets": (xgboost(param("num_target", "2")), "scores a row"),
    "no columns": (xgboost(param("num_feature", "0")), "0 columns"),
    "a start of nothing": (xgboost(param("base_score", "[NaN]")), "not a number"),
    "a start of words": (xgboost(param("base_score", "much")), "whole model"),
    "classes that do not fit": (xgboost(param("num_class", "2"), "xgboost multi:softprob"), "score"),
    "ranking": (xgboost(lambda learner, _: learner["objective"].update(name="rank:ndcg")), "rank:ndcg has no graph"),
    "labels alone": (xgboost(lambda learner, _: learner["objective"].update(name="multi:softmax")), "multi:softprob"),
    "a linear booster": (xgboost(lambda learner, _: learner["gradient_booster"].update(name="gblinear")), "gblinear has no graph"),
    "categories": (xgboost(put("split_type", 0, 1)), "splits by category"),
    "text cut off": (TEXT[: len(TEXT) // 2], "not a model of LightGBM"),
    "text of nothing": (b"tree\nend of trees\n", "not a whole model"),
    "trees that are not there": (lightgbm("^num_tree_per_iteration=1", "num_tree_per_iteration=1000000000"), "1000000000 a round"),
    "a word for a child": (lightgbm("^left_child=-?[0-9]+", "left_child=one"), "whole model"),
    "a leaf beyond": (lightgbm("^left_child=-?[0-9]+", "left_child=-900"), "child does not exist"),
    "a circle in text": (lightgbm("^left_child=-?[0-9]+", "left_child=0"), "circle"),
    "a huge child": (lightgbm("^left_child=-?[0-9]+", "left_child=9" + "9" * 40), "whole model"),
    "a leaf of infinity": (lightgbm("^leaf_value=[-0-9.e]+", "leaf_value=1e300"), "not a number"),
    "a threshold too few": (lightgbm("^threshold=[-0-9.e]+ ", "threshold="), "whole model"),
    "a column beyond in text": (lightgbm("^split_feature=[0-9]+", "split_feature=7"), "beyond the 3"),
    "ranking in text": (lightgbm("^objective=regression", "objective=lambdarank"), "lambdarank has no graph"),
    "linear trees": (lightgbm("^is_linear=0", "is_linear=1"), "linear trees"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_hostile_file_is_refused_in_one_line(tmp_path, name):
    data, words = DAMAGED[name]
    id_, detail, _ = world(tmp_path, CASES["xgboost reg:squarederror"]).refusal(data)
    assert (id_, bool(re.search(words, detail))) == ("bad-model-file", True), detail


def test_a_chain_that_is_too_deep_and_a_file_that_is_too_large_are_refused(tmp_path, monkeypatch):
    def chain(learner, tree):
        """Each right child is the next node."""
        steps = 3000
        inner, leaves = [*range(steps)], [-1] * (steps + 1)
        tree["left_children"] = [steps + 1 + place for place in inner] + leaves
        tree["right_children"] = [place + 1 for place in inner] + leaves
        for key in ("split_indices", "split_conditions", "default_left", "split_type"):
            tree[key] = [0] * (2 * steps + 1)

    case_world = world(tmp_path, CASES["xgboost reg:squarederror"])
    assert "deeper than 2048" in case_world.refusal(xgboost(chain))[1]
    monkeypatch.setattr(library_file, "LARGEST", 1000)
    assert "at most" in case_world.refusal(WHOLE)[1]


def test_what_the_yaml_says_otherwise_is_refused(tmp_path):
    case = CASES["xgboost binary:logistic"]
    case_world = world(tmp_path, CASES["xgboost reg:gamma 2 0.7 2.0"])
    id_, detail, hint = case_world.refusal(case["model"].encode())
    assert (id_, "binary:logistic" in detail, hint) == ("import-outputs", True, "write `task: classification`")
    assert case_world.refusal(WHOLE, outputs={"prediction": "values"})[0] == "import-outputs"


def test_a_binary_file_needs_its_library(tmp_path):
    case_world = world(tmp_path, CASES["xgboost reg:squarederror"])
    id_, _, hint = case_world.refusal(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{")
    assert (id_, hint) == ("missing-library", "pip install 'leptonctl[xgboost]'")
