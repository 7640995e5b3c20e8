"""docs/architecture.md and docs/extending.md name only what exists, and the map matches the imports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import CHECKOUT, PAGE, arrows, drawing, layers, written

PAGES = (PAGE, CHECKOUT / "docs" / "extending.md")
ROOTS = ("leptonctl/", "tests/", "docs/", "schemas/", ".ci/", "benchmarks/", "examples/")
# `path.py: name`, `path.py`, `folder/`; after a path, `other.py` alone is in the same folder
NAMED = re.compile(r"`([\w./-]+(?:\.py|\.md|\.json|/))(?:: ([\w.]+))?`")
# "`NAME`, `OTHER` in `path.py`": a page writes `path.py: NAME` instead, which the test can follow
APART = re.compile(r"`([A-Za-z_]\w*)`\s+(?:in|of)\s+`([\w./-]+\.py)`")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def named(text: str) -> Iterator[tuple[str, str]]:
    """Every path of a page, with the name inside it or ""."""
    for line in FENCE.sub("", text).splitlines():
        folder = ""
        for path, name in NAMED.findall(line):
            if path.startswith(ROOTS):
                folder = path.rpartition("/")[0]
                yield path, name
            elif "/" not in path and path.endswith(".py") and folder:
                yield f"{folder}/{path}", name


def defined(file: Path) -> set[str]:
    """The functions, classes and values of a module, and the methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.ClassDef():
                found |= {node.name, *(f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef))}
            case ast.Assign():
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_the_map_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page, drawing(layers(), arrows())), "run python -m tests.architecture --update"


def test_every_package_is_described() -> None:
    folders = {file.parent.name for file in (CHECKOUT / "leptonctl").glob("*/__init__.py")}
    assert set(layers()) == folders
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(layers())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_the_page_names_exists(page: Path) -> None:
    found = list(named(page.read_text(encoding="utf-8")))
    assert len(found) > 20
    assert [path for path, _ in found if not (CHECKOUT / path).exists()] == []
    missing = [f"{path}: {name}" for path, name in found if name and name not in defined(CHECKOUT / path)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_name_is_written_behind_its_file(page: Path) -> None:
    assert [f"write `{path}: {name}`" for name, path in APART.findall(FENCE.sub("", page.read_text(encoding="utf-8")))] == []


def test_missing_names_are_detected() -> None:
    assert APART.findall("in `METRICS` or `SOURCES`\n   of `core/catalog.py`") == [("SOURCES", "core/catalog.py")]
    assert list(named("see `leptonctl/core/plan.py: make_plan`, `diff.py` and `leptonctl/learning/onnx/`")) == [
        ("leptonctl/core/plan.py", "make_plan"),
        ("leptonctl/core/diff.py", ""),
        ("leptonctl/learning/onnx/", ""),
    ]
    assert "make_plan" in defined(CHECKOUT / "leptonctl" / "core" / "plan.py")
    assert "no_such_plan" not in defined(CHECKOUT / "leptonctl" / "core" / "plan.py")


def test_an_upward_import_is_drawn_dotted() -> None:
    drawn = drawing(("top", "bottom", "alone", "core"), {("top", "bottom"): 2, ("bottom", "top"): 1, ("top", "core"): 1})
    assert "  top --> bottom\n  bottom -.-> top\n  bottom ~~~ alone\n" in drawn
    assert "to `core`, which 1 packages import; not by `bottom`, `alone`" in drawn
