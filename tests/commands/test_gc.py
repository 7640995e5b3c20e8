"""`gc`: frees what no lineage of the store refers to, and nothing else (protocols 6, faults A2, A23, G9)."""

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode, encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.result import Result
from leptonctl.core.store_records import Condemned
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.owner import current_owner
from tests import projects
from tests.commands.test_state import apply, bind, is_in_place, refused, run, shown
from tests.test_output_schemas import problems

V3 = "  v3: {params: {C: 0.1}}\n"
DAY_S = 86400.0


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """v1 was bound, then v2; v3 was built and is no longer declared. Everything is 20 days old."""
    copy = projects.copy_of(built, tmp_path / "project")
    apply(copy)
    bind(copy, "v2")
    projects.edit(copy / "model-line.yaml", V3, "")
    apply(copy)
    age(copy)
    yield copy
    projects.stop_servers(tmp_path)


def age(root: Path, days: float = 20) -> None:
    """Make every object of a store older."""
    for file in (root / ".leptonctl" / "store").rglob("*"):
        if file.is_file():
            then = file.stat().st_mtime - days * DAY_S
            os.utime(file, (then, then))


def artifacts(root: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in (root / ".leptonctl" / "store" / "artifacts").iterdir()}


def artifacts_of(root: Path, address: str) -> set[str]:
    records = [decode(file.read_bytes(), Result) for file in (root / ".leptonctl" / "store" / "results").iterdir()]
    return {digest for record in records if record.address == address for digest in record.artifacts.values()}


def own_artifacts(root: Path, address: str) -> set[str]:
    """The artifacts of an address that no other has."""
    others = ["dataset/points@first", *(f"model/line@{v}" for v in ("v1", "v2", "v3"))]
    return artifacts_of(root, address) - {digest for other in others if other != address for digest in artifacts_of(root, other)}


def collect(root: Path, *more: str) -> dict:
    value = shown(root, "gc", "--yes", *more)
    assert problems("gc", value) == []
    return value


def test_it_frees_what_nothing_needs_and_that_alone(root: Path) -> None:
    before, unneeded = artifacts(root), own_artifacts(root, "model/line@v3")
    assert unneeded
    preview = projects.run("gc", cwd=root).stdout
    assert "model/line@v3" in preview
    freed = collect(root)
    assert before - artifacts(root) == unneeded
    assert (freed["artifacts"], freed["freed"], freed["condemned"], freed["done"]) == (len(unneeded), len(unneeded), 0, True)
    assert [(item["address"], item["project"], item["artifacts"]) for item in freed["items"]] == [("model/line@v3", "tiny", len(unneeded))]
    again = collect(root)
    assert (again["artifacts"], again["freed"], again["done"]) == (0, 0, False)
    # everything else works as before
    assert is_in_place(root)
    for version in ("v1", "v2"):
        run(root, "verify", f"line@{version}")
    back = run(root, "rollback", "dev", "--yes", "--json")
    assert projects.finished(back)["trained"] == 0
    # and what was freed is built again, to the same bytes
    projects.edit(root / "model-line.yaml", "versions:\n", f"versions:\n{V3}")
    assert apply(root)["trained"] == 1
    assert unneeded <= artifacts(root)


def test_what_can_be_returned_to_is_kept_when_it_is_no_longer_declared(root: Path) -> None:
    projects.edit(root / "model-line.yaml", "  v1: {}\n", "")
    apply(root)
    age(root)
    declared = artifacts_of(root, "model/line@v1")
    collect(root)
    assert declared <= artifacts(root)
    # unless it is not among the deployments that are to be kept
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: tiny\nkeep: {deployments: 1}")
    freed = own_artifacts(root, "model/line@v1")
    assert collect(root)["freed"] == len(freed) > 0
    assert not freed & artifacts(root)
    assert artifacts_of(root, "model/line@v2") <= artifacts(root)
    assert is_in_place(root)


def test_what_a_lagging_server_serves_is_kept(root: Path) -> None:
    projects.edit(root / "model-line.yaml", "  v1: {}\n", "")
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: tiny\nkeep: {deployments: 1}")
    apply(root)
    lineage = projects.recorded(root).lineage
    server = ServerRecord(
        id="far", lineage=lineage, environment="dev", host="far", pid=1, url="http://far:1", started=time.time(), deployment=1
    )
    path = projects.stored(root, layout.server(lineage, "dev", "far"))
    path.write_bytes(encode(server))
    age(root)
    served = set(projects.deployments_of(root, "dev")[1].models["line"][0].files.values())
    collect(root)
    assert served <= artifacts(root)
    path.unlink()
    collect(root)
    assert not served <= artifacts(root)


def test_young_builds_and_references_are_kept(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    projects.edit(root / "model-line.yaml", V3, "")
    everything = artifacts(root)
    assert collect(root)["freed"] == 0
    # old artifacts of a young build
    for file in (root / ".leptonctl" / "store" / "artifacts").iterdir():
        os.utime(file, (0, 0))
    assert collect(root)["freed"] == 0
    # a saved plan refers to what it reuses
    projects.edit(root / "model-line.yaml", "versions:\n", f"versions:\n{V3}")
    run(root, "plan", "--out", "plan.json")
    age(root, 10)
    projects.edit(root / "model-line.yaml", V3, "")
    assert collect(root)["freed"] == 0
    assert artifacts(root) == everything
    projects.edit(root / "leptonctl.yaml", "name: tiny", "name: tiny\nkeep: {builds: 2d}")
    assert refused_keep(root) == 3
    age(root, 10)
    assert collect(root)["freed"] > 0


def refused_keep(root: Path) -> int:
    """The exit code of a `keep:` that is not a duration."""
    text = (root / "leptonctl.yaml").read_text(encoding="utf-8")
    (root / "leptonctl.yaml").write_text(text.replace("2d", "two"), encoding="utf-8")
    code = projects.run("plan", cwd=root).returncode
    (root / "leptonctl.yaml").write_text(text, encoding="utf-8")
    return code


def test_while_something_is_built_nothing_is_freed_at_once(root: Path) -> None:
    store = open_store(".leptonctl/store", root, {"": STORE})
    before = artifacts(root)
    with store.step_lease("sha256:" + "1" * 64, current_owner("leptonctl build", None)) or pytest.fail("not free"):
        result = collect(root)
    assert (result["freed"], result["condemned"] > 0, result["done"]) == (0, True, False)
    assert artifacts(root) == before
    assert collect(root)["freed"] > 0


def test_what_was_freed_is_said_to_be_freed(root: Path) -> None:
    digest = next(row["digest"] for row in shown(root, "leaderboard", "line")["rows"] if row["version"] == "v3")
    collect(root)
    story = shown(root, "show", f"line@{digest}")
    assert problems("show", story) == []
    assert {step["name"] for step in story["version"]["steps"] if step["freed"]} >= {"train", "export"}
    text = run(root, "show", f"line@{digest}").stdout
    assert "Not evaluated yet" not in text
    assert "no result yet" not in text
    assert "its artifacts were freed" in text
    board = shown(root, "leaderboard", "line")
    assert problems("leaderboard", board) == []
    assert {row["version"]: row["freed"] for row in board["rows"]} == {"v1": False, "v2": False, "v3": True}
    assert "freed" in run(root, "leaderboard", "line").stdout
    # a declared one that was freed, too: it can be built as it is
    projects.edit(root / "model-line.yaml", "versions:\n", f"versions:\n{V3}")
    assert "`leptonctl build line@v3` builds it again" in " ".join(run(root, "show", "line@v3").stdout.split())


def test_it_says_why_what_stays_does_and_until_when(root: Path) -> None:
    collect(root)
    shown_ = collect(root)
    stays = {row["reason"]: row for row in shown_["stays"]}
    assert sum(row["artifacts"] for row in stays.values()) == shown_["kept"] == len(artifacts(root))
    assert stays["declared"]["until"] is None
    assert "young" not in stays
    text = projects.run("gc", "--yes", cwd=root).stdout
    assert "Nothing to free" in text
    assert "declared in the YAML" in text
    # no longer declared, and built lately: nothing but its age keeps it, until 14 days later
    projects.edit(root / "model-line.yaml", "versions:\n", f"versions:\n{V3}")
    run(root, "build")
    projects.edit(root / "model-line.yaml", V3, "")
    stays = {row["reason"]: row for row in collect(root)["stays"]}
    assert stays["builds"]["artifacts"] == len(own_artifacts(root, "model/line@v3"))
    days = (datetime.fromisoformat(stays["builds"]["until"]) - datetime.now(UTC)).total_seconds() / DAY_S
    assert days == pytest.approx(14, abs=0.1)
    assert "of builds and plans, the first until 20" in projects.run("gc", cwd=root).stdout


# --- two projects on one store


@pytest.fixture
def shared(root: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Another project on the store of the first, which has built nothing but its own version."""
    other = projects.tiny_project(tmp_path / "b", {"line": {"w1": "{params: {C: 0.3}}"}}, {})
    projects.edit(other / "leptonctl.yaml", "name: tiny", f"name: other\nstore: {root}/.leptonctl/store")
    run(other, "build")
    age(root)
    return root, other


def test_a_shared_store_frees_a_day_later_and_only_what_no_project_needs(shared: tuple[Path, Path]) -> None:
    first, other = shared
    before, unneeded = artifacts(first), own_artifacts(first, "model/line@v3")
    result = collect(other)
    assert (result["shared"], result["freed"], result["condemned"], result["done"]) == (True, 0, len(unneeded), False)
    assert {item["project"] for item in result["items"]} == {"tiny"}
    assert artifacts(first) == before
    # less than a day later
    age(first, 0.9)
    assert collect(other)["freed"] == 0
    # who refers to it again has it spared
    projects.edit(first / "model-line.yaml", "versions:\n", f"versions:\n{V3}")
    assert apply(first)["trained"] == 0
    projects.edit(first / "model-line.yaml", V3, "")
    age(first, 2)
    assert collect(other)["freed"] == 0
    assert unneeded <= artifacts(first)
    # and when nobody does any more, it goes
    apply(first)
    age(first)
    assert collect(other)["freed"] == 0
    assert "condemns" in projects.run("gc", cwd=other).stdout
    age(first, 1.1)
    # the preview says what the run does
    preview = projects.run("gc", cwd=other).stdout
    assert f"`gc --yes` deletes {len(unneeded)} (" in preview
    assert "condemns" not in preview
    result = collect(other)
    assert (result["freed"], result["done"]) == (len(unneeded), True)
    assert before - artifacts(first) == unneeded
    assert is_in_place(first)
    run(first, "rollback", "dev", "--yes")
    assert shown(other, "plan")["summary"]["train"] == 0


def test_a_lineage_that_nobody_uses_is_ended(shared: tuple[Path, Path]) -> None:
    first, other = shared
    lineage = projects.recorded(first).lineage
    assert refused(other, "gc", "--forget-lineage", "nobody", "--yes")["id"] == "unknown-lineage"
    assert refused(first, "gc", "--forget-lineage", lineage, "--yes")["id"] == "lineage-in-use"
    assert refused(other, "gc", "--forget-lineage", lineage, "--yes")["id"] == "lineage-in-use"
    run(first, "destroy", "--yes")
    result = collect(other, "--forget-lineage", lineage)
    assert (result["lineage"], result["project"], result["done"]) == (lineage, "tiny", True)
    collect(other)
    age(first)
    assert collect(other)["freed"] > 0
    assert shown(other, "plan")["summary"]["train"] == 0


def test_a_lineage_without_roots_keeps_all_that_it_built(shared: tuple[Path, Path]) -> None:
    first, other = shared
    projects.stored(first, layout.roots(projects.recorded(first).lineage)).unlink()
    assert collect(other)["artifacts"] == 0


# --- what is damaged or does not belong


def test_strays_are_passed_over_and_a_damaged_record_frees_nothing_that_it_may_name(root: Path) -> None:
    store, lineage = root / ".leptonctl" / "store", projects.recorded(root).lineage
    strays = ["results/Thumbs.db", "artifacts/.nfs1", "condemned/README", f"projects/{lineage}/servers/dev/foo~", "projects/notes.txt",
              f"projects/{lineage}/deployments/dev/x~", f"projects/{lineage}/history/y", "lineages/z"]  # fmt: skip
    unneeded = own_artifacts(root, "model/line@v3")
    for stray in strays:
        (store / stray).parent.mkdir(parents=True, exist_ok=True)
        (store / stray).write_text("x", encoding="utf-8")
    (store / "results" / "loop").symlink_to("loop")
    before = artifacts(root)
    damaged = store / layout.deployment(lineage, "dev", 1)
    intact = damaged.read_bytes()
    damaged.write_bytes(b'{"format_version":"1","models":null}')
    problem = refused(root, "gc", "--yes")
    assert (problem["id"], damaged.name in problem["detail"]) == ("corrupt-record", True)
    assert artifacts(root) >= before
    damaged.write_bytes(intact)
    # the record of a result that nobody needs: what it names is not known any more and stays, the rest goes
    record = next(f for f in (store / "results").glob("[0-9a-f]*") if {b"model/line@v3", b"train"} <= set(f.read_bytes().split(b'"')))
    unknown = set(decode(record.read_bytes(), Result).artifacts.values())
    record.write_bytes(b'{"format_version":"1","artifacts":null}')
    collect(root)
    assert before - artifacts(root) == unneeded - unknown
    assert unneeded - unknown
    for stray in strays:
        assert (store / stray).exists()
    for command in (["status"], ["history"], ["plan"], ["lock", "list"], ["show"], ["state", "show"]):
        # builds are read from the records of results
        listed = [record.name] if command == ["history"] else []
        assert re.findall(r"^  (?:results/)?(\S+) is not a record", run(root, *command).stderr, re.MULTILINE) == listed


def test_a_sweep_that_was_cut_off_is_finished(root: Path) -> None:
    store = root / ".leptonctl" / "store"
    freed = min(own_artifacts(root, "model/line@v3"))
    (store / "condemned").mkdir(exist_ok=True)
    (store / layout.condemned_mark(freed)).write_bytes(encode(Condemned(phase="sweeping", nonce="1")))
    collect(root)
    assert freed not in artifacts(root)
    assert not any((store / "condemned").iterdir())
    assert json.loads(run(root, "gc", "--yes", "--json").stdout)["artifacts"] == 0
