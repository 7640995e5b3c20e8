"""No process of ours imports from the project's folder: not by `python -m`, not in a worker, not in a server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects

TRAPS = (
    "bisect", "click", "csv", "decimal", "deepdiff", "graphlib", "gzip", "httptools", "jinja2", "json", "jsonschema", "msgspec", "numpy",
    "onnx", "onnxruntime", "pickle", "polars", "scipy", "skl2onnx", "sklearn", "skops", "socket", "tempfile", "typer", "uuid", "uvicorn",
    "yaml",
)  # fmt: skip
COMMANDS = (
    ("validate",),
    ("plan",),
    ("apply", "--yes"),
    ("status",),
    ("predict", "line@v1", "--input", "data/points.csv"),
    ("verify", "line@v1", "--rebuild"),
    ("diff", "line@v1", "line@v2"),
    ("rollback", "dev", "--yes"),
    ("destroy", "--yes"),
)


@pytest.fixture
def trapped(tmp_path: Path) -> Iterator[Path]:
    """A project that holds a module of the name of everything that we import; each leaves a mark when it runs."""
    root = projects.tiny_project(tmp_path)
    for name in TRAPS:
        (root / f"{name}.py").write_text(f"open({str(tmp_path / f'{name} ran')!r}, 'w').close()\nraise SystemExit(99)\n", encoding="utf-8")
    yield root
    projects.stop_servers(root)


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": ""}], ids=["", "an empty PYTHONPATH"])
def test_no_command_runs_a_file_of_the_project(trapped: Path, tmp_path: Path, variables: dict[str, str]) -> None:
    environment = {**projects.environment(), **variables}
    for words in COMMANDS:
        command = [sys.executable, "-m", "leptonctl", *words]
        done = subprocess.run(command, cwd=trapped, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert not list(tmp_path.glob("* ran")), words
        assert done.returncode == 0, (words, done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, (words, done.stderr)
        if words[0] == "apply":
            projects.edit(trapped / "environment-dev.yaml", "line: v1", "line: v2")
            assert subprocess.run(command, cwd=trapped, env=environment, capture_output=True, check=False, timeout=120).returncode == 0


@pytest.mark.parametrize("words", [("plan",), ("status", "--json"), ("init",), ("-C", "below", "plan")], ids=" ".join)
def test_a_working_folder_that_was_removed_is_a_mistake_that_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    script = f"import os, sys; os.rmdir(os.getcwd()); from leptonctl.__main__ import main; sys.argv[1:] = {list(words)!r}; sys.exit(main())"
    (tmp_path / "gone").mkdir()
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path / "gone", env=projects.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no-folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_help_needs_no_working_folder(tmp_path: Path) -> None:
    script = "import os, sys; os.rmdir(os.getcwd()); from leptonctl.__main__ import main; sys.argv[1:] = ['--help']; sys.exit(main())"
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "gone", env=projects.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "plan" in done.stdout) == (0, True), done.stderr
