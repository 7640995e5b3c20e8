"""A program of the user through the whole life of a version, how it may fail, and everything that YAML may say wrongly about one."""

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from leptonctl.commands.rows.holders import OF_A_PROGRAM
from leptonctl.kinds.model.recipes import op_of
from leptonctl.learning.own_code import lines as printed_lines
from tests import projects
from tests.e2e.test_gates import apply, bound, plan, prod
from tests.e2e.test_imported import forest, line

TRAIN = '''\
"""Takes one of two forests, by the share of rows above."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from lib import words

rows = [json.loads(line) for line in open("prepared/train.jsonl")]
contract = json.load(open("prepared/contract.json"))
for step in range(3):
    print(json.dumps({"iteration": step + 1, "of": 3, "loss": 1 / (step + 1), "message": words.WORD}))
print("{not progress", len(rows), sorted(rows[0]), contract["classes"], contract["seed"])
print("folder", *sorted(str(path) for path in pathlib.Path(".").rglob("*")))
print("variables", *sorted(f"{name}={value}" for name, value in os.environ.items()))
print("args", *sys.argv[1:])
print("left", subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True).pid)
os.makedirs("out")
shutil.copy("vendor/forest.onnx", "out/model.onnx")
if "DRAW" in os.environ:
    # the version of the producer, another one each time
    with open("out/model.onnx", "ab") as file:
        file.write(bytes([0x1A, 16]) + os.urandom(8).hex().encode())
'''
COMMAND = '{run: [python, train.py, "a b", "$HOME"], files: [train.py, "lib/*.py", ./vendor/forest.onnx], output: out/model.onnx}'


def own(root: Path, base: str = "") -> None:
    """Write the program, its part and its data into a project, allow it, and declare v1 by it."""
    (root / "lib").mkdir()
    (root / "lib" / "words.py").write_text('WORD = "learning"\n', encoding="utf-8")
    (root / "train.py").write_text(TRAIN, encoding="utf-8")
    (root / "private.txt").write_text("nobody's business\n", encoding="utf-8")
    forest(root)
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    if base:
        projects.edit(root / "model-line.yaml", "versions:", f"{base}\nversions:")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained version and one of a program, built once, and environment prod, in which nothing serves yet."""
    short = "run: [python, train.py], files: [train.py, lib/words.py, vendor/forest.onnx], output: out/model.onnx"
    versions = {
        "v1": f"{{command: {COMMAND}, seed: 7}}",
        "v2": "{}",
        "v3": f"{{command: {{{short}}}, threshold: 0.1}}",
        "v4": f"{{command: {{{short}, env: {{DRAW: yes}}}}}}".replace("yes", "'yes'"),
    }
    root = projects.tiny_project(tmp_path_factory.mktemp("own"), {"line": versions}, {"prod": "models: {line: v1}"}, rows=120)
    own(root)
    done = projects.run("build", "--json", cwd=root, TOKEN="a secret")
    finished = projects.finished(done)
    counts = [finished[name] for name in ("trained", "ran", "exported", "imported", "decided", "evaluated")]
    assert counts == [1, 3, 1, 3, 1, 3], done.stdout
    said = [e for e in projects.events(done.stdout) if e["type"] == "step_progress" and e["op"] == "command"]
    # of a program that ends within a tenth of a second not every line is passed on; `show` has all losses
    assert any(e["message"] == "running python" or e["of"] == 3 for e in said), said
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    root = projects.copy_of(built, tmp_path / "project")
    yield root
    projects.stop_servers(root)


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def logged(root: Path) -> list[str]:
    return "\n".join(file.read_text(encoding="utf-8") for file in (root / ".leptonctl" / "logs").iterdir()).splitlines()


def test_a_version_of_a_program_lives_as_any_other(root: Path) -> None:
    own_graph = ort.InferenceSession((root / "vendor" / "forest.onnx").read_bytes())
    assert apply(root)["bound"] == 1
    url = projects.served(root, "prod")["url"]
    x = np.random.RandomState(1).uniform(0, 10, (50, 2)).astype(np.float32)
    inputs = [{"name": n, "shape": [50], "datatype": "FP32", "data": x[:, i].tolist()} for i, n in enumerate("xy")]
    answer = {o["name"]: o["data"] for o in projects.ask(f"{url}/v2/models/line/infer", {"inputs": inputs})["outputs"]}
    assert answer["label"] == own_graph.run(None, {"X": x})[0].tolist()
    shown = json.loads(projects.run("show", "line@v1", "--json", cwd=root).stdout)["version"]
    assert (shown["origin"], shown["algorithm"], bool(shown["metrics"])) == ("command", None, True)
    assert shown["training"] == {"iterations": 3, "loss": [1, 0.5, pytest.approx(1 / 3)]}
    assert "1 █▃▁ 0.3333" in projects.run("show", "line@v1", cwd=root).stdout
    listed = {p["path"]: (p["line"], p["column"]) for p in shown["parameters"]}
    assert listed["command.files.lib/words.py"] == (8, 66), listed
    board = json.loads(projects.run("leaderboard", "line", "--json", cwd=root).stdout)["rows"]
    assert {row["version"]: row["origin"] for row in board} == {"v1": "command", "v2": "trained", "v3": "command", "v4": "command"}
    verified = projects.run("verify", "line@v1", "--rebuild", "--json", cwd=root)
    assert json.loads(verified.stdout)["rebuild"]["verdict"] == "identical", verified.stdout + verified.stderr
    drawn = json.loads(projects.run("verify", "line@v4", "--rebuild", "--json", cwd=root).stdout)
    rebuilt = drawn["rebuild"]
    assert (drawn["ok"], rebuilt["verdict"], rebuilt["parity"]["labels_differ"]) == (True, "not comparable", 0), rebuilt
    assert any("LEPTON_SEED" in reason for reason in rebuilt["reasons"])
    predicted = json.loads(projects.run("predict", "line@v3", "--input", "data/points.csv", "--json", cwd=root).stdout)["predictions"]
    assert any(row["label"] == "below" and row["probabilities"]["below"] < 0.5 for row in predicted)

    # which rows it has seen is known, and so it can be compared
    prod(root, "models: {line: v2}\ngates: {accuracy: {max_drop: 1}}\n")
    assert apply(root)["bound"] == 1

    # the return writes the program back with the digests of what was served, and needs none of the files
    prod(root, "models: {line: v2}\n")
    line(root, "v1", "")
    for version in ("v3", "v4"):
        line(root, version, "")
    apply(root)
    (root / "train.py").unlink()
    back = projects.run("rollback", "prod", "--yes", cwd=root)
    assert (back.returncode, bound(root)) == (0, {"line": "v1"}), back.stdout + back.stderr
    assert plan(root, 0)["changes"] == []
    yaml = json.loads(projects.run("leaderboard", "line", "--yaml", "v1", "--json", cwd=root).stdout)["entry"]
    assert yaml["digest"] == shown["digest"]
    # but to run again it needs them, as they were
    projects.edit(root / "model-line.yaml", "seed: 7", "seed: 8")
    missing = plan(root, 1)
    assert [(d["id"], "train.py is gone" in d["detail"]) for d in missing["diagnostics"]] == [("source-changed", True)]
    projects.edit(root / "model-line.yaml", "seed: 8", "seed: 7")

    report = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    held = {(h["artifact"], h["op"], h["holds"]) for h in report["holders"] if h["address"] == "model/line@v1"}
    assert {op for artifact, op, holds in held if artifact == "model.onnx" and holds == OF_A_PROGRAM} == {"command", "import"}, held


def test_a_program_has_its_files_the_training_rows_and_listed_variables(built: Path) -> None:
    lines = logged(built)
    (folder,) = {text for text in lines if text.startswith("folder ")}
    assert folder.split() == [
        "folder", "lib", "lib/words.py", "prepared", "prepared/contract.json", "prepared/train.jsonl", "prepared/train.parquet",
        "train.py", "vendor", "vendor/forest.onnx",
    ]  # fmt: skip
    remarks = [text for text in lines if text.startswith("{not progress")]
    rows = json.loads(projects.run("show", "line@v1", "--json", cwd=built).stdout)["version"]["data"]["rows"]
    assert f"{{not progress {rows['train']} ['side', 'x', 'y'] ['above', 'below'] 7" in remarks, (remarks, rows)
    variables = [text for text in lines if text.startswith("variables ")]
    assert not any("TOKEN" in text or "a secret" in text or str(Path.home()) in text.split("PATH=")[0] for text in variables)
    names = {part.partition("=")[0] for part in variables[0].split()[1:]}
    assert {"PATH", "HOME", "TMPDIR", "LANG", "LEPTON_SEED", "OMP_NUM_THREADS"} <= names
    assert names <= {*os.environ} | {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "LEPTON_SEED", "LC_CTYPE"} | {
        name for name in names if name.endswith("_THREADS") or name.startswith("PYTHON")
    }
    left = [int(text.split()[1]) for text in lines if text.startswith("left ")]
    assert len(left) == 3 and not any(map(alive, left)), "what a program leaves behind is ended"
    assert "args a b $HOME" in lines, "no shell reads the arguments"


EDITS = {
    "the program": (lambda root: projects.edit(root / "train.py", "range(3)", "range(4)"), "command.files.train.py"),
    "a file of a glob": (lambda root: projects.edit(root / "lib" / "words.py", "learning", "trying"), "command.files.lib/words.py"),
    "a new file of a glob": (lambda root: (root / "lib" / "more.py").write_text("", encoding="utf-8"), "command.files.lib/more.py"),
    "an argument": (lambda root: projects.edit(root / "model-line.yaml", '"a b"', '"a c"'), "command.run"),
    "a variable": (
        lambda root: projects.edit(root / "model-line.yaml", "./vendor/forest.onnx]", "./vendor/forest.onnx], env: {A: '1'}"),
        "command.env.A",
    ),
    "the seed": (lambda root: projects.edit(root / "model-line.yaml", "seed: 7", "seed: 8"), "seed"),
    "the limits": (lambda root: projects.edit(root / "model-line.yaml", "seed: 7", "seed: 7, limits: {seconds: 60, memory: 2GiB}"), None),
    "a file of others": (lambda root: (root / "private.txt").write_text("x", encoding="utf-8"), None),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_makes_a_version_another_one(built: Path, tmp_path: Path, edit: str) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    before = json.loads(projects.run("explain", "line@v1", "--json", cwd=root).stdout)
    change, path = EDITS[edit]
    change(root)
    after = json.loads(projects.run("explain", "line@v1", "--json", cwd=root).stdout)
    own_fields = [{f["path"]: f["value"] for f in explained["fields"]} for explained in (before, after)]
    changed = [name for name in {**own_fields[0], **own_fields[1]} if own_fields[0].get(name) != own_fields[1].get(name)]
    assert (before["digest"] != after["digest"], path in changed if path else changed) == (path is not None, bool(path) or []), changed
    assert {step["cached"] for step in after["steps"] if step["name"] == "train"} == {path is None}


def test_its_steps_are_called_what_they_do(built: Path) -> None:
    """In `explain` and `show` as in a plan, and (brother) before anything of it is built."""

    def steps(text: str, head: str) -> list[str]:
        return [row.split()[0] for row in text.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines() if row.strip()]

    explained = projects.run("explain", "line@v1", cwd=built)
    assert steps(explained.stdout, "Steps")[1:] == ["command", "import", "evaluate"], explained.stdout
    shown = projects.run("show", "line@v3", cwd=built)
    assert [name for name in steps(shown.stdout, "Built") if name != "package"][1:] == ["command", "import", "decide", "evaluate"], (
        shown.stdout
    )
    recipe = {"command": {"run": ["a"]}}
    assert [op_of(name, recipe) for name in ("prepare", "train", "export", "decide")] == ["prepare", "command", "import", "decide"]
    assert [op_of("export", of) for of in ({"import": {}}, {"algorithm": "mlp"})] == ["import", "export"]


@pytest.mark.parametrize(
    ("count", "kept"), [(8, [*range(8)]), (9, [0, 2, 4, 6, 8]), (12, [0, 2, 4, 6, 8, 10, 11]), (40, [0, 8, 16, 24, 32, 39])]
)
def test_a_long_curve_is_thinned_to_its_end(count: int, kept: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed_lines, "MOST_LOSSES", 8)
    printout = printed_lines.Printout(lambda **_: None, "")
    printout.read("stdout", io.BytesIO("".join(f'{{"loss": {n}}}\n' for n in range(count)).encode()))
    assert (printout.losses, printout.counted) == ([float(n) for n in kept], count)


def test_a_program_that_gets_the_source_of_its_rows_is_noticed(tmp_path: Path) -> None:
    """By its path, and (brother) by its bytes; with private columns it is refused."""
    version = "{command: {run: [python, a.py], files: [a.py, FILE]}}"
    versions = {name: version.replace("FILE", file) for name, file in (("v1", "data/points.csv"), ("v2", "copy.csv"), ("v3", "other.csv"))}
    root = projects.tiny_project(tmp_path, {"line": versions}, {})
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    (root / "copy.csv").write_bytes((root / "data" / "points.csv").read_bytes())
    for name in ("a.py", "other.csv"):
        (root / name).write_text("x\n", encoding="utf-8")

    def found(code: int) -> list[tuple[str, str, int]]:
        done = projects.run("validate", "--json", cwd=root)
        assert done.returncode == code, done.stdout
        return [(d["id"], d["severity"], d["line"]) for d in json.loads(done.stdout)["diagnostics"]]

    assert found(0) == [("program-sees-test-rows", "warning", n) for n in (8, 9)]
    projects.edit(root / "data.yaml", "target: side\n", "target: side\nprivacy: {drop: [x]}\n")
    assert found(3) == [("program-sees-test-rows", "error", n) for n in (8, 9)]


FAILING = """\
import os
import pathlib
import sys
import time

mode = os.environ["MODE"]
print("to standard output")
if mode == "raises":
    raise ValueError("no \\x1b[31mluck" + "x" * 1000)
if mode == "hangs":
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(300)
if mode == "eats":
    bytearray(3 << 30)
if mode == "dies":
    os.kill(os.getpid(), 11)
if mode == "pickle":
    pathlib.Path("model.onnx").write_bytes(b"\\x80\\x04]")
if mode == "link":
    os.symlink("/etc/hostname", "model.onnx")
if mode == "pipe":
    os.mkfifo("model.onnx")
if mode == "folder":
    os.symlink("/etc", "out")
if mode in ("saved", "elsewhere"):
    os.makedirs("model.onnx" if mode == "saved" else "out")
    for name in ("model.onnx/saved_model.pb", *(f"model.onnx/w{n}" for n in range(9))) if mode == "saved" else ("out/net.onnx",):
        pathlib.Path(name).write_bytes(b"x")
    if mode == "elsewhere":
        open(b"out/\\xff.txt", "wb").close()
if mode == "large":
    with open("model.onnx", "wb") as file:
        file.truncate(600 << 20)
"""
FAILURES = {
    "raises": ("command-failed", "It ended with exit code 1", "ValueError: no luckxxx"),
    "hangs": ("command-failed", "It had not ended after 1 s", "waiting"),
    "eats": ("command-failed", "may have 1,024 MiB", "MemoryError"),
    "dies": ("command-failed", "SIGSEGV", "to standard output"),
    "pickle": ("command-output", "model.onnx", "a Python pickle"),
    "link": ("command-output", "model.onnx", ""),
    "pipe": ("command-output", "not a regular file", ""),
    "large": ("command-output", "600 MiB", "512 MiB"),
    "nothing": ("command-output", "without writing model.onnx", "It wrote no file."),
    "saved": ("command-output", "model.onnx is a folder", "It wrote model.onnx/saved_model.pb, model.onnx/w0, ", " and 2 more."),
    "elsewhere": ("command-output", "without writing model.onnx", "It wrote out/\\udcff.txt, out/net.onnx."),
}


def test_a_program_that_fails_says_why_and_keeps_nothing(tmp_path: Path) -> None:
    limits = {"hangs": ", limits: {seconds: 1}", "eats": ", limits: {memory: 1GiB}"}
    versions = {mode: f"{{command: {{env: {{MODE: {mode}}}}}{limits.get(mode, '')}}}" for mode in FAILURES}
    versions["none"] = "{command: {run: [no-such-program], env: {MODE: none}}}"
    versions["module"] = "{command: {run: [python, -c, import pyarrov.csv]}}"
    versions["words"] = "{command: {run: [python fail.py], env: {MODE: none}}}"
    versions["folder"] = "{command: {output: out/hostname, env: {MODE: folder}}}"
    root = projects.tiny_project(tmp_path, {"line": versions}, {})
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    file = root / "model-line.yaml"
    text = file.read_text(encoding="utf-8").replace(
        "algorithm: logistic_regression\n", "command: {run: [python, fail.py], files: [fail.py]}\n"
    )
    file.write_text("\n".join(row for row in text.splitlines() if not row.startswith("preprocess")) + "\n", encoding="utf-8")
    (root / "fail.py").write_text(FAILING, encoding="utf-8")
    done = projects.run("build", "--json", cwd=root)
    failed = {e["address"].partition("@")[2]: e["diagnostic"] for e in projects.events(done.stdout) if e["type"] == "step_failed"}
    expected = {
        **FAILURES,
        "none": ("command-failed", "no no-such-program", "on the PATH"),
        "module": ("command-failed", "No module named 'pyarrov'", ""),
        "words": ("command-failed", "no python fail.py", "on the PATH"),
        "folder": ("command-output", "not a regular file", ""),
    }
    assert (done.returncode, failed.keys()) == (1, expected.keys()), done.stdout + done.stderr
    for mode, (id_, *parts) in expected.items():
        said = failed[mode]
        assert (said["id"], [part for part in parts if part not in said["detail"]]) == (id_, []), said
        assert ('run: ["python", "fail.py"]' in said["hint"]) == (mode == "words"), said
        assert ("pip install" in said["hint"]) == ("ModuleNotFoundError" in said["detail"]), said
        assert said["hint"] and "\x1b" not in said["detail"] and max(map(len, said["detail"].splitlines())) <= 300, said
    assert failed["elsewhere"]["hint"] == "write `output: out/net.onnx`"
    assert not [row for row in logged(root) if "own_code/program.py" in row], "a traceback of ours hides the program's"
    assert any("ValueError" in row for row in logged(root))
    assert projects.run("build", "line@raises", "--json", cwd=root).returncode == 1, "what failed is tried again"


DAEMON = """\
import os
import pathlib
import subprocess
import sys
import time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
file = pathlib.Path(os.environ["NOTE"])
file.with_suffix(".new").write_text(f"{os.getpid()} {child.pid} {os.getcwd()}")
file.with_suffix(".new").rename(file)
time.sleep(300)
"""


@pytest.mark.parametrize("end", ["ctrl-c", "kill"])
def test_nothing_that_a_program_started_is_left(tmp_path: Path, end: str) -> None:
    note = tmp_path / "note"
    version = f"{{command: {{run: [python, d.py], files: [d.py], env: {{NOTE: '{note}'}}}}}}"
    root = projects.tiny_project(tmp_path / "p", {"line": {"v1": version}}, {})
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    (root / "d.py").write_text(DAEMON, encoding="utf-8")
    command = projects.start("build", cwd=root)
    deadline = time.monotonic() + 60
    try:
        while not note.exists():
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        *pids, folder = note.read_text(encoding="utf-8").split(" ", 2)
        os.killpg(command.pid, signal.SIGINT if end == "ctrl-c" else signal.SIGKILL)
        while any(alive(int(pid)) for pid in pids) or Path(folder).exists():
            assert time.monotonic() < deadline, (pids, folder)
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        command.communicate()


WRONG = {
    "{command: {run: [python, a.py], files: [none.py]}}": ("missing-file", 47),
    "{command: {run: [python, a.py], files: ['none/*.py']}}": ("missing-file", 47),
    "{command: {run: [python, a.py], files: [lib]}}": ("not-a-file", 47),
    "{command: {run: [python, a.py], files: [/etc/hostname]}}": ("outside-project", 47),
    "{command: {run: [python, a.py], files: [../../a.py]}}": ("outside-project", 47),
    "{command: {run: [python, a.py], files: [link.py]}}": ("outside-project", 47),
    "{command: {run: [python, a.py], files: ['links/*.py']}}": ("outside-project", 47),
    "{command: {run: [python, a.py], files: [prepared/x.py]}}": ("command-conflict", 47),
    "{command: {run: [python, a.py], files: []}}": ("wrong-length", 46),
    "{command: {run: [], files: [a.py]}}": ("wrong-length", 23),
    "{command: {run: python a.py, files: [a.py]}}": ("wrong-type", 23),
    "{command: [python, a.py]}": ("wrong-type", 17),
    "{command: {run: [python, a.py]}}": ("missing-key", 8),
    "{command: {files: [a.py]}}": ("missing-key", 8),
    "{command: {run: [''], files: [a.py]}}": ("command-conflict", 23),
    "{command: {run: [python, a.py], files: [a.py], output: ../m.onnx}}": ("command-conflict", 62),
    "{command: {run: [python, a.py], files: [a.py], output: a.py}}": ("command-conflict", 62),
    "{command: {run: [python, a.py], files: [a.py], output: prepared/train.jsonl}}": ("command-conflict", 62),
    "{command: {run: [python, a.py], files: [a.py], env: {LEPTON_SEED: '1'}}}": ("command-conflict", 60),
    "{command: {run: [python, a.py], files: [a.py], env: {'A=B': '1'}}}": ("command-conflict", 60),
    "{command: {run: [python, a.py], files: [a.py], env: {A: 1}}}": ("wrong-type", 63),
    "{command: {run: [python, a.py], files: {a.py: sha256:12}}}": ("bad-format", 53),
    "{command: {run: [python, a.py], files: [a.py]}, algorithm: mlp}": ("command-conflict", 55),
    "{command: {run: [python, a.py], files: [a.py]}, params: {C: 1}}": ("command-conflict", 55),
    "{command: {run: [python, a.py], files: [a.py]}, preprocess: []}": ("command-conflict", 55),
    "{command: {run: [python, a.py], files: [a.py]}, import: a.py}": ("import-conflict", 8),
    "{command: {run: [python, a.py], files: [a.py]}, calibrate: {method: sigmoid}}": ("command-conflict", 55),
    "{command: {run: [python, a.py], files: [a.py]}, threshold: {metric: f1}}": ("command-conflict", 55),
    "{command: {run: [python, a.py], files: [a.py]}, evaluate: {cross_validation: 3}}": ("command-conflict", 66),
    "{command: {run: [python, a.py], files: [a.py]}, task: clustering}": ("command-conflict", 61),
    "{command: {run: [python, a.py], files: [a.py]}, classes: [a, 1]}": ("command-conflict", 64),
    "{command: {run: [python, a.py], files: [a.py]}, limits: {seconds: 0}}": ("out-of-range", 73),
    "{command: {run: [python, a.py], files: [a.py]}, limits: {memory: 2 GB}}": ("bad-format", 72),
    "{limits: {seconds: 3}}": ("command-conflict", 8),
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a program, and links that lead out of it."""
    root = projects.tiny_project(tmp_path_factory.mktemp("wrong"), {"line": {"v1": "{}"}}, {})
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    (root / "a.py").write_text("", encoding="utf-8")
    (root / "lib").mkdir()
    (root / "links").mkdir()
    for name in ("link.py", "links/link.py"):
        (root / name).symlink_to("/etc/hostname")
    return root


@pytest.mark.parametrize("rest", WRONG)
def test_what_is_wrong_is_said_where_it_is_written(checked: Path, rest: str) -> None:
    line(checked, "v9", rest)
    done = projects.run("validate", "--json", cwd=checked, timeout=10)
    problems = [p for p in json.loads(done.stdout)["diagnostics"] if p["severity"] == "error"]
    found = [(p["id"], p["line"], p["column"]) for p in problems]
    assert (done.returncode, found) == (3, [(WRONG[rest][0], 9, WRONG[rest][1])]), done.stdout
    assert all(problem["hint"] for problem in problems)
    assert "data file" not in problems[0]["summary"], "a program is not one"


def test_only_a_build_runs_a_program(tmp_path: Path) -> None:
    """Of a pull request that adds a command and allows it: nothing of it runs before someone builds it."""
    root = projects.tiny_project(tmp_path / "p", {"line": {"v1": "{command: {run: [./evil.sh], files: [evil.sh]}}"}}, {})
    projects.edit(root / "leptonctl.yaml", "kind: Project\n", "kind: Project\nallow: [command]\n")
    (root / "evil.sh").write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n", encoding="utf-8")
    (root / "evil.sh").chmod(0o755)
    for command in (["validate"], ["plan"], ["explain", "line@v1"], ["show"], ["diff", "line@v1", "line@v1"], ["status"]):
        projects.run(*command, cwd=root)
        assert not (tmp_path / "ran").exists(), command
    assert projects.run("build", cwd=root).returncode == 1
    assert (tmp_path / "ran").exists(), "a file keeps its permission to be run"


def test_without_permission_nothing_runs_and_the_line_to_add_is_said(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, {"line": {"v1": f"{{command: {COMMAND}}}", "v2": f"{{command: {COMMAND}}}"}}, {})
    own(root)
    projects.edit(root / "leptonctl.yaml", "allow: [command]\n", "allow: []\n")
    refused = json.loads(projects.run("build", "--json", cwd=root).stdout.splitlines()[0])
    assert [(d["id"], d["line"], d["column"]) for d in refused["diagnostics"]] == [("command-not-allowed", n, 8) for n in (8, 9)], refused
    assert all("add `allow: [command]` to leptonctl.yaml" in d["hint"] for d in refused["diagnostics"])
    assert not (root / ".leptonctl" / "logs").exists()


def test_what_has_served_returns_without_permission_since_nothing_runs(root: Path) -> None:
    """Its lines and `allow` have left; to run it again (brothers: by an edit, in a rebuild, from lines of one's own) needs the permission."""
    prod(root, "models: {line: v1}\n")
    assert apply(root)["bound"] == 1
    prod(root, "models: {line: v2}\n")
    for version in ("v1", "v3", "v4"):
        line(root, version, "")
    projects.edit(root / "leptonctl.yaml", "allow: [command]\n", "")
    apply(root)
    back = projects.run("rollback", "prod", "--yes", cwd=root)
    assert (back.returncode, bound(root)) == (0, {"line": "v1"}), back.stdout + back.stderr
    assert projects.run("validate", cwd=root).returncode == 0
    assert plan(root, 0)["changes"] == []
    rebuilt = projects.run("verify", "line@v1", "--rebuild", cwd=root)
    assert (rebuilt.returncode, "error[command-not-allowed]" in rebuilt.stderr) == (3, True), rebuilt.stdout + rebuilt.stderr
    before = len(logged(root))
    projects.edit(root / "model-line.yaml", "seed: 7", "seed: 8")
    refused = plan(root, 1)
    assert [(d["id"], d["file"]) for d in refused["diagnostics"]] == [("command-not-allowed", "model-line.yaml")]
    assert projects.run("build", cwd=root).returncode == 1
    assert len(logged(root)) == before
