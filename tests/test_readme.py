"""The README's commands, and those of the release recipe, do what the pages say."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from leptonctl import __version__
from tests import projects
from tests.test_docs import CHECKOUT, blocks, page


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the files that Git knows, as a fresh clone has them, with other ports."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no Git checkout")
    root = tmp_path / "clone"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (CHECKOUT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, root / name)
    swap_ports(root / "examples" / "spam-filter" / "environments.yaml", root / "examples" / "tour.sh")
    yield root
    projects.stop_servers(root)


def swap_ports(environments: Path, script: Path) -> None:
    """Free ports in an example and in the script that asks it."""
    for port in re.findall(r"port: (\d+)", environments.read_text(encoding="utf-8")):
        free = str(projects.free_port())
        for file in (environments, script):
            file.write_text(file.read_text(encoding="utf-8").replace(port, free), encoding="utf-8")


def shell(command: str, folder: Path, **variables: str) -> str:
    """The output of a shell command, which must succeed."""
    kept = {k: v for k, v in projects.environment(**variables).items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(["sh", "-euc", command], cwd=folder, env=kept, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(900)  # the packages may have to be downloaded
def test_the_first_command_of_the_readme_installs_and_does_the_main_job(checkout: Path) -> None:
    (command,) = blocks(page("README.md"), "## Try it")
    # of all that is installed a fraction is imported: compiling the rest takes ten seconds
    output = shell(command, checkout, PIP_COMPILE="0")
    assert re.search(r"environment/prod/spam-filter +v1 → v2", output), output
    assert "nothing to build" in output.partition("5. And back")[2]
    answer = re.search(r'"name": "label".*?"data": \[\s*"(\w)"', output, re.DOTALL)
    assert answer is not None, output
    assert answer[1] in "ny"
    assert not projects.processes(checkout), "nothing is left running"


def test_the_five_minutes_of_the_readme(tmp_path: Path) -> None:
    (command,) = blocks(page("README.md"), "## Five minutes")
    shutil.copytree(CHECKOUT / "examples" / "car-mileage" / "data", tmp_path / "examples" / "car-mileage" / "data")
    place = tmp_path / "clone"
    place.mkdir()
    command = command.replace("../examples", str(tmp_path / "examples"))
    port = projects.free_port()
    init, _, rest = command.partition("leptonctl plan")
    command = f"{init}\nsed -i 's/port: [0-9]*/port: {port}/' *.yaml\nleptonctl plan{rest}"
    try:
        output = shell(command, place, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    finally:
        projects.stop_servers(place / "cars")
    assert "Applied in" in output
    assert re.search(r"^pinned|sha256:[0-9a-f]{8}", output, re.MULTILINE), output
    assert not projects.processes(place)


def release(part: str) -> list[str]:
    """The shell blocks of a part of the release recipe."""
    return blocks(page("docs/release.md"), f"## {part}")


@pytest.fixture
def committed(checkout: Path) -> Path:
    """The copy as a repository with one commit."""
    identity = "-c user.name=ada -c user.email=ada@example.org -c commit.gpgsign=false"
    shell(f"git init -q . && git add -A && git {identity} commit -q -m 'Release'", checkout)
    return checkout


@pytest.mark.long
def test_the_release_recipe_builds_checks_and_tries_the_artifacts(committed: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (build,) = release("2. Build")
    check, install, itself = release("3. Check")
    shell(build, committed, PATH=path)
    built = sorted(file.name for file in (committed / "dist").iterdir())
    assert built == [f"leptonctl-{__version__}-py3-none-any.whl", f"leptonctl-{__version__}.tar.gz"]
    if find_spec("twine"):
        shell(check, committed, PATH=path)

    # what the wheel needs is installed already: a fresh environment without the index
    create, _, rest = install.partition("\n")
    shell(create.replace("python3", sys.executable), committed)
    (site,) = (committed / "dist" / "venv").glob("lib/python3*/site-packages")
    places = [place for place in sys.path if place.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(places), encoding="utf-8")
    assert "-c constraints.txt" in rest
    output = shell(rest.replace("-c constraints.txt", "--no-deps --no-index --ignore-installed"), committed)
    assert f"leptonctl {__version__}\n" in output
    assert re.search(r"^Plan: \d+ to create", output, re.MULTILINE)

    unpack, enter, command = itself.strip().splitlines()
    assert command == ".ci/run"
    quick = "python -m ruff check . && python -m pytest -q -n0 -p no:cacheprovider tests/core/test_address.py tests/test_lock.py tests/test_architecture.py"
    assert " passed" in shell(f"{unpack}\n{enter}\ntest -x .ci/run\n{quick}", committed, PATH=path)


def test_the_sdist_has_every_file_of_the_checkout(committed: Path) -> None:
    shell(f"{sys.executable} -m hatchling build -d dist -t sdist", committed)
    (sdist,) = (committed / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert names == {*shell("git ls-files", committed).split("\n")[:-1], "PKG-INFO"}
