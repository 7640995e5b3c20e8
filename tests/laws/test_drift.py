"""Differences between what serves and the state, each on its own line: healed, noted or unobserved (law 10). Losses are reported, never guessed."""

import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode, encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.frozen import replace
from tests.projects import (
    a_term_later,
    ask,
    edit,
    environment_of,
    events,
    finished,
    free_port,
    points,
    processes,
    record,
    recorded,
    result_of,
    run,
    served,
    start,
    state_file,
    state_of,
    status_record,
    stop_servers,
    stored,
    tiny_project,
)

SOAK = bool(os.environ.get("LEPTONCTL_SOAK"))
ROW = {"inputs": [{"name": n, "datatype": "FP32", "shape": [1], "data": [v]} for n, v in (("x", 2.0), ("y", 3.0))]}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tiny_project(tmp_path_factory.mktemp("built"))
    done = run("build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / ".leptonctl" / "store"


@pytest.fixture
def root(tmp_path: Path, built: Path) -> Iterator[Path]:
    project = tiny_project(tmp_path)
    shutil.copytree(built, project / ".leptonctl" / "store")
    assert run("pin", cwd=project).returncode == 0
    done = run("apply", "--yes", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    yield project
    stop_servers(project)


def plan(root: Path, code: int) -> dict:
    shown = run("plan", "--detailed-exitcode", "--json", cwd=root)
    assert shown.returncode == code, shown.stdout + shown.stderr
    return json.loads(shown.stdout)


def kill_server(root: Path) -> int:
    (pid,) = processes(root)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while processes(root) and time.monotonic() < deadline:
        time.sleep(0.02)
    return pid


def test_a_server_that_died_is_started_again(root: Path) -> None:
    url = environment_of(root, "dev").url
    before = ask(f"{url}/v2/models/line/infer", ROW)["outputs"]
    dead = kill_server(root)
    shown = plan(root, 2)
    assert shown["changes"] == []
    assert [(d["address"], d["class"]) for d in shown["drift"]] == [("environment/dev", "heal")]
    assert served(root, "dev")["healthy"] is False
    healed = run("apply", "--yes", "--json", cwd=root)
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert finished(healed)["bound"] == 0
    assert set(processes(root)) != {dead}
    assert ask(f"{url}/v2/models/line/infer", ROW)["outputs"] == before
    assert served(root, "dev")["healthy"] is True
    assert plan(root, 0)["drift"] == []


def test_another_program_on_the_port_is_not_mistaken_for_the_server(root: Path, tmp_path: Path, built: Path) -> None:
    """Even another project's server, with an environment, a model and a deployment number of the same names."""
    other = tiny_project(tmp_path / "other")
    shutil.copytree(built, other / ".leptonctl" / "store")
    kill_server(root)
    port = str(environment_of(root, "dev").url).rpartition(":")[2]
    platform = (other / "environment-dev.yaml").read_text().partition("port: ")[2].partition("}")[0]
    edit(other / "environment-dev.yaml", f"port: {platform}", f"port: {port}")
    try:
        assert run("apply", "--yes", cwd=other).returncode == 0
        shown = plan(root, 2)
        assert [(d["address"], d["class"]) for d in shown["drift"]] == [("environment/dev", "heal")]
        assert served(root, "dev")["healthy"] is False
        taken = run("apply", "--yes", "--json", cwd=root)
        assert taken.returncode == 1, taken.stdout + taken.stderr
        assert "port-in-use" in taken.stdout
    finally:
        stop_servers(other)
    assert run("apply", "--yes", cwd=root).returncode == 0
    assert plan(root, 0)["drift"] == []


def another_program(port: int) -> socket.socket:
    """A program that listens on a port, as soon as the previous one has released it."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_server_is_healed_before_anything_is_built(root: Path) -> None:
    """Healing does not wait for a training, and a server that cannot be healed stops no training."""
    environment, model = environment_of(root, "dev"), root / "model-line.yaml"
    port = int(str(environment.url).rpartition(":")[2])
    kill_server(root)
    model.write_text(model.read_text() + "  v3: {params: {C: 4.0}}\n")
    with another_program(port):
        failed = run("apply", "--yes", "--json", cwd=root)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    (problem,) = [e for e in events(failed.stdout) if e["type"] == "step_failed"]
    assert (problem["address"], problem["diagnostic"]["id"]) == ("environment/dev", "port-in-use")
    assert (finished(failed)["trained"], finished(failed)["failed"]) == (1, 1)
    model.write_text(model.read_text() + "  v4: {params: {C: 8.0}}\n")
    applying = start("apply", "--yes", "--json", cwd=root)
    assert applying.stdout is not None
    for line in applying.stdout:
        if json.loads(line)["type"] == "step_started":
            break
    assert ask(f"{environment.url}/v2/models/line/infer", ROW)["outputs"]
    out, err = applying.communicate(timeout=60)
    assert applying.returncode == 0, out + err
    assert events(out)[-1]["trained"] == 1
    assert plan(root, 0)["drift"] == []


def test_an_overwritten_pinned_file_is_a_note(root: Path) -> None:
    (root / "data" / "points.csv").write_text(points(seed=5))
    shown = plan(root, 0)
    assert [(d["address"], d["class"]) for d in shown["drift"]] == [("dataset/points@first", "note")]
    (root / "data" / "points.csv").unlink()
    assert [(d["address"], d["class"]) for d in plan(root, 0)["drift"]] == [("dataset/points@first", "note")]
    nothing = run("apply", "--yes", "--json", cwd=root)
    assert nothing.returncode == 0, nothing.stdout + nothing.stderr
    # a pinned version can still be trained: its prepared rows are in the store
    model = root / "model-line.yaml"
    model.write_text(model.read_text() + "  v3: {params: {C: 4.0}}\n")
    more = run("apply", "--yes", "--json", cwd=root)
    assert more.returncode == 0, more.stdout + more.stderr
    assert (finished(more)["prepared"], finished(more)["trained"]) == (0, 1)


def test_a_server_on_another_host_is_unobserved(root: Path) -> None:
    """This host neither starts nor heals it; a heartbeat in the store is seen from anywhere."""
    state = recorded(root)
    record(root, replace(state, environments={"dev": replace(state.environments["dev"], host="elsewhere")}))
    assert plan(root, 0)["drift"] == []
    kill_server(root)
    (server,) = stored(root, layout.servers(state.lineage, "dev")).iterdir()
    server.write_bytes(encode(replace(decode(server.read_bytes(), ServerRecord), host="elsewhere", machine="elsewhere")))
    assert plan(root, 0)["drift"] == [], "it cannot be known yet"
    a_term_later(root, server.name)
    shown = plan(root, 0)
    assert "unobserved" in [d["class"] for d in shown["drift"]]
    assert "heal" not in [d["class"] for d in shown["drift"]]
    nothing = run("apply", "--yes", cwd=root)
    assert nothing.returncode == 0, nothing.stdout + nothing.stderr
    assert processes(root) == {}
    # a binding moves there by the store alone: with no living server the head moves at once
    edit(root / "environment-dev.yaml", "line: v1", "line: v2")
    moved = run("apply", "--yes", "--json", cwd=root)
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert processes(root) == {}
    port = free_port()
    serving = start("serve", "dev", "--port", str(port), cwd=root)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if ask(f"http://127.0.0.1:{port}/v2/models/line")["versions"]:
                    break
            except OSError:
                time.sleep(0.1)
        assert status_record(f"http://127.0.0.1:{port}").models["line"].version == "v2"
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.communicate(timeout=20)


def lose(root: Path, digest: str) -> None:
    stored(root, layout.artifact(digest)).unlink()


def numbered(root: Path, entry: dict, step: str, number: int = 1) -> Path:
    """The file of a step's result, or of a later record beside it."""
    return stored(root, layout.result(entry["steps"][step]["key"], number))


def rebuild(root: Path, address: str, *ops: str) -> dict:
    """Plan names the loss and lists exactly these steps; apply does them."""
    change = next(c for c in plan(root, 2)["changes"] if c["address"] == address)
    assert "missing from the store" in change["reason"]
    assert [s["op"] for s in change["steps"] if not s["cached"]] == list(ops)
    applied = run("apply", "--yes", "--json", cwd=root)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    plan(root, 0)
    return finished(applied)


def test_a_lost_artifact_is_built_again(root: Path) -> None:
    """The same bytes come out, so the record that names them is in force again."""
    entry = state_of(root)["current"]["model/line@v1"]
    lose(root, entry["artifact"])
    done = rebuild(root, "model/line@v1", "export", "evaluate")
    assert (done["trained"], done["exported"], done["evaluated"]) == (0, 1, 0)
    assert not numbered(root, entry, "export", 2).exists()
    assert state_of(root)["current"]["model/line@v1"]["artifact"] == entry["artifact"]
    assert ask(f"{environment_of(root, 'dev').url}/v2/models/line/infer", ROW)["outputs"]


def test_a_lost_native_model_is_trained_again(root: Path) -> None:
    entry = state_of(root)["current"]["model/line@v2"]
    lose(root, result_of(root, entry["steps"]["train"]["key"]).artifacts["model.skops"])
    plan(root, 0)  # only an export reads it
    lose(root, entry["artifact"])
    done = rebuild(root, "model/line@v2", "train", "export", "evaluate")
    assert (done["trained"], done["exported"], done["evaluated"]) == (1, 1, 0)


def test_other_bytes_are_another_artifact(root: Path) -> None:
    """If the rebuilt model is a different one (here: its native model was exchanged), it is recorded beside the old one, evaluated and gated."""
    edit(root / "environment-dev.yaml", "models: {line: v1}", "models: {line: v1}\ngates:\n  accuracy: {min: 0.5}")
    current = state_of(root)["current"]
    entry, other = current["model/line@v1"], current["model/line@v2"]
    trained, native = (result_of(root, version["steps"]["train"]["key"]) for version in (entry, other))
    numbered(root, entry, "train").write_bytes(encode(replace(trained, artifacts=native.artifacts)))
    lose(root, entry["artifact"])
    done = rebuild(root, "model/line@v1", "export", "evaluate")
    assert (done["trained"], done["exported"], done["bound"]) == (0, 1, 1)
    assert numbered(root, entry, "export", 2).exists()
    now = state_of(root)["current"]
    assert now["model/line@v1"]["artifact"] == now["environment/dev/line"]["artifact"] != entry["artifact"]
    assert now["model/line@v1"]["steps"]["evaluate"] == other["steps"]["evaluate"], "the metrics of these bytes count, not the old ones"
    newest = json.loads(run("history", "--json", cwd=root).stdout)["entries"][0]
    assert [(g["address"], g["passed"]) for g in newest["evidence"]] == [("environment/dev/line", True)]
    assert served(root, "dev")["models"][0]["live_artifact"] == now["model/line@v1"]["artifact"]


def objects(root: Path) -> list[Path]:
    """The files in the store, except the servers' records of themselves."""
    return sorted(p for p in stored(root, "").rglob("*") if not {"servers", ".temporary", ".locks"} & set(p.parts))


@pytest.mark.parametrize("loss", ["folder", "file", "empty", "half", "list", "newer"])
def test_a_lost_or_broken_state_is_an_error(root: Path, loss: str) -> None:
    """Never "create everything": exit 1, the remedy is named, nothing is written."""
    file = state_file(root)
    good = file.read_text()
    if loss == "folder":
        shutil.rmtree(file.parent)
    elif loss == "file":
        file.unlink()
    else:
        broken = {
            "empty": "",
            "half": good[: len(good) // 2],
            "list": "[]",
            "newer": good.replace('"format_version":"1', '"format_version":"9'),
        }
        file.write_text(broken[loss])
    listing = objects(root)
    for command in (
        ["plan"],
        ["apply", "--yes"],
        ["status"],
        ["show"],
        ["rollback", "dev", "--yes"],
        ["destroy", "--yes"],
        ["lock", "list"],
    ):
        done = run(*command, cwd=root)
        assert done.returncode == 1, (command, done.stdout, done.stderr)
        assert "hint:" in done.stderr
        assert "state" in done.stderr
        assert "Traceback" not in done.stderr
        assert "to create" not in done.stdout
    assert objects(root) == listing
    backup = file.with_name("state.json.backup")
    if backup.exists() and loss != "newer":
        assert f"cp {backup} {file}" in run("plan", cwd=root).stderr
        shutil.copyfile(backup, file)
        assert run("apply", "--yes", cwd=root).returncode == 0
    else:
        file.parent.mkdir(exist_ok=True)
        file.write_text(good)
    plan(root, 0)


@pytest.mark.parametrize("block", ["source", "test"])
@pytest.mark.parametrize("overwritten", [True, False])
def test_a_pinned_file_that_a_step_needs_is_an_error_of_the_plan(tmp_path: Path, block: str, overwritten: bool) -> None:
    project = tiny_project(tmp_path, rows=40)
    (project / "data" / "late.csv").write_text(points(rows=20, seed=3))
    edit(
        project / "data.yaml",
        "  first: {source: data/points.csv}",
        "  first:\n    source: data/points.csv\n    test:\n      source: data/late.csv",
    )
    assert run("pin", cwd=project).returncode == 0
    name = "points.csv" if block == "source" else "late.csv"
    pin = hashlib.sha256((project / "data" / name).read_bytes()).hexdigest()
    line = next(number for number, text in enumerate((project / "data.yaml").read_text().splitlines(), 1) if pin in text)
    if overwritten:
        (project / "data" / name).write_text(points(rows=40, seed=5))
    else:
        (project / "data" / name).unlink()
    for command in (["plan"], ["plan", "--detailed-exitcode"], ["build"], ["apply", "--yes"]):
        refused = run(*command, cwd=project)
        shown = refused.stdout + refused.stderr
        assert refused.returncode == 1, shown
        assert "error[source-changed]" in shown
        assert f"data/{name} " in shown
        assert f"data.yaml:{line}:" in shown
    assert json.loads(run("plan", "--json", cwd=project).stdout)["drift"] == []
