"""docs/how-to/pull-requests.md: its jobs are run as CI runs them, each in a checkout of its own, between the steps that a person takes."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import projects
from tests.how_to.reader import Reader, assert_printed
from tests.operations.pages import PATH, Done

NAME = "docs/how-to/pull-requests.md"
GITHUB, GITLAB = ".github/workflows/leptonctl.yml", ".gitlab-ci.yml"
INSTALL = "pip install -q -c .source/constraints.txt ./.source"
GH = '#!/bin/sh\n[ "$1 $2 $3" = "pr comment 7" ] && cat "$5" >"$COMMENT"\n'


def jobs(root: Path, file: str) -> dict[str, Any]:
    """The file as YAML 1.1 readers and 1.2 readers both see it: all scalars are text."""
    document: dict[str, Any] = yaml.load((root / file).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return document


def lines(document: Mapping[str, Any], job: str) -> list[tuple[str, str]]:
    """(shell, script) of a job's steps, as the runner starts them."""
    if "jobs" not in document:
        return [("bash -eo pipefail", "\n".join(document[job]["script"]))]
    steps = document["jobs"][job]["steps"]
    assert steps[0]["uses"].startswith("actions/checkout@")
    shells = {"": "bash -e", "bash": "bash --noprofile --norc -eo pipefail"}
    return [(shells[step.get("shell", "")], step["run"]) for step in steps if "run" in step]


class Ci:
    """Runs jobs in fresh clones. `comment` is the file that stands for the comment of the pull request."""

    def __init__(self, origin: Path, folder: Path) -> None:
        self.origin, self.folder, self.comment, self.count = origin, folder, folder / "comment.md", 0
        (folder / "bin").mkdir()
        (folder / "bin" / "gh").write_text(GH, encoding="utf-8")
        (folder / "bin" / "gh").chmod(0o755)

    def run(self, file: str, job: str, branch: str, **variables: str) -> list[Done]:
        """What each step of a job gives, until one fails; a step that always runs is run."""
        self.count += 1
        checkout = self.folder / f"checkout-{self.count}"
        projects.git(self.folder, "clone", "-q", "--branch", branch, str(self.origin), str(checkout))
        more = {"PATH": f"{self.folder}/bin{os.pathsep}{PATH}", "GITHUB_STEP_SUMMARY": f"{self.folder}/summary.md", "NUMBER": "7"}
        environment = projects.environment(**more, COMMENT=str(self.comment), **variables)
        found: list[Done] = []
        for shell, script in lines(jobs(checkout, file), job):
            if script == INSTALL:  # installed here; the network is not a test's
                continue
            if found and found[-1].returncode and not script.startswith("gh "):
                break
            command = [*shell.split(), "-c", script]
            found.append(subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=120, check=False))
        return found


@pytest.fixture
def ci(reader: Reader, built: Path, tmp_path: Path) -> Iterator[Ci]:
    """The reader's project has a remote `origin` with the branch `main`; the shared store has the results that were built before."""
    shutil.copytree(built / ".leptonctl" / "store", tmp_path / "shared" / "store")
    shutil.rmtree(reader.root / ".leptonctl")
    projects.git(tmp_path, "init", "-q", "--bare", "origin")
    projects.commit(reader.root)
    projects.git(reader.root, "remote", "add", "origin", str(tmp_path / "origin"))
    projects.git(reader.root, "push", "-q", "-u", "origin", "main")
    (tmp_path / "ci").mkdir()
    yield Ci(tmp_path / "origin", tmp_path / "ci")
    projects.stop_servers(tmp_path)


def codes(steps: list[Done]) -> list[int]:
    return [step.returncode for step in steps]


def effect_of(plan: str) -> str:
    """The id that stands in a plan, as JSON or in a comment."""
    (found,) = re.findall(r"effect_id\W+(sha256:\w+)", plan)
    return str(found)


def test_the_page(reader: Reader, ci: Ci) -> None:
    job = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "o/r", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "5"}
    reader.follow(NAME, section="1. Put state and store into the shared folder")
    reader.follow(NAME, section="2. Tell CI what to run")
    assert codes(ci.run(GITHUB, "apply", "main", **job)) == [0]

    comments: list[str] = []
    reader.follow(NAME, section="3. Propose a version", own={"markdown": comments.append})
    assert codes(ci.run(GITHUB, "check", "try-v2", **job)) == [0]
    steps = ci.run(GITHUB, "plan", "try-v2", **job)
    assert codes(steps) == [0, 0, 0], steps
    for file in (ci.comment, ci.folder / "summary.md"):
        assert_printed(comments[0], file.read_text(encoding="utf-8"))
    assert projects.state_of(reader.root)["serial"] == 2, "a pull request moves no pointer"
    assert codes(ci.run(GITLAB, "plan", "try-v2")) == [0]

    projects.git(reader.root, "switch", "-q", "main")
    projects.git(reader.root, "merge", "-q", "--no-ff", "-m", "Merge pull request #7 from o/try-v2", "try-v2")
    projects.git(reader.root, "push", "-q", "origin", "main")
    assert codes(ci.run(GITHUB, "compare", "main", **job)) == [2]
    assert effect_of(projects.run("plan", "--json", cwd=reader.root).stdout) == effect_of(ci.comment.read_text(encoding="utf-8"))
    (applied,) = ci.run(GITHUB, "apply", "main", **job)
    assert (applied.returncode, "nothing to build" in applied.stdout) == (0, True), applied
    assert codes(ci.run(GITLAB, "compare", "main")) == [0]
    reader.follow(NAME, section="4. Merge")
    assert "https://github.com/o/r/actions/runs/5" in reader.printed
    assert codes(ci.run(GITLAB, "apply", "main")) == [0]


def test_a_gate_that_fails_is_red_and_in_the_comment(reader: Reader, ci: Ci) -> None:
    reader.follow(NAME, section="1. Put state and store into the shared folder")
    reader.follow(NAME, section="2. Tell CI what to run")
    projects.edit(reader.root / "leptonctl.yaml", "accuracy: {min: 0.5}", "accuracy: {min: 0.99}")
    projects.commit(reader.root)
    reviewed = effect_of(projects.run("plan", "--json", cwd=reader.root).stdout)
    projects.git(reader.root, "push", "-q", "origin", "main")
    assert codes(ci.run(GITHUB, "plan", "main")) == [0, 6, 0]
    assert "1 gate fails" in ci.comment.read_text(encoding="utf-8")
    assert codes(ci.run(GITHUB, "apply", "main")) == [6]
    assert projects.run("apply", "--yes", cwd=reader.root).returncode == 0, "the same hold, met again"
    assert projects.run("status", "--check", cwd=reader.root).returncode == 6
    assert projects.run("apply", "--yes", "--expect", reviewed, cwd=reader.root).returncode == 5


def test_the_jobs_install_what_the_readme_installs() -> None:
    """From a clone with its lock; and what is installed so has the lock and the package."""
    readme = (projects.EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert "pip install -q -c constraints.txt ." in readme
    page = (projects.EXAMPLES.parent / NAME).read_text(encoding="utf-8")
    assert re.findall(r"pip install .*", page) == [INSTALL]
    assert "path: .source}" in page, "a hidden folder: the YAML of the clone is none of the project's"
