"""The program of examples/own-code that needs PyTorch."""

import json
from pathlib import Path

import pytest

from tests import projects

torch = pytest.importorskip("torch", reason="comes with the extra torch")


def test_a_program_in_torch_makes_a_version_and_the_same_bytes_again(tmp_path: Path) -> None:
    root = projects.copy_example("own-code", tmp_path)
    line = '  v3: {command: {run: [python, train_torch.py], files: [train_torch.py, "lib/*.py"]}}\n'
    projects.edit(root / "moons.yaml", "versions:\n  v1:\n", f"versions:\n{line}  v1:\n")
    process = projects.run("build", "moons@v3", cwd=root)
    assert process.returncode == 0, process.stdout + process.stderr
    record = json.loads(projects.run("show", "moons@v3", "--json", cwd=root).stdout)["version"]
    assert {metric["name"]: metric["value"] for metric in record["metrics"]}["accuracy"] >= 0.9
    proof = json.loads(projects.run("verify", "moons@v3", "--rebuild", "--json", cwd=root).stdout)
    assert proof["rebuild"]["verdict"] == "identical", proof
