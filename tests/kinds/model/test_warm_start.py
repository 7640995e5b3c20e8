"""`warm_start`: whose key is in whose, and what is refused before anything is trained."""

import pytest

from leptonctl.core.graph import complete_key, resolve_keys
from leptonctl.core.state import State
from tests.kinds.declared import DATA, ENVIRONMENT, MODEL, applied, build, declared, digests, nodes_of, step

V1, V2 = "model/line@v1", "model/line@v2"
CHAIN = MODEL.replace("  v1: {}\n", "  v1: {}\n  v2: {warm_start: v1}\n  v3: {warm_start: {version: v2, refit: true}}\n")


def model(versions: str, algorithm: str = "logistic_regression", rest: str = "") -> str:
    """The model `line` with these versions."""
    return DATA + MODEL.replace("algorithm: logistic_regression\n", f"algorithm: {algorithm}\n{rest}").replace("  v1: {}\n", versions)


def mistakes(text: str) -> list[tuple[str, str, int]]:
    """Id, what is written in that place, and line of each mistake."""
    _, problems = declared(text)
    lines = ("kind: Project\nname: toy\nformat: 1\n---\n" + text).splitlines()
    spans = [(problem.id, problem.span) for problem in problems]
    return [(name, lines[span.line - 1][span.column - 1 : span.end_column - 1], span.line) for name, span in spans if span is not None]


def test_the_training_reads_the_model_and_the_rows_of_the_version_before() -> None:
    nodes = nodes_of(DATA + CHAIN)
    train = step(nodes[V2], "train")
    assert train.needs["warm_start"] == (V1, "train")
    assert train.needs["warm_prepare"] == ("dataset/points@first", "prepare")
    assert nodes[V2].needs == ("dataset/points@first", V1)
    assert train.fields["warm_start"] == {"train": step(nodes[V1], "train").key}
    assert step(nodes["model/line@v3"], "train").fields["warm_start"] == {"train": train.key, "refit": True}


def test_a_change_of_the_first_version_changes_all_that_go_on_from_it() -> None:
    before, after = (digests(DATA + text) for text in (CHAIN, CHAIN.replace("v1: {}", "v1: {params: {C: 2.0}}")))
    assert {address for address in before if before[address] != after[address]} == {V1, V2, "model/line@v3"}


def test_the_name_of_the_version_before_is_in_no_digest() -> None:
    renamed = digests(DATA + CHAIN.replace("v1: {}", "first: {}").replace("warm_start: v1", "warm_start: first"))
    assert renamed[V2] == digests(DATA + CHAIN)[V2]


def test_a_version_without_a_parent_has_unchanged_keys() -> None:
    alone, beside = digests(DATA + MODEL), digests(DATA + CHAIN)
    assert alone[V1] == beside[V1]
    assert step(nodes_of(DATA + MODEL)[V1], "evaluate").reads == step(nodes_of(DATA + CHAIN)[V1], "evaluate").reads


def test_a_parent_may_be_declared_below_its_version() -> None:
    assert digests(model("  v2: {warm_start: v1}\n  v1: {}\n"))[V2] == digests(DATA + CHAIN)[V2]


GATED = CHAIN + ENVIRONMENT.replace("name: dev", "name: dev\ngates: {accuracy: {max_drop: 0.1}}")
OWN, BOUND = "train.outputs.learned", "bound_train.outputs.learned"


@pytest.mark.parametrize(("first", "second", "expected"), [("v1", "v2", [OWN]), ("v2", "v1", [BOUND]), ("v2", "v3", [OWN, BOUND])])
def test_a_comparison_reads_what_both_sides_learned_before(first: str, second: str, expected: list[str]) -> None:
    before = nodes_of(DATA + GATED.replace("{line: v1}", f"{{line: {first}}}"))
    results = build(before)
    state = State(lineage="l", project="toy", current=applied(before))
    after = nodes_of(DATA + GATED.replace("{line: v1}", f"{{line: {second}}}"), state=state, results=results)
    compare = step(after["environment/dev/line"], "compare")
    assert [read for read in compare.reads if read.endswith("learned")] == expected
    assert complete_key(compare, resolve_keys([*after.values()], state.current, results).by_place, state.current, results) is not None


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ("  v1: {}\n  v2: {warm_start: v9}\n", [("unknown-version", "v9")]),
        ("  v1: {warm_start: v1}\n", [("warm-start-circle", "v1")]),
        ("  v1: {warm_start: v2}\n  v2: {warm_start: v3}\n  v3: {warm_start: v1}\n", [("warm-start-circle", "v1")]),
        ("  v1: {algorithm: knn}\n  v2: {warm_start: v1}\n", [("warm-start-mismatch", "v1")]),
        ("  v1: {}\n  v2: {warm_start: v1, algorithm: knn}\n", [("cannot-continue", "v1")]),
        ("  v1: {}\n  v2: {warm_start: v1, params: {solver: liblinear}}\n", [("cannot-continue", "v1")]),
        ("  v1: {features: [x]}\n  v2: {warm_start: v1, features: [x, y]}\n", [("warm-start-mismatch", "v1")]),
        ("  v1: {}\n  v2: {warm_start: v1, preprocess: [{columns: [x], use: imputer}]}\n", [("warm-start-mismatch", "v1")]),
        ("  v1: {}\n  v2: {warm_start: {version: v1, refit: true}, preprocess: [{columns: [x], use: imputer}]}\n", []),
        ("  v1: {}\n  v2: {warm_start: v1, class_weight: balanced}\n", [("cannot-continue", "v1")]),
        ("  v1: {}\n  v2: {warm_start: v1, calibrate: {method: sigmoid}}\n", [("cannot-continue", "v1")]),
        ("  v1: {}\n  v2: {warm_start: v1, threshold: 0.4}\n", []),
        # the problems of a version itself are reported even if its parent has some too
        (
            "  v1: {}\n  v2: {warm_start: v1, class_weight: balanced}\n  v3: {warm_start: v2, calibrate: {method: sigmoid}}\n",
            [("cannot-continue", "v1"), ("cannot-continue", "v2")],
        ),
        ("  v1: {}\n  v2: {warm_start: v9, threshold: {metric: f1}}\n", [("unknown-version", "v9"), ("cannot-continue", "v9")]),
        ("  v1: {}\n  v2: {warm_start: v9, algorithm: knn}\n", [("unknown-version", "v9"), ("cannot-continue", "v9")]),
        # `warm_start` of an imported version is reported once
        ("  v1: {}\n  v2: {warm_start: v1, import: first.onnx}\n", [("import-conflict", "warm_start")]),
        # a mistake is reported once, even if others continue from the version that has it
        ("  v1: {algorithm: no_such}\n  v2: {warm_start: v1}\n  v3: {warm_start: v2}\n", [("unknown-algorithm", "no_such")]),
    ],
)
def test_a_wrong_parent_is_refused_at_its_place(versions: str, expected: list[tuple[str, str]]) -> None:
    assert [(name, written) for name, written, _ in mistakes(model(versions))] == expected


def test_the_form_of_the_model_has_to_be_that_of_the_version_before() -> None:
    versions = "  v1: {params: {hidden_layer_sizes: [4]}}\n  v2: {warm_start: v1, params: {hidden_layer_sizes: [8]}}\n"
    _, problems = declared(model(versions, "mlp"))
    (problem,) = problems
    assert problem.id == "warm-start-mismatch"
    assert "`hidden_layer_sizes` is [4] there, [8] here" in problem.detail


def test_the_message_names_the_algorithms_that_can_go_on() -> None:
    _, problems = declared(model("  v1: {}\n  v2: {warm_start: v1}\n", "svm"))
    (problem,) = problems
    assert problem.id == "cannot-continue"
    assert all(name in problem.detail for name in ("gradient_boosting", "logistic_regression", "mlp", "naive_bayes", "sgd"))
    assert "decision_tree" not in problem.detail
