"""Two applies and one environment, enumerated: one is stopped at each point of its switch, is considered dead, and continues.

While it sleeps, the other applies, rolls back or destroys, to its end or to each of its own points. At the end, state, head and
server agree, the sleeper has exited 5 and named its successor, and the history is complete (laws 4, 5 and 8, protocols 1 and 2).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from leptonctl.core.state import HistoryRecord, State
from leptonctl.deploying import addresses, processes
from leptonctl.deploying.desired import Desired
from leptonctl.deploying.fence import number_in_force
from tests.deploying import servers
from tests.deploying.toy import (
    ADDRESS,
    BINDING,
    MODEL,
    NAME,
    POINTS,
    Follower,
    binds,
    chain,
    destroys,
    following,
    lineage_of,
    owner,
    patient,
    pointers_of,
    run_switch,
    state_of,
    switch_of,
)
from tests.projects import free_port

SOAK = bool(os.environ.get("LEPTONCTL_SOAK"))
# the other's points that differ in what a sleeper may still do; all of them in the long form
HALFWAY = POINTS if SOAK else ("epoch", "pending", "head")
ACTIONS = {"apply": "v3", "rollback": "v0", "destroy": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """The process that is stopped at a point. It lives on "another machine": what counts is its beat."""

    process: subprocess.Popen[str]

    def wake(self) -> tuple[int, str]:
        """Let it continue; returns its exit code and its output."""
        os.kill(self.process.pid, signal.SIGCONT)
        _, output = self.process.communicate("\n", timeout=30)
        return self.process.returncode, output


@contextmanager
def sleeping(
    root: Path, point: str, *, version: str | None = "v2", before: str = "v1", user: str = "ann", port: int = 0
) -> Iterator[Sleeper]:
    """Applies a version, or destroys, up to a point and is stopped there as a paused machine is."""
    order = json.dumps({"root": str(root), "point": point, "version": version, "before": before, "user": user, "port": port})
    command = [sys.executable, "-m", "tests.deploying.sleeper", order]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"at {point}\n", process.communicate()
        os.kill(process.pid, signal.SIGSTOP)
        yield Sleeper(process=process)
    finally:
        process.kill()
        process.communicate()


def act(root: Path, action: str, **more: object) -> None:
    """The other's apply, rollback or destroy, to its end."""
    version = ACTIONS[action]
    with patient(root, owner("bob")) as claim:
        switch = switch_of(root, claim, **more)
        run_switch(switch, destroys if version is None else binds(version, returning=action == "rollback"))


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder that is fast to sync: only the order of writes is tested here, not power failures."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def template(memory: Path) -> Path:
    """v0 and v1 have been bound here, v1 serves."""
    folder = memory / "template"
    folder.mkdir()
    pointers_of(folder).begin()
    with following(folder), patient(folder, owner("first")) as claim:
        for version in ("v0", "v1"):
            run_switch(switch_of(folder, claim), binds(version))
    return folder


@pytest.fixture
def root(template: Path, memory: Path) -> Iterator[Path]:
    folder = memory / "case"
    shutil.copytree(template, folder)
    with following(folder) as follower:
        FOLLOWERS[folder] = follower
        yield folder
        del FOLLOWERS[folder]
    shutil.rmtree(folder)


FOLLOWERS: dict[Path, Follower] = {}


def settled(root: Path, version: str | None) -> None:
    """State, head and server agree, and nothing is pending."""
    state, lineage = state_of(root), lineage_of(root)
    found = lineage.head(NAME)
    assert found is not None
    head, environment = found.head, state.environments[NAME]
    assert (dict(state.pending), dict(state.locks)) == ({}, {})
    assert head.deployment == number_in_force(environment)
    record = lineage.deployment(NAME, head.deployment) if head.deployment else None
    desired = {MODEL: f"package of {version}"} if version else {}
    assert ({m: r.package for m, (r,) in record.models.items()} if record else {}) == desired
    assert {a.rpartition("/")[2]: p.package for a, p in state.entries(f"{ADDRESS}/").items()} == desired
    assert environment.destroyed is (version is None)
    deadline = time.monotonic() + 5
    follower = FOLLOWERS[root]
    while follower.record.deployment != head.deployment and time.monotonic() < deadline:
        time.sleep(0.002)
    assert {m: s.package for m, s in follower.record.models.items()} == desired
    assert head.staged in (0, head.deployment)


def marks(root: Path) -> list[tuple[str, int]]:
    """The files that the platform's verbs have written, and when."""
    return [(name, (root / name).stat().st_mtime_ns) for name in ("staged", "removed") if (root / name).exists()]


def whole(root: Path) -> list[HistoryRecord]:
    """The history without a hole: serials count on, and each record begins where the one before it ended."""
    state, records = state_of(root), [r for r in chain(root) if isinstance(r, HistoryRecord)]
    assert [r.serial for r in records] == list(range(1, state.serial + 1))
    version = None
    for record in records:
        for moved in record.changes:
            if moved.address == BINDING:
                assert moved.before_version == version, records
                version = moved.after_version
    assert version == (state.current[BINDING].version if BINDING in state.current else None)
    numbers = [r.deployment for r in records if r.deployment is not None]
    assert numbers == sorted(set(numbers)), "no number is used twice, and numbers only grow"
    return records


def next_apply_succeeds(root: Path) -> None:
    """The next apply succeeds."""
    with patient(root, owner("next")) as claim:
        assert run_switch(switch_of(root, claim), binds("v9")).served
    settled(root, "v9")
    whole(root)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_another_apply_acts_while_one_sleeps(root: Path, point: str, action: str) -> None:
    with sleeping(root, point) as sleeper:
        act(root, action)
        settled(root, ACTIONS[action])
        before, touched = whole(root), marks(root)
        code, output = sleeper.wake()
    assert (code, output.split(":")[0]) == (5, "taken-over"), output
    assert "bob@" in output
    settled(root, ACTIONS[action])
    assert whole(root) == before, "the sleeper has written nothing"
    assert marks(root) == touched, "and touched nothing that serves"
    # what the sleeper brought into force is recorded, by itself or by the one that completed it
    own = [r for r in before if r.author.by == "ann"]
    assert len(own) == (POINTS.index(point) > POINTS.index("head"))
    assert ["bob@" in str(r.recovered_by) for r in own] == [point != "clear"] * len(own)
    next_apply_succeeds(root)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", ["settle", "head", "activate", "clear"])
def test_another_apply_acts_while_a_destroy_sleeps(root: Path, point: str, action: str) -> None:
    with sleeping(root, point, version=None) as sleeper:
        act(root, action)
        touched = marks(root)
        code, output = sleeper.wake()
    assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    settled(root, ACTIONS[action])
    assert marks(root) == touched
    whole(root)
    next_apply_succeeds(root)


@pytest.mark.parametrize("halfway", HALFWAY)
@pytest.mark.parametrize("point", POINTS)
def test_the_sleeper_wakes_while_the_other_apply_is_halfway(root: Path, point: str, halfway: str) -> None:
    """The other has claimed, and is at one of its own points, when the sleeper continues to its end."""
    answers: list[tuple[int, str]] = []
    with sleeping(root, point) as sleeper:

        def wake(at: str) -> None:
            if at == halfway and not answers:
                answers.append(sleeper.wake())

        act(root, "apply", checkpoint=wake)
    ((code, output),) = answers
    assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    settled(root, "v3")
    whole(root)
    next_apply_succeeds(root)


@pytest.mark.parametrize("point", ["epoch", "record", "head", "bind"])
@pytest.mark.parametrize("second", ["epoch", "record", "head", "bind"])
def test_two_sleepers_wake_the_older_last(root: Path, point: str, second: str) -> None:
    """The successor is stopped and taken over too; both continue, the older last."""
    with sleeping(root, point) as older:
        kept = POINTS.index(point) <= POINTS.index("head")
        with sleeping(root, second, user="cem", before="v1" if kept else "v2") as newer:
            act(root, "rollback")
            for sleeper in (newer, older):
                code, output = sleeper.wake()
                assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    settled(root, "v0")
    whole(root)
    next_apply_succeeds(root)


# --- with a real server ------------------------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """v1 serves on a port."""
    port = free_port()
    servers.move(tmp_path, servers.binds(tmp_path, "v1", port))
    yield tmp_path, port
    processes.stop_server(tmp_path, NAME, timeout=5)


def acting_on_servers(root: Path, decide: Callable[[State], Desired]) -> None:
    with patient(root, owner("bob"), servers.pointers_of) as claim:
        run_switch(servers.switch_of(root, claim), decide)


@pytest.mark.parametrize("point", ["ready", "head"])
def test_a_sleeper_starts_no_server_of_what_was_destroyed(real: tuple[Path, int], point: str) -> None:
    root, port = real
    with sleeping(root, point, port=port) as sleeper:
        acting_on_servers(root, servers.destroys)
        assert servers.asked(port, 0.5) is None
        code, output = sleeper.wake()
    assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    assert (servers.asked(port, 0.5), processes.server_record(root, NAME)) == (None, None)
    state = servers.state_of(root)
    assert (state.environments[NAME].destroyed, dict(state.current), dict(state.pending)) == (True, {}, {})


@pytest.mark.parametrize("point", ["head", "activate"])
def test_a_sleeping_destroy_stops_no_server_of_its_successor(real: tuple[Path, int], point: str) -> None:
    root, port = real
    with sleeping(root, point, version=None, port=port) as sleeper:
        acting_on_servers(root, servers.binds(root, "v3", port))
        serving = processes.running_server(root, NAME)
        code, output = sleeper.wake()
    assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    assert processes.running_server(root, NAME) == serving
    status = servers.asked(port)
    state = servers.state_of(root)
    assert status is not None
    assert (status.models[MODEL].version, status.models[MODEL].package) == ("v3", state.current[BINDING].package)
    assert status.deployment == number_in_force(state.environments[NAME])


@pytest.mark.parametrize("point", ["ready", "bind"])
def test_a_sleeper_leaves_the_server_of_its_successor_as_it_is(real: tuple[Path, int], point: str) -> None:
    """The sleeper would start it with other settings; the other has gone back to what served before."""
    root, port = real
    with sleeping(root, point, port=port) as sleeper:
        acting_on_servers(root, servers.binds(root, "v1", port, returning=True))
        serving = processes.running_server(root, NAME)
        code, output = sleeper.wake()
    assert (code, output.split(":")[0], "bob@" in output) == (5, "taken-over", True), output
    assert serving is not None
    assert processes.running_server(root, NAME) == serving
    assert "4096" not in str(addresses.arguments_of(serving.pid))
    status, state = servers.asked(port), servers.state_of(root)
    assert status is not None
    assert (status.models[MODEL].version, state.current[BINDING].version) == ("v1", "v1")
    assert status.deployment == number_in_force(state.environments[NAME])
