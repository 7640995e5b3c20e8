"""The wheel holds what runs and nothing else, and works away from the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import fastjsonschema
import msgspec
import pytest
import trove_classifiers

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
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed in its own folder, which comes first on the path."""
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
    assert {"leptonctl/py.typed", "leptonctl/views/templates/plan.md.j2", "leptonctl/kinds/checkers.py"} <= files
    assert {Path(name).suffix for name in files - about} == {".py", ".json", ".j2", ".typed"}


def test_the_wheel_has_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        about = f"leptonctl-{__version__}.dist-info"
        assert "leptonctl = leptonctl.__main__:main" in packed.read(f"{about}/entry_points.txt").decode()
        metadata = packed.read(f"{about}/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert set(re.findall(r"^Classifier: (.+)$", metadata, re.MULTILINE)) <= trove_classifiers.classifiers
    assert "\nLicense-File: LICENSE\n" in metadata


def test_the_description_is_the_readme_without_broken_links(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        metadata = packed.read(f"leptonctl-{__version__}.dist-info/METADATA").decode()
    assert "\nDescription-Content-Type: text/markdown\n" in metadata
    description = metadata.partition("\n\n")[2]
    assert "| are new here | Tutorial: a first model" in description
    assert "\n\nA plan in a terminal: " in description, "of an image its words"
    assert re.findall(r"\]\((?!https?://)", description) == []
    assert len(description) > 3000


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
    assert str(installed / "leptonctl" / "cli" / "main.py") in loaded
    assert str(CHECKOUT / "leptonctl") not in loaded
    assert "to create" in run(installed, "leptonctl", "plan", "--markdown", cwd=tmp_path)


# --- checks that are compiled with the package, and a checkout without them -------------------------------------------------------------

WRONG = {
    "leptonctl.yaml": "kind: Project\nname: p\nformat: 1\nvars: [a]\n",
    "data.yaml": "kind: Dataset\nname: d\nseparator: x\nsplit: {by: id, seed: 7}\nversions: {v1: {source: a.csv}}\n",
    "model.yaml": "kind: Model\nname: m\ndataset: d@v1\nalgorithm: ridge\nparams: {alpa: 1}\nseed: x\nversions: {V1: {}}\n",
    "environment.yaml": "kind: Environment\nname: e\nmodels: {m: v1}\nrequests: gentle\n",
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing was compiled."""
    root = tmp_path_factory.mktemp("bare")
    for name in ("leptonctl", "schemas"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "checkers.py"))
    return root


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A project with mistakes of each kind."""
    for name, text in WRONG.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def validated(checkout: Path, project: Path) -> list[dict]:
    variables = projects.environment(PYTHONPATH=str(checkout))
    command = [sys.executable, "-m", "leptonctl", "validate", "--json"]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 3, done.stdout + done.stderr
    return json.loads(done.stdout)["diagnostics"]


def test_a_checkout_without_compiled_checks_finds_the_same_mistakes(bare: Path, installed: Path, wrong: Path) -> None:
    found = validated(installed, wrong)
    assert {problem["file"] for problem in found} == set(WRONG)
    assert validated(bare, wrong) == found


def test_compiled_checks_of_other_schemas_are_ignored(bare: Path, wrong: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A checkout whose schemas changed after the module was compiled."""
    stale = tmp_path_factory.mktemp("stale") / "checkout"
    shutil.copytree(bare, stale)
    blind = "MARK = 'of other schemas'\nCHECKS = dict.fromkeys(['Project', 'Dataset', 'Model', 'Environment'], lambda value: True)\n"
    (stale / "leptonctl" / "kinds" / "checkers.py").write_text(blind, encoding="utf-8")
    assert validated(stale, wrong) == validated(bare, wrong)


def test_the_build_needs_only_its_declared_requirements(wheel: Path, tmp_path: Path) -> None:
    """An isolated build has neither numpy nor yaml: the schemas and what they import need only fastjsonschema and msgspec."""
    (tmp_path / "site").mkdir()
    for package in (fastjsonschema, msgspec):
        shutil.copytree(Path(package.__file__).parent, tmp_path / "site" / package.__name__)
    code = (
        f"import sys; sys.path += [{str(tmp_path / 'site')!r}, {str(CHECKOUT)!r}]\n"
        "from pathlib import Path; from leptonctl.project.compiled import compiled_checks\n"
        f"sys.stdout.write(compiled_checks(Path({str(CHECKOUT)!r})))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("leptonctl/kinds/checkers.py").decode() == done.stdout
