"""SIGKILL between the writes of a switch (pending, record, staged, ready, head, state): the servers keep serving, the next apply completes the
binding from the head and never goes back (law 8)."""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.deployment import ServerRecord
from tests.projects import (
    ask,
    deployments_of,
    environment_of,
    head_of,
    processes,
    recorded,
    run,
    served,
    start,
    state_of,
    stop_servers,
    stored,
    tiny_project,
)

ROUNDS = 5 if os.environ.get("LEPTONCTL_SOAK") else 1
POINTS = ("pending", "record", "staged", "ready", "head", "state")
# the versions answer this row differently enough to distinguish them
ROW = {"inputs": [{"name": n, "datatype": "FP32", "shape": [1], "data": [v]} for n, v in (("x", 2.0), ("y", 3.0))]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("switch")
    project = tiny_project(folder, {"line": {"v1": "{}", "v2": "{params: {C: 0.01}}", "v3": "{params: {C: 20.0}}"}})
    first = run("apply", "--yes", cwd=project)
    assert first.returncode == 0, first.stdout + first.stderr
    yield project
    stop_servers(project)


class Asking(threading.Thread):
    """Sends requests to the server continuously; records failures and the versions that answered."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.failed, self.answers, self.over = url, [], 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.01):
            try:
                answer = ask(f"{self.url}/v2/models/line/infer", ROW)
                assert answer["outputs"]
                self.answers += 1
            except Exception as problem:
                self.failed.append(repr(problem))


def reached(root: Path, point: str, number: int) -> bool:
    """Whether the switch to deployment `number` of dev has come to this write."""
    state = recorded(root)
    match point:
        case "pending":
            return "dev" in state.pending and state.pending["dev"].deployment == number
        case "record":
            return stored(root, layout.deployment(state.lineage, "dev", number)).exists()
        case "staged":
            return head_of(root, "dev").staged == number
        case "ready":
            return any(number in server.ready for server in registered(root))
        case "head":
            return head_of(root, "dev").deployment == number
    return state.environments["dev"].deployment == number


def registered(root: Path) -> list[ServerRecord]:
    return [decode(file.read_bytes(), ServerRecord) for file in stored(root, layout.servers(recorded(root).lineage, "dev")).iterdir()]


def bind(root: Path, version: str) -> None:
    file = root / "environment-dev.yaml"
    file.write_text(re.sub(r"line: v\d", f"line: {version}", file.read_text()))


def kill_at(root: Path, arrived: Callable[[], bool]) -> None:
    process = start("apply", "--yes", "--json", cwd=root)
    while not arrived() and process.poll() is None:
        time.sleep(0.0002)
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def nothing_withdrawn(root: Path) -> None:
    """Let back in what the rollbacks of other tests have left."""
    for withdrawal in served(root, "dev")["models"][0]["withdrawn"]:
        line = ("dev/line@" + withdrawal["version"], "--withdrawal", withdrawal["id"], "--reason", "another test")
        assert run("readmit", *line, cwd=root).returncode == 0


def newest(root: Path) -> int:
    return max(deployments_of(root, "dev"))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_an_apply_killed_in_a_switch_is_completed_or_dropped(root: Path, point: str, attempt: int) -> None:
    asking = Asking(environment_of(root, "dev").url)
    before = state_of(root)["current"]["environment/dev/line"]["version"]
    after = "v2" if before == "v1" else "v1"
    number = newest(root) + 1
    servers = processes(root)
    bind(root, after)
    asking.start()
    kill_at(root, lambda: reached(root, point, number))
    assert reached(root, point, number)
    written, moved = reached(root, "record", number), reached(root, "head", number)
    bound = reached(root, "state", number)
    entry = recorded(root).current["environment/dev/line"]
    assert entry.version in (before, after)
    if point in ("record", "pending", "staged", "ready"):
        assert entry.version == before
    # a plan changes nothing, and shows what the next apply will do
    plan = run("plan", "--detailed-exitcode", "--json", cwd=root)
    assert plan.returncode == (0 if bound else 2), plan.stdout
    completed = run("apply", "--yes", "--json", cwd=root)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    state = recorded(root)
    assert state.current["environment/dev/line"].version == after
    assert not state.pending
    assert not state.locks
    assert not state.applies
    if moved:
        assert (state.environments["dev"].deployment, newest(root)) == (number, number), "completed, not switched again"
    else:
        # a number that a record has been written under is never used again
        assert state.environments["dev"].deployment == newest(root) == number + written
    shown = served(root, "dev")
    assert shown["models"][0]["live_artifact"] == state.current["environment/dev/line"].artifact
    assert processes(root) == servers
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0
    asking.over.set()
    asking.join()
    assert not asking.failed
    assert asking.answers > 20
    newest_entry = json.loads(run("history", "environment/dev", "--json", cwd=root).stdout)["entries"][0]
    assert newest_entry["command"] == "apply"
    assert ("recovered_by" in newest_entry) == (moved and not bound)
    assert [(c["before_version"], c["after_version"]) for c in newest_entry["changes"]] == [(before, after)]


def test_an_edit_back_after_the_head_moved_is_a_return(root: Path) -> None:
    """The YAML is reverted while the switch is interrupted: that switch is completed first, then the reverted binding is a return."""
    before = state_of(root)["current"]["environment/dev/line"]["version"]
    after = "v2" if before == "v1" else "v1"
    number = newest(root) + 1
    bind(root, after)
    kill_at(root, lambda: reached(root, "head", number))
    bind(root, before)
    back = run("apply", "--yes", "--json", cwd=root)
    assert back.returncode == 0, back.stdout + back.stderr
    state = recorded(root)
    assert state.current["environment/dev/line"].version == before
    assert state.environments["dev"].deployment == number + 1


def test_a_completed_switch_can_be_returned_to(root: Path) -> None:
    """A version that came into force through a crash can be rolled back to like any other."""
    for version in ("v1", "v2"):
        bind(root, version)
        assert run("apply", "--yes", cwd=root).returncode == 0
    number = newest(root) + 1
    bind(root, "v3")
    kill_at(root, lambda: reached(root, "head", number))
    bind(root, "v1")
    assert run("apply", "--yes", cwd=root).returncode == 0
    rolled = run("rollback", "dev", "--yes", cwd=root)
    assert rolled.returncode == 0, rolled.stdout + rolled.stderr
    assert recorded(root).current["environment/dev/line"].version == "v3"


@pytest.mark.parametrize("edited", ["as it was killed", "back by hand"])
def test_a_rollback_after_a_crash_returns_to_what_served_before_the_switch(root: Path, edited: str) -> None:
    for _ in range(10):
        bind(root, "v1")
        assert run("apply", "--yes", cwd=root).returncode == 0
        number = newest(root) + 1
        bind(root, "v2")
        kill_at(root, lambda number=number: reached(root, "head", number))
        if recorded(root).pending and head_of(root, "dev").deployment == number:
            break
    else:
        pytest.fail("no switch was killed between its head and its bind")
    if edited == "back by hand":
        bind(root, "v1")
    back = run("rollback", "dev", "--yes", cwd=root)
    assert back.returncode == 0, back.stdout + back.stderr
    assert "to v1" in back.stdout
    assert [model["version"] for model in served(root, "dev")["models"]] == ["v1"]
    assert "line: v1" in (root / "environment-dev.yaml").read_text()
    assert recorded(root).pending == {}
