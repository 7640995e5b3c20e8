"""A finished ONNX file through the whole life of a version, and everything that YAML may say wrongly about one."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.result import Result
from tests import projects
from tests.e2e.test_gates import apply, bound, plan, prod
from tests.test_output_schemas import problems

VERSIONS = {
    "v1": "{}", "v2": "{import: vendor/forest.onnx}", "v3": "{params: {C: 0.5}}", "v4": "{import: vendor/forest.onnx, threshold: 0.1}",
}  # fmt: skip


def forest(root: Path, name: str = "forest.onnx", trees: int = 8) -> bytes:
    """A forest of the project's points with `ZipMap`, as skl2onnx writes it, made without leptonctl; its file lies in vendor/."""
    with (root / "data" / "points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[row["x"], row["y"]] for row in rows], dtype=np.float32)
    model = RandomForestClassifier(trees, max_depth=3, random_state=0).fit(x, [row["side"] for row in rows])
    data: bytes = to_onnx(model, x[:1], target_opset=17).SerializeToString()
    (root / "vendor").mkdir(exist_ok=True)
    (root / "vendor" / name).write_bytes(data)
    return data


def network(root: Path, width: int, last: str) -> str:
    """The path of a network of one layer, as torch exports it: it names no classes."""
    weights = numpy_helper.from_array(np.ones((2, width), np.float32), "w")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", k]) for name, k in (("x", 2), ("out", width))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["all"]), helper.make_node(last, ["all"], ["out"])]
    model = helper.make_model(
        helper.make_graph(nodes, "network", shapes[:1], shapes[1:], [weights]), opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    path = f"vendor/{last.lower()}{width}.onnx"
    (root / "vendor").mkdir(exist_ok=True)
    (root / path).write_bytes(model.SerializeToString())
    return path


def line(root: Path, version: str, rest: str) -> None:
    """Write another line for a version of the model `line`."""
    file = root / "model-line.yaml"
    kept = [text for text in file.read_text(encoding="utf-8").splitlines() if not text.startswith(f"  {version}:")]
    file.write_text("\n".join([*kept, *([f"  {version}: {rest}"] if rest else [])]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two trained and two imported versions of one file, built once, and environment prod, in which nothing serves yet."""
    root = projects.tiny_project(tmp_path_factory.mktemp("imported"), {"line": VERSIONS}, {"prod": "models: {line: v2}"}, rows=120)
    forest(root)
    done = projects.run("build", "--json", cwd=root)
    finished = projects.finished(done)
    assert [finished[name] for name in ("trained", "exported", "imported", "decided", "evaluated")] == [2, 2, 1, 1, 4], done.stdout
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    root = projects.copy_of(built, tmp_path / "project")
    yield root
    projects.stop_servers(root)


def test_an_imported_version_lives_as_any_other(root: Path) -> None:
    own = ort.InferenceSession((root / "vendor" / "forest.onnx").read_bytes())
    assert apply(root)["bound"] == 1

    # what is served equals the file's own runtime
    url = projects.served(root, "prod")["url"]
    x = np.random.RandomState(1).uniform(0, 10, (200, 2)).astype(np.float32)
    inputs = [{"name": n, "shape": [200], "datatype": "FP32", "data": x[:, i].tolist()} for i, n in enumerate("xy")]
    answer = {o["name"]: o["data"] for o in projects.ask(f"{url}/v2/models/line/infer", {"inputs": inputs})["outputs"]}
    labels, probabilities = own.run(None, {"X": x})
    assert answer["label"] == labels.tolist()
    np.testing.assert_allclose(np.reshape(answer["probabilities"], (200, 2)), [[p["above"], p["below"]] for p in probabilities], atol=1e-6)
    shown = json.loads(projects.run("show", "line@v2", "--json", cwd=root).stdout)["version"]
    assert (shown["origin"], shown["algorithm"], shown["parity"], bool(shown["metrics"])) == ("imported", None, None, True)
    verified = projects.run("verify", "line@v2", "--rebuild", "--json", cwd=root)
    assert json.loads(verified.stdout)["rebuild"]["verdict"] == "identical", verified.stdout + verified.stderr

    # the content counts and not the path
    forest(root, "renamed.onnx")
    line(root, "v2", "{import: vendor/renamed.onnx}")
    assert plan(root, 0)["summary"]["update"] == 0
    forest(root, "renamed.onnx", trees=5)
    (change,) = [c for c in plan(root, 2)["changes"] if c["address"] == "model/line@v2"]
    assert ("model-line.yaml", 11, "import.digest") in [(b["file"], b["line"], b["path"]) for b in change["because"]]
    forest(root, "renamed.onnx")

    # the return writes the lines back, with the digest of what was served
    prod(root, "models: {line: v1}\n")
    line(root, "v2", "")
    assert apply(root)["bound"] == 1
    (root / "vendor" / "renamed.onnx").unlink()
    back = projects.run("rollback", "prod", "--yes", cwd=root)
    assert (back.returncode, bound(root)) == (0, {"line": "v2"}), back.stdout + back.stderr
    written = (root / "model-line.yaml").read_text(encoding="utf-8")
    assert "v2: {import: {file: vendor/forest.onnx, digest: " in written.replace('"', ""), written
    assert plan(root, 0)["changes"] == []
    yaml = json.loads(projects.run("leaderboard", "line", "--yaml", "v2", "--json", cwd=root).stdout)["entry"]
    assert yaml["digest"] == shown["digest"]

    # its figures may be of rows that it learned, which a trained version's are not
    board = projects.run("leaderboard", "line", cwd=root).stdout
    marked = {row.split()[1]: "†" in row for row in board.splitlines() if row[:1].isdigit()}
    assert (marked["v1"], marked["v2"]) == (False, True), board
    assert "† imported: it is not recorded which rows were trained on." in board
    said = {
        name: "imported: it is not recorded which rows" in projects.run("show", f"line@{name}", cwd=root).stdout for name in ("v1", "v2")
    }
    assert said == {"v1": False, "v2": True}

    # what is gone or changed is an error only where it has to be read
    line(root, "v9", "{import: {file: vendor/gone.onnx, digest: 'sha256:" + "0" * 64 + "'}}")
    gone = plan(root, 1)
    assert [(d["id"], d["line"]) for d in gone["diagnostics"] if d["severity"] == "error"] == [("source-changed", 12)]

    # of the rows its package has only those that are replayed: the graph was made of others
    line(root, "v9", "")
    report = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    held = {holder["artifact"] for holder in report["holders"] if holder["address"] == "model/line@v2" and holder["op"] == "import"}
    assert held == {"golden.json"}


def test_a_comparison_with_an_imported_version_is_held_until_it_is_assumed(root: Path) -> None:
    prod(root, "models: {line: v1}\n")
    apply(root)
    reason = "the {} was imported, and it is not recorded which rows it has learned"
    for other, whose in (("v2", "candidate"), ("v3", "bound version")):
        prod(root, f"models: {{line: {other}}}\ngates: {{accuracy: {{max_drop: 1}}}}\n")
        held = plan(root, 6)
        (gate,) = held["changes"][0]["gates"]
        assert (gate["passed"], gate["note"]) == (False, f"not comparable: {reason.format(whose)}")
        assert "`comparable: assume`" in held["changes"][0]["hold"]["hint"], held["changes"][0]["hold"]
        assert held["summary"]["compare"] == 0, "what is known to say nothing is not computed"
        prod(root, f"models: {{line: {other}}}\ngates: {{accuracy: {{max_drop: 1, comparable: assume}}}}\n")
        if whose == "candidate":
            done = apply(root)
            assert (done["compared"], done["bound"], bound(root)) == (1, 1, {"line": other})
            (event,) = [e for e in done["events"] if e["type"] == "step_finished" and e["op"] == "bind"]
            assert (event["judgements"][0]["assumed"], reason.format(whose) in event["judgements"][0]["note"]) == (True, True)
    assert plan(root, 2)["summary"]["compare"] == 1

    # a threshold of its own needs no training
    predicted = json.loads(projects.run("predict", "line@v4", "--input", "data/points.csv", "--json", cwd=root).stdout)["predictions"]
    assert all(row["label"] == ("below" if row["probabilities"]["below"] >= 0.1 else "above") for row in predicted)
    assert any(0.1 <= row["probabilities"]["below"] < 0.5 for row in predicted)
    compared = projects.run("diff", "line@v1", "line@v2", cwd=root).stdout
    assert "rows (" in compared and reason.format("candidate") in compared, compared


WRONG = {
    "{import: vendor/model.pkl}": ("not-onnx", 16),
    "{import: vendor/model.joblib}": ("not-onnx", 16),
    "{import: vendor/model.cbm}": ("not-onnx", 16),
    "{import: vendor/trees.json, outputs: logits}": ("import-conflict", 35),
    "{import: vendor/large.txt}": ("file-too-large", 16),
    "{import: vendor/none.onnx}": ("missing-file", 16),
    "{import: {file: vendor/none.onnx}}": ("missing-file", 23),
    "{import: /etc/hostname}": ("outside-project", 16),
    "{import: ../../etc/passwd}": ("outside-project", 16),
    "{import: vendor/link.onnx}": ("outside-project", 16),
    "{import: vendor/circle.onnx}": ("missing-file", 16),
    "{import: vendor}": ("not-a-file", 16),
    "{import: vendor/pipe.onnx}": ("not-a-file", 16),
    "{import: vendor/large.onnx}": ("file-too-large", 16),
    "{import: vendor/forest.onnx, params: {C: 1}}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, algorithm: mlp}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, seed: 3}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, preprocess: []}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, evaluate: {cross_validation: 3}}": ("import-conflict", 47),
    "{import: vendor/forest.onnx, task: clustering}": ("import-conflict", 42),
    "{import: vendor/forest.onnx, calibrate: {method: sigmoid}}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, threshold: {metric: f1}}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, sample_weight: x}": ("import-conflict", 36),
    "{import: vendor/forest.onnx, outputs: {prediction: y}}": ("import-conflict", 45),
    "{import: vendor/forest.onnx, outputs: {logits: y, probabilities: p}}": ("import-conflict", 45),
    "{import: vendor/forest.onnx, task: regression, classes: [a, b]}": ("import-conflict", 54),
    "{import: vendor/forest.onnx, classes: [a, 1]}": ("import-conflict", 45),
    "{import: vendor/forest.onnx, inputs: [x, x2]}": ("unknown-column", 48),
    "{import: vendor/forest.onnx, inputs: {a: x, b: x}}": ("import-conflict", 54),
    "{import: vendor/forest.onnx, inputs: {a: side}}": ("unknown-column", 48),
    "{import: 3}": ("wrong-type", 16),
    "{import: {digest: 'sha256:" + "0" * 64 + "'}}": ("missing-key", 8),
    "{classes: [a, b]}": ("import-conflict", 8),
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with files that are no files to import."""
    root = projects.tiny_project(tmp_path_factory.mktemp("wrong"), {"line": {"v1": "{}"}}, {})
    vendor = root / "vendor"
    vendor.mkdir()
    for name in ("model.pkl", "model.joblib", "model.cbm", "forest.onnx", "trees.json"):
        (vendor / name).write_bytes(b"\x80")
    (vendor / "link.onnx").symlink_to("/etc/hostname")
    (vendor / "circle.onnx").symlink_to("circle.onnx")
    os.mkfifo(vendor / "pipe.onnx")
    for name, size in (("large.onnx", 3 * 2**30), ("large.txt", 2**28)):
        with (vendor / name).open("wb") as file:
            file.truncate(size)
    return root


@pytest.mark.parametrize("rest", WRONG)
def test_what_is_wrong_is_said_where_it_is_written(checked: Path, rest: str) -> None:
    line(checked, "v9", rest)
    done = projects.run("validate", "--json", cwd=checked, timeout=10)
    problems = [p for p in json.loads(done.stdout)["diagnostics"] if p["severity"] == "error"]
    found = [(p["id"], p["line"], p["column"]) for p in problems]
    assert (done.returncode, found) == (3, [(WRONG[rest][0], 9, WRONG[rest][1])]), done.stdout
    assert all(problem["hint"] for problem in problems)


def boosted(root: Path) -> None:
    """A model of two columns as XGBoost saved it, in vendor/trees.json."""
    kept = json.loads((Path(__file__).parents[1] / "providers" / "library_models.json").read_text(encoding="utf-8"))
    learner = json.loads(next(case["model"] for case in kept["cases"] if case["name"] == "binary:logistic"))["learner"]
    learner["learner_model_param"]["num_feature"] = "2"
    for tree in learner["gradient_booster"]["model"]["trees"]:
        tree["split_indices"] = [place % 2 for place in tree["split_indices"]]
    (root / "vendor").mkdir(exist_ok=True)
    (root / "vendor" / "trees.json").write_text(json.dumps({"learner": learner, "version": [3, 2, 0]}), encoding="utf-8")


def test_a_boosters_own_file_is_declared_built_and_shown(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{}"}}, {})
    boosted(root)
    said = projects.run("import", "vendor/trees.json", "--model", "line", "--version", "v2", cwd=root)
    assert said.returncode == 0 and "made by XGBoost" in said.stdout, said.stdout + said.stderr
    projects.edit(root / "model-line.yaml", "{import: vendor/trees.json}", "{import: vendor/trees.json, classes: [above, below]}")
    built = projects.run("build", "line@v2", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    shown = json.loads(projects.run("show", "line@v2", "--json", cwd=root).stdout)["version"]
    assert (shown["origin"], bool(shown["metrics"])) == ("imported", True)
    if find_spec("xgboost") is None:
        assert "parity-not-compared" in built.stdout + built.stderr, built.stdout + built.stderr
        assert shown["parity"] is None
    (root / "vendor" / "cut.json").write_bytes((root / "vendor" / "trees.json").read_bytes()[:900])
    cut = projects.run("import", "vendor/cut.json", "--model", "line", "--version", "v3", "--json", cwd=root)
    (problem,) = json.loads(cut.stdout)["diagnostics"]
    assert (cut.returncode, problem["id"], "v3" in (root / "model-line.yaml").read_text(encoding="utf-8")) == (1, "bad-model-file", False)


def test_classes_in_the_other_order_are_noticed(tiny: Callable[..., Path]) -> None:
    """With the edit, where they are listed the wrong way round; and (brother) not where they are right."""
    versions = {"v1": "{import: vendor/side.onnx, classes: [below, above]}", "v2": "{import: vendor/side.onnx, classes: [above, below]}"}
    root = tiny({"line": versions}, {}, rows=120)
    (root / "vendor").mkdir(exist_ok=True)
    weights = numpy_helper.from_array(np.array([[-1, 1], [1, -1]], np.float32), "w")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 2]) for name in ("x", "out")]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["all"]), helper.make_node("Softmax", ["all"], ["out"])]
    graph = helper.make_graph(nodes, "side", shapes[:1], shapes[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (root / "vendor" / "side.onnx").write_bytes(model.SerializeToString())
    built = projects.run("build", "--json", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    found = [warning for event in projects.events(built.stdout) for warning in event.get("notices", ())]
    (notice,) = [warning for warning in found if warning["id"] == "reversed-classes"]
    assert notice["detail"].startswith("model/line@v1: roc_auc is 0")
    assert "`classes: [FIRST, SECOND]` beside `import`" in notice["hint"]


@pytest.mark.skipif(find_spec("xgboost") is not None, reason="XGBoost is installed here")
def test_a_binary_file_is_a_warning_in_the_plan_and_refused_before_any_work(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{import: vendor/trees.ubj}"}}, {})
    (root / "vendor").mkdir()
    (root / "vendor" / "trees.ubj").write_bytes(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{")
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert [(d["id"], d["severity"], d["line"]) for d in planned["diagnostics"]] == [("missing-library", "warning", 8)]
    assert "pip install 'leptonctl[xgboost]'" in planned["diagnostics"][0]["hint"]
    refused = projects.run("build", "--json", cwd=root)
    assert (refused.returncode, '"step_started"' in refused.stdout) == (1, False), refused.stdout


def test_what_the_base_block_says_of_training_is_not_the_imports(tiny: Callable[..., Path]) -> None:
    """And the other way round: a version that is trained takes no option of the base block's import."""
    root = tiny({"line": {"v1": "{import: vendor/forest.onnx}"}}, {})
    forest(root)
    projects.edit(root / "model-line.yaml", "algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {C: 2.0}\nseed: 4")
    assert projects.run("validate", cwd=root).returncode == 0
    (root / "model-line.yaml").write_text(
        "kind: Model\nname: line\ndataset: points@first\ntask: classification\nimport: vendor/forest.onnx\nclasses: [above, below]\n"
        "versions:\n  v1: {}\n  v2: {algorithm: logistic_regression, params: {C: 2.0}}\n", encoding="utf-8",
    )  # fmt: skip
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    steps = {c["address"]: [s["op"] for s in c["steps"]] for c in planned["changes"]}
    assert (steps["model/line@v1"], steps["model/line@v2"]) == (["import", "evaluate"], ["train", "export", "evaluate"])


def test_the_command_writes_the_version_keeps_comments_and_takes_back_what_is_not_valid(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{}"}}, {})
    forest(root)
    file = root / "model-line.yaml"
    file.write_text("# mine\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    report = json.loads(projects.run("import", "vendor/forest.onnx", "--model", "line", "--version", "v2", "--json", cwd=root).stdout)
    assert (report["address"], report["file"], report["created"], report["classes"]) == (
        "model/line@v2",
        "model-line.yaml",
        False,
        ["above", "below"],
    )
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[report["line"] - 1]) == ("# mine", "  v2: {import: vendor/forest.onnx}")
    new = projects.run("import", str(root / "vendor" / "forest.onnx"), "--model", "other", "--version", "v1", cwd=root)
    assert "models/other.yaml" in new.stdout, new.stderr
    assert projects.run("validate", cwd=root).returncode == 0
    before = file.read_text(encoding="utf-8")
    for arguments, id_ in (
        (("vendor/forest.onnx", "--model", "line", "--version", "v2"), "version-exists"),
        (("vendor/forest.onnx", "--model", "line", "--version", "v3", "--dataset", "points@none"), "unknown-dataset-version"),
        (("vendor/forest.onnx", "--model", "../../x", "--version", "v1"), "bad-name"),
        (("vendor/none.onnx", "--model", "line", "--version", "v3"), "missing-file"),
        (("/etc/hostname", "--model", "line", "--version", "v3"), "outside-project"),
        (("data/points.csv", "--model", "line", "--version", "v3"), "bad-onnx"),
        (("vendor/forest.onnx", "--model", "third", "--version", "v1", "--dataset", "points@none"), "unknown-dataset-version"),
    ):
        refused = projects.run("import", *arguments, "--json", cwd=root)
        assert [d["id"] for d in json.loads(refused.stdout)["diagnostics"]] == [id_], refused.stdout
    assert (file.read_text(encoding="utf-8"), (root / "models" / "third.yaml").exists()) == (before, False)


def test_the_command_says_what_does_not_fit_the_dataset_before_a_build(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{}"}, "few": {"v1": "{features: [x]}"}, "names": {"v1": "{dataset: others@first}"}}, {})
    (root / "data" / "others.csv").write_text((root / "data" / "points.csv").read_text().replace("above", "over"), encoding="utf-8")
    with (root / "data.yaml").open("a", encoding="utf-8") as data:
        data.write("---\nkind: Dataset\nname: others\ntarget: side\nversions:\n  first: {source: data/others.csv}\n")
    forest(root)
    command = ("import", "vendor/forest.onnx", "--version", "v2", "--model")
    said = projects.run(*command, "line", cwd=root).stdout
    assert "input    X  float, 2 columns: x, y in this order\n" in said
    assert "warning" not in said
    said = projects.run(*command, "names", "--dataset", "others@first", cwd=root).stdout
    assert "The graph has the classes above, below, and the target has below, over. At model-names.yaml:9: list what each" in said
    projects.edit(root / "model-few.yaml", "versions:", "features: [x]\nversions:")
    done = json.loads(projects.run(*command, "few", "--json", cwd=root).stdout)
    assert problems("import", done) == []
    assert [(one["id"], one["severity"], one["file"]) for one in done["problems"]] == [("import-inputs", "warning", "model-few.yaml")]
    assert done["takes"] == {}
    assert not (root / ".leptonctl" / "store").exists(), "nothing is built"


def test_the_command_says_when_the_classes_have_to_be_listed(tiny: Callable[..., Path]) -> None:
    """Not for a regression whose one output may be either (brother), nor where the base block lists them."""
    root = tiny({"line": {"v1": "{}"}, "level": {"v1": "{}"}, "listed": {}}, {})
    projects.edit(root / "model-level.yaml", "task: classification", "task: regression")
    projects.edit(root / "model-level.yaml", "algorithm: logistic_regression", "algorithm: linear")
    (root / "model-listed.yaml").write_text(
        "kind: Model\nname: listed\ndataset: points@first\ntask: classification\nimport: vendor/softmax2.onnx\nclasses: [above, below]\n"
        "versions:\n  v1: {}\n", encoding="utf-8",
    )  # fmt: skip
    softmax, single = network(root, 2, "Softmax"), network(root, 1, "Sigmoid")
    said = projects.run("import", softmax, "--model", "line", "--version", "v2", cwd=root).stdout
    assert "classes  not listed in the file" in said
    assert "say at model-line.yaml:9 which output is which class: `classes: [FIRST, SECOND, …]`" in said
    for model, file, needed in (("line", single, True), ("level", single, False), ("listed", softmax, False)):
        done = projects.run("import", file, "--model", model, "--version", "v3", "--json", cwd=root)
        assert done.returncode == 0, (model, done.stdout)
        obj = json.loads(done.stdout)
        assert (obj["needs_classes"], obj["classes"]) == (needed, None), model
        assert problems("import", obj) == []


def test_what_waits_for_a_failed_import_names_the_import(tiny: Callable[..., Path]) -> None:
    """By its op, as the line above calls it, not by the name of the step that stands in its place."""
    root = tiny({"line": {"v1": "{import: vendor/cut.onnx}"}}, {})
    (root / "vendor" / "cut.onnx").write_bytes(forest(root)[:-40])
    done = projects.run("build", "--json", cwd=root)
    skipped = {event["op"]: event["because"] for event in projects.events(done.stdout) if event["type"] == "step_skipped"}
    assert (done.returncode, skipped) == (1, {"evaluate": "import of model/line@v1"})


@pytest.mark.parametrize("declared", [True, False])
def test_a_purge_of_the_rows_leaves_what_was_imported(root: Path, *, declared: bool) -> None:
    results = [decode(file.read_bytes(), Result) for file in projects.stored(root, "results").rglob("*") if file.is_file()]
    (graph,) = {result.artifacts["model.onnx"] for result in results if result.op == "decide"}
    if not declared:
        line(root, "v4", "")
    report = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    held = {(holder["address"], holder["artifact"]) for holder in report["holders"]}
    assert {("model/line@v2", "golden.json"), ("model/line@v4", "golden.json")} <= held
    assert not {("model/line@v2", "model.onnx"), ("model/line@v4", "model.onnx")} & held
    assert projects.stored(root, layout.artifact(graph)).exists()
