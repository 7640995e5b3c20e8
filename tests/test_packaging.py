"""The wheel holds what runs and nothing else, and works away from the checkout."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from leptonctl import __version__
from tests import projects

CHECKOUT = Path(__file__).resolve().parent.parent
SCHEMAS = {f"leptonctl/schemas/{kind}.schema.json" for kind in ("project", "dataset", "model", "environment")}


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip("wheel", "--quiet", "--no-deps", *isolation, "--wheel-dir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a folder of its own, which comes before everything else."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--quiet", "--no-deps", "--target", str(folder), str(wheel))
    return folder


def run(installed: Path, *command: str, cwd: Path) -> str:
    variables = projects.environment(PYTHONPATH=str(installed), PATH=f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    files = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    about = {name for name in files if ".dist-info/" in name}
    assert {name.partition("/")[0] for name in files - about} == {"leptonctl"}
    for kind in ("py", "json", "j2", "typed"):
        at_home = {str(f.relative_to(CHECKOUT)) for f in (CHECKOUT / "leptonctl").rglob(f"*.{kind}")}
        assert at_home <= files, kind
    outputs = {f"leptonctl/schemas/output/{f.name}" for f in (CHECKOUT / "schemas" / "output").glob("*.json")}
    assert {name for name in files if name.startswith("leptonctl/schemas/")} == SCHEMAS | outputs
    assert {"leptonctl/py.typed", "leptonctl/views/templates/plan.md.j2"} <= files
    assert {Path(name).suffix for name in files - about} == {".py", ".json", ".j2", ".typed"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        about = f"leptonctl-{__version__}.dist-info"
        assert "leptonctl = leptonctl.__main__:main" in packed.read(f"{about}/entry_points.txt").decode()
        metadata = packed.read(f"{about}/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_an_installed_leptonctl_needs_no_checkout(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from leptonctl.cli.main import main; main(['plan']); print([getattr(m, '__file__', 0) for m in sys.modules.values()])"
    )
    assert ["leptonctl", __version__] == run(installed, "leptonctl", "version", cwd=tmp_path).split()[:2]
    for kind in ("Project", "Dataset", "Model", "Environment"):
        assert f'"const": "{kind}"' in run(installed, "leptonctl", "schema", kind, cwd=tmp_path)
    run(installed, "leptonctl", "init", cwd=tmp_path)
    assert "to create" in run(installed, "leptonctl", "plan", cwd=tmp_path)
    loaded = run(installed, sys.executable, "-c", code, cwd=tmp_path)
    assert str(installed / "leptonctl" / "pipeline" / "planning.py") in loaded
    assert str(CHECKOUT / "leptonctl") not in loaded
    assert "to create" in run(installed, "leptonctl", "plan", "--markdown", cwd=tmp_path)
