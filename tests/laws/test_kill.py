"""SIGKILL at any instant of an apply: the state parses, no result lacks its artifacts, no process is left behind, and the next run
repeats nothing that was finished (law 4). Twelve kills always; a hundred with LEPTONCTL_SOAK=1."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.state import State
from tests.projects import (
    COMMAND,
    environment,
    history_of,
    processes,
    recorded,
    result_of,
    run,
    state_file,
    stop_servers,
    stored,
    tiny_project,
    workers,
)

KILLS = 100 if os.environ.get("LEPTONCTL_SOAK") else 12
DEADLINE_S = 2.0
MODELS = {
    f"m{number}": {f"v{version}": f"{{seed: {version}, params: {{C: {number + 1}.{version}}}}}" for version in range(5)}
    for number in range(4)
}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Iterator[Path]]:
    """Fresh projects of 20 model versions, one after the other; their servers stop at the end."""
    made: list[Path] = []

    def fresh() -> Iterator[Path]:
        for number in range(1000):
            bound = "models: {" + ", ".join(f"{name}: v{index}" for index, name in enumerate(MODELS)) + "}"
            made.append(tiny_project(tmp_path / str(number), MODELS, {"dev": bound}, workers=2))
            yield made[-1]

    yield fresh()
    for root in made:
        stop_servers(root)


@pytest.mark.long
def test_killed_applies_lose_nothing_and_repeat_nothing(folders: Iterator[Path]) -> None:
    draw = random.Random(os.environ.get("LEPTONCTL_SEED", "7"))
    root = next(folders)
    kills = completed = repeated = 0
    longest = 8.0
    while kills < KILLS:
        finished = built(root)
        log = root.parent / f"events-{kills}-{completed}.jsonl"
        began = time.monotonic()
        process = launch(root, log)
        try:
            process.wait(draw.uniform(0.1, longest))
        except subprocess.TimeoutExpired:
            kill(process, root, draw.choice(["parent", "group", "all"]))
            kills += 1
        else:
            completed += 1
            assert process.returncode == 0, log.read_text() + log.with_suffix(".err").read_text()
            longest = time.monotonic() - began + 0.5
        left = leftovers(root)
        assert not left, f"after kill {kills}: {left}"
        check_state(root)
        check_results(root)
        done = performed(log)
        repeated += len(done & finished)
        assert not done & finished, "a step with a result ran again"
        if process.returncode == 0:
            converged(root)
            stop_servers(root)
            root = next(folders)
    finished = built(root)
    last = run("apply", "--yes", "--json", cwd=root)
    assert last.returncode == 0, last.stdout + last.stderr
    assert not {e["key"] for e in map(json.loads, last.stdout.splitlines()) if e["type"] == "step_started"} & finished
    converged(root)
    print(f"{kills} kills, {completed + 1} applies that came to their end, {repeated} steps repeated")


def launch(root: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(
            [*COMMAND, "apply", "--yes", "--json"],
            cwd=root,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes], root: Path, whom: str) -> None:
    """The command alone, with its process group, or with its workers too."""
    others = workers(root) if whom == "all" else {}
    if whom == "parent":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    for pid in others:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def leftovers(root: Path) -> dict[int, str]:
    """Processes of the project, its servers excepted, that do not end within a moment."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := workers(root)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def check_state(root: Path) -> State | None:
    """The state parses, its history is complete and every key it names has a result. None if there is no state yet, and no mark of one."""
    if not state_file(root).exists():
        assert not list(stored(root, layout.LINEAGES).rglob("*"))
        assert not list(stored(root, layout.PROJECTS).rglob("owner"))
        return None
    state = recorded(root)
    assert [record.serial for record in history_of(root)] == list(range(1, state.serial + 1))
    keys = built(root)
    for address, pointer in state.current.items():
        for name, step in pointer.steps.items():
            assert step.key in keys, f"{name} of {address} has no result"
    return state


def built(root: Path) -> set[str]:
    """The keys that have a result record."""
    folder = stored(root, layout.RESULTS)
    return (
        {key[0] for file in folder.iterdir() if (key := layout.result_key(f"{layout.RESULTS}/{file.name}"))} if folder.exists() else set()
    )


def check_results(root: Path) -> None:
    """Every result record is complete and its artifacts exist with their bytes."""
    for key in built(root):
        result = result_of(root, key)
        assert result.key == key
        for digest in result.artifacts.values():
            assert f"sha256:{sha256(stored(root, layout.artifact(digest)).read_bytes()).hexdigest()}" == digest


def performed(log: Path) -> set[str]:
    """The keys whose steps a run carried out or began. The last line may be cut off by the kill."""
    keys = set()
    for line in log.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["type"] == "step_started" or (event["type"] == "step_finished" and event["op"] != "bind" and not event["adopted"]):
            keys.add(event["key"])
    return keys


def converged(root: Path) -> None:
    plan = run("plan", "--detailed-exitcode", cwd=root)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    state = check_state(root)
    assert state is not None
    assert not state.applies
    assert not state.locks
    assert not state.pending
    assert sum(address.startswith("model/") for address in state.current) == 20
    assert sum(address.startswith("environment/dev/") for address in state.current) == len(MODELS)
    assert len(processes(root)) == 1  # the server
