"""Builds that are killed in each of their long steps: SIGKILL, then the same command again."""

import os
import signal
import time
from pathlib import Path

from leptonctl.building.checkpoint import DAMAGED, RESUMES
from tests import projects

Place = tuple[str, str]
"""Address and name of a step."""


def checkpoints(root: Path) -> set[Path]:
    folder = root / ".leptonctl" / "checkpoints"
    return {file for file in folder.iterdir() if len(file.name) == 64} if folder.is_dir() else set()


def apply_until_killed(root: Path, before: set[Path]) -> tuple[list[dict], set[Path]]:
    """An apply that is killed as soon as a step has a checkpoint that had none before; its events, and that checkpoint."""
    process = projects.start("apply", "--yes", "--json", cwd=root, LEPTONCTL_CHECKPOINT_S="0.1")
    try:
        while not (new := checkpoints(root) - before) and process.poll() is None:
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
    return projects.events(out[: out.rfind("\n") + 1]), new


def apply_killed_in_each_step(root: Path) -> tuple[list[dict], dict[Path, Place]]:
    """Apply until all is built, killed once in each step that keeps how far it is; the first checkpoint is damaged.

    Returns all events, and the steps by their checkpoints. Each of the steps has to say that it continues, or that it cannot.
    """
    events: list[dict] = []
    seen: list[Path] = []
    while True:
        more, new = apply_until_killed(root, {*seen})
        events += more
        if not new:
            break
        seen += new
        if len(seen) == 1:
            seen[0].write_bytes(seen[0].read_bytes()[:-1] + b"?")
    assert events[-1]["type"] == "apply_finished"
    assert events[-1]["ok"]
    started = [event for event in events if event["type"] == "step_started"]
    steps = {event["key"].removeprefix("sha256:"): (event["address"], event["name"]) for event in started}
    killed = {file: steps[file.name] for file in seen}
    notices = {(event["address"], event["name"]): event["message"] for event in events if event.get("notice")}
    assert notices == {place: DAMAGED if file == seen[0] else RESUMES for file, place in killed.items()}
    return events, killed


def built(root: Path) -> dict[Place, object]:
    """The artifacts and outputs of all steps."""
    current = projects.state_of(root)["current"]
    keys = {(address, name): step["key"] for address, node in current.items() for name, step in node["steps"].items()}
    results = {place: projects.result_of(root, key) for place, key in keys.items()}
    return {place: (result.artifacts, result.outputs) for place, result in results.items()}
