"""What Git reports, and None where it cannot answer."""

import os
import subprocess
from pathlib import Path

import pytest

from leptonctl.project.git import contains, head


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project below the root of its repository."""
    folder = tmp_path / "repo" / "models"
    folder.mkdir(parents=True)
    git(tmp_path / "repo", "init", "-q")
    for name in ("a.yaml", "naïve 模型.yaml"):
        (folder / name).write_text("kind: Model\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_the_commit_and_the_dirty_files(project: Path) -> None:
    commit = head(project)
    assert commit is not None
    assert commit.hash == git(project, "rev-parse", "HEAD")
    files = ("a.yaml", "naïve 模型.yaml", "./a.yaml")
    assert head(project, files) == commit
    (project / "a.yaml").write_text("kind: Dataset\n")
    (project / "new.yaml").write_text("kind: Model\n")
    (project / ".gitignore").write_text("hidden.yaml\n")
    (project / "hidden.yaml").write_text("kind: Model\n")
    found = head(project, (*files, "new.yaml", "hidden.yaml"))
    assert found is not None
    assert found.dirty == ("a.yaml", "./a.yaml", "new.yaml", "hidden.yaml")
    git(project, "add", "a.yaml", "new.yaml")
    staged = head(project, ("a.yaml", "new.yaml"))
    assert staged is not None
    assert staged.dirty == ("a.yaml", "new.yaml")


@pytest.mark.parametrize("way", ["--assume-unchanged", "--skip-worktree", "stat", "sparse", "replace"])
def test_no_setting_of_the_index_hides_an_edit(project: Path, way: str) -> None:
    file = project / "a.yaml"
    if way == "stat":
        # of the same size and time as before, and Git looks at nothing else
        git(project, "config", "core.checkStat", "minimal")
        git(project, "config", "core.trustctime", "false")
        os.utime(file, (1_600_000_000, 1_600_000_000))
        git(project, "update-index", "--refresh")
    elif way == "sparse":
        git(project, "config", "core.sparseCheckout", "true")
        git(project, "update-index", "--skip-worktree", "a.yaml")
    elif way != "replace":
        git(project, "update-index", way, "a.yaml")
    file.write_text("kind: Modem\n")
    if way == "stat":
        os.utime(file, (1_600_000_000, 1_600_000_000))
    if way == "replace":
        blob = git(project, "hash-object", "-w", "a.yaml")
        git(project, "replace", git(project, "rev-parse", "HEAD:models/a.yaml"), blob)
    commit = head(project, ("a.yaml",))
    assert commit is not None
    assert commit.dirty == ("a.yaml",)


def test_what_git_writes_otherwise_than_it_is_committed_is_clean(project: Path) -> None:
    (project / ".gitattributes").write_text("a.yaml eol=crlf\nsecret.yaml filter=upper\n")
    git(project, "config", "filter.upper.clean", "tr a-z A-Z")
    (project / "secret.yaml").write_text("kind: Model\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "filters")
    (project / "a.yaml").write_bytes(b"kind: Model\r\n")
    (project / "a.yaml").chmod(0o755)
    commit = head(project, ("a.yaml", "secret.yaml"))
    assert commit is not None
    assert commit.dirty == ()
    git(project, "update-index", "--assume-unchanged", "secret.yaml")
    (project / "secret.yaml").write_text("kind: Dataset\n")
    commit = head(project, ("secret.yaml",))
    assert commit is not None
    assert commit.dirty == ("secret.yaml",)


def test_a_link_is_as_clean_as_what_it_leads_to(project: Path, tmp_path: Path) -> None:
    (project / "inside.yaml").symlink_to("a.yaml")
    (tmp_path / "outside.yaml").write_text("kind: Model\n")
    (project / "outside.yaml").symlink_to(tmp_path / "outside.yaml")
    git(project, "add", ".")
    git(project, "commit", "-qm", "links")
    commit = head(project, ("inside.yaml", "outside.yaml"))
    assert commit is not None
    assert commit.dirty == ("outside.yaml",)


def test_containment_follows_the_history(project: Path) -> None:
    first = git(project, "rev-parse", "HEAD")
    git(project, "commit", "-q", "--allow-empty", "-m", "two")
    second = git(project, "rev-parse", "HEAD")
    git(project, "checkout", "-q", "-b", "side", first)
    git(project, "commit", "-q", "--allow-empty", "-m", "side")
    side = git(project, "rev-parse", "HEAD")
    assert contains(project, first, second) is True
    assert contains(project, first, first[:12]) is True
    assert contains(project, second, first) is False
    assert contains(project, second, side) is False
    assert contains(project, "0" * 40, second) is None
    assert contains(project, "--help", second) is None


def test_a_shallow_clone_does_not_deny_what_it_does_not_have(project: Path, tmp_path: Path) -> None:
    git(project, "checkout", "-q", "-b", "side")
    side = git(project, "rev-parse", "HEAD")
    git(project, "checkout", "-q", "main")
    for _ in range(3):
        git(project, "commit", "-q", "--allow-empty", "-m", "more")
    tip = git(project, "rev-parse", "HEAD")
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{tmp_path / 'repo'}", "shallow")
    assert contains(project, side, tip) is True
    assert contains(tmp_path / "shallow", side, tip) is None


def test_without_a_repository_or_a_commit_there_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert head(tmp_path, ("a.yaml",)) is None
    assert contains(tmp_path, "a" * 40, "b" * 40) is None
    git(tmp_path, "init", "-q")
    assert head(tmp_path) is None
    assert head(tmp_path / "nowhere") is None


def test_without_git_there_is_no_answer(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert head(project) is None
    assert contains(project, "a" * 40, "b" * 40) is None


def test_the_repository_of_a_running_hook_is_ignored(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    commit = head(project)
    assert commit is not None


def test_queries_run_no_program_of_the_repository(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "program"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(script))
    git(project, "config", "diff.external", str(script))
    assert head(project, ("a.yaml",)) is not None
    assert not (tmp_path / "ran").exists()
