"""The `state` commands, as people use them: look, back up, restore, adopt, forget, rename (protocols 3, faults A7, A8, A9, A19)."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode, encode
from leptonctl.core.frozen import replace
from leptonctl.core.packed import encode_state
from leptonctl.core.state import Claim
from leptonctl.core.store_records import OwnerRecord
from leptonctl.storage.owner import current_owner
from tests import projects
from tests.test_output_schemas import problems


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A project with dev bound to v1: serials 1 and 2."""
    copy = projects.copy_of(built, tmp_path / "project")
    apply(copy)
    yield copy
    projects.stop_servers(tmp_path)


def run(root: Path, *arguments: str, code: int = 0) -> CompletedProcess[str]:
    done = projects.run(*arguments, cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def apply(root: Path) -> dict:
    return projects.finished(run(root, "apply", "--yes", "--json"))


def shown(root: Path, *arguments: str, schema: str = "") -> dict:
    value = json.loads(run(root, *arguments, "--json").stdout)
    assert not schema or problems(schema, value) == []
    return value


def refused(root: Path, *arguments: str, code: int = 1) -> dict:
    """The first diagnostic of a command that must be refused, with a hint."""
    problem = json.loads(run(root, *arguments, "--json", code=code).stdout)["diagnostics"][0]
    assert problem["hint"]
    return problem


def bind(root: Path, version: str) -> None:
    file = root / "environment-dev.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub("line: v[0-9]", f"line: {version}", text), encoding="utf-8")


def is_in_place(root: Path) -> bool:
    plan = shown(root, "plan")
    return not plan["changes"] and not plan["drift"] and not plan["diagnostics"]


def serials(root: Path) -> list[int]:
    return [entry["serial"] for entry in shown(root, "history", schema="history")["entries"]]


# --- look


def test_list_and_show_print_what_is_stored(root: Path) -> None:
    listed = shown(root, "state", "list", schema="state_list")
    assert {p["address"]: (p["version"], p["deployment"]) for p in listed["pointers"]} == {
        "dataset/points@first": (None, None), "model/line@v1": (None, None), "model/line@v2": (None, None), "model/line@v3": (None, None),
        "environment/dev": (None, None), "environment/dev/line": ("v1", 1),
    }  # fmt: skip
    pointer = shown(root, "state", "show", "line@v1", schema="state_show")
    assert sorted(pointer["steps"]) == ["evaluate", "export", "train"]
    itself = shown(root, "state", "show", schema="state_show")
    assert (itself["serial"], itself["generation"], itself["standing"]) == (2, 1, "current")
    assert itself["owner"]["state"] == itself["id"]
    assert refused(root, "state", "show", "line@v9")["id"] == "unknown-address"
    assert "environment/dev/line" in run(root, "state", "list").stdout


def test_looking_works_before_the_first_apply(built: Path) -> None:
    assert shown(built, "state", "list", schema="state_list")["pointers"] == []
    assert shown(built, "state", "show", schema="state_show")["lineage"] is None
    assert refused(built, "state", "backup", "b.json")["id"] == "nothing-applied"


# --- back up and restore


def test_a_backup_is_relative_to_the_project_and_replaces_nothing(root: Path) -> None:
    wrote = json.loads(projects.run("-C", str(root), "state", "backup", "b.json", "--json", cwd=root.parent).stdout)
    assert problems("state_backup", wrote) == []
    assert (wrote["file"], wrote["serial"]) == (str(root / "b.json"), 2)
    assert (root / "b.json").read_bytes() == projects.state_file(root).read_bytes()
    run(root, "state", "backup", "b.json")
    bind(root, "v2")
    apply(root)
    before = (root / "b.json").read_bytes()
    assert refused(root, "state", "backup", "b.json")["id"] == "file-exists"
    assert (root / "b.json").read_bytes() == before
    run(root, "state", "backup", "b.json", "--force")
    assert (root / "b.json").read_bytes() == projects.state_file(root).read_bytes()


def test_a_restore_goes_back_and_loses_no_history(root: Path) -> None:
    run(root, "state", "backup", "b.json")
    bind(root, "v2")
    apply(root)
    replaced = projects.state_file(root).read_bytes()
    assert refused(root, "state", "restore", "b.json")["id"] == "consent-missing"
    done = shown(root, "state", "restore", "b.json", "--yes", schema="state_takeover")
    assert (done["restored_serial"], done["serial"], done["generation"], done["done"]) == (2, 4, 2, True)
    assert done["behind"] == [{"environment": "dev", "recorded": 1, "head": 2}]
    assert projects.head_of(root, "dev").epoch.generation == 2
    # all records, newest first; the one between is marked
    entries = shown(root, "history", schema="history")["entries"]
    assert [(e["serial"], e.get("replaced", False)) for e in entries] == [(4, False), (3, True), (2, False), (1, False)]
    assert (entries[0]["command"], entries[0]["base"]) == ("state restore", 2)
    assert "back to serial 2" in run(root, "history").stdout
    # the difference between head and state is a line of the plan, and its way out works
    bind(root, "v1")
    plan = shown(root, "plan")
    assert [(d["address"], d["class"], d["recorded"], d["live"]) for d in plan["drift"]] == [("environment/dev", "heal", 1, 2)]
    assert apply(root)["trained"] == 0
    assert is_in_place(root)
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v1"]
    assert projects.environment_of(root, "dev").deployment == 3
    assert serials(root) == [5, 4, 3, 2, 1]
    # the state that was replaced can be read, but moves nothing any more
    projects.state_file(root).write_bytes(replaced)
    assert "replaced" in shown(root, "state", "show")["standing"]
    problem = refused(root, "apply", "--yes", code=5)
    assert problem["id"] == "replaced-state"
    assert "was replaced on" in problem["detail"]


def test_a_restore_keeps_later_freezes_withdrawals_and_environments(root: Path) -> None:
    run(root, "state", "backup", "b.json")
    bind(root, "v2")
    apply(root)
    run(root, "rollback", "dev", "--yes")
    run(root, "freeze", "dev", "--reason", "audit")
    assert [w.version for w in projects.environment_of(root, "dev").withdrawals] == ["v2"]
    text = (root / "environment-dev.yaml").read_text(encoding="utf-8").replace("name: dev", "name: late")
    (root / "environment-late.yaml").write_text(re.sub(r"port: \d+", f"port: {projects.free_port()}", text), encoding="utf-8")
    apply(root)
    run(root, "state", "restore", "b.json", "--yes")
    assert "environment/late/line" in {p["address"] for p in shown(root, "state", "list")["pointers"]}
    assert [w.version for w in projects.environment_of(root, "dev").withdrawals] == ["v2"]
    assert list(projects.recorded(root).frozen) == ["dev"]
    # nor does a state that is rebuilt from the store forget them
    shutil.rmtree(root / ".leptonctl" / "state")
    run(root, "state", "adopt", "--yes")
    assert [w.version for w in projects.environment_of(root, "dev").withdrawals] == ["v2"]
    assert list(projects.recorded(root).frozen) == ["dev"]


def test_what_is_not_a_backup_of_this_project_is_refused(root: Path, built: Path, tmp_path: Path) -> None:
    before = projects.state_file(root).read_bytes()
    state = projects.recorded(root)
    other = projects.copy_of(built, tmp_path / "other")
    (other / "environment-dev.yaml").unlink()
    apply(other)
    files = {
        "bad-backup": b'{"format_version":"1","lineage":3}',
        "other-project": encode_state(replace(state, project="mine")),
        "other-lineage": encode_state(replace(state, lineage="f" * 32)),
        "wrong-store": encode_state(replace(state, store="another")),
    }
    for expected, data in files.items():
        (root / "b.json").write_bytes(data)
        assert refused(root, "state", "restore", "b.json", "--yes")["id"] == expected
    assert refused(root, "state", "restore", "missing.json", "--yes")["id"] == "bad-backup"
    assert refused(root, "state", "restore", str(projects.state_file(other)), "--yes")["id"] in {"other-lineage", "wrong-store"}
    assert projects.state_file(root).read_bytes() == before
    assert is_in_place(root)


def test_a_running_apply_is_not_replaced(root: Path) -> None:
    run(root, "state", "backup", "b.json")
    state = projects.recorded(root)
    claim = Claim(owner=current_owner("leptonctl apply", None), addresses=("environment/dev/line",))
    projects.record(root, replace(state, applies={"c1": claim}))
    problem = refused(root, "state", "restore", "b.json", "--yes", code=4)
    assert (problem["id"], "environment/dev/line" in problem["detail"]) == ("lock-held", True)
    assert refused(root, "state", "forget", "line@v2", "--yes", code=4)["id"] == "lock-held"


def test_of_restores_at_once_one_is_in_charge(root: Path) -> None:
    run(root, "state", "backup", "b.json")
    bind(root, "v2")
    apply(root)
    processes = [projects.start("state", "restore", "b.json", "--yes", cwd=root) for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert set(codes) <= {0, 5}, outputs
    assert codes[0] == 0, outputs
    assert shown(root, "state", "show")["standing"] == "current"
    assert sorted(serials(root)) == list(range(1, len(serials(root)) + 1))


# --- adopt


def assert_status_names(root: Path, id: str) -> None:
    """No apply repairs what serves before state and store agree."""
    status = run(root, "status")
    assert (f"warning[{id}]" in status.stderr, "repairs" in status.stdout) == (True, False), status.stdout + status.stderr
    shown = json.loads(run(root, "status", "--json").stdout)
    assert [(e["here"], e["healthy"] is True or id in e["reason"]) for e in shown["environments"]] == [(False, True)]
    assert [d["id"] for d in shown["diagnostics"]] == [id]


def test_an_older_state_that_was_put_back_is_refused_and_adopted(root: Path) -> None:
    older = projects.state_file(root).read_bytes()
    for version in ("v2", "v1", "v2"):
        bind(root, version)
        apply(root)
    projects.state_file(root).write_bytes(older)
    problem = refused(root, "apply", "--yes")
    assert (problem["id"], "state adopt" in problem["hint"]) == ("store-ahead", True)
    assert_status_names(root, "store-ahead")
    adopted = shown(root, "state", "adopt", "--yes", schema="state_takeover")
    assert (adopted["done"], adopted["serial"]) == (True, 6)
    assert [(c["address"], c["before_version"], c["after_version"]) for c in adopted["changes"]] == [("environment/dev/line", "v1", "v2")]
    assert is_in_place(root)
    assert serials(root) == [6, 5, 4, 3, 2, 1]
    assert not shown(root, "state", "adopt", "--yes", schema="state_takeover")["done"]
    bind(root, "v1")
    assert apply(root)["serial"] == 7


def test_an_older_store_that_was_put_back_is_refused_and_adopted(root: Path) -> None:
    """Nothing is done with it until somebody says that the newer one is lost; then the state stays, and what is missing is built."""
    store = projects.stored(root, "")
    (export,) = (step.key for name, step in projects.recorded(root).current["model/line@v2"].steps.items() if name == "export")
    shutil.copytree(store, root / "backup", ignore=shutil.ignore_patterns(".*", Path(layout.result(export)).name))
    bind(root, "v2")
    apply(root)
    before = projects.recorded(root)
    store.rename(root / "newer")
    (root / "backup").rename(store)
    for command in (
        ["plan"],
        ["apply", "--yes"],
        ["rollback", "dev", "--yes"],
        ["server", "restart", "dev"],
        ["freeze", "dev", "--reason", "x"],
    ):
        problem = refused(root, *command)
        assert (problem["id"], "state adopt" in problem["hint"]) == ("store-behind", True), command
    assert projects.recorded(root) == before
    assert_status_names(root, "store-behind")
    url = projects.environment_of(root, "dev").url
    assert url is not None
    assert projects.status_record(url).models["line"].version == "v2", "it serves from memory"
    assert "stays as it is" in run(root, "state", "adopt", "--yes").stdout
    after = projects.recorded(root)
    assert (after.current, after.environments, after.generation) == (before.current, before.environments, before.generation + 1)
    done = apply(root)
    assert (done["ok"], done["trained"], done["exported"], done["bound"]) == (True, 0, 1, 1)
    (model,) = projects.served(root, "dev")["models"]
    assert (model["version"], model["live_package"]) == ("v2", model["package"])
    assert is_in_place(root)
    run(root, "verify", "--store")


@pytest.mark.parametrize("copy", ["published", "older", "missing"])
def test_a_lost_state_is_rebuilt_from_the_store_and_trains_nothing(root: Path, copy: str) -> None:
    lineage = projects.recorded(root).lineage
    roots = projects.stored(root, layout.roots(lineage))
    older = roots.read_bytes()
    bind(root, "v2")
    apply(root)
    if copy == "older":
        roots.write_bytes(older)
    elif copy == "missing":
        roots.unlink()
    shutil.rmtree(root / ".leptonctl" / "state")
    problem = refused(root, "plan")
    assert (problem["id"], lineage in problem["detail"], "state adopt" in problem["hint"]) == ("missing-state", True, True)
    adopted = shown(root, "state", "adopt", "--yes", schema="state_takeover")
    assert (adopted["lineage"], adopted["serial"], adopted["generation"]) == (lineage, 4, 2)
    bound = shown(root, "state", "show", "environment/dev/line")
    assert (bound["version"], bound["deployment"]) == ("v2", 2)
    done = apply(root)
    assert (done["trained"], done["exported"], done["evaluated"], done["prepared"]) == (0, 0, 0, 0)
    assert is_in_place(root)
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v2"]
    assert serials(root)[-4:] == [4, 3, 2, 1]
    run(root, "rollback", "dev", "--yes")


@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_a_damaged_state_is_kept_aside_and_replaced(root: Path, damage: str) -> None:
    run(root, "state", "backup", "b.json")
    file = projects.state_file(root)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    refused(root, "plan")
    command = ["state", "adopt"] if damage == "cut" else ["state", "restore", "b.json"]
    done = shown(root, *command, "--yes", schema="state_takeover")
    assert all(Path(kept).exists() for kept in done["set_aside"].split(" and "))
    assert is_in_place(root)


def test_a_head_that_cannot_be_read_is_written_again(root: Path) -> None:
    head = projects.stored(root, layout.head(projects.recorded(root).lineage, "dev"))
    head.write_bytes(b"{}")
    assert head.name in refused(root, "plan")["detail"]
    assert "cannot be read" in shown(root, "state", "adopt", "--yes")["why"]
    assert projects.head_of(root, "dev").deployment == 1
    apply(root)
    assert is_in_place(root)


def test_a_takeover_that_was_cut_off_is_finished_by_the_next(root: Path) -> None:
    """The owner's generation has grown, and no state of that generation was written."""
    state = projects.recorded(root)
    owner = projects.stored(root, layout.owner(state.lineage))
    record = json.loads(owner.read_bytes())
    owner.write_bytes(encode(replace(decode(owner.read_bytes(), OwnerRecord), generation=7, state="gone")))
    assert record["generation"] == 1
    assert refused(root, "apply", "--yes", code=5)["id"] == "replaced-state"
    assert shown(root, "state", "adopt", "--yes")["generation"] == 8
    assert is_in_place(root)


def test_a_store_without_this_project_has_nothing_to_adopt(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    assert refused(root, "state", "adopt", "--yes")["id"] == "nothing-to-adopt"


# --- forget and rename


def test_a_forgotten_pointer_is_found_again_without_training(root: Path) -> None:
    done = shown(root, "state", "forget", "line@v2", "--yes", schema="state_edit")
    assert (done["address"], done["done"]) == ("model/line@v2", True)
    assert [c["address"] for c in shown(root, "plan")["changes"]] == ["model/line@v2"]
    assert apply(root)["trained"] == 0
    for address in ("dev/line", "dev"):
        problem = refused(root, "state", "forget", address, "--yes")
        assert (problem["id"], "destroy dev" in problem["hint"]) == ("serving", True)
    run(root, "destroy", "dev", "--yes")
    assert shown(root, "state", "forget", "environment/dev", "--yes", schema="state_edit")["done"]
    assert shown(root, "state", "show")["environments"] == []
    # the numbers of its deployments are not used again
    apply(root)
    assert projects.environment_of(root, "dev").deployment == 2


def test_a_renamed_project_is_refused_until_its_state_is_renamed(root: Path, built: Path, tmp_path: Path) -> None:
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: small")
    for command in (["plan"], ["apply", "--yes"], ["build"], ["destroy", "--yes"], ["rollback", "dev", "--yes"], ["gc", "--yes"]):
        problem = refused(root, *command, code=3)
        assert (problem["id"], "state rename small" in problem["hint"]) == ("other-project", True)
    assert refused(root, "state", "rename", "other", "--yes", code=3)["id"] == "other-project"
    renamed = shown(root, "state", "rename", "small", "--yes", schema="state_edit")
    assert (renamed["before"], renamed["after"], renamed["done"]) == ("tiny", "small", True)
    assert is_in_place(root)
    assert serials(root) == [3, 2, 1]
    assert shown(root, "state", "rename", "small", "--yes")["serial"] == 3
    # the old name is free: another project begins under it on the same store
    other = projects.copy_of(built, tmp_path / "other")
    (other / "environment-dev.yaml").unlink()
    projects.edit(other / "leptonctl.yaml", "name: tiny", f"name: tiny\nstore: {root}/.leptonctl/store")
    apply(other)
    # but not under a name that is taken, and the two are told apart
    projects.edit(other / "leptonctl.yaml", "name: tiny", "name: small")
    assert refused(other, "state", "rename", "small", "--yes")["id"] == "name-taken"
    shutil.rmtree(other / ".leptonctl" / "state")
    problem = refused(other, "plan")
    assert projects.recorded(root).lineage in problem["detail"]
    assert "another `name:`" in problem["hint"]


def test_a_rename_that_was_cut_off_is_finished_by_the_same_command(root: Path) -> None:
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: small")
    state = projects.recorded(root)
    run(root, "state", "rename", "small", "--yes")
    # as if only names and owner had been written
    projects.record(root, replace(state, revision=99, write="x"))
    for record in projects.stored(root, layout.history_chunk(state.lineage, 0)).glob("*3-*"):
        os.unlink(record)
    assert refused(root, "plan", code=3)["id"] == "other-project"
    run(root, "state", "rename", "small", "--yes")
    assert is_in_place(root)
