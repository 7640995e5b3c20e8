"""What of a saved plan's file is bound: each field of each object in it, by its value and under its own name (ADR 0024)."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from leptonctl.commands.planning.saved_plan import read_saved
from leptonctl.core.diagnostic import Failure
from tests.projects import run, tiny_project

FILE = "saved.plan"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a saved plan of its first apply."""
    root = tiny_project(tmp_path_factory.mktemp("saved"))
    planned = run("plan", "--out", FILE, cwd=root)
    assert planned.returncode == 0, planned.stderr
    return root


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / FILE).read_text(encoding="utf-8")


def objects(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict]]:
    """All JSON objects in a value, with their paths."""
    if isinstance(value, dict):
        yield at, value
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(part, (*at, key))


def part(value: dict, at: tuple[str | int, ...]) -> dict:
    for key in at:
        value = value[key]
    return value


def problem(folder: Path, text: str) -> str:
    """Why a plan with this text is refused; "" when it is read."""
    file = folder / FILE
    file.write_text(text, encoding="utf-8")
    try:
        read_saved(file)
    except Failure as failure:
        (diagnostic,) = failure.diagnostics
        assert diagnostic.id == "bad-plan"
        return diagnostic.detail
    return ""


def test_every_field_is_bound(text: str, tmp_path: Path) -> None:
    """Removed, changed, or with one more beside it: at any depth, in any object."""
    plan = json.loads(text)
    paths = [at for at, _ in objects(plan)]
    assert len(paths) > 10
    for at in paths:
        added = deepcopy(plan)
        part(added, at)["reviewed_by"] = "nobody"
        assert "edited" in problem(tmp_path, json.dumps(added)), at
        for name in part(plan, at):
            removed, changed = deepcopy(plan), deepcopy(plan)
            del part(removed, at)[name]
            part(changed, at)[name] = [part(plan, at)[name]]
            assert problem(tmp_path, json.dumps(removed)), (at, name)
            assert problem(tmp_path, json.dumps(changed)), (at, name)


def test_every_key_occurs_once(text: str, tmp_path: Path) -> None:
    """Also with the value that it has: of two equal keys one reader takes the first, another the last."""
    plan = json.loads(text)
    for at, obj in objects(plan):
        for name, value in obj.items():
            marked = deepcopy(plan)
            part(marked, at)["twice"] = None
            twice = json.dumps(marked).replace('"twice": null', f"{json.dumps(name)}: {json.dumps(value)}")
            assert "occurs twice" in problem(tmp_path, twice), (at, name)


def test_the_layout_is_not_bound(text: str, tmp_path: Path) -> None:
    """A formatter may have been at the file: spaces and the order of keys say nothing."""
    plan = json.loads(text)
    assert problem(tmp_path, json.dumps(plan, separators=(",", ":"))) == ""
    assert problem(tmp_path, json.dumps(plan, indent=8, sort_keys=True)) == ""


@pytest.mark.parametrize("value", ["1", "1.0", "true", "NaN", "9" * 5000, "[" * 100_000], ids=lambda value: value[:4])
def test_numbers_are_bound_as_written(value: str, text: str, tmp_path: Path) -> None:
    """1, 1.0 and true are three values, and what is no JSON value is refused in words."""
    assert problem(tmp_path, text.replace('"expires": ', f'"also": {value}, "expires": ', 1))


@pytest.mark.parametrize("command", ["apply", "show"])
def test_commands_refuse_an_edited_plan(command: str, root: Path, text: str) -> None:
    """Shown is only what would be done."""
    (root / "edited.plan").write_text(text.replace("{", '{"note": "reviewed",', 1), encoding="utf-8")
    refused = run(command, "edited.plan", cwd=root)
    assert refused.returncode == 1, refused.stdout
    assert "error[bad-plan]" in refused.stderr


def test_a_device_is_no_plan(root: Path) -> None:
    """It has no end."""
    refused = run("apply", "/dev/zero", cwd=root, timeout=10)
    assert refused.returncode == 1, refused.stdout
    assert "error[bad-plan]" in refused.stderr
