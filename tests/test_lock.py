"""The lock: what pyproject.toml asks for is in constraints.txt, what is installed needs nothing else, and everything installs from it."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
LINES = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
LOCK = [Requirement(line) for line in LINES if not line.lstrip().startswith("#")]
TESTED = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_python_implementation": "CPython", "implementation_name": "cpython"}


def versions(name: str, python: str) -> list[str]:
    """What the lock pins a package to, on Linux with this Python."""
    here = {**LINUX, "python_version": python, "python_full_version": f"{python}.0"}
    pins = [pin for pin in LOCK if canonicalize_name(pin.name) == canonicalize_name(name) and (not pin.marker or pin.marker.evaluate(here))]
    return [str(pin.specifier).removeprefix("==") for pin in pins]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("asked", TESTED + PROJECT["build-system"]["requires"])
def test_the_lock_meets_every_requirement(asked: str, python: str) -> None:
    requirement = Requirement(asked)
    (version,) = versions(requirement.name, python)
    assert requirement.specifier.contains(version), f"{asked}, locked at {version}: lock again, as CONTRIBUTING.md says"


def test_each_line_pins_one_version_and_no_url() -> None:
    for pin in LOCK:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        assert not pin.url
    assert not [line for line in LINES if "://" in line or line.startswith("-")]


EXTRAS = [Requirement(line) for line in (CHECKOUT / "constraints-extras.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]


def test_the_extras_are_locked_apart_and_in_their_bounds() -> None:
    pins = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in EXTRAS}
    assert not set(pins) & {canonicalize_name(pin.name) for pin in LOCK}, "the test environment stays small"
    for extra in ("xgboost", "lightgbm", "torch"):
        for asked in map(Requirement, PROJECT["project"]["optional-dependencies"][extra]):
            assert asked.specifier.contains(pins[canonicalize_name(asked.name)]), extra


def needed(names: list[str]) -> Iterator[str]:
    """The packages that these need in this environment, transitively."""
    todo, seen = [(Requirement(name).name, "") for name in names], set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        yield canonicalize_name(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": extra}):
                todo += [(requirement.name, more) for more in ("", *requirement.extras)]


def test_nothing_is_installed_around_the_lock() -> None:
    assert set(needed(TESTED)) <= {canonicalize_name(pin.name) for pin in LOCK}


def test_every_command_installs_from_the_lock() -> None:
    pages = [(CHECKOUT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    blocks = [block for page in pages for block in re.findall(r"^```(?:sh|bash)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    commands = [line for block in blocks for line in block.splitlines() if "pip install" in line and "--target" not in line]
    assert len(commands) == 3
    assert [line for line in commands if not re.search("pip install (-q )?-c constraints.txt", line)] == []


def test_the_build_runs_what_the_readme_says() -> None:
    """`.ci/run` sets up with the README's own command and ends with its last part; `.ci/newest` is separate."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -m 1 '(.+)' README\.md", script)
    (command,) = re.findall(pattern, readme, re.MULTILINE)
    assert command.endswith("pip install -q -c constraints.txt '.[test]' && python -m pytest")
    assert script.splitlines()[-1] == "python -m pytest"
    assert "newest" not in script
