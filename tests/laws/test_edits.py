"""One edit of an applied project at a time: exactly these steps and no others, or exactly this refusal; after the apply nothing is left to do."""

import os
from collections import Counter
from pathlib import Path

import pytest

from leptonctl.cli.main import main
from leptonctl.core.diagnostic import GATE
from tests import projects
from tests.laws import matrix
from tests.laws.matrix import Case, append, both, rename, swap, touch, write

LINE, TREE, DATA, PLACES, PROJECT = "models/line.yaml", "models/tree.yaml", "data.yaml", "environments.yaml", "leptonctl.yaml"
BUILT = "train export evaluate"
V1, V2, V3, SMALL, LARGE = "model/line@v1", "model/line@v2", "model/line@v3", "model/tree@small", "model/tree@large"
FIRST, SECOND = "dataset/points@first", "dataset/points@second"
DEV_LINE, DEV_TREE, PROD_LINE = "environment/dev/line", "environment/dev/tree", "environment/prod/line"
V3_LINE = 'v3: {dataset: points@first, params: {C: 2.0, max_iter: "{{ vars.iterations }}"}}'
ON_FIRST = {V3: f"update {BUILT}", SMALL: f"update {BUILT}", LARGE: f"update {BUILT}", DEV_TREE: "update bind"}
TESTING = """\
---
kind: Environment
name: test
platform: {{type: server, host: 127.0.0.1, port: {port}}}
models: {{line: v3, tree: large}}
"""


def new_environment(root: Path) -> None:
    append(PLACES, TESTING.format(port=projects.free_port()))(root)


def other_port(root: Path) -> None:
    text = (root / PLACES).read_text(encoding="utf-8")
    port = text.partition("port: ")[2].partition("}")[0]
    (root / PLACES).write_text(text.replace(port, str(projects.free_port())), encoding="utf-8")


def without_dev(root: Path) -> None:
    text = (root / PLACES).read_text(encoding="utf-8")
    (root / PLACES).write_text(text.partition("---\n")[2], encoding="utf-8")


def documents_reversed(root: Path) -> None:
    first, _, second = (root / PLACES).read_text(encoding="utf-8").partition("---\n")
    (root / PLACES).write_text(f"{second}---\n{first}", encoding="utf-8")


def moved_to_another_file(root: Path) -> None:
    append(DATA, "---\n" + (root / TREE).read_text(encoding="utf-8"))(root)
    (root / TREE).unlink()


def keys_reversed(root: Path) -> None:
    """The top-level keys of a document in the opposite order."""
    blocks: list[str] = []
    for line in (root / LINE).read_text(encoding="utf-8").splitlines(keepends=True):
        if line[0] == " ":
            blocks[-1] += line
        else:
            blocks.append(line)
    (root / LINE).write_text("".join(reversed(blocks)), encoding="utf-8")


def another_row(file: str):
    return append(file, "9.5,1.5,below\n")


# equivalent edits: nothing to do
SAME = [
    Case(name="nothing", edit=lambda root: None),
    Case(name="comment", edit=append(LINE, "# a remark\n")),
    Case(name="blank lines and a byte order mark", edit=swap(TREE, "kind: Model", "\ufeff\n\nkind: Model")),
    Case(name="Windows line ends", edit=lambda root: (root / LINE).write_bytes((root / LINE).read_bytes().replace(b"\n", b"\r\n")) and None),
    Case(name="keys in another order", edit=keys_reversed),
    Case(name="versions in another order", edit=both(swap(TREE, "  small: {params: {max_depth: 2}}\n", ""), append(TREE, "  small: {params: {max_depth: 2}}\n"))),
    Case(name="documents in another order", edit=documents_reversed),
    Case(name="document moved to another file", edit=moved_to_another_file),
    Case(name="file renamed", edit=rename(TREE, "models/trees/grown.yml")),
    Case(name="block style for flow style", edit=swap(LINE, "params: {C: 1.0, max_iter: 200}", "params:\n  C: 1.0\n  max_iter: 200")),
    Case(name="anchors for repetition", edit=both(swap(TREE, "small: {params: {max_depth: 2}}", "small: &base\n    params: {max_depth: 2}"), swap(TREE, "large: {params: {max_depth: 4}}", "large: {params: {max_depth: 4}, labels: {like: &x small}, description: *x}"))),
    Case(name="quotes", edit=swap(TREE, "algorithm: decision_tree", 'algorithm: "decision_tree"')),
    Case(name="description", edit=swap(LINE, "Which side of the line a point lies on", "Above or below")),
    Case(name="label", edit=swap(LINE, "team: geometry", "team: algebra")),
    Case(name="label of one version", edit=swap(TREE, "small: {", "small: {labels: {size: s}, ")),
    Case(name="description of a sealed version", edit=swap(LINE, "v1: {}", "v1: {description: The first}")),
    Case(name="parameter at its default", edit=swap(TREE, "{max_depth: 4}", "{max_depth: 4, min_samples_leaf: 1}")),
    Case(name="preprocess parameter at its default", edit=swap(LINE, "use: standard_scaler}", "use: standard_scaler, params: {with_mean: true}}")),
    Case(name="integer for a number", edit=swap(LINE, "C: 1.0,", "C: 1,")),
    Case(name="number in scientific notation", edit=swap(LINE, "C: 0.5", "C: 5.0e-1")),
    Case(name="seed at its default", edit=append(TREE, "seed: 0\n")),
    Case(name="revision at its default", edit=append(TREE, "revision: 1\n")),
    Case(name="opset at its default", edit=append(TREE, "export: {opset: 18}\n")),
    Case(name="metrics in another order", edit=swap(LINE, "[accuracy, f1]", "[f1, accuracy]")),
    Case(name="short form of a binding", edit=swap(PLACES, "tree: small", "tree: {version: small}")),
    Case(name="encoding at its default", edit=append(DATA, "encoding: utf-8\n")),
    Case(name="data written again with equal content", edit=touch("data/first.csv")),
    Case(name="data file renamed", edit=both(rename("data/first.csv", "data/one.csv"), swap(DATA, "data/first.csv", "data/one.csv"))),
    Case(name="vars value that nothing uses", edit=swap(PROJECT, "spare: 1", "spare: 2")),
    Case(name="template for a value", edit=swap(TREE, "params: {max_depth: 3}", 'params: {max_depth: "{{ vars.depth }}"}')),
    Case(name="base block overridden everywhere", edit=swap(TREE, "params: {max_depth: 3}", "params: {max_depth: 9}")),
    Case(name="base value written in the version", edit=swap(LINE, "v2: {params: {C: 0.5}}", "v2: {seed: 7, params: {C: 0.5, max_iter: 200}}")),
    Case(name="null for a key that is not there", edit=swap(LINE, "v1: {}", "v1: {labels: null}")),
    Case(name="contract of a type that is inferred the same", edit=swap(DATA, "{type: number, min: 0}", "{type: number, min: 0, description: Abscissa}")),
    Case(name="ignored folder", edit=both(append(PROJECT, "ignore: [charts/**]\n"), write("charts/values.yaml", "kind: Chart\n"))),
    Case(name="roots", edit=append(PROJECT, "roots: [/srv/data]\n")),
    Case(name="more workers", edit=append(PROJECT, "executor: {type: local, parallelism: 4}\n")),
    Case(name="gate threshold", edit=swap(PLACES, "accuracy: {min: 0.5}", "accuracy: {min: 0.6}")),
    Case(name="threshold that the bound version would miss", edit=swap(PLACES, "accuracy: {min: 0.5}", "accuracy: {min: 1.0}")),
    Case(name="gate on a metric that was not evaluated", edit=append(PLACES, "  log_loss: {max: 0.9}\n")),
    Case(name="gate removed", edit=swap(PLACES, "gates:\n  accuracy: {min: 0.5}\n", "")),
    Case(name="foreign YAML beside", edit=write("deploy/service.yaml", "apiVersion: v1\nkind: Service\n")),
]  # fmt: skip

# changes of evaluation or export: nothing is trained
JUDGED = [
    Case(name="metric added", edit=swap(LINE, "[accuracy, f1]", "[accuracy, f1, log_loss]"), moves={V1: "update evaluate", V2: "update evaluate", V3: "update evaluate"}),
    Case(name="metric removed", edit=swap(LINE, "[accuracy, f1]", "[accuracy]"), moves={V1: "update evaluate", V2: "update evaluate", V3: "update evaluate"}),
    Case(name="metrics of one version", edit=swap(LINE, "v2: {", "v2: {evaluate: {metrics: [recall]}, "), moves={V2: "update evaluate"}),
    Case(name="positive class", edit=swap(LINE, "[accuracy, f1]}", "[accuracy, f1], positive: above}"), moves={V1: "update evaluate", V2: "update evaluate", V3: "update evaluate"}),
    Case(name="average", edit=append(TREE, "evaluate: {average: macro}\n"), moves={SMALL: "update evaluate", LARGE: "update evaluate"}),
    Case(name="cross validation", edit=append(TREE, "evaluate: {cross_validation: 3}\n"), moves={SMALL: "update cross_validate", LARGE: "update cross_validate"}),
    Case(name="export option", edit=append(TREE, "export: {opset: 17}\n"), moves={SMALL: "update export evaluate", LARGE: "update export evaluate", DEV_TREE: "update bind"}),
    Case(name="threshold", edit=append(TREE, "threshold: 0.4\n"), moves={SMALL: "update decide evaluate", LARGE: "update decide evaluate", DEV_TREE: "update bind"}),
    Case(name="calibration of an unbound version", edit=swap(TREE, "large: {", "large: {calibrate: {}, "), moves={LARGE: "update decide evaluate"}),
    Case(name="export option of an unbound version", edit=swap(TREE, "large: {", "large: {export: {opset: 19}, "), moves={LARGE: "update export evaluate"}),
]  # fmt: skip

# changes of the training
LEARNED = [
    Case(name="parameter", edit=swap(LINE, "C: 2.0", "C: 3.0"), moves={V3: f"update {BUILT}"}),
    Case(name="parameter of a bound version", edit=swap(LINE, "C: 0.5", "C: 0.25"), moves={V2: f"update {BUILT}", DEV_LINE: "update bind"}),
    Case(name="parameter removed", edit=swap(LINE, "C: 2.0, ", "C: null, "), moves={V3: f"update {BUILT}"}),
    Case(name="seed", edit=append(TREE, "seed: 1\n"), moves={SMALL: f"update {BUILT}", LARGE: f"update {BUILT}", DEV_TREE: "update bind"}),
    Case(name="revision", edit=swap(TREE, "large: {", "large: {revision: 2, "), moves={LARGE: f"update {BUILT}"}),
    Case(name="algorithm of a version", edit=swap(TREE, "large: {params: {max_depth: 4}}", "large: {algorithm: naive_bayes}"), moves={LARGE: f"update {BUILT}"}, warned=("dropped-parameters",)),
    Case(name="features", edit=swap(TREE, "large: {", "large: {features: [x], "), moves={LARGE: f"update {BUILT}"}),
    Case(name="preprocess step added", edit=swap(TREE, "large: {", "large: {preprocess: [{columns: numeric, use: min_max_scaler}], "), moves={LARGE: f"update {BUILT}"}),
    Case(name="preprocess step removed", edit=swap(LINE, V3_LINE, V3_LINE[:-1] + ", preprocess: []}"), moves={V3: f"update {BUILT}"}),
    Case(name="preprocess columns", edit=swap(LINE, V3_LINE, V3_LINE[:-1] + ", preprocess: [{columns: [x], use: standard_scaler}]}"), moves={V3: f"update {BUILT}"}),
    Case(name="vars value", edit=swap(PROJECT, "iterations: 150", "iterations: 160"), moves={V3: f"update {BUILT}"}),
    Case(name="dataset of a version", edit=swap(LINE, "v2: {", "v2: {dataset: points@first, "), moves={V2: f"update {BUILT}", DEV_LINE: "update bind"}),
    Case(name="new version", edit=append(LINE, "  v4: {params: {C: 4.0}}\n"), moves={"model/line@v4": f"create {BUILT}"}),
    Case(name="new version with a recipe that is built", edit=append(LINE, "  v4: {params: {C: 0.5}}\n"), moves={"model/line@v4": "create (train) (export) (evaluate)"}),
    Case(name="unbound version renamed", edit=swap(TREE, "large: {", "big: {"), moves={"model/tree@big": "create (train) (export) (evaluate)", LARGE: "forget"}),
    Case(name="bound version renamed", edit=both(swap(TREE, "small: {", "tiny: {"), swap(PLACES, "tree: small", "tree: tiny")), moves={"model/tree@tiny": "create (train) (export) (evaluate)", SMALL: "forget", DEV_TREE: "update bind"}),
    Case(name="version removed", edit=swap(LINE, f"  {V3_LINE}\n", ""), moves={V3: "forget"}),
]  # fmt: skip

# changes of the data
READ = [
    Case(name="data changed", edit=another_row("data/first.csv"), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="pinned data overwritten", edit=another_row("data/second.csv"), drift={SECOND: "note"}),
    Case(name="pinned data gone", edit=lambda root: (root / "data/second.csv").unlink(), drift={SECOND: "note"}),
    Case(name="split seed", edit=swap(DATA, "first: {", "first: {split: {seed: 8}, "), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="share of test rows", edit=swap(DATA, "first: {", "first: {split: {test: 0.3}, "), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="contract type", edit=swap(DATA, "first: {", "first: {columns: {y: {type: number}}, "), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="fill value", edit=swap(DATA, "first: {", "first: {columns: {x: {missing: 1.0}}, "), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="column dropped", edit=swap(DATA, "first: {", "first: {privacy: {drop: [y]}, "), moves={FIRST: "update prepare", **ON_FIRST}),
    Case(name="new dataset version", edit=append(DATA, "  third: {source: data/first.csv, split: {seed: 1}}\n"), moves={"dataset/points@third": "create prepare"}),
    Case(name="new dataset version of the same rows", edit=append(DATA, "  third: {source: data/first.csv, split: {stratify: true}}\n"), moves={"dataset/points@third": "create (prepare)"}),
]  # fmt: skip

# changes of serving
SERVED = [
    Case(name="binding switched", edit=swap(PLACES, "line: v2", "line: v3"), moves={DEV_LINE: "update bind"}),
    Case(name="binding switched to the other model's version", edit=swap(PLACES, "tree: small", "tree: large"), moves={DEV_TREE: "update bind"}),
    Case(name="gate with evidence", edit=both(swap(PLACES, "line: v1", "line: v2"), append(PLACES, "  f1: {min: 0.5}\n")), moves={PROD_LINE: "update bind"}),
    Case(name="gate on a metric not evaluated", edit=both(swap(PLACES, "line: v1", "line: v2"), append(PLACES, "  log_loss: {max: 0.9}\n")), moves={PROD_LINE: "update evaluate bind"}),
    Case(name="gate against the version bound now", edit=both(swap(PLACES, "line: v1", "line: v2"), append(PLACES, "  f1: {max_drop: 0.5}\n")), moves={PROD_LINE: "update compare bind"}),
    Case(name="gate on flips", edit=both(swap(PLACES, "line: v1", "line: v2"), append(PLACES, "  flips: {max: 0.5}\n")), moves={PROD_LINE: "update compare bind"}),
    Case(name="gates on both", edit=both(swap(PLACES, "line: v1", "line: v2"), append(PLACES, "  flips: {max: 0.5}\n  f1: {max_drop: 0.5}\n  recall: {min: 0.1}\n")), moves={PROD_LINE: "update evaluate compare bind"}),
    Case(name="gate known to fail", edit=both(swap(PLACES, "line: v1", "line: v2"), swap(PLACES, "{min: 0.5}", "{max: 0.01}")), moves={PROD_LINE: "update bind"}, exit_code=6),
    Case(name="new environment", edit=new_environment, moves={"environment/test": "create", "environment/test/line": "create bind", "environment/test/tree": "create bind"}),
    Case(name="environment removed", edit=without_dev, moves={"environment/dev": "remove", DEV_LINE: "remove bind", DEV_TREE: "remove bind"}),
    Case(name="binding removed", edit=swap(PLACES, "  tree: small\n", ""), moves={DEV_TREE: "remove bind"}),
    Case(name="port", edit=other_port, moves={"environment/dev": "update"}),
    Case(name="contract check, which is planned on every request", edit=swap(DATA, "min: 0", "min: -5, max: 100"), moves={DEV_LINE: "update bind", DEV_TREE: "update bind", PROD_LINE: "update bind"}),
    Case(name="contract check of one version", edit=swap(DATA, "first: {", "first: {columns: {x: {max: 100}}, "), moves={DEV_TREE: "update bind"}),
    Case(name="requests", edit=swap(PLACES, "name: dev\n", "name: dev\nrequests: strict\n"), moves={"environment/dev": "update"}),
    Case(name="protected", edit=swap(PLACES, "name: dev\n", "name: dev\nprotected: true\n"), moves={"environment/dev": "update"}),
    Case(name="protection taken away alone", edit=swap(PLACES, "protected: true", "protected: false"), moves={"environment/prod": "update"}),
]  # fmt: skip

# what is not allowed
REFUSED = [
    Case(name="sealed version", edit=swap(LINE, "v1: {}", "v1: {params: {C: 9.0}}"), refused=("sealed-version",)),
    Case(name="sealed version by the base block", edit=swap(LINE, "max_iter: 200", "max_iter: 300"), refused=("sealed-version",)),
    Case(name="sealed version by a variable", edit=both(swap(LINE, "max_iter: 200", 'max_iter: "{{ vars.iterations }}"')), refused=("sealed-version",)),
    Case(name="sealed version by its dataset", edit=swap(DATA, "seed: 7", "seed: 8"), refused=("sealed-version",)),
    Case(name="sealed version by a contract", edit=swap(DATA, "{type: number, min: 0}", "{type: number, min: 0, missing: 0.0}"), refused=("sealed-version",)),
    Case(name="sealed version by an export option", edit=append(LINE, "export: {opset: 17}\n"), refused=("sealed-version",)),
    Case(name="unpinned data in a protected environment", edit=swap(PLACES, "line: v1", "line: v3"), refused=("unpinned-data",)),
    Case(name="protection taken away with a switch", edit=both(swap(PLACES, "protected: true", "protected: false"), swap(PLACES, "line: v1", "line: v2")), refused=("protected-environment",)),
    Case(name="protected environment removed", edit=lambda root: (root / PLACES).write_text((root / PLACES).read_text().partition("---\n")[0]) and None, refused=("protected-environment",)),
    Case(name="bound version removed", edit=swap(TREE, "  small: {params: {max_depth: 2}}\n", ""), refused=("unknown-version",)),
    Case(name="dataset version in use removed", edit=swap(DATA, "  first: {source: data/first.csv}\n", ""), refused=("unknown-dataset-version", "unknown-dataset-version")),
]  # fmt: skip
# the names of the cases that are always applied; with LEPTONCTL_SOAK=1 all are
APPLIED = frozenset({
    "metrics of one version", "cross validation", "export option", "parameter", "unbound version renamed", "data changed", "gates on both",
    "gate known to fail", "new environment", "environment removed", "port", "contract check of one version",
})  # fmt: skip
SOAK = os.environ.get("LEPTONCTL_SOAK") == "1"
DONE = {
    "prepare": "prepared", "trial": "tried", "search": "searched", "train": "trained", "command": "ran", "export": "exported", "import": "imported",
    "decide": "decided", "evaluate": "evaluated", "cross_validate": "cross_validated", "compare": "compared", "bind": "bound",
}  # fmt: skip
CASES = [*SAME, *JUDGED, *LEARNED, *READ, *SERVED, *REFUSED]


def plan(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    """`plan --json --detailed-exitcode` in this process: one of them takes milliseconds."""
    code = main(["-C", str(root), "plan", "--json", "--detailed-exitcode"])
    said = capsys.readouterr()
    assert said.err == ""
    return code, matrix.read_json(said.out)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edit_plans_exactly_its_steps(case: Case, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case.edit(copy)
    state = (copy / ".leptonctl" / "state" / "state.json").read_bytes()
    code, planned = plan(copy, capsys)
    if case.refused:
        assert [d["id"] for d in planned["diagnostics"]] == list(case.refused)
        assert all(d["hint"] for d in planned["diagnostics"])
        # what is no longer declared has no place
        assert case.name == "protected environment removed" or all(d["file"] and d["line"] and d["column"] for d in planned["diagnostics"])
    else:
        assert matrix.moves_of(planned) == case.moves
        assert {d["address"]: d["class"] for d in planned["drift"]} == case.drift
        assert {k: v for k, v in planned["summary"].items() if k != "keep"} == matrix.counted(planned)
        assert [(d["id"], d["severity"]) for d in planned["diagnostics"]] == [(id_, "warning") for id_ in case.warned]
        assert planned["applyable"] is (code == 2)
    assert code == case.expected_exit
    assert state == (copy / ".leptonctl" / "state" / "state.json").read_bytes()


@pytest.mark.parametrize("case", [case for case in CASES if case.moves and (case.name in APPLIED or SOAK)], ids=lambda case: case.name)
def test_an_edit_applies_exactly_its_plan(case: Case, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    root = request.getfixturevalue("served_copy" if case.binds else "copy")
    case.edit(root)
    _, planned = plan(root, capsys)
    applied = projects.run("apply", "--yes", "--json", cwd=root)
    finished = projects.finished(applied)
    code, left = plan(root, capsys)
    assert applied.returncode == (case.exit_code or 0), applied.stdout
    if case.exit_code == GATE:
        assert finished["failed"] == 1
        # the hold is no longer new: it is a warning without an exit code, since nothing else is pending
        assert (code, left["summary"]) == (0, {**planned["summary"], "warnings": planned["summary"]["warnings"] + 1})
        return
    # a model with the same bytes as another is not evaluated again, which is known only after its export
    done = Counter(e["op"] for e in projects.events(applied.stdout) if e["type"] == "step_finished")
    assert {op: done[op] for op in DONE} == {op: planned["summary"][op] for op in DONE}
    assert all(finished[word] <= done[op] for op, word in DONE.items())
    assert (left["changes"], left["drift"], code) == ([], [], 0)
