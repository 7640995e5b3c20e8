"""Damage between two commands, through the command line: the message names the file and the remedy, and nothing else is affected."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from leptonctl.commands.session import Session
from leptonctl.commands.verify import verify
from leptonctl.core import layout
from leptonctl.core.codec import with_checksum
from tests import projects
from tests.deploying.servers import until
from tests.e2e.clones import serving

Tiny = Callable[..., Path]


@pytest.fixture
def applied(tiny: Tiny) -> Path:
    root = tiny()
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    return root


def bound_model(root: Path) -> Path:
    state = projects.recorded(root)
    return projects.stored(root, layout.artifact(str(state.current["environment/dev/line"].artifact)))


def test_a_head_that_is_not_a_file_is_reported_with_its_path(applied: Path) -> None:
    head = projects.stored(applied, layout.head(projects.recorded(applied).lineage, "dev"))
    head.unlink()
    head.mkdir()
    projects.edit(applied / "environment-dev.yaml", "line: v1", "line: v2")
    refused = projects.run("apply", "--yes", cwd=applied, timeout=60)
    assert refused.returncode == 1
    assert "deployments/dev/head" in refused.stdout + refused.stderr
    head.rmdir()
    assert projects.run("apply", "--yes", cwd=applied).returncode == 0
    assert [m["version"] for m in projects.served(applied, "dev")["models"]] == ["v2"]


def test_a_damaged_artifact_is_named_with_its_remedy(applied: Path) -> None:
    model = bound_model(applied)
    whole = model.read_bytes()
    model.chmod(0o644)
    model.write_bytes(whole[:100])
    for words in (("predict", "dev/line", "--input", "data/points.csv"), ("predict", "line@v1", "--input", "data/points.csv")):
        asked = projects.run(*words, cwd=applied)
        assert (asked.returncode, "error[damaged-artifact]" in asked.stderr) == (1, True), asked.stderr
    model.write_bytes(whole)


def killed(root: Path) -> None:
    for pid in projects.processes(root):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not projects.processes(root))


@pytest.mark.parametrize(("name", "is_killed"), [("model.onnx", True), ("golden.json", False)])
def test_damaged_bytes_of_a_server_in_trouble_are_built_again(name: str, *, is_killed: bool, applied: Path) -> None:
    """A6: whether the server is down or refuses them; the plan lists the steps, plan and status say why, and the bytes are equal."""
    route = projects.deployments_of(applied, "dev")[1].main("line")
    assert route is not None
    path = layout.artifact(route.files[name])
    file = projects.stored(applied, path)
    whole = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    # a server that could not start again is not stopped
    (pid,) = projects.processes(applied)
    refused = projects.run("server", "restart", "dev", cwd=applied)
    assert (refused.returncode, "leptonctl apply --only model/line@v1" in refused.stderr) == (1, True), refused.stderr
    assert list(projects.processes(applied)) == [pid]
    killed(applied)
    with ExitStack() as started:
        if not is_killed:
            # as a unit of systemd does
            port = str(projects.environment_of(applied, "dev").platform["port"])
            url, _ = started.enter_context(serving(applied, "--port", port, environment="dev"))
            until(lambda: name in projects.status_record(url).note)
        reason = path if is_killed else name
        dev = projects.served(applied, "dev")
        assert (dev["healthy"], reason in dev["reason"], reason in dev["models"][0]["drift"]) == (False, True, True)
        plan = json.loads(projects.run("plan", "--json", cwd=applied).stdout)
        assert [(c["address"], [s["name"] for s in c["steps"] if not s["cached"]]) for c in plan["changes"]] == [
            ("model/line@v1", ["export", "evaluate"]),
            ("environment/dev/line", ["bind"]),
        ]
        (heal,) = [drift for drift in plan["drift"] if drift["class"] == "heal"]
        assert reason in heal["reason"]
        done = projects.run("apply", "--yes", "--json", cwd=applied)
        assert (done.returncode, projects.finished(done)["trained"]) == (0, 0), done.stdout + done.stderr
        assert file.read_bytes() == whole
        assert projects.served(applied, "dev")["healthy"] is True
        assert projects.run("plan", "--detailed-exitcode", cwd=applied).returncode == 0


def test_checks_that_a_server_cannot_load_are_written_again(applied: Path) -> None:
    """They are no step's result: only a binding writes them."""
    route = projects.deployments_of(applied, "dev")[1].main("line")
    assert route is not None
    file = projects.stored(applied, layout.artifact(str(route.checks)))
    whole = file.read_bytes()
    file.chmod(0o644)
    for damage in (lambda: file.write_bytes(b"other"), file.unlink):
        damage()
        refused = projects.run("server", "restart", "dev", cwd=applied)
        assert (refused.returncode, "leptonctl apply --only environment/dev/line" in refused.stderr) == (1, True), refused.stderr
        killed(applied)
        done = projects.run("apply", "--yes", "--json", cwd=applied)
        assert (done.returncode, projects.finished(done)["bound"]) == (0, 1), done.stdout + done.stderr
        assert (file.read_bytes(), projects.served(applied, "dev")["healthy"]) == (whole, True)


def test_bytes_that_no_server_misses_are_named_and_built_again(applied: Path) -> None:
    """A server holds what it has loaded. A lost file of what is bound is in the plan; of the rest `verify --store` names the command."""
    route = projects.deployments_of(applied, "dev")[1].main("line")
    assert route is not None
    current = projects.recorded(applied).current
    native = projects.result_of(applied, str(current["model/line@v1"].key("train"))).artifacts["model.skops"]
    rows = projects.result_of(applied, str(current["dataset/points@first"].key("prepare"))).artifacts
    prepared = rows["train.parquet"]
    assert route.profile == rows["profile.json"], "the deployment names what its models learned from"
    golden = projects.stored(applied, layout.artifact(route.files["golden.json"]))
    golden_bytes = golden.read_bytes()
    golden.unlink()
    plan = json.loads(projects.run("plan", "--json", cwd=applied).stdout)
    assert {c["address"]: [s["name"] for s in c["steps"] if not s["cached"]] for c in plan["changes"]} == {
        "model/line@v1": ["export", "evaluate"], "environment/dev/line": ["bind"],
    }  # fmt: skip

    wholes = {}
    for digest, damage in ((native, Path.unlink), (prepared, lambda file: file.write_bytes(b"other"))):
        file = projects.stored(applied, layout.artifact(digest))
        wholes[file] = file.read_bytes()
        file.chmod(0o644)
        damage(file)
    verified = projects.run("verify", "--store", cwd=applied)
    mended = re.findall(r"leptonctl apply --only (\S+?)(?: --yes)?`?$", verified.stdout, re.MULTILINE)
    assert (verified.returncode, sorted(set(mended))) == (1, ["dataset/points@first", "model/line@v1"]), verified.stdout
    for address in sorted(set(mended)):
        done = projects.run("apply", "--only", address, "--yes", cwd=applied)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {file: file.read_bytes() for file in wholes} == wholes
    projects.run("apply", "--yes", cwd=applied)
    assert (golden.read_bytes(), projects.run("verify", "--store", cwd=applied).returncode) == (golden_bytes, 0)
    assert "Nothing to do" in projects.run("plan", cwd=applied).stdout


def test_verify_notices_an_edited_metric(applied: Path) -> None:
    key = str(projects.recorded(applied).current["model/line@v1"].key("evaluate"))
    file = projects.stored(applied, layout.result(key))
    honest = projects.run("verify", "line@v1", "--json", cwd=applied)
    assert honest.returncode == 0, honest.stdout + honest.stderr
    assert "metrics" in [check["what"] for check in json.loads(honest.stdout)["checks"]]
    file.chmod(0o644)
    record = json.loads(file.read_bytes())
    name = min(record["outputs"]["metrics"])
    record["outputs"]["metrics"][name] = 0.123
    file.write_text(json.dumps(record, separators=(",", ":")), encoding="utf-8")
    for words in (("verify", "line@v1"), ("show",), ("diff", "line@v1", "line@v2")):
        noticed = projects.run(*words, cwd=applied)
        assert (noticed.returncode, "error[corrupt-record]" in noticed.stderr, file.name in noticed.stderr) == (1, True, True), (
            noticed.stderr
        )
    # the rows reveal a change even if the checksum was computed again
    del record["checksum"]
    file.write_bytes(with_checksum(json.dumps(record).encode()))
    verified = projects.run("verify", "line@v1", "--json", cwd=applied)
    assert verified.returncode == 1
    (wrong,) = [check for check in json.loads(verified.stdout)["checks"] if not check["ok"]]
    assert (wrong["what"], f"{name} 0.123 recorded" in wrong["detail"]) == ("metrics", True)


Edit = tuple[str, Callable[[dict], object]]
"""A step, and an edit of its outputs."""


def edited(root: Path, keys: dict[str, str], edits: tuple[Edit, ...], version: str, *, rebuild: bool = False) -> list[str]:
    """The checks of `verify` that fail when results are edited together with their checksums, as somebody who may write the store can."""
    before: dict[Path, bytes] = {}
    for op, edit in edits:
        file = projects.stored(root, layout.result(keys[op]))
        before[file] = file.read_bytes()
        record = json.loads(before[file])
        edit(record["outputs"])
        del record["checksum"]
        file.chmod(0o644)
        file.write_bytes(with_checksum(json.dumps(record).encode()))
    report = verify(Session.open(root), version, rebuild=rebuild)
    for file, data in before.items():
        file.write_bytes(data)
    failed = [str(check["what"]) for check in report["checks"] if not check["ok"]]  # type: ignore[union-attr, call-overload, index]
    assert report["ok"] is (not failed)
    return failed


def test_verify_notices_every_edit_that_a_gate_would_trust(tiny: Tiny) -> None:
    models = {"line": {"v1": "{evaluate: {cross_validation: 2}}", "v2": "{params: {C: 0.01}}"}}
    root = tiny(models=models, environments={"dev": "models: {line: v1}\ngates: {accuracy: {max_drop: 0.5}}"})
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("build", cwd=root).returncode == 0
    pointers = projects.recorded(root).current
    keys = {name: str(pointers["model/line@v1"].key(name)) for name in ("evaluate", "cross_validate", "export")}
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)["changes"]
    (keys["compare"],) = [step["key"] for change in planned for step in change["steps"] if step["op"] == "compare"]
    metrics: list[Callable[[dict], object]] = [
        lambda o: o["metrics"].update(accuracy=0.999),
        lambda o: o["metrics"].update(invented=1.0),
        lambda o: o["metrics"].pop("roc_auc"),
        lambda o: o.update(rows=7),
        lambda o: o["evaluation"]["confusion_matrix"]["matrix"][0].__setitem__(0, 99),
    ]
    for edit in metrics:
        assert edited(root, keys, (("evaluate", edit),), "line@v1") == ["metrics"]
    assert edited(root, keys, (("export", lambda o: o.update(size=1)),), "line@v1") == ["package"]
    # another package has no evaluation
    assert edited(root, keys, (("export", lambda o: o.update(package="sha256:" + "0" * 64)),), "line@v1") == ["package", "metrics"]
    comparison = "compare of environment/dev/line"
    assert edited(root, keys, (("compare", lambda o: o["metrics"]["accuracy"].update(b=0.999)),), "line@v2") == [comparison]
    assert edited(root, keys, (("compare", lambda o: o["flips"].update(changed=99)),), "line@v2") == [comparison]
    folds: Edit = ("cross_validate", lambda o: o["metrics"].update(accuracy=0.999))
    parity: Edit = ("export", lambda o: o["parity"].update(labels_differ=3))
    assert edited(root, keys, (folds, parity), "line@v1") == []
    assert edited(root, keys, (folds, parity), "line@v1", rebuild=True) == ["parity", "cross-validation"]


def rewritten(file: Path, edit: Callable[[dict], object]) -> None:
    """Edit a record together with its checksum, as somebody who may write the store can."""
    record = json.loads(file.read_bytes())
    edit(record)
    del record["checksum"]
    file.chmod(0o644)
    file.write_bytes(with_checksum(json.dumps(record, separators=(",", ":")).encode()))


def test_verify_notices_an_edit_of_what_gates_were_decided_by_in_the_past(tiny: Tiny) -> None:
    """The comparison and the verdicts of a version that is bound no more; its plan compares nothing."""
    models = {"line": {"v1": "{}", "v2": "{params: {C: 0.01}}", "v3": "{params: {C: 0.02}}"}}
    gates = "gates: {accuracy: {min: 0.1, max_drop: 0.5}, flips: {max: 0.9}}"
    root = tiny(models=models, environments={"dev": f"models: {{line: v1}}\n{gates}"})
    for before, version in (("v1", "v1"), ("v1", "v2"), ("v2", "v3")):
        projects.edit(root / "environment-dev.yaml", f"line: {before}", f"line: {version}")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
    state = projects.recorded(root)
    (compared,) = [
        file
        for file in (root / ".leptonctl/store/results").iterdir()
        if (record := json.loads(file.read_bytes()))["op"] == "compare"
        and record["provenance"]["read"]["export"] == state.current["model/line@v2"].key("export")
    ]
    switch = next(r for r in projects.history_of(root) if r.deployment == 2)
    history = projects.stored(root, layout.history_record(state.lineage, switch.serial, switch.id))

    def failed(file: Path, edit: Callable[[dict], object]) -> list[str]:
        before = file.read_bytes()
        rewritten(file, edit)
        report = verify(Session.open(root), "line@v2", rebuild=False)
        file.write_bytes(before)
        return [str(check["what"]) for check in report["checks"] if not check["ok"]]  # type: ignore[union-attr, call-overload, index]

    comparison = f"earlier comparison {compared.name[:12]} of environment/dev/line"
    assert failed(compared, lambda r: None) == []
    assert failed(compared, lambda r: r["outputs"].update(excluded=3))[0] == comparison
    assert failed(compared, lambda r: r["outputs"]["metrics"]["accuracy"].update(a=0.5))[0] == comparison
    assert failed(compared, lambda r: r["provenance"]["inputs"].update(metrics=[]))[0] == comparison
    places = {"min": "accuracy min", "max_drop": "accuracy max_drop", "max": "flips max"}
    for number, verdict in enumerate(switch.evidence):
        of = f"{places[verdict.rule]} of environment/dev/line in deployment 2"
        for change in ({"value": 0.123}, {"n": 7}, *([] if verdict.rule == "min" else [{"excluded": 5}])):
            assert failed(history, lambda r, i=number, c=change: r["evidence"][i].update(c)) == [of], change


def test_a_damaged_history_record_does_not_hide_earlier_ones(applied: Path) -> None:
    projects.edit(applied / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("apply", "--yes", cwd=applied).returncode == 0
    oldest, middle, newest = projects.history_of(applied)
    file = projects.stored(applied, layout.history_record(projects.recorded(applied).lineage, middle.serial, middle.id))
    file.chmod(0o644)
    file.write_bytes(b"null")
    listed = projects.run("history", "--json", cwd=applied)
    assert listed.returncode == 0, listed.stderr
    entries = json.loads(listed.stdout)["entries"]
    assert [entry["serial"] for entry in entries] == [newest.serial, middle.serial, oldest.serial]
    assert "missing" not in entries[0] and "missing" not in entries[2]
    assert file.name in entries[1]["missing"] and "cannot be read" in entries[1]["missing"]
    file.unlink()
    entries = json.loads(projects.run("history", "model/line@v1", "--json", cwd=applied).stdout)["entries"]
    assert [entry["serial"] for entry in entries] == [middle.serial, oldest.serial]
    assert "is not in the store" in entries[0]["missing"]


def test_a_restored_earlier_state_is_refused(applied: Path) -> None:
    state = applied / ".leptonctl" / "state"
    shutil.copytree(state, applied / "old")
    projects.edit(applied / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("apply", "--yes", cwd=applied).returncode == 0
    shutil.rmtree(state)
    (applied / "old").rename(state)
    for words in (("plan",), ("build",), ("apply", "--yes")):
        refused = projects.run(*words, cwd=applied)
        assert refused.returncode == 1, refused.stdout
        assert "error[store-ahead]" in refused.stdout + refused.stderr
