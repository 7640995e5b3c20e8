"""Mistakes in the project files, one at a time: one diagnostic each, at its place, with a hint, exit code 3, and nothing lost."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from leptonctl.cli.main import main
from leptonctl.core.diagnostic import INVALID
from tests.laws import matrix
from tests.laws.matrix import Edit, append, both, swap, write

LINE, TREE, DATA, PLACES, PROJECT = "models/line.yaml", "models/tree.yaml", "data.yaml", "environments.yaml", "leptonctl.yaml"
TWO_MODELS = "kind: Model\nname: line\ndataset: points@first\nalgorithm: naive_bayes\ntask: classification\nversions: {v1: {}}\n"
ANOTHER = "---\nkind: Environment\nname: other\nplatform: {port: %s}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One mistake: its id, its place (`file:line:column`), and the hint where a suggestion is expected."""

    name: str
    edit: Edit
    id: str
    at: str
    hint: str = ""


def same_port(root: Path) -> None:
    text = (root / PLACES).read_text(encoding="utf-8")
    port = text.partition("port: ")[2].partition("}")[0]
    append(PLACES, ANOTHER % port)(root)


def in_bytes(file: str, old: bytes, new: bytes) -> Edit:
    def act(root: Path) -> None:
        content = (root / file).read_bytes()
        assert old in content
        (root / file).write_bytes(content.replace(old, new, 1))

    return act


def in_utf_16(root: Path) -> None:
    (root / LINE).write_text((root / LINE).read_text(encoding="utf-8"), encoding="utf-16")


SYNTAX = [
    Bad(name="a bracket is open", edit=swap(LINE, "[accuracy, f1]}", "[accuracy, f1}"), id="yaml-syntax", at=f"{LINE}:12:34"),
    Bad(name="a brace is open", edit=swap(LINE, "params: {C: 1.0, max_iter: 200}", "params: {C: 1.0, max_iter: 200"), id="yaml-syntax", at=f"{LINE}:11:9"),
    Bad(name="a quote is open", edit=swap(LINE, "name: line", 'name: "line'), id="yaml-syntax", at=f"{LINE}:2:7"),
    Bad(name="a tab indents", edit=swap(LINE, "  v1: {}", "\tv1: {}"), id="tab-indentation", at=f"{LINE}:14:1"),
    Bad(name="indented too far", edit=swap(LINE, "seed: 7", "  seed: 7"), id="yaml-syntax", at=f"{LINE}:7:7"),
    Bad(name="a colon without a space", edit=swap(LINE, "seed: 7", "seed:7"), id="yaml-syntax", at=f"{LINE}:7:1"),
    Bad(name="a colon in plain text", edit=swap(LINE, "description: Which side", "description: Which: side"), id="yaml-syntax", at=f"{LINE}:3:14"),
    Bad(name="text after a quote", edit=swap(LINE, "name: line", 'name: "line" two'), id="yaml-syntax", at=f"{LINE}:2:14"),
    Bad(name="a key twice", edit=swap(LINE, "seed: 7", "seed: 7\nseed: 8"), id="duplicate-key", at=f"{LINE}:8:1"),
    Bad(name="a version twice", edit=append(LINE, "  v1: {}\n"), id="duplicate-key", at=f"{LINE}:17:3"),
    Bad(name="an alias of nothing", edit=swap(LINE, "seed: 7", "seed: *seven"), id="yaml-syntax", at=f"{LINE}:7:7"),
    Bad(name="aliases that multiply", edit=append(LINE, BOMB), id="too-many-aliases", at=f"{LINE}:21:1"),
    Bad(name="an alias of itself", edit=swap(LINE, "labels: {team: geometry}", "labels: &l {team: *l}"), id="recursive-alias", at=f"{LINE}:4:9"),
    Bad(name="nested without end", edit=swap(LINE, "seed: 7", "seed: " + "[" * 300 + "]" * 300), id="too-deep", at=f"{LINE}:7:69"),
    Bad(name="a merge key", edit=swap(TREE, "large: {params: {max_depth: 4}}", "large: {<<: {seed: 1}}"), id="merge-key", at=f"{TREE}:9:11"),
    Bad(name="a foreign tag", edit=swap(LINE, "seed: 7", "seed: !!python/object:os.system x"), id="unknown-tag", at=f"{LINE}:7:7"),
    Bad(name="a number without end", edit=swap(LINE, "C: 1.0", "C: .inf"), id="bad-number", at=f"{LINE}:11:13"),
    Bad(name="a number of more than 64 bits", edit=swap(LINE, "seed: 7", "seed: 99999999999999999999"), id="bad-number", at=f"{LINE}:7:7"),
    Bad(name="a list as a key", edit=swap(LINE, "labels: {team: geometry}", "labels: {[a, b]: geometry}"), id="bad-key", at=f"{LINE}:4:10"),
    Bad(name="a control character", edit=in_bytes(LINE, b"geometry", b"geo\x07metry"), id="bad-character", at=f"{LINE}:4:19"),
    Bad(name="Latin-1", edit=in_bytes(LINE, b"geometry", b"g\xe9om\xe9trie"), id="bad-encoding", at=f"{LINE}:4:17"),
    Bad(name="UTF-16", edit=in_utf_16, id="bad-encoding", at=f"{LINE}:1:1"),
    Bad(name="a document without a kind", edit=append(LINE, "---\nname: more\n"), id="missing-kind", at=f"{LINE}:18:1"),
    Bad(name="a list as a document", edit=append(LINE, "---\n- a\n- b\n"), id="missing-kind", at=f"{LINE}:18:1"),
]  # fmt: skip

SCHEMA = [
    Bad(name="unknown kind", edit=swap(LINE, "kind: Model", "kind: Modell"), id="unknown-kind", at=f"{LINE}:1:7", hint='did you mean "Model"?'),
    Bad(name="kind of another tool", edit=append(LINE, "---\nkind: Deployment\n"), id="unknown-kind", at=f"{LINE}:18:7"),
    Bad(name="unknown key", edit=swap(LINE, "seed: 7", "sead: 7"), id="unknown-key", at=f"{LINE}:7:1", hint='did you mean "seed"?'),
    Bad(name="unknown key of a block", edit=swap(LINE, "metrics: [accuracy, f1]", "metric: [accuracy, f1]"), id="unknown-key", at=f"{LINE}:12:12", hint='did you mean "metrics"?'),
    Bad(name="unknown key of a version", edit=swap(LINE, "v1: {}", "v1: {algoritm: mlp}"), id="unknown-key", at=f"{LINE}:14:8", hint='did you mean "algorithm"?'),
    Bad(name="unknown key of a column", edit=swap(DATA, "min: 0", "minimum: 0"), id="unknown-key", at=f"{DATA}:5:21", hint='did you mean "min"?'),
    Bad(name="no name", edit=swap(TREE, "name: tree\n", ""), id="missing-key", at=f"{TREE}:1:7"),
    Bad(name="a name with capitals", edit=swap(TREE, "name: tree", "name: My Tree"), id="bad-name", at=f"{TREE}:2:7"),
    Bad(name="a version name with a slash", edit=append(LINE, "  a/b: {}\n"), id="bad-name", at=f"{LINE}:17:3"),
    Bad(name="no versions", edit=swap(TREE, "versions:\n  small: {params: {max_depth: 2}}\n  large: {params: {max_depth: 4}}\n", ""), id="missing-key", at=f"{TREE}:1:7"),
    Bad(name="versions without one", edit=swap(TREE, "versions:\n  small: {params: {max_depth: 2}}\n  large: {params: {max_depth: 4}}\n", "versions: {}\n"), id="wrong-length", at=f"{TREE}:7:11"),
    Bad(name="versions as a list", edit=swap(TREE, "versions:\n  small: {params: {max_depth: 2}}\n  large: {params: {max_depth: 4}}\n", "versions: [small]\n"), id="wrong-type", at=f"{TREE}:7:11"),
    Bad(name="a number in quotes", edit=swap(LINE, "seed: 7", 'seed: "7"'), id="wrong-type", at=f"{LINE}:7:7"),
    Bad(name="yes for true", edit=swap(PLACES, "protected: true", "protected: yes"), id="wrong-type", at=f"{PLACES}:10:12"),
    Bad(name="no value", edit=swap(LINE, "algorithm: logistic_regression", "algorithm:"), id="wrong-type", at=f"{LINE}:10:11"),
    Bad(name="a name that is a number", edit=swap(TREE, "name: tree", "name: 7"), id="wrong-type", at=f"{TREE}:2:7"),
    Bad(name="text for a list", edit=swap(LINE, "[accuracy, f1]", "accuracy"), id="wrong-type", at=f"{LINE}:12:21"),
    Bad(name="a fraction for an integer", edit=swap(LINE, "seed: 7", "seed: 7.5"), id="wrong-type", at=f"{LINE}:7:7"),
    Bad(name="a version number as a binding", edit=swap(PLACES, "line: v2", "line: 2"), id="wrong-type", at=f"{PLACES}:5:9"),
    Bad(name="a gate as a number", edit=swap(PLACES, "accuracy: {min: 0.5}", "accuracy: 0.5"), id="wrong-type", at=f"{PLACES}:15:13"),
    Bad(name="a gate without a limit", edit=swap(PLACES, "accuracy: {min: 0.5}", "accuracy: {}"), id="wrong-length", at=f"{PLACES}:15:13"),
    Bad(name="a share above one", edit=swap(DATA, "test: 0.25", "test: 25"), id="out-of-range", at=f"{DATA}:6:15"),
    Bad(name="a port that does not exist", edit=append(PLACES, ANOTHER % 70000), id="out-of-range", at=f"{PLACES}:19:18"),
    Bad(name="an opset that is too old", edit=append(TREE, "export: {opset: 9}\n"), id="out-of-range", at=f"{TREE}:10:17"),
    Bad(name="unknown task", edit=swap(TREE, "task: classification", "task: clasification"), id="not-allowed", at=f"{TREE}:4:7", hint='did you mean "classification"?'),
    Bad(name="a format of the future", edit=swap(PROJECT, "format: 1", "format: 2"), id="not-allowed", at=f"{PROJECT}:3:9"),
    Bad(name="a metric twice", edit=swap(LINE, "[accuracy, f1]", "[accuracy, f1, accuracy]"), id="duplicate-item", at=f"{LINE}:12:36"),
    Bad(name="keys that exclude each other", edit=swap(DATA, "test: 0.25, seed: 7", "test: 0.25, seed: 7, by: x"), id="exclusive-keys", at=f"{DATA}:6:21"),
    Bad(name="hash without a key", edit=append(DATA, "privacy: {hash: [x], key_id: k1}\n"), id="missing-key", at=f"{DATA}:10:1"),
    Bad(name="a secret written out", edit=append(DATA, "privacy: {hash: [x], key: hunter2, key_id: k1}\n"), id="plain-secret", at=f"{DATA}:10:27"),
    Bad(name="a secret at a field that takes none", edit=swap(LINE, "description: Which side of the line a point lies on", "description: {secret: {env: TEXT}}"), id="misplaced-secret", at=f"{LINE}:3:14"),
    Bad(name="a secret among the variables", edit=swap(PROJECT, "spare: 1", "spare: {secret: {env: KEY}}"), id="misplaced-secret", at=f"{PROJECT}:4:32"),
    Bad(name="what is not a digest", edit=swap(DATA, "first: {", "first: {digest: abc, "), id="bad-digest", at=f"{DATA}:8:19"),
    Bad(name="a dataset with two versions", edit=swap(TREE, "dataset: points@first", "dataset: points@first@second"), id="bad-format", at=f"{TREE}:3:10"),
    Bad(name="a name used twice", edit=write("models/copy.yaml", TWO_MODELS), id="duplicate-name", at=f"{LINE}:2:7"),
    Bad(name="a command that is not allowed", edit=append(LINE, "  v4: {command: {run: [python, a.py], files: [leptonctl.yaml]}}\n"), id="command-not-allowed", at=f"{LINE}:17:8"),
    Bad(name="permission for something else", edit=append(PROJECT, "allow: [commands]\n"), id="not-allowed", at=f"{PROJECT}:5:9", hint='did you mean "command"?'),
    Bad(name="a second project", edit=append(PROJECT, "---\nkind: Project\nname: more\n"), id="duplicate-project", at=f"{PROJECT}:6:7"),
]  # fmt: skip

NOT_BUILT = [
    Bad(name="canary", edit=swap(PLACES, "tree: small", "tree: {version: small, canary: {version: large, percent: 10}}"), id="not-available", at=f"{PLACES}:6:26"),
    Bad(name="shadow", edit=swap(PLACES, "tree: small", "tree: {version: small, shadow: large}"), id="not-available", at=f"{PLACES}:6:26"),
    Bad(name="remote state", edit=append(PROJECT, "state: s3://bucket/state\n"), id="not-available", at=f"{PROJECT}:5:8"),
    Bad(name="remote store", edit=append(PROJECT, "store: s3://bucket/store\n"), id="not-available", at=f"{PROJECT}:5:8"),
    Bad(name="remote executor", edit=append(PROJECT, "executor: {type: ray}\n"), id="unknown-executor", at=f"{PROJECT}:5:18"),
    Bad(name="another platform", edit=append(PLACES, "---\nkind: Environment\nname: k\nplatform: {type: kserve}\n"), id="unknown-platform", at=f"{PLACES}:19:18", hint='did you mean "server"?'),
]  # fmt: skip

TEMPLATES = [
    Bad(name="unknown variable", edit=swap(LINE, "vars.iterations", "vars.iteration"), id="unknown-var", at=f"{LINE}:16:58", hint='did you mean "iterations"?'),
    Bad(name="something else than vars", edit=swap(LINE, "vars.iterations", "env.HOME"), id="unknown-var", at=f"{LINE}:16:58"),
    Bad(name="template is not closed", edit=swap(LINE, "{{ vars.iterations }}", "{{ vars.iterations }"), id="template-syntax", at=f"{LINE}:16:58"),
    Bad(name="a statement", edit=swap(LINE, "{{ vars.iterations }}", "{% if 1 %}2{% endif %}"), id="template-not-allowed", at=f"{LINE}:16:58"),
    Bad(name="a call", edit=swap(LINE, "{{ vars.iterations }}", "{{ vars.iterations.bit_length() }}"), id="template-not-allowed", at=f"{LINE}:16:58"),
    Bad(name="unknown filter", edit=swap(LINE, "{{ vars.iterations }}", "{{ vars.iterations | shell }}"), id="template-not-allowed", at=f"{LINE}:16:58"),
    Bad(name="a division by zero", edit=swap(LINE, "{{ vars.iterations }}", "{{ vars.iterations / 0 }}"), id="template-failed", at=f"{LINE}:16:58"),
    Bad(name="a result too large", edit=swap(LINE, "{{ vars.iterations }}", "{{ 'x' * 100000000 }}"), id="template-too-large", at=f"{LINE}:16:58"),
    Bad(name="a template as a name", edit=swap(TREE, "name: tree", 'name: "{{ vars.spare }}"'), id="template-not-allowed", at=f"{TREE}:2:7"),
    Bad(name="a result of the wrong type", edit=swap(TREE, "params: {max_depth: 3}", 'params: {max_depth: 3}\nseed: "{{ vars.iterations / 7 }}"'), id="wrong-type", at=f"{TREE}:7:7"),
]  # fmt: skip

REFERENCES = [
    Bad(name="unknown dataset", edit=swap(TREE, "points@first", "point@first"), id="unknown-dataset", at=f"{TREE}:3:10", hint='did you mean "points"?'),
    Bad(name="unknown dataset version", edit=swap(TREE, "points@first", "points@frist"), id="unknown-dataset-version", at=f"{TREE}:3:10", hint='did you mean "first"?'),
    Bad(name="which dataset version", edit=swap(TREE, "points@first", "points"), id="missing-dataset-version", at=f"{TREE}:3:10"),
    Bad(name="no dataset", edit=swap(TREE, "dataset: points@first\n", ""), id="missing-dataset", at=f"{TREE}:2:7"),
    Bad(name="no algorithm", edit=swap(TREE, "algorithm: decision_tree\nparams: {max_depth: 3}\n", ""), id="missing-algorithm", at=f"{TREE}:2:7"),
    Bad(name="unknown algorithm", edit=swap(TREE, "decision_tree", "decision_treee"), id="unknown-algorithm", at=f"{TREE}:5:12", hint='did you mean "decision_tree"?'),
    Bad(name="task of another algorithm", edit=swap(TREE, "task: classification", "task: clustering"), id="unknown-algorithm", at=f"{TREE}:5:12"),
    Bad(name="class without a form in ONNX", edit=swap(TREE, "algorithm: decision_tree\nparams: {max_depth: 3}", "algorithm: GaussianProcessClassifier"), id="cannot-export", at=f"{TREE}:5:12"),
    Bad(name="algorithm of another task", edit=swap(TREE, "algorithm: decision_tree\nparams: {max_depth: 3}", "algorithm: lasso"), id="unknown-algorithm", at=f"{TREE}:5:12"),
    Bad(name="no task", edit=swap(TREE, "task: classification\n", ""), id="missing-task", at=f"{TREE}:2:7"),
    Bad(name="unknown model", edit=swap(PLACES, "tree: small", "trea: small"), id="unknown-model", at=f"{PLACES}:6:3", hint='did you mean "tree"?'),
    Bad(name="unknown version", edit=swap(PLACES, "tree: small", "tree: smal"), id="unknown-version", at=f"{PLACES}:6:9", hint='did you mean "small"?'),
    Bad(name="unknown metric", edit=swap(LINE, "[accuracy, f1]", "[accuracy, f2]"), id="unknown-metric", at=f"{LINE}:12:32"),
    Bad(name="metric of another task", edit=swap(LINE, "[accuracy, f1]", "[accuracy, rmse]"), id="unknown-metric", at=f"{LINE}:12:32"),
    Bad(name="gate on an unknown metric", edit=append(PLACES, "  acuracy: {min: 0.5}\n"), id="unknown-metric", at=f"{PLACES}:16:3", hint='did you mean "accuracy"?'),
    Bad(name="gate on the folds", edit=append(PLACES, "  accuracy_cv: {min: 0.5}\n"), id="unknown-metric", at=f"{PLACES}:16:3"),
    Bad(name="gate on a figure of the leaderboard", edit=append(PLACES, "  cv_f1_mean: {min: 0.5}\n"), id="unknown-metric", at=f"{PLACES}:16:3"),
    Bad(name="gate on a metric of another task", edit=append(PLACES, "  rmse: {max: 0.5}\n"), id="unknown-metric", at=f"{PLACES}:16:3"),
    Bad(name="gate on a matrix", edit=append(PLACES, "  confusion_matrix: {min: 0.5}\n"), id="no-number", at=f"{PLACES}:16:3"),
    Bad(name="a rule that flips do not have", edit=append(PLACES, "  flips: {min: 0.5}\n"), id="unknown-rule", at=f"{PLACES}:16:11"),
    Bad(name="unknown rule", edit=append(PLACES, "  f1: {minimum: 0.5}\n"), id="unknown-key", at=f"{PLACES}:16:8", hint='did you mean "min"?'),
    Bad(name="the same port twice", edit=same_port, id="port-taken", at=f"{PLACES}:19:18"),
    Bad(name="unknown parameter", edit=swap(TREE, "max_depth: 4", "max_dept: 4"), id="unknown-parameter", at=f"{TREE}:9:20", hint='did you mean "max_depth"?'),
    Bad(name="parameter of the wrong type", edit=swap(TREE, "max_depth: 4", "max_depth: deep"), id="wrong-type", at=f"{TREE}:9:31"),
    Bad(name="parameter out of range", edit=swap(LINE, "C: 2.0", "C: -2.0"), id="out-of-range", at=f"{LINE}:16:43"),
    Bad(name="parameter not among the options", edit=swap(TREE, "max_depth: 4", "criterion: ginny"), id="not-allowed", at=f"{TREE}:9:31", hint='did you mean "gini"?'),
    Bad(name="parameter that cannot be exported", edit=swap(TREE, "large: {", "large: {preprocess: [{columns: [x], use: tfidf, params: {sublinear_tf: true}}], "), id="cannot-export", at=f"{TREE}:9:51"),
    Bad(name="unknown preprocess step", edit=swap(LINE, "use: standard_scaler", "use: standart_scaler"), id="unknown-preprocessor", at=f"{LINE}:9:29", hint='did you mean "standard_scaler"?'),
    Bad(name="unknown parameter of a preprocess step", edit=swap(LINE, "use: standard_scaler", "use: standard_scaler, params: {with_meen: true}"), id="unknown-parameter", at=f"{LINE}:9:55", hint='did you mean "with_mean"?'),
    Bad(name="one column without its list", edit=swap(LINE, "columns: numeric", "columns: x"), id="wrong-type", at=f"{LINE}:9:15"),
    Bad(name="unknown algorithm and no task", edit=swap(TREE, "task: classification\nalgorithm: decision_tree", "algorithm: decision_treee"), id="unknown-algorithm", at=f"{TREE}:4:12", hint='did you mean "decision_tree"?'),
    Bad(name="unknown selector", edit=swap(LINE, "columns: numeric", "columns: numbers"), id="wrong-type", at=f"{LINE}:9:15", hint='did you mean "numeric"?'),
    Bad(name="a column that is not there", edit=swap(LINE, "columns: numeric", "columns: [x, z]"), id="unknown-column", at=f"{LINE}:9:19"),
    Bad(name="a feature that is not there", edit=append(TREE, "features: [x, yy]\n"), id="unknown-column", at=f"{TREE}:10:15", hint='did you mean "y"?'),
    Bad(name="the target as a feature", edit=append(TREE, "features: [x, side]\n"), id="unknown-column", at=f"{TREE}:10:15"),
    Bad(name="a contract of a column that is not there", edit=swap(DATA, "  x: {type", "  xx: {type"), id="unknown-column", at=f"{DATA}:5:3", hint='did you mean "x"?'),
    Bad(name="a target that is not there", edit=swap(DATA, "target: side", "target: sides"), id="unknown-column", at=f"{DATA}:3:9", hint='did you mean "side"?'),
    Bad(name="a dropped column that is not there", edit=append(DATA, "privacy: {drop: [sender]}\n"), id="unknown-column", at=f"{DATA}:10:18", hint='did you mean "side"?'),
    Bad(name="no target", edit=swap(DATA, "target: side\n", ""), id="missing-target", at=f"{DATA}:2:7"),
    Bad(name="no source", edit=append(DATA, "  third: {}\n"), id="missing-source", at=f"{DATA}:10:3"),
    Bad(name="a data file that is not there", edit=swap(DATA, "data/first.csv", "data/frist.csv"), id="missing-file", at=f"{DATA}:8:19", hint='did you mean "first.csv"?'),
    Bad(name="a folder as a data file", edit=both(lambda root: (root / "data/x.csv").mkdir(), swap(DATA, "data/first.csv", "data/x.csv")), id="not-a-file", at=f"{DATA}:8:19"),
    Bad(name="a data file outside of the project", edit=swap(DATA, "data/first.csv", "../first.csv"), id="outside-project", at=f"{DATA}:8:19"),
    Bad(name="an absolute path", edit=swap(DATA, "data/first.csv", "/etc/passwd.csv"), id="outside-project", at=f"{DATA}:8:19"),
    Bad(name="a file that no source reads", edit=swap(DATA, "data/first.csv", "data/first.xlsx"), id="unknown-format", at=f"{DATA}:8:19"),
]  # fmt: skip
CASES = [*SYNTAX, *SCHEMA, *NOT_BUILT, *TEMPLATES, *REFERENCES]


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_a_mistake_is_one_diagnostic_at_its_place(bad: Bad, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad.edit(copy)
    state = (copy / ".leptonctl" / "state" / "state.json").read_bytes()
    code = main(["-C", str(copy), "plan", "--json"])
    found = matrix.read_json(capsys.readouterr().out)["diagnostics"]
    assert [d["id"] for d in found] == [bad.id]
    (one,) = found
    assert f"{one['file']}:{one['line']}:{one['column']}" == bad.at
    assert one["summary"]
    assert one["detail"]
    assert one["hint"]
    assert one["hint"].startswith("did you mean") == bool(bad.hint)
    assert bad.hint in one["hint"]
    assert code == INVALID
    assert main(["-C", str(copy), "validate"]) == INVALID
    text = capsys.readouterr().out
    assert f"error[{bad.id}]" in text
    assert bad.at in text
    assert main(["-C", str(copy), "apply", "--yes"]) == INVALID
    assert (copy / ".leptonctl" / "state" / "state.json").read_bytes() == state


STAGES = {
    "syntax": ["a key twice", "a foreign tag", "a list as a key", "kind of another tool"],
    "schema": ["unknown key", "a share above one", "a format of the future", "a metric twice", "a version name with a slash"],
    "templates": ["unknown variable", "a template as a name"],
    "references": [
        "unknown model", "unknown preprocess step", "a data file outside of the project", "parameter out of range", "a target that is not there",
    ],
}  # fmt: skip


@pytest.mark.parametrize("names", STAGES.values(), ids=STAGES)
def test_all_mistakes_of_a_stage_are_reported_together(names: list[str], copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [bad for bad in CASES if bad.name in names]
    for bad in made:
        bad.edit(copy)
    assert main(["-C", str(copy), "plan", "--json"]) == INVALID
    found = matrix.read_json(capsys.readouterr().out)["diagnostics"]
    assert sorted(d["id"] for d in found) == sorted(bad.id for bad in made)
