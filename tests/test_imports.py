"""What the command line and the server may load: start-up stays cheap, and serving loads nothing of training."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects

CHECKOUT = Path(__file__).resolve().parent.parent
TRAINING = {"sklearn", "skl2onnx", "onnx", "scipy", "skops", "polars"}
HEAVY = {"numpy", "onnxruntime", "jsonschema", "fastjsonschema", "deepdiff", "jinja2", "pydantic", "rich", "uvicorn", "asyncio"} | TRAINING
RUN = """
import json, sys
from leptonctl.cli.main import main
code = main(sys.argv[1:])
sys.stdout.flush()
print("\\nLOADED " + json.dumps([code, sorted(sys.modules)]))
"""


def loaded_by(*arguments: str, cwd: Path, code: int = 0) -> set[str]:
    """The modules that a command line has loaded when it ends as expected."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=cwd,
        env=projects.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    left, modules = json.loads(done.stdout.rpartition("\nLOADED ")[2])
    assert left == code, done.stdout + done.stderr
    return set(modules)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that serves, with a first and a second deployment."""
    root = projects.tiny_project(tmp_path_factory.mktemp("imports"))
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        yield root
    finally:
        projects.stop_servers(root)


def test_help_loads_no_library_and_no_command(tmp_path: Path) -> None:
    loaded = loaded_by("--help", cwd=tmp_path)
    assert not loaded & (HEAVY | {"yaml", "socket"})
    assert not [
        m
        for m in loaded
        if m.startswith(("leptonctl.storage", "leptonctl.learning", "leptonctl.kinds", "leptonctl.commands", "leptonctl.providers"))
    ]


@pytest.mark.parametrize("command", ["plan", "validate", "show", "status", "history", "explain line@v2"])
def test_reading_an_applied_project_loads_nothing_heavy(command: str, applied: Path) -> None:
    assert not loaded_by(*command.split(), cwd=applied) & HEAVY


def test_a_plan_of_changes_loads_nothing_heavy(applied: Path, tmp_path: Path) -> None:
    first = projects.tiny_project(tmp_path)
    assert not loaded_by("plan", "--detailed-exitcode", cwd=first, code=2) & HEAVY
    changed = projects.copy_of(applied, tmp_path / "changed")
    projects.edit(changed / "model-line.yaml", "v2: {params: {C: 0.5}}", "v2: {params: {C: 0.25}}")
    assert not loaded_by("plan", "--detailed-exitcode", cwd=changed, code=2) & HEAVY


def test_a_rollback_loads_nothing_of_training(applied: Path) -> None:
    loaded = loaded_by("rollback", "dev", "--yes", cwd=applied)
    assert not loaded & HEAVY
    assert [model["version"] for model in projects.served(applied, "dev")["models"]] == ["v1"]


def test_a_server_loads_nothing_of_training(tmp_path: Path) -> None:
    code = "import json, sys; import leptonctl.deploying.serve, leptonctl.serving.server; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=projects.environment(), capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & TRAINING
    assert not [
        m for m in loaded if m.startswith(("leptonctl.kinds", "leptonctl.providers", "leptonctl.commands", "leptonctl.learning.steps"))
    ]


def test_the_import_contracts_hold(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as lint; lint()"]
    kept = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([*command, "--cache-dir", str(tmp_path)], cwd=CHECKOUT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
