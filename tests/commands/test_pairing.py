"""State, head and deployment records that differ or are damaged; environments that change their name or place (faults A5, A7, A21, A23)."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.frozen import replace
from tests import projects
from tests.commands.test_state import apply, bind, is_in_place, refused, run, shown


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    copy = projects.copy_of(built, tmp_path / "project")
    apply(copy)
    yield copy
    projects.stop_servers(tmp_path)


def heals(root: Path) -> list[tuple[str, int | None, int | None]]:
    return [(d["address"], d["recorded"], d["live"]) for d in shown(root, "plan")["drift"] if d["class"] == "heal"]


def file_of(root: Path, number: int | None) -> Path:
    """The record of a deployment of dev; None: the head."""
    lineage = projects.recorded(root).lineage
    return projects.stored(root, layout.head(lineage, "dev") if number is None else layout.deployment(lineage, "dev", number))


@pytest.mark.parametrize("case", ["ahead", "behind", "missing"])
def test_a_head_that_differs_from_the_state_is_a_line_of_the_plan_and_is_mended(root: Path, case: str) -> None:
    bind(root, "v2")
    apply(root)
    head = file_of(root, None)
    if case == "missing":
        head.unlink()
    else:
        # its writer held no later lock than the state knows of
        changed = {"ahead": 3, "behind": 1}[case]
        head.write_bytes(encode(replace(projects.head_of(root, "dev"), deployment=changed, nonce="other")))
    live = {"ahead": 3, "behind": 1, "missing": None}[case]
    assert heals(root) == [("environment/dev", 2, live)]
    apply(root)
    assert is_in_place(root)
    assert projects.head_of(root, "dev").deployment == projects.environment_of(root, "dev").deployment
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v2"]
    assert projects.served(root, "dev")["healthy"]


@pytest.mark.parametrize("damage", [None, b"", b'{"format_version":"1","models":null}'])
def test_the_record_of_the_bound_deployment_that_is_lost_or_damaged_is_replaced_by_the_heal(root: Path, damage: bytes | None) -> None:
    file = file_of(root, 1)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    # what does not need it works
    for command in (["plan"], ["history"], ["state", "list"], ["lock", "list"]):
        assert run(root, *command).stderr == ""
    projects.stop_servers(root)
    assert heals(root) == [("environment/dev", 1, None)]
    apply(root)
    assert is_in_place(root)
    assert projects.environment_of(root, "dev").deployment == 2
    # and the way on works too
    bind(root, "v2")
    apply(root)
    assert is_in_place(root)


def test_an_environment_that_is_renamed_on_its_port_is_refused_with_the_two_steps(root: Path) -> None:
    projects.edit(root / "environment-dev.yaml", "name: dev", "name: live")
    problem = refused(root, "apply", "--yes")
    assert (problem["id"], problem["file"]) == ("port-in-use", "environment-dev.yaml")
    assert projects.served(root, "dev")["healthy"]
    # its words, as they are printed; consent is for a terminal
    steps = [step.split()[1:] for step in re.findall(r"`(leptonctl [^`]+)`", problem["hint"])]
    assert [step[0] for step in steps] == ["apply", "apply"]
    for step in steps:
        run(root, *step, "--yes")
    assert is_in_place(root)
    assert projects.served(root, "live")["healthy"]


def test_a_protected_environment_needs_a_state_as_shared_as_its_store(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    projects.edit(root / "leptonctl.yaml", "name: tiny", f"name: tiny\nstore: {tmp_path}/store")
    run(root, "validate")
    run(root, "pin")
    projects.edit(root / "environment-dev.yaml", "name: dev", "name: dev\nprotected: true")
    for command in (["validate"], ["plan"], ["apply", "--yes"], ["build"]):
        problem = refused(root, *command, code=3)
        assert (problem["id"], problem["file"], problem["line"]) == ("local-state", "environment-dev.yaml", 3)
    projects.edit(root / "leptonctl.yaml", "name: tiny", f"name: tiny\nstate: {tmp_path}/state")
    run(root, "validate")


def test_strays_in_state_and_store_are_passed_over(root: Path) -> None:
    lineage = projects.recorded(root).lineage
    for stray in ("results/Thumbs.db", "recipes/.DS_Store", f"{layout.servers(lineage, 'dev')}/foo~", f"{layout.history(lineage)}/00000/x",
                  f"{layout.deployments(lineage, 'dev')}/y", f"{layout.deployments(lineage, 'dev')}/0x1", "projects/z"):  # fmt: skip
        projects.stored(root, stray).parent.mkdir(parents=True, exist_ok=True)
        projects.stored(root, stray).write_bytes(b"\xff[1]")
    projects.stored(root, "projects/loop").symlink_to("loop")
    projects.stored(root, f"{layout.servers(lineage, 'dev')}/loop").symlink_to("loop")
    (projects.state_file(root).parent / "state.json~").write_bytes(b"x")
    for command in (["status"], ["history"], ["plan"], ["show"], ["lock", "list"], ["gc"], ["state", "list"], ["state", "show"]):
        assert run(root, *command).stderr == "", command
    assert is_in_place(root)
    assert shown(root, "state", "show")["standing"] == "current"
    assert not shown(root, "state", "adopt")["done"]
    bind(root, "v2")
    apply(root)


@pytest.mark.parametrize("damage", ["[1]", '{"format_version":"1","history":[1]}', ""])
def test_a_damaged_record_of_the_history_is_named_and_stops_nothing_else(root: Path, damage: str) -> None:
    state = projects.recorded(root)
    record = next(projects.stored(root, layout.history_chunk(state.lineage, 1)).glob("*1-*"))
    record.write_text(damage, encoding="utf-8")
    missing = [e.get("missing", "") for e in json.loads(run(root, "history", "--json").stdout)["entries"]]
    assert [record.name in text for text in missing] == [False, True]
    assert is_in_place(root)
    bind(root, "v2")
    apply(root)


def test_beginning_again_after_a_lost_store_keeps_the_state_and_what_serves(root: Path, tmp_path: Path) -> None:
    """The hint is followed to the letter: nothing is removed, and the server answers until its environment is bound again."""
    bind(root, "v2")
    apply(root)
    state, url = projects.recorded(root), projects.served(root, "dev")["url"]
    store = root / ".leptonctl" / "store"
    for lost in (projects.stored(root, layout.project(state.lineage)), store):
        shutil.move(lost, tmp_path / "lost")
        store.mkdir(exist_ok=True)
        hint = refused(root, "apply", "--yes", code=1)["hint"]
        assert ("remove" in hint, "set `state:` and `store:` both to new places and run `leptonctl plan`" in hint) == (False, True)
        if lost != store:
            shutil.move(tmp_path / "lost", lost)
    before = projects.state_file(root).read_bytes()
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: tiny\nstate: .leptonctl/state-2\nstore: .leptonctl/store-2")
    assert "to create" in run(root, "plan").stdout
    assert [m.version for m in projects.status_record(url).models.values()] == ["v2"]
    apply(root)
    assert projects.served(root, "dev")["healthy"]
    assert projects.state_file(root).read_bytes() == before
