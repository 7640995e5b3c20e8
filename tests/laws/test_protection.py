"""Versions that prod has served are sealed, and prod moves only forwards, with pinned data and committed files (law 11). A saved plan is valid or refused (law 3)."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import (
    commit,
    edit,
    edit_plan,
    environment_of,
    finished,
    free_port,
    git,
    points,
    processes,
    recorded,
    run,
    state_of,
    stop_servers,
    tiny_project,
)

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.25}}"}}
PROD = "protected: true\nmodels: {line: v1}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tiny_project(tmp_path_factory.mktemp("built"), MODELS)
    done = run("build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / ".leptonctl" / "store"


@pytest.fixture
def fresh(tmp_path: Path, built: Path) -> Iterator[Path]:
    """A project whose versions are built; nothing is pinned, committed or applied."""
    project = tiny_project(tmp_path, MODELS, {"prod": PROD}, project="vars: {strength: 1.0}\n")
    shutil.copytree(built, project / ".leptonctl" / "store")
    yield project
    stop_servers(project)


@pytest.fixture
def root(fresh: Path) -> Path:
    """prod serves v1, pinned and committed."""
    assert run("pin", cwd=fresh).returncode == 0
    commit(fresh, "v1")
    apply(fresh)
    return fresh


def apply(root: Path, *options: str, code: int = 0) -> dict:
    done = run("apply", "--yes", "--json", *options, cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return finished(done) if code in (0, 6) else json.loads(done.stdout)


def refused(root: Path, *arguments: str, code: int, id: str) -> dict:
    """The one diagnostic of a refused command."""
    done = run(*arguments, "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    (problem,) = [d for d in json.loads(done.stdout)["diagnostics"] if d["severity"] == "error"]
    assert problem["id"] == id
    assert problem["hint"]
    return problem


def bind(root: Path, before: str, after: str, message: str = "") -> str:
    edit(root / "environment-prod.yaml", f"line: {before}", f"line: {after}")
    return commit(root, message or f"bind {after}")


def bound(root: Path) -> str:
    return state_of(root)["current"]["environment/prod/line"]["version"]


# --- seals -------------------------------------------------------------------------------------------------------------------------------


def test_a_sealed_version_keeps_its_own_block(root: Path) -> None:
    edit(root / "model-line.yaml", "v1: {}", "v1: {params: {C: 9.0}}")
    for command in (["plan"], ["apply", "--yes"], ["build"]):
        problem = refused(root, *command, code=3, id="sealed-version")
    line = (root / "model-line.yaml").read_text().splitlines().index("  v1: {params: {C: 9.0}}") + 1
    assert (problem["file"], problem["line"]) == ("model-line.yaml", line)
    assert f"model-line.yaml:{line}" in problem["detail"]
    assert "params.C" in problem["detail"]
    assert "9" in problem["detail"]
    assert "new version" in problem["hint"]
    # the text output shows the line with the mark under it
    assert "v1: {params: {C: 9.0}}" in run("plan", cwd=root).stderr
    edit(root / "model-line.yaml", "v1: {params: {C: 9.0}}", "v1: {}")
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0


def test_a_sealed_version_is_guarded_through_the_base_block_and_vars(root: Path) -> None:
    model = root / "model-line.yaml"
    edit(model, "algorithm: logistic_regression\n", "algorithm: logistic_regression\nseed: 5\n")
    problem = refused(root, "plan", code=3, id="sealed-version")
    assert "seed" in problem["detail"]
    assert (problem["file"], problem["line"]) == ("model-line.yaml", model.read_text().splitlines().index("seed: 5") + 1)
    edit(model, "seed: 5\n", 'params: {C: "{{ vars.strength }}"}\n')
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0, "the same recipe, written differently"
    edit(root / "leptonctl.yaml", "strength: 1.0", "strength: 2.5")
    problem = refused(root, "plan", code=3, id="sealed-version")
    assert "params.C" in problem["detail"]
    assert "2.5" in problem["detail"]
    edit(root / "leptonctl.yaml", "strength: 2.5", "strength: 1.0")
    # the data it was trained on is part of its recipe too
    edit(root / "data.yaml", "target: side\n", "target: side\nsplit: {seed: 3}\n")
    problem = refused(root, "plan", code=3, id="sealed-version")
    assert "data.yaml:" in problem["detail"]


def test_a_seal_outlives_its_binding(root: Path) -> None:
    bind(root, "v1", "v2")
    apply(root)
    edit(root / "model-line.yaml", "v1: {}", "v1: {params: {C: 9.0}}")
    refused(root, "apply", "--yes", code=3, id="sealed-version")
    edit(root / "model-line.yaml", "v1: {params: {C: 9.0}}", "v1: {description: The first of them}")
    edit(root / "model-line.yaml", "v3: {params: {C: 0.25}}", "v3: {params: {C: 0.75}}")
    commit(root, "names are free, and so is what prod has never served")
    apply(root)


def test_what_is_bound_when_an_environment_becomes_protected_is_sealed(fresh: Path) -> None:
    """With the protection, not with the next bind; what it was bound to before is free."""
    assert run("pin", cwd=fresh).returncode == 0
    edit(fresh / "environment-prod.yaml", "protected: true", "protected: false")
    apply(fresh)
    edit(fresh / "environment-prod.yaml", "line: v1", "line: v2")
    apply(fresh)
    assert dict(recorded(fresh).sealed) == {}
    edit(fresh / "environment-prod.yaml", "protected: false", "protected: true")
    apply(fresh)
    assert list(recorded(fresh).sealed) == ["model/line@v2"]
    edit(fresh / "model-line.yaml", "v2: {params: {C: 0.5}}", "v2: {params: {C: 9.0}}")
    refused(fresh, "apply", "--yes", code=3, id="sealed-version")
    edit(fresh / "model-line.yaml", "v2: {params: {C: 9.0}}", "v2: {params: {C: 0.5}}")
    edit(fresh / "model-line.yaml", "v1: {}", "v1: {params: {C: 9.0}}")
    apply(fresh)


# --- data --------------------------------------------------------------------------------------------------------------------------------


def test_prod_binds_only_pinned_data(fresh: Path) -> None:
    commit(fresh, "not pinned")
    problem = refused(fresh, "apply", "--yes", code=3, id="unpinned-data")
    assert problem["file"] == "environment-prod.yaml"
    assert "leptonctl pin dataset/points@first" in problem["hint"]
    assert run("pin", "points@first", cwd=fresh).returncode == 0
    commit(fresh, "pinned")
    apply(fresh)


# --- rewind ------------------------------------------------------------------------------------------------------------------------------


def test_an_older_commit_is_refused(root: Path) -> None:
    first = git(root, "rev-parse", "HEAD")
    bind(root, "v1", "v2")
    apply(root)
    git(root, "checkout", "-q", first)
    problem = refused(root, "apply", "--yes", code=5, id="rewind")
    assert first[:12] in problem["detail"]
    assert "--allow-rewind" in problem["hint"]
    assert bound(root) == "v2"
    shown = json.loads(run("plan", "--json", cwd=root).stdout)
    assert shown["applyable"] is False
    assert "rewind" in [d["id"] for d in shown["diagnostics"]]
    apply(root, "--allow-rewind")
    assert bound(root) == "v1"


def test_a_diverged_branch_is_refused_and_a_merge_passes(root: Path) -> None:
    git(root, "branch", "side")
    bind(root, "v1", "v2")
    apply(root)
    git(root, "checkout", "-q", "side")
    bind(root, "v1", "v3")
    refused(root, "apply", "--yes", code=5, id="rewind")
    git(root, "merge", "-q", "-X", "ours", "--no-edit", "main")
    apply(root)
    assert bound(root) == "v3"


def test_a_revert_passes(root: Path) -> None:
    bind(root, "v1", "v2")
    apply(root)
    git(root, "revert", "--no-edit", "HEAD")
    assert apply(root)["bound"] == 1
    assert bound(root) == "v1"


def test_other_environments_are_not_checked(root: Path) -> None:
    """`prod-eu` has the prefix `prod` and is a different environment."""
    first = git(root, "rev-parse", "HEAD")
    bind(root, "v1", "v2")
    apply(root)
    git(root, "checkout", "-q", first)
    port = (root / "environment-prod.yaml").read_text().partition("port: ")[2].partition("}")[0]
    text = (
        (root / "environment-prod.yaml")
        .read_text()
        .replace("name: prod", "name: prod-eu")
        .replace("protected: true\n", "")
        .replace(port, str(free_port()))
    )
    (root / "environment-prod-eu.yaml").write_text(text)
    apply(root, "--only", "environment/prod-eu")
    assert bound(root) == "v2"


def test_without_a_repository_it_is_a_note(fresh: Path) -> None:
    assert run("pin", cwd=fresh).returncode == 0
    apply(fresh)
    edit(fresh / "environment-prod.yaml", "line: v1", "line: v2")
    apply(fresh)
    edit(fresh / "environment-prod.yaml", "line: v2", "line: v3")
    commit(fresh, "at last")
    apply(fresh)
    shutil.rmtree(fresh / ".git")
    edit(fresh / "environment-prod.yaml", "line: v3", "line: v1")
    shown = json.loads(run("plan", "--json", cwd=fresh).stdout)
    assert [(d["id"], d["severity"]) for d in shown["diagnostics"]] == [("rewind-unknown", "note"), ("withdraws", "note")]
    apply(fresh)
    assert bound(fresh) == "v1"


def in_ci(root: Path, clone: Path, *options: str) -> Path:
    """A clone as a CI job makes it, with the state and the store of the project."""
    git(clone.parent, "clone", "-q", *options, f"file://{root}", str(clone))
    shutil.copytree(root / ".leptonctl", clone / ".leptonctl")
    return clone


def rewinds(root: Path) -> dict[str, str]:
    """What a plan says about the commit: id -> hint. An apply that it forbids exits with 5."""
    shown = json.loads(run("plan", "--json", cwd=root).stdout)
    found = {d["id"]: d["hint"] for d in shown["diagnostics"] if d["id"].startswith("rewind") and d["severity"] == "error"}
    assert run("apply", "--yes", cwd=root).returncode == 5 if found else True
    return found


def test_a_clone_that_cannot_tell_is_refused(root: Path, tmp_path: Path) -> None:
    older = git(root, "rev-parse", "HEAD")
    git(root, "branch", "older")
    bind(root, "v1", "v2")
    apply(root)
    shallow = in_ci(root, tmp_path / "shallow", "--depth", "1", "--branch", "older")
    assert git(shallow, "rev-parse", "HEAD") == older
    hint = rewinds(shallow)["rewind-unknown"]
    assert "git fetch --unshallow" in hint and "--allow-rewind" in hint
    # both commits are there, and what connects them is not
    git(root, "branch", "applied")
    git(root, "commit", "-q", "--allow-empty", "-m", "between")
    bind(root, "v2", "v3")
    git(root, "branch", "newer")
    both = in_ci(root, tmp_path / "both", "--depth", "1", "--no-single-branch", "--branch", "newer")
    assert list(rewinds(both)) == ["rewind-unknown"]
    git(both, "fetch", "-q", "--unshallow")
    assert rewinds(both) == {}
    # a commit that a force push replaced, seen from a clone made later
    git(root, "checkout", "-q", "--detach", older)
    edit(root / "environment-prod.yaml", "line: v1", "line: v3")
    git(root, "commit", "-q", "-a", "-m", "rewritten")
    git(root, "branch", "rewritten")
    late = in_ci(root, tmp_path / "late", "--single-branch", "--branch", "rewritten")
    assert list(rewinds(late)) == ["rewind-unknown"]
    # a detached HEAD and a worktree know the history of their repository
    assert list(rewinds(root)) == ["rewind"]
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "main")
    shutil.copytree(root / ".leptonctl", tmp_path / "tree" / ".leptonctl")
    assert rewinds(tmp_path / "tree") == {}
    assert bound(root) == "v2"


def test_another_repository_or_one_that_git_cannot_read_is_refused(root: Path) -> None:
    edit(root / "environment-prod.yaml", "line: v1", "line: v2")
    # unreadable as one of another user is
    (root / ".git" / "HEAD").rename(root / "HEAD")
    problem = refused(root, "apply", "--yes", code=5, id="rewind-unknown")
    assert "safe.directory" in problem["hint"]
    (root / "HEAD").unlink()
    shutil.rmtree(root / ".git")
    commit(root, "a new repository")
    refused(root, "apply", "--yes", code=5, id="rewind-unknown")
    assert bound(root) == "v1"
    apply(root, "--allow-rewind")
    assert bound(root) == "v2"


def test_an_apply_that_cannot_tell_its_commit_does_not_forget_the_last_one(root: Path) -> None:
    """Else the next apply could go back to any commit."""
    bind(root, "v1", "v2", "v2")
    apply(root)
    last = environment_of(root, "prod").commit
    (root / ".git").rename(root / "git")
    edit(root / "environment-prod.yaml", "line: v2", "line: v3")
    apply(root)
    assert (bound(root), environment_of(root, "prod").commit) == ("v3", last)
    (root / "git").rename(root / ".git")
    git(root, "checkout", "-q", "--force", "HEAD~1")
    assert last[:12] in refused(root, "apply", "--yes", code=5, id="rewind")["detail"]


def test_allow_rewind_allows_nothing_else(root: Path) -> None:
    """Neither an edit of what was served, nor data without a digest, nor the end of the protection together with another move."""
    edit(root / "model-line.yaml", "v1: {}", "v1: {params: {C: 9.0}}")
    refused(root, "apply", "--yes", "--allow-rewind", code=3, id="sealed-version")
    edit(root / "model-line.yaml", "v1: {params: {C: 9.0}}", "v1: {}")
    edit(root / "environment-prod.yaml", "line: v1", "line: v2")
    edit(root / "environment-prod.yaml", "protected: true", "protected: false")
    refused(root, "apply", "--yes", "--allow-rewind", code=3, id="protected-environment")
    edit(root / "environment-prod.yaml", "protected: false", "protected: true")
    data = root / "data.yaml"
    data.write_text(re.sub(r", *digest: *[^}]*", "", data.read_text()))
    refused(root, "apply", "--yes", "--allow-rewind", code=3, id="unpinned-data")
    assert bound(root) == "v1"


def test_require_commit(fresh: Path) -> None:
    assert run("pin", cwd=fresh).returncode == 0
    edit(fresh / "environment-prod.yaml", "protected: true", "protected: true\nrequire_commit: true")
    problem = refused(fresh, "apply", "--yes", code=1, id="uncommitted")
    assert problem["file"] == "environment-prod.yaml"
    commit(fresh, "all of it")
    apply(fresh)
    edit(fresh / "environment-prod.yaml", "line: v1", "line: v2")
    assert "environment-prod.yaml" in refused(fresh, "apply", "--yes", code=1, id="uncommitted")["detail"]
    # what lets a commit be older does not let files be uncommitted
    refused(fresh, "apply", "--yes", "--allow-rewind", code=1, id="uncommitted")
    assert bound(fresh) == "v1"
    commit(fresh, "v2")
    apply(fresh)
    # that rule does not block a return
    edit(fresh / "environment-prod.yaml", "line: v2", "line: v1")
    assert apply(fresh)["bound"] == 1


# --- protection itself -------------------------------------------------------------------------------------------------------------------


def test_a_protected_environment_must_stay_declared(root: Path) -> None:
    text = (root / "environment-prod.yaml").read_text()
    (root / "environment-prod.yaml").unlink()
    commit(root, "gone")
    problem = refused(root, "apply", "--yes", code=3, id="protected-environment")
    assert "prod" in problem["detail"]
    assert bound(root) == "v1"
    (root / "environment-prod.yaml").write_text(text.replace("protected: true", "protected: false"))
    commit(root, "open")
    apply(root)
    (root / "environment-prod.yaml").unlink()
    commit(root, "gone")
    apply(root)
    assert "environment/prod" not in state_of(root)["current"]


def test_protection_is_removed_by_an_apply_of_its_own(root: Path) -> None:
    edit(root / "environment-prod.yaml", "protected: true", "protected: false")
    edit(root / "environment-prod.yaml", "line: v1", "line: v2")
    commit(root, "both")
    problem = refused(root, "apply", "--yes", code=3, id="protected-environment")
    assert problem["file"] == "environment-prod.yaml"
    edit(root / "environment-prod.yaml", "line: v2", "line: v1")
    commit(root, "alone")
    apply(root)
    bind(root, "v1", "v2")
    apply(root)
    assert bound(root) == "v2"


# --- saved plans -------------------------------------------------------------------------------------------------------------------------


def saved(root: Path) -> dict:
    done = run("plan", "--out", "p.json", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def planned(root: Path) -> Path:
    """A saved plan that binds v2 and makes v4, which is not built."""
    model = root / "model-line.yaml"
    model.write_text(model.read_text() + "  v4: {params: {C: 0.125}}\n")
    bind(root, "v1", "v2")
    saved(root)
    return root


def test_a_saved_plan_is_its_own_consent(planned: Path) -> None:
    done = run("apply", "p.json", "--json", cwd=planned)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (finished(done)["trained"], finished(done)["bound"]) == (1, 1)
    again = run("apply", "p.json", "--json", cwd=planned)
    assert again.returncode == 0, "what it wants is in place: a job that runs again succeeds"
    assert (finished(again)["trained"], finished(again)["bound"], finished(again)["serial"]) == (0, 0, finished(done)["serial"])


def stale(root: Path, *parts: str) -> None:
    problem = refused(root, "apply", "p.json", code=5, id="stale-plan")
    for part in parts:
        assert part in problem["detail"]
    assert bound(root) == "v1"


def test_a_plan_is_stale_by_serial(planned: Path) -> None:
    assert run("apply", "--yes", "--only", "model/line@v4", cwd=planned).returncode == 0
    stale(planned, "serial", "pointers")


def test_a_plan_is_stale_by_data(planned: Path) -> None:
    (planned / "data" / "points.csv").write_text(points(seed=6))
    stale(planned, "data")


def test_a_plan_is_stale_by_configuration(planned: Path) -> None:
    edit(planned / "model-line.yaml", "C: 0.125", "C: 0.126")
    stale(planned, "configuration")


def test_a_plan_is_stale_by_what_was_built(planned: Path) -> None:
    """The steps that it showed are no longer those that would run; use `--expect` to build in between."""
    assert run("build", cwd=planned).returncode == 0
    stale(planned, "steps")


def test_a_plan_is_stale_by_what_serves(planned: Path) -> None:
    (server,) = processes(planned)
    os.kill(server, signal.SIGKILL)
    while processes(planned):
        time.sleep(0.02)
    stale(planned, "live")


def test_a_plan_is_stale_by_tool_or_time(planned: Path) -> None:
    file = planned / "p.json"
    plan = json.loads(file.read_text())
    edit_plan(file, binding={**plan["binding"], "tool": "sha256:0"})
    stale(planned, "tool")
    edit_plan(file, binding=plan["binding"], expires=time.time() - 1)
    assert plan["saved_at"] in refused(planned, "apply", "p.json", code=5, id="stale-plan")["detail"]
    file.write_text("{}")
    refused(planned, "apply", "p.json", code=1, id="bad-plan")
    file.write_text(json.dumps({**plan, "expires": plan["expires"] + 3600}))
    assert "edited" in refused(planned, "apply", "p.json", code=1, id="bad-plan")["detail"]
    file.write_text(json.dumps({**plan, "plan": {**plan["plan"], "changes": []}}))
    assert "edited" in refused(planned, "apply", "p.json", code=1, id="bad-plan")["detail"]


def test_comments_names_and_time_do_not_make_a_plan_stale(planned: Path) -> None:
    """None of them is part of a plan."""
    edit(planned / "model-line.yaml", "versions:", "# not a word\nversions:")
    edit(planned / "model-line.yaml", "v3: {", "v3: {description: A third, ")
    (planned / "data" / "points.csv").touch()
    done = run("apply", "p.json", "--json", cwd=planned)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_effect_id_names_what_was_agreed_to(planned: Path) -> None:
    """A build before the apply does not change it, another version does."""
    before = json.loads(run("plan", "--json", cwd=planned).stdout)
    assert run("build", cwd=planned).returncode == 0
    after = json.loads(run("plan", "--json", cwd=planned).stdout)
    assert after["effect_id"] == before["effect_id"]
    assert (before["summary"]["train"], after["summary"]["train"]) == (1, 0)
    problem = refused(planned, "apply", "--yes", "--expect", "sha256:" + "0" * 64, code=5, id="stale-effect")
    assert after["effect_id"] in problem["detail"]
    edit(planned / "environment-prod.yaml", "line: v2", "line: v3")
    commit(planned, "v3")
    refused(planned, "apply", "--yes", "--expect", before["effect_id"], code=5, id="stale-effect")
    edit(planned / "environment-prod.yaml", "line: v3", "line: v2")
    commit(planned, "v2")
    assert apply(planned, "--expect", before["effect_id"])["bound"] == 1
