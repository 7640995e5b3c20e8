"""`search:` before anything runs: which trials there are, which keys they have, what a change of the search moves, and what is refused."""

import math
import re

import pytest

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Node
from leptonctl.kinds.model.candidates import draws, grid, size
from leptonctl.kinds.model.implied import clear_implied, without_implied
from leptonctl.kinds.model.override import digest_of, override_of
from leptonctl.kinds.model.recipes import recipe_keys, version_entry
from tests.kinds.declared import CATALOG, DATA, MODEL, declared, digests, nodes_of

SPACE = {"C": {"log": [0.001, 100.0]}, "max_iter": {"int": [50, 200]}, "tol": {"uniform": [0.001, 0.01]}, "solver": ["lbfgs", "saga"]}


def text(search: str, more: str = "", versions: str = "  v1: {}\n") -> str:
    return DATA + MODEL.replace("versions:\n  v1: {}\n---\n", f"{more}search: {search}\nversions:\n{versions}")


def node(search: str, more: str = "") -> Node:
    declarations, problems = declared(text(search, more))
    assert declarations is not None, problems
    return declarations.built["model/line@v1"]


def trial_keys(found: Node) -> set[str | None]:
    return {step.key for step in found.steps if step.op == "trial"}


def test_a_draw_depends_only_on_the_seed_and_its_number() -> None:
    """More trials begin with the same ones, and another searched parameter does not change the draws of the first."""
    twenty, more = [*draws(SPACE, 7, 20)][:20], [*draws(SPACE, 7, 21)][:21]
    assert more[:20] == twenty
    assert [one["C"] for one in [*draws({"C": SPACE["C"]}, 7, 20)][:20]] == [one["C"] for one in twenty]
    assert [one["C"] for one in [*draws(SPACE, 8, 20)][:20]] != [one["C"] for one in twenty]


def test_draws_stay_in_their_ranges_and_fill_them() -> None:
    found = [one for one, _ in zip(draws(SPACE, 1, 400), range(400), strict=False)]
    logs = [math.log10(one["C"]) for one in found]
    assert -3 <= min(logs) < -2.5
    assert 1.5 < max(logs) <= 2
    assert abs(sum(logs) / len(logs) + 0.5) < 0.3
    assert {type(one["max_iter"]) for one in found} == {int}
    assert min(one["max_iter"] for one in found) < 55
    assert max(one["max_iter"] for one in found) > 195
    assert all(0.001 <= one["tol"] <= 0.01 for one in found)
    assert {one["solver"] for one in found} == {"lbfgs", "saga"}


def test_draws_never_repeat_and_end_with_the_space() -> None:
    small = {"a": [1, 2, 3], "b": {"int": [0, 1]}}
    assert size(small) == 6
    assert sorted((one["a"], one["b"]) for one in draws(small, 3, 6)) == sorted((a, b) for a in (1, 2, 3) for b in (0, 1))


def test_a_grid_is_the_product_whatever_the_order_of_its_keys() -> None:
    assert [*grid({"b": [1, 2], "a": ["x", "y"]})] == [*grid({"a": ["x", "y"], "b": [1, 2]})]
    assert [*grid({"b": [1, 2], "a": ["x"]})] == [{"a": "x", "b": 1}, {"a": "x", "b": 2}]


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        ("{parameters: {C: [0.1, 1]}}", "{parameters: {C: [0.1, 1, 10]}}", 1),
        ("{parameters: {C: [0.1, 1], tol: [0.1]}}", "{parameters: {C: [0.1, 1], tol: [0.1, 0.2]}}", 2),
        ("{method: random, parameters: {C: {log: [0.1, 10]}}, trials: 5}", "{method: random, parameters: {C: {log: [0.1, 10]}}, trials: 6}", 1),
        ("{parameters: {C: [0.1, 1]}}", "{parameters: {C: [1, 0.1]}}", 0),
        ("{parameters: {C: [0.1, 1]}, metric: f1}", "{parameters: {C: [0.1, 1]}, metric: accuracy}", 2),
        ("{parameters: {C: [0.1, 1]}}", "{parameters: {C: [0.1, 1]}, cross_validation: 4}", 2),
    ],
)  # fmt: skip
def test_a_changed_search_keeps_the_trials_that_it_shares(before: str, after: str, added: int) -> None:
    old, new = node(before), node(after)
    assert len(trial_keys(new) - trial_keys(old)) == added
    assert old.digest != new.digest


def test_trials_are_shared_between_searches() -> None:
    """A random search that draws what a grid lists, and a version whose base parameters are overridden, share the trials."""
    listed = node("{parameters: {C: [0.1, 1, 10]}}")
    drawn = node("{method: random, parameters: {C: [0.1, 1, 10]}, trials: 3}")
    assert trial_keys(listed) == trial_keys(drawn)
    assert trial_keys(node("{parameters: {C: [0.1, 1, 10]}}", "params: {C: 5.0}\n")) == trial_keys(listed)
    assert node("{parameters: {C: [0.1, 1, 10]}}", "params: {C: 5.0}\n").digest == listed.digest


def test_what_has_no_effect_moves_no_digest() -> None:
    plain = node("{parameters: {C: [0.1, 1]}}").digest
    assert node("{cross_validation: 5, metric: accuracy, parameters: {C: [0.1, 1.0]}, method: grid}").digest == plain


def test_the_positive_class_of_evaluate_is_that_of_the_search() -> None:
    """It decides the winner, so it enters the key of the training; without a search it enters no key."""
    searched = "{parameters: {C: [0.1, 1]}, metric: f1}"
    assert node(searched, "evaluate: {positive: a}\n").digest != node(searched).digest
    assert node(searched, "evaluate: {positive: a}\n").digest == node("{parameters: {C: [0.1, 1]}, metric: f1, positive: a}").digest
    plain = DATA + MODEL
    assert digests(plain.replace("versions:\n  v1", "evaluate: {positive: a}\nversions:\n  v1")) == digests(plain)


@pytest.mark.parametrize(
    ("classes", "positive", "average", "named"),
    [
        ([0, 1], 1, "binary", set()),
        ([0, 1], "1", None, set()),
        (["false", "true"], True, None, set()),
        ([0, 1], 0, "macro", {"positive", "average"}),
        (["a", "b", "c"], "c", "macro", set()),
        (["a", "b", "c"], "b", "binary", {"positive", "average"}),
        (None, 1, "binary", {"positive", "average"}),
    ],
)
def test_writing_out_a_default_changes_nothing(classes: list | None, positive: object, average: object, named: set[str]) -> None:
    needs = {"prepare": Result(key="", op="prepare", outputs={"contract": {"classes": classes}})}
    own = {"positive": positive, "average": average, "folds": 5}
    assert {name for name, value in clear_implied(own, needs).items() if value is not None} == named | {"folds"}
    assert without_implied(own, needs).keys() - ({"average"} if average is None else set()) == named | {"folds"}


def test_a_halving_narrows_down_and_ends_on_all_rows() -> None:
    found = node("{method: halving, parameters: {C: {log: [0.1, 10]}}, trials: 20}")
    trials = [step for step in found.steps if step.op == "trial"]
    shares = [step.inputs.get("share", 1.0) for step in trials]
    assert [shares.count(share) for share in (1 / 9, 1 / 3, 1.0)] == [20, 7, 3]
    assert [step.name for step in found.steps if step.op == "search"] == ["rung_1", "rung_2", "search"]
    assert [step.key is None for step in trials] == [False] * 20 + [True] * 10
    assert all(step.key is not None for step in found.steps if step.op in ("search", "train", "export"))


@pytest.mark.parametrize(("method", "ends", "trials"), [("halving", "[50, 90]", 20), ("halving", "[50, 56]", 7), ("random", "[50, 56]", 7)])
def test_whole_numbers_between_two_ends_are_drawn_without_a_number_of_trials_too(method: str, ends: str, trials: int) -> None:
    found = node(f"{{method: {method}, parameters: {{max_iter: {{int: {ends}}}}}}}")
    first = [step.inputs["chosen"] for step in found.steps if step.op == "trial" and step.key is not None]
    assert len(first) == trials
    assert all(type(chosen["max_iter"]) is int for chosen in first)


def test_a_version_without_a_search_has_unchanged_steps_and_keys() -> None:
    found = nodes_of(DATA + MODEL)["model/line@v1"]
    assert [step.name for step in found.steps if not step.address.startswith("dataset")][-3:] == ["train", "export", "evaluate"]
    assert "search" not in found.recipe
    assert not any(step.fills or step.decides for step in found.steps)


SEARCHES = (
    "{parameters: {C: [0.1, 1]}}\nclass_weight: balanced\nthreshold: {metric: f1}",
    "{parameters: {C: [0.1, 1, 10], solver: [lbfgs, saga]}, metric: f1, positive: a}",
    "{method: random, parameters: {C: {log: [0.1, 10]}}, trials: 4}",
    "{method: halving, parameters: {C: {log: [0.1, 10]}, max_iter: {int: [50, 90]}}, trials: 9, factor: 2}",
)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("base", ["", "search: {parameters: {tol: [0.1, 0.2]}, positive: b}\n", "params: {C: 3.0}\n"])
def test_a_recorded_recipe_is_written_back_as_yaml_that_gives_it_again(search: str, base: str) -> None:
    """Both by `leaderboard --yaml` and by a rollback to a version whose lines were removed, over other base blocks."""
    found = node(search)
    recipe = Recipe(address=found.address, recipe=found.recipe, notes=found.notes)
    keys = recipe_keys(found.recipe)
    assert (keys.digest, digest_of(recipe)) == (found.digest, found.digest)
    assert keys.search == found.step("search").key
    others = DATA + MODEL.replace("versions:\n  v1: {}\n---\n", f"{base}versions:\n  other: {{search: null}}\n")
    declarations, problems = declared(others)
    assert declarations is not None, problems
    document = declarations.project.of("Model")["line"]
    for entry in (version_entry(found.recipe, document.value, "points@first"), override_of(recipe, document, CATALOG)):
        changed = replace(document, value={**document.value, "versions": {"v1": entry}}, outline=None)
        assert nodes_of(_yaml(changed.value))[found.address].digest == found.digest, entry


def _yaml(model: object) -> str:
    import yaml

    return DATA + yaml.safe_dump(model, sort_keys=False)


@pytest.mark.parametrize(
    ("search", "id_", "place", "words"),
    [
        ("{parameters: {D: [1]}}", "unknown-parameter", "D", "D"),
        ("{parameters: {C: [0.1, -1]}}", None, "-1", ""),
        ("{parameters: {C: [0.1, many]}}", None, "many", ""),
        ("{parameters: {C: [0.1, 1, 1.0]}}", "bad-search", "1.0", "twice"),
        ("{parameters: {C: {log: [0.1, 10]}}}", "bad-search", "{log", "range"),
        ("{method: random, parameters: {C: {log: [10, 0.1]}}}", "bad-search", "[10", "not below"),
        ("{method: random, parameters: {max_iter: {log: [10, 100]}}}", "bad-search", "[10", "fraction"),
        ("{method: random, parameters: {C: {log: [0, 1]}}}", None, "0,", ""),
        ("{method: random, parameters: {C: {uniform: [0, 1], log: [0.1, 1]}}}", None, "{uniform", ""),
        ("{method: random, parameters: {C: {int: [0.5, 2]}}}", None, "0.5", ""),
        ("{method: best, parameters: {C: [1]}}", None, "best", ""),
        ("{method: grid}", None, "search", "parameters"),
        ("{parameters: {C: [1, 2]}, trials: 2}", "bad-search", "2}", "grid"),
        ("{parameters: {C: [1, 2]}, factor: 2}", "bad-search", "2}", "halving"),
        ("{method: random, parameters: {C: [1, 2]}, trials: 3}", "bad-search", "3}", "2 combinations"),
        ("{parameters: {C: [1, 2]}, metric: rmse}", "bad-search", "rmse", "rmse"),
        ("{parameters: {C: [1, 2]}, metric: confusion_matrix}", "bad-search", "confusion", "confusion_matrix"),
        ("{parameters: {C: [1, 2]}, cross_validation: 1}", None, "1}", ""),
        ("{method: random, parameters: {C: [1, 2]}, trials: 0}", None, "0}", ""),
        ("{parameters: {class_weight: [null, balanced]}}\nclass_weight: balanced", "bad-search", "[null", "every trial"),
        ("{parameters: {solver: [liblinear], l1_ratio: [0.5]}}", "bad-search", "{solver", "trained"),
    ],
)
def test_a_wrong_search_is_refused_at_its_place_before_anything_runs(search: str, id_: str | None, place: str, words: str) -> None:
    yaml = text(search)
    _, problems = declared(yaml)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert len(errors) == 1, problems
    (found,) = errors
    assert id_ is None or found.id == id_
    lines = ("kind: Project\nname: toy\nformat: 1\n---\n" + yaml).splitlines()
    line = next(number for number, one in enumerate(lines, 1) if one.startswith("search:"))
    assert found.span is not None
    assert found.span.line == line
    assert lines[line - 1][found.span.column - 1 :].startswith(place), (found.span, lines[line - 1])
    assert found.hint
    assert words in f"{found.summary} {found.detail}"


def test_a_task_without_known_targets_is_refused() -> None:
    yaml = DATA.replace("target: side\n", "") + MODEL.replace("classification", "clustering").replace("logistic_regression", "KMeans")
    _, problems = declared(yaml.replace("versions:\n  v1", "search: {parameters: {n_clusters: [2, 3]}}\nversions:\n  v1"))
    assert [(problem.id, "clustering" in problem.detail) for problem in problems] == [("bad-search", True)], problems


def test_too_many_combinations_are_refused() -> None:
    values = ", ".join(str(n) for n in range(1, 41))
    _, problems = declared(text(f"{{parameters: {{C: [{values}], max_iter: [{values}]}}}}"))
    assert ["1,600 combinations" in problem.detail for problem in problems] == [True]


def test_combinations_that_the_algorithm_does_not_take_are_left_out_with_a_warning() -> None:
    """Both of a grid and of draws, which continue until there are enough."""
    search = "{parameters: {solver: [lbfgs, saga], l1_ratio: [0.0, 0.5]}}"
    _, problems = declared(text(search))
    assert [(problem.id, problem.severity) for problem in problems] == [("search-leaves-out", "warning")]
    assert "1 of 4" in problems[0].detail
    assert len(trial_keys(node(search))) == 3
    drawn = node("{method: random, parameters: {solver: [lbfgs, saga], l1_ratio: {uniform: [0.1, 0.9]}}, trials: 6}")
    chosen = [step.inputs["chosen"] for step in drawn.steps if step.op == "trial"]
    assert [one["solver"] for one in chosen] == ["saga"] * 6


def test_a_version_with_another_algorithm_drops_the_search_and_says_so() -> None:
    """Unless it has a search of its own, or `search: null`."""
    versions = "  v1: {}\n  v2: {algorithm: svm}\n  v3: {algorithm: svm, search: {parameters: {C: [1, 2]}}}\n  v4: {algorithm: svm, search: null}\n"
    yaml = text("{parameters: {max_iter: [100, 200]}}", versions=versions)
    declarations, problems = declared(yaml)
    assert declarations is not None
    assert [(problem.id, re.search("@v.", problem.detail)[0]) for problem in problems] == [("dropped-search", "@v2")]
    trials = {n.address[-2:]: len(trial_keys(n)) for n in declarations.built.values() if n.address.startswith("model/")}
    assert trials == {"v1": 2, "v2": 0, "v3": 2, "v4": 0}


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ("  v1: {algorithm: sgd}\n  v2: {algorithm: sgd, warm_start: v1, search: {parameters: {alpha: [0.1, 0.2]}}}\n", "another one cannot have `search` yet"),
        ("  v1: {algorithm: sgd, search: {parameters: {alpha: [0.1, 0.2]}}}\n  v2: {algorithm: sgd, warm_start: v1}\n", "`leptonctl adopt`"),
    ],
)  # fmt: skip
def test_a_search_cannot_be_combined_with_a_warm_start(versions: str, words: str) -> None:
    """Neither in the version itself nor in the one that it continues from."""
    _, problems = declared(DATA + MODEL.replace("  v1: {}\n---\n", versions))
    errors = [problem for problem in problems if problem.severity == "error"]
    assert [words in problem.detail for problem in errors] == [True], problems
