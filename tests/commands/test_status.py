"""What `status` says about an environment, and the exit code of `status --check` with its reason."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.views.status import render_text
from tests import projects
from tests.commands.test_state import apply, bind, run, shown


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A project with dev declared to bind v1, not applied."""
    yield projects.copy_of(built, tmp_path / "project")
    projects.stop_servers(tmp_path)


def checked(root: Path, code: int) -> list[tuple[str | None, str, int | None]]:
    """The differences that `status --check` tells of dev when it exits with this code, each of which the text shows too."""
    status = json.loads(run(root, "status", "--check", "--json", code=code).stdout)
    text = " ".join(run(root, "status", "--check", code=code).stdout.split())
    for difference in status["differences"]:
        assert difference["environment"] == "dev"
        assert difference["reason"] in text
        assert not difference["file"] or f"({difference['file']}:{difference['line']})" in text
    assert shown(root, "status", schema="status")["differences"] == status["differences"], "whether it is asked for or not"
    return [(d["model"], d["reason"], d["line"]) for d in status["differences"]]


def test_a_check_says_how_what_is_declared_and_what_is_bound_differ(root: Path) -> None:
    file = root / "environment-dev.yaml"
    assert checked(root, 6) == [(None, "declared, but not applied yet", 2), ("line", "declared v1, bound nothing", 4)]
    apply(root)
    assert checked(root, 0) == []
    bind(root, "v2")
    assert checked(root, 6) == [("line", "declared v2, bound v1", 4)]
    bind(root, "v1")
    projects.edit(root / "model-line.yaml", "v1: {}", "v1: {params: {C: 0.7}}")
    ((model, reason, line),) = checked(root, 6)
    assert (model, line, "its recipe was edited" in reason) == ("line", 4, True)
    projects.edit(root / "model-line.yaml", "v1: {params: {C: 0.7}}", "v1: {}")
    projects.edit(file, "type: server", "type: server, keep_alive_s: 60")
    ((model, reason, line),) = checked(root, 6)
    assert (model, reason, line) == (None, "platform.keep_alive_s edited, not applied yet", 3)
    projects.edit(file, ", keep_alive_s: 60", "")
    text = file.read_text(encoding="utf-8")
    file.write_text("", encoding="utf-8")
    assert checked(root, 6) == [(None, "no longer declared", None), ("line", "no longer declared, bound v1", None)]
    file.write_text(text, encoding="utf-8")
    preview = run(root, "destroy", code=1).stdout
    assert "- environment/dev  to be destroyed\n" in preview and "servers on this host stop" in preview and "history stay" in preview
    run(root, "destroy", "--yes")
    assert checked(root, 6) == [(None, "destroyed, but still declared", 2), ("line", "declared v1, bound nothing", 4)]
    assert "dev  not bound" in run(root, "status").stdout


def test_protected_environments_and_gated_metrics_come_first(root: Path) -> None:
    dev = (root / "environment-dev.yaml").read_text(encoding="utf-8") + "gates: {recall: {min: 0.1}, flips: {max: 1.0}}\n"
    (root / "environment-dev.yaml").write_text(dev, encoding="utf-8")
    zone = dev.replace("name: dev", "name: zone\nprotected: true")
    (root / "environment-zone.yaml").write_text(zone.replace("recall", "precision"), encoding="utf-8")
    projects.new_ports(root)
    run(root, "pin")
    apply(root)
    found = shown(root, "status", schema="status")["environments"]
    assert [e["name"] for e in found] == ["zone", "dev"]
    assert [list(e["models"][0]["metrics"])[:2] for e in found] == [["recall", "precision"]] * 2


def test_what_is_not_served_weighs_more_than_what_differs(root: Path) -> None:
    apply(root)
    bind(root, "v2")
    for pid in projects.processes(root):
        os.kill(pid, signal.SIGKILL)
    assert checked(root, 1) == [("line", "declared v2, bound v1", 4)]


def test_the_commit_shown_is_that_of_what_serves(root: Path) -> None:
    """And not the one that later applies must contain, which returns and applies of uncommitted files leave as it was."""

    def commits() -> tuple[str | None, bool, str | None]:
        (dev,) = shown(root, "status", schema="status")["environments"]
        return dev["commit"], dev["dirty"], dev["baseline"]

    first = projects.commit(root)
    apply(root)
    assert commits() == (first, False, None)
    bind(root, "v2")
    second = projects.commit(root)
    bind(root, "v3")
    apply(root)
    assert commits() == (second, True, first)
    assert f"commit {second[:12]} + edits  deployment" in run(root, "status").stdout, (
        "nothing is to be contained where nothing is protected"
    )
    (dev,) = shown(root, "status", schema="status")["environments"]
    protected = render_text({"environments": [{**dev, "protected": True}], "differences": []}, color=False, width=200, now=None)
    assert f"commit {second[:12]} + edits  rewind baseline {first[:12]}" in protected
    bind(root, "v1")
    third = projects.commit(root)
    apply(root)
    assert commits() == (third, False, first), "a return"
    bind(root, "v2")
    fourth = projects.commit(root)
    apply(root)
    assert commits() == (fourth, False, None)
    assert "rewind baseline" not in run(root, "status").stdout


def test_what_serves_is_shown_when_no_plan_can_be_made(root: Path) -> None:
    apply(root)
    before = projects.state_file(root).read_bytes()
    bind(root, "v2")
    apply(root)
    projects.state_file(root).write_bytes(before)
    status = shown(root, "status", schema="status")
    assert (status["environments"][0]["models"][0]["version"], status["differences"]) == ("v1", [])
    assert "error[store-ahead]" in run(root, "status", "--check", code=1).stderr


def test_a_hold_ends_in_the_status_when_its_cause_ends(root: Path) -> None:
    """A readmission and a thaw say what they lift at once, not at the next apply."""

    def held() -> list[str]:
        (dev,) = shown(root, "status", schema="status")["environments"]
        return [hold["kind"] for hold in dev["held"]]

    apply(root)
    bind(root, "v2")
    apply(root)
    run(root, "rollback", "dev", "--reason", "complaints", "--yes")
    run(root, "freeze", "dev", "--reason", "audit")
    bind(root, "v2")
    run(root, "apply", "--yes", code=6)
    assert held() == ["frozen"]
    assert "frozen since" in shown(root, "explain", "dev/line", schema="explain")["held"]["reason"]
    run(root, "unfreeze", "dev")
    assert held() == ["withdrawn"], "only what still holds it"
    run(root, "readmit", "dev/line@v2", "--reason", "a false alarm")
    assert held() == []
    assert "held" not in run(root, "status").stdout
    assert shown(root, "explain", "dev/line", schema="explain")["held"] is None
