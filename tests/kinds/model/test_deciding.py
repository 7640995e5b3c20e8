"""`threshold`, `calibrate`, `class_weight`, `sample_weight` and `monotonic` in YAML: what is refused where, and what an edit does again."""

import pytest

from leptonctl.core.state import Recipe
from leptonctl.kinds.model.override import digest_of, override_of
from leptonctl.kinds.model.package import package_step
from leptonctl.kinds.model.recipes import recipe_keys, version_entry
from leptonctl.kinds.model.steps import PACKAGE
from leptonctl.language.load import load
from tests.kinds import declared

DATA = """\
kind: Dataset
name: points
target: side
TARGETversions:
  first: {source: data/first.csv}
---
"""
MODEL = """\
kind: Model
name: line
dataset: points@first
task: TASK
algorithm: ALGORITHM
versions:
  v1: {LINE}
"""
SIDES = "columns: {side: {type: string, values: [above, below]}, city: {type: string}}\n"
THREE = "columns: {side: {type: string, values: [a, b, c]}}\n"


def text(line: str, algorithm: str = "logistic_regression", task: str = "classification", target: str = SIDES) -> str:
    model = MODEL.replace("TASK", task).replace("ALGORITHM", algorithm).replace("LINE", line)
    return DATA.replace("TARGET", target) + model


def found(text: str) -> list[tuple[str, str, str]]:
    """(id, the text at the place, hint) of each problem."""
    _, problems = declared.declared(text)
    lines = (declared.PROJECT + text).splitlines()
    return [
        (p.id, lines[p.span.line - 1][p.span.column - 1 : p.span.end_column - 1], p.hint) for p in problems if p.span is not None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "other", "id_", "at", "hint"),
    [
        ("threshold: 0.3", {"algorithm": "ridge", "task": "regression", "target": ""}, "decision-not-possible", "threshold", "remove"),
        ("calibrate: {}", {"algorithm": "ridge", "task": "regression", "target": ""}, "decision-not-possible", "calibrate", "remove"),
        ("threshold: 0.3", {"target": THREE}, "decision-not-possible", "threshold", "remove"),
        ("threshold: {metric: f2}", {}, "unknown-metric", "f2", "f1"),
        ("threshold: {metric: roc_auc}", {}, "decision-not-possible", "roc_auc", "accuracy"),
        ("threshold: {metric: log_loss}", {}, "decision-not-possible", "log_loss", "accuracy"),
        ("threshold: {metric: f1, recall: {min: 0.9}}", {}, "parameter-conflict", "threshold", "null"),
        ("class_weight: balanced", {"algorithm": "knn"}, "unsupported-option", "class_weight", "naive_bayes"),
        (
            "class_weight: balanced",
            {"algorithm": "ridge", "task": "regression", "target": ""},
            "unsupported-option",
            "class_weight",
            "remove",
        ),
        ("class_weight: {above: 2, left: 3}", {}, "unknown-class-weight", "left", "above"),
        ("class_weight: balanced, params: {class_weight: balanced}", {}, "parameter-conflict", "class_weight", "params"),
        ("sample_weight: x", {"algorithm": "knn"}, "unsupported-option", "sample_weight", "naive_bayes"),
        ("sample_weight: z", {}, "unknown-column", "z", "x"),
        ("sample_weight: side", {}, "bad-sample-weight", "side", "numbers"),
        ("sample_weight: city", {}, "bad-sample-weight", "city", "numbers"),
        ("sample_weight: x, features: [x, y]", {}, "bad-sample-weight", "x", "numbers"),
        ("sample_weight: x, preprocess: [{columns: [x], use: standard_scaler}]", {}, "bad-sample-weight", "x", "numbers"),
        ("monotonic: {x: up}", {}, "unsupported-option", "monotonic", "hist_gradient_boosting"),
        ("monotonic: {z: up}", {"algorithm": "hist_gradient_boosting"}, "unknown-column", "z", "x"),
        ("monotonic: {city: up}", {"algorithm": "decision_tree"}, "not-monotonic", "city", "numbers"),
        ("monotonic: {x: up}, preprocess: [{columns: numeric, use: pca}]", {"algorithm": "decision_tree"}, "not-monotonic", "x", "numbers"),
        ("monotonic: {x: up}, preprocess: [{columns: [y, x], use: polynomial}]", {"algorithm": "decision_tree"}, "not-monotonic", "x", ""),
        ("monotonic: {x: up}, preprocess: [{columns: [y, x], use: Normalizer}]", {"algorithm": "decision_tree"}, "not-monotonic", "x", ""),
        ("monotonic: {x: up}", {"algorithm": "decision_tree", "target": THREE}, "not-monotonic", "monotonic", "remove"),
        ("monotonic: {x: up}, sample_weight: x", {"algorithm": "decision_tree"}, "not-monotonic", "x", ""),
    ],
)
def test_an_impossible_decision_is_one_error_at_its_place_before_anything_is_trained(line, other, id_, at, hint):
    problems = found(text(line, **other))
    assert [(one[0], one[1]) for one in problems] == [(id_, at)], problems
    assert hint in problems[0][2]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("threshold: 0", "0"), ("threshold: 1.5", "1.5"), ("threshold: high", "high"), ("threshold: {recall: 0.9}", "0.9"),
        ("threshold: {recall: {max: 0.9}}", "max"), ("threshold: {recall: {min: 1.5}}", "1.5"), ("threshold: {}", ""),
        ("calibrate: sigmoid", "sigmoid"), ("calibrate: {method: platt}", "platt"), ("calibrate: {cross_validation: 1}", "1"),
        ("class_weight: heavy", "heavy"), ("class_weight: {above: 0}", "0"), ("class_weight: {above: many}", "many"), ("sample_weight: 3", "3"),
        ("monotonic: {x: 1}", "1"), ("monotonic: up", "up"),
    ],
)  # fmt: skip
def test_each_wrong_value_is_one_diagnostic_at_its_place_with_a_hint(line, at):
    problems = found(text(line))
    assert len(problems) == 1, problems
    assert at in problems[0][1]
    assert problems[0][2]


def nodes(line: str, **other: str) -> dict:
    return declared.nodes_of(text(line, **other))


def steps(line: str, **other: str) -> dict[str, str | None]:
    """The keys (or specs) of the version's steps by name."""
    return {step.name: step.key or step.spec for step in nodes(line, **other)["model/line@v1"].steps}


def moved(before: str, after: str, **other: str) -> set[str]:
    """The steps that an edit does again."""
    a, b = steps(before, **other), steps(after, **other)
    return {name for name in {*a, *b} if a.get(name) != b.get(name)}


FOLDS = "evaluate: {cross_validation: 3}"


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ("", "threshold: 0.3", {"decide", "evaluate"}),
        ("threshold: 0.3", "threshold: 0.4", {"decide", "evaluate"}),
        ("threshold: 0.3", "threshold: {metric: f1}", {"decide", "evaluate"}),
        ("threshold: 0.3", "threshold: 0.3, calibrate: {}", {"decide", "evaluate"}),
        ("calibrate: {}", "calibrate: {method: isotonic}", {"decide", "evaluate"}),
        ("calibrate: {}", "calibrate: {method: sigmoid, cross_validation: 5}", set()),
        ("threshold: {recall: {min: 1}}", "threshold: {recall: {min: 1.0}}", set()),
        ("threshold: 0.3", "threshold: 0.3, evaluate: {positive: above}", {"decide", "evaluate"}),
        ("calibrate: {}", "calibrate: {}, evaluate: {positive: above}", {"evaluate"}),
        (FOLDS, f"{FOLDS}, threshold: 0.3", {"decide", "evaluate"}),
        (FOLDS, f"{FOLDS}, class_weight: balanced", {"train", "export", "evaluate", "cross_validate"}),
        ("class_weight: {above: 2}", "class_weight: {above: 2.0}", set()),
        ("", "sample_weight: x", {"train", "export", "evaluate"}),
        ("", "monotonic: {}", set()),
        ("threshold: 0.3", "threshold: 0.3, params: {C: 2.0}", {"train", "export", "decide", "evaluate"}),
    ],
)
def test_an_edit_does_only_again_what_it_is_about(before, after, again):
    assert moved(before, after) == again
    digests = {line: nodes(line)["model/line@v1"].digest for line in (before, after)}
    assert (digests[before] == digests[after]) == (not again - {"evaluate", "cross_validate"})


def test_a_fixed_threshold_is_adopted_whatever_recipe_made_an_equal_package():
    """Early cutoff: only what is fitted on folds depends on the recipe, beside the package itself."""
    (fixed, chosen) = (
        next(s for s in nodes(line)["model/line@v1"].steps if s.name == "decide") for line in ("threshold: 0.3", "threshold: {metric: f1}")
    )
    assert "train" not in (fixed.own or {})
    assert "train" in (chosen.own or {})


def test_evaluation_reads_the_final_package():
    version = nodes("threshold: 0.3")["model/line@v1"]
    evaluate = version.step("evaluate")
    assert package_step(version).name == "decide"
    assert evaluate.needs["export"] == ("model/line@v1", "decide")
    assert PACKAGE in evaluate.reads
    assert version.step("export").makes == version.step("decide").makes == "model.onnx"


LINES = (
    "", "threshold: 0.3", "threshold: {metric: f1}", "threshold: {recall: {min: 0.9}}, calibrate: {method: isotonic}",
    "threshold: 0.4, evaluate: {positive: above}", "class_weight: {above: 2}", "class_weight: {below: 3}", "class_weight: balanced, sample_weight: x",
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_recorded_recipe_gives_the_keys_and_the_digest_again(line):
    node = nodes(line)["model/line@v1"]
    keys = recipe_keys(node.recipe)
    own = {step.name: step.key for step in node.steps if step.name in keys.steps}
    assert {name: key for name, key in keys.steps.items() if name != "prepare"} == own
    assert keys.digest == node.digest == digest_of(Recipe(address=node.address, recipe=node.recipe, notes=node.notes))


@pytest.mark.parametrize("base", LINES)
@pytest.mark.parametrize("line", LINES)
def test_the_lines_of_a_recipe_are_written_back_over_any_base_block(line, base):
    node = nodes(line)["model/line@v1"]
    around = text("{}")[: text("{}").index("versions:\n  v1")] + "".join(f"{key}\n" for key in base.split(", ") if key)
    (document,) = (
        d
        for d in load({"p.yaml": declared.PROJECT + around + "versions:\n  v1: {}\n"}, ("Project", "Dataset", "Model"))[0]
        if d.kind == "Model"
    )
    recipe = Recipe(address=node.address, recipe=node.recipe, notes=node.notes)
    entries = override_of(recipe, document, declared.CATALOG), version_entry(node.recipe, document.value, "points@first")
    for entry in entries:
        back = around + f"versions:\n  v1: {flow(entry)}\n"
        assert declared.digests(back)["model/line@v1"] == node.digest, back


def flow(value: object) -> str:
    """A value as YAML flow."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "null" if value is None else str(value)
