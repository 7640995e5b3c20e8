"""Which edits change a digest and which do not: the pure part of every edit, with the bundled catalog and no data."""

import pytest

from leptonctl.core.change import Keep
from leptonctl.core.diff import diff
from leptonctl.core.frozen import replace
from leptonctl.core.observed import SourceFacts
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.kind import Recorded
from leptonctl.kinds.registry import KINDS
from tests.kinds.declared import (
    ALL,
    CATALOG,
    COLUMNS,
    DATA,
    ENVIRONMENT,
    MODEL,
    PROJECT,
    applied,
    declared,
    digests,
    moved,
    nodes_of,
    seen,
    settled,
    step,
)

PREPROCESS = (
    "preprocess: [{columns: numeric, use: standard_scaler}]\nparams: {C: 2.0}\nseed: 3\nrevision: 2\nexport: {opset: 17}\nfeatures: [x]\n"
)
EVALUATE = "evaluate: {metrics: [accuracy, f1], cross_validation: 5, positive: a, average: binary}\n"
CONTRACT = "columns: {x: {type: number, missing: 0.0}}\nprivacy: {drop: [city], hash: [y], key: {secret: {env: KEY}}, key_id: k1}\nsplit: {test: 0.25, seed: 7}\n"
GATES = "gates: {accuracy: {min: 0.5}}\n"
FULL = (
    DATA.replace("versions:", CONTRACT + "versions:").replace("second.csv}", "second.csv, encoding: latin-1}")
    + MODEL.replace("versions:", PREPROCESS + EVALUATE + "versions:")
    + ENVIRONMENT
    + GATES
)
FIRST, LINE, DEV, BINDING = "dataset/points@first", "model/line@v1", "environment/dev", "environment/dev/line"

# (edit, old text, new text) of edits that must change nothing
SAME = [
    ("description", "kind: Model\n", "kind: Model\ndescription: Other\n"),
    ("description of a version", "v1: {}", "v1: {description: Other}"),
    ("labels", "kind: Model\n", "kind: Model\nlabels: {team: x}\n"),
    ("order of keys", "dataset: points@first\ntask: classification\n", "task: classification\ndataset: points@first\n"),
    ("order of versions", "  first: {source: data/first.csv}\n  second: {source: data/second.csv, encoding: latin-1}\n", "  second: {source: data/second.csv, encoding: latin-1}\n  first: {source: data/first.csv}\n"),
    ("comment", "kind: Model\n", "# a remark\nkind: Model\n"),
    ("check", "{type: number, missing: 0.0}", "{type: number, missing: 0.0, min: 0, max: 9}"),
    ("allowed values", "columns: {x:", "columns: {city: {values: [a, b]}, x:"),
    ("uniqueness", "columns: {x:", "columns: {y: {unique: true}, x:"),
    ("description of a column", "{type: number, missing: 0.0}", "{type: number, missing: 0.0, description: X}"),
    ("a column that is named only", "columns: {x:", "columns: {city: , x:"),
    ("source of the secret", "env: KEY", "env: OTHER_KEY"),
    ("parameter at its default", "params: {C: 2.0}", "params: {C: 2.0, max_iter: 100, tol: 0.0001}"),
    ("class name of an algorithm", "algorithm: logistic_regression", "algorithm: LogisticRegression"),
    ("class name of a step", "use: standard_scaler", "use: StandardScaler"),
    ("integer for a number", "params: {C: 2.0}", "params: {C: 2}"),
    ("preprocess at its default", "use: standard_scaler}", "use: standard_scaler, params: {with_mean: true}}"),
    ("encoding at its default", "first: {source: data/first.csv}", "first: {source: data/first.csv, encoding: utf-8}"),
    ("base value written in the version", "v1: {}", "v1: {seed: 3, params: {C: 2.0}}"),
    ("null for what is not there", "v1: {}", "v1: {labels: null}"),
    ("order of metrics", "[accuracy, f1]", "[f1, accuracy]"),
    ("gate", "{min: 0.5}", "{min: 0.9, max: 1.0}"),
    ("no gates", GATES, ""),
    ("require_commit", GATES, GATES + "require_commit: true\n"),
    ("switch", GATES, GATES + "switch: together\n"),
    ("long form of a binding", "{line: v1}", "{line: {version: v1}}"),
    ("platform at its default", GATES, GATES + "platform: {type: server, host: 127.0.0.1, port: 8080}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_equivalent_edits_change_no_digest(old: str, new: str) -> None:
    assert FULL.count(old) == 1
    assert digests(FULL.replace(old, new)) == digests(FULL)


# edits that must change the digests of exactly these addresses
TRAINED = {LINE, BINDING}
READ = {FIRST, LINE, BINDING}
BOTH = {*READ, "dataset/points@second"}
OTHER = [
    ("type of a column", "type: number", "type: integer", BOTH),
    ("fill value", "missing: 0.0", "missing: 1.0", BOTH),
    ("number of another type as fill value", "missing: 0.0", "missing: 0", BOTH),
    ("dropped column", "drop: [city]", "drop: []", BOTH),
    ("hashed column", "hash: [y]", "hash: [city, y]", BOTH),
    ("key id", "key_id: k1", "key_id: k2", BOTH),
    ("share of the split", "test: 0.25", "test: 0.3", BOTH),
    ("seed of the split", "seed: 7", "seed: 8", BOTH),
    ("stratified", "seed: 7}", "seed: 7, stratify: false}", BOTH),
    ("kind of split", "split: {test: 0.25, seed: 7}", "split: {by: y}", BOTH),
    ("column of the split", "split: {test: 0.25, seed: 7}", "split: {column: y}", BOTH),
    ("target", "target: side", "target: kind", BOTH),
    ("encoding", "first.csv}", "first.csv, encoding: latin-1}", READ),
    ("delimiter", "first.csv}", "first.csv, delimiter: ;}", READ),
    ("missing values", "first.csv}", "first.csv, missing_values: [NA]}", READ),
    ("test file", "first.csv}", "first.csv, test: {source: data/test.csv}, split: null}", READ),
    ("pin of other bytes", "first.csv}", f"first.csv, digest: 'sha256:{'0' * 64}'}}", READ),
    ("dataset version", "points@first", "points@second", TRAINED),
    ("algorithm", "algorithm: logistic_regression", "algorithm: svm", TRAINED),
    ("parameter", "C: 2.0", "C: 2.5", TRAINED),
    ("parameter taken away", "params: {C: 2.0}", "params: {}", TRAINED),
    ("seed", "seed: 3", "seed: 4", TRAINED),
    ("revision", "revision: 2", "revision: 3", TRAINED),
    ("features", "features: [x]", "features: [x, y]", TRAINED),
    ("preprocess step", "use: standard_scaler", "use: min_max_scaler", TRAINED),
    ("preprocess columns", "columns: numeric, use", "columns: [x], use", TRAINED),
    ("preprocess parameter", "use: standard_scaler}", "use: standard_scaler, params: {with_mean: false}}", TRAINED),
    ("one step more", "use: standard_scaler}]", "use: standard_scaler}, {columns: numeric, use: min_max_scaler}]", TRAINED),
    ("opset", "opset: 17", "opset: 18", TRAINED),
    ("address", GATES, GATES + "platform: {port: 9000}\n", {DEV}),
    ("protection", GATES, GATES + "protected: true\n", {DEV}),
    ("strict requests", GATES, GATES + "requests: strict\n", {DEV}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in OTHER], ids=[case[0] for case in OTHER])
def test_an_edit_changes_the_digest_and_those_of_dependents(old: str, new: str, expected: set[str]) -> None:
    assert FULL.count(old) == 1
    before, after = digests(FULL), digests(FULL.replace(old, new))
    assert {address for address in before if before[address] != after[address]} == expected


def test_a_setting_or_parameter_that_a_later_release_adds_changes_no_digest() -> None:
    """An upgrade alone changes no digest: default values are in none."""
    more = {"added_later": {"type": "integer", "default": 3, "description": "d"}}
    server, trainer = CATALOG.platforms["server"], CATALOG.trainers["classification", "logistic_regression"]
    later = replace(
        CATALOG,
        platforms={**CATALOG.platforms, "server": replace(server, settings={**server.settings, **more})},
        trainers={**CATALOG.trainers, ("classification", "logistic_regression"): replace(trainer, params={**trainer.params, **more})},
    )
    declarations, problems = declared(FULL, catalog=later)
    assert declarations is not None
    assert not problems
    nodes = {
        **declarations.built,
        **{n.address: n for k in KINDS.values() for n in k.effects(declarations, Recorded(state=None, results={}))},
    }
    assert environments(declarations)["dev"].platform["added_later"] == 3
    assert {address: node.digest for address, node in nodes.items()} == digests(FULL)
    assert {address: node.declaration for address, node in nodes.items()} == {a: n.declaration for a, n in nodes_of(FULL).items()}


def test_every_edit_gives_another_digest() -> None:
    """No two of the edits above give equal digests."""
    found = [digests(FULL.replace(old, new))[LINE] for _, old, new, expected in OTHER if LINE in expected]
    assert len(set(found)) == len(found)


def test_renamed_files_and_documents_change_no_result() -> None:
    same = {"data/other.csv": SourceFacts(digest=digests_of_file("data/first.csv"), columns=COLUMNS)}
    renamed_file = ALL.replace("data/first.csv", "data/other.csv")
    assert digests(renamed_file, same) == digests(ALL)
    renamed_version = ALL.replace("first:", "begin:").replace("points@first", "points@begin")
    assert digests(renamed_version)[LINE] == digests(ALL)[LINE]
    data = {(c.action, c.address) for c in moved(ALL, renamed_version) if c.address.startswith("dataset/")}
    assert data == {("create", "dataset/points@begin"), ("forget", FIRST)}


def digests_of_file(path: str) -> str:
    found = seen((path, "utf-8", None)).digest
    assert found is not None
    return found


def test_the_same_bytes_under_another_ending_are_read_otherwise() -> None:
    """Plain text named `.zst` cannot be unpacked, and `;` separates nothing in a `.tsv`: neither may reuse the result of a `.csv`."""
    endings = ("csv", "csv.gz", "csv.zst", "tsv", "tsv.gz", "jsonl", "jsonl.gz", "parquet")
    found = {}
    for ending in endings:
        facts = {f"data/rows.{ending}": SourceFacts(digest=digests_of_file("data/first.csv"), columns=COLUMNS)}
        found[ending] = digests(ALL.replace("data/first.csv", f"data/rows.{ending}"), facts)[FIRST]
    assert len({*found.values()}) == len(endings), found
    assert found["csv"] == digests(ALL)[FIRST]


def test_other_bytes_in_a_file_change_what_reads_it() -> None:
    other = {"data/first.csv": SourceFacts(digest="sha256:" + "1" * 64, columns=COLUMNS)}
    before, after = digests(ALL), digests(ALL, other)
    assert {a for a in before if before[a] != after[a]} == READ


def test_a_pin_of_the_same_bytes_changes_nothing_and_keeps_them() -> None:
    pinned = ALL.replace("first.csv}", f"first.csv, digest: '{digests_of_file('data/first.csv')}'}}")
    overwritten = {"data/first.csv": SourceFacts(digest="sha256:" + "1" * 64, columns=COLUMNS)}
    gone = {"data/first.csv": SourceFacts(problem=("missing-file", "It is gone", "gone", "put it back"))}
    assert digests(pinned) == digests(pinned, overwritten) == digests(pinned, gone) == digests(ALL)


def test_an_edit_of_evaluation_changes_only_its_own_step() -> None:
    for old, new, ops, path, now in (
        ("[accuracy, f1]", "[accuracy]", {"evaluate", "cross_validate"}, "evaluate.metrics", ["accuracy"]),
        ("positive: a", "positive: b", {"evaluate", "cross_validate"}, "evaluate.positive", "b"),
        ("average: binary", "average: macro", {"evaluate", "cross_validate"}, "evaluate.average", "macro"),
        ("cross_validation: 5", "cross_validation: 3", {"cross_validate"}, "evaluate.cross_validation", 3),
    ):
        text = FULL.replace(old, new)
        assert digests(text) == digests(FULL)
        before, after = nodes_of(FULL)[LINE], nodes_of(text)[LINE]
        assert {s.op for s in after.steps if s.spec != step(before, s.op).spec} == ops
        (change,) = (c for c in moved(FULL, text) if c.address == LINE)
        assert change.reason == ("evaluate and cross-validate requested again" if len(ops) == 2 else "cross-validate requested again")
        (because,) = change.because
        assert (because.path, because.after) == (path, now)
        assert because.span is not None
        assert "evaluate" in (PROJECT + text).splitlines()[because.span.line - 1]


def test_checks_belong_to_the_binding() -> None:
    text = FULL.replace("missing: 0.0}", "missing: 0.0, min: 0}")
    (change,) = moved(FULL, text)
    assert (change.address, change.reason) == (BINDING, "the checks on its requests changed")


def test_a_split_is_stratified_for_a_classification() -> None:
    regression = ALL.replace("classification", "regression").replace("logistic_regression", "ridge")
    splits = {
        name: step(nodes_of(text)[FIRST], "prepare").inputs["split"]["stratify"]  # type: ignore[call-overload, index]
        for name, text in (("classification", ALL), ("regression", regression), ("declared", regression.replace("versions:\n  first", "split: {stratify: true}\nversions:\n  first")))
    }  # fmt: skip
    assert splits == {"classification": True, "regression": False, "declared": True}


REGRESSION = MODEL.replace("line", "slope").replace("classification", "regression").replace("logistic_regression", "ridge")


def test_a_model_with_another_split_reads_its_own_rows() -> None:
    """A classification and a regression on one dataset without `stratify`: each trains on the rows of its own split."""
    nodes = nodes_of(DATA + MODEL + REGRESSION + ENVIRONMENT)
    data, line, slope = nodes[FIRST], nodes[LINE], nodes["model/slope@v1"]
    assert [s.op for s in line.steps] == ["train", "export", "evaluate"]
    assert [s.op for s in slope.steps] == ["prepare", "train", "export", "evaluate"]
    own = step(slope, "prepare")
    assert own.key != data.digest
    assert own.address == slope.address
    for node, rows in ((line, data.digest), (slope, own.key)):
        place = FIRST if node is line else slope.address
        assert step(node, "train").fields["prepare"] == rows
        assert all(s.needs["prepare"] == (place, "prepare") for s in node.steps if s.op != "prepare")
    # what the dataset declares itself applies to both
    nodes = nodes_of((DATA + MODEL + REGRESSION).replace("target: side", "target: side\nsplit: {stratify: false}"))
    assert [s.op for s in nodes["model/slope@v1"].steps] == ["train", "export", "evaluate"]


def test_gates_of_such_a_model_are_decided_on_its_own_rows() -> None:
    place = "---\nkind: Environment\nname: lab\nplatform: {port: 9001}\nmodels: {slope: v1}\ngates: {mae: {max: 1}}\n"
    model = REGRESSION.replace("versions:", "evaluate: {metrics: [r2]}\nversions:")
    evaluate = step(nodes_of(DATA + MODEL + model + ENVIRONMENT + place)["environment/lab/slope"], "evaluate")
    assert evaluate.needs["prepare"] == ("model/slope@v1", "prepare")


def test_a_dataset_version_does_not_change_with_the_models_that_read_it() -> None:
    before, after = digests(ALL), digests(ALL.replace("points@first", "points@second"))
    assert {a for a in before if before[a] != after[a]} == {LINE, BINDING}
    # with another target it may be another task, which only the models that read it declare
    other = ALL.replace("second: {source", "second: {target: x, source")
    assert step(nodes_of(other)["dataset/points@second"], "prepare").inputs["split"]["stratify"] is False  # type: ignore[call-overload, index]


def test_a_single_dataset_version_need_not_be_named() -> None:
    one = ALL.replace("  second: {source: data/second.csv}\n", "")
    assert digests(one.replace("points@first", "points")) == digests(one)


def test_two_versions_of_one_recipe_share_their_steps() -> None:
    nodes = nodes_of(ALL.replace("v1: {}", "v1: {}\n  v2: {description: The same}"))
    one, two = nodes[LINE], nodes["model/line@v2"]
    assert one.digest == two.digest
    assert [s.spec for s in one.steps] == [s.spec for s in two.steps]


def test_what_a_node_needs_comes_before_it() -> None:
    """Whatever the order of the documents: an apply moves in this order, and `--only` follows these needs."""
    nodes = nodes_of(ENVIRONMENT + "---\n" + MODEL + DATA.removesuffix("---\n"))
    order = list(nodes)
    needs = {address: set(node.needs) | {place[0] for s in node.steps for place in s.needs.values()} for address, node in nodes.items()}
    assert needs["environment/dev/line"] == {"model/line@v1", "environment/dev"}
    for address, needed in needs.items():
        assert needed <= set(order[: order.index(address) + 1]), address


def test_nodes_know_where_each_field_of_a_recipe_is_written() -> None:
    (change,) = (c for c in moved(ALL, ALL.replace("v1: {}", "v1: {params: {C: 0.5}}")) if c.address == LINE)
    (because,) = change.because
    assert (because.path, because.before, because.after) == ("params.C", None, 0.5)
    assert because.span is not None
    assert because.span.line == next(
        i for i, line in enumerate(("kind: Project\nname: toy\nformat: 1\n---\n" + ALL).splitlines(), 1) if "v1: {}" in line
    )


@pytest.mark.parametrize("written", ["line: v1", "line:\n    version: v1", "line: {version: v1}"])
def test_the_span_of_a_binding_is_that_of_its_version(written: str) -> None:
    text = PROJECT + ALL.replace("models: {line: v1}", f"models:\n  {written}")
    span = nodes_of(text)["environment/dev/line"].span
    assert text.splitlines()[span.line - 1][span.column - 1 :].rstrip("}") == "v1"


def test_a_plan_without_edits_keeps_everything() -> None:
    """From the state alone: no result is looked up."""
    nodes = nodes_of(FULL)
    found = settled(nodes, applied(nodes), {})
    assert all(isinstance(c, Keep) for c in diff(found.nodes, found.current, found.keys))
