"""The language knows no kind: names, keys and rules of kinds reach it as values."""

import ast
import re
from pathlib import Path

import pytest

import leptonctl.language
from leptonctl.kinds.registry import KINDS

MODULES = sorted(Path(leptonctl.language.__path__[0]).glob("*.py"))
NAMES = re.compile(rf"\b(?:{'|'.join(KINDS)})\b")


def words(source: str) -> list[str]:
    """The strings of a module that name a kind. Docstrings may give examples."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [node.value for node in constants if isinstance(node.value, str) and NAMES.search(node.value)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_no_string_names_a_kind(module: Path) -> None:
    assert words(module.read_text(encoding="utf-8")) == []


def test_a_name_of_a_kind_is_found() -> None:
    assert list(KINDS) == ["Project", "Dataset", "Model", "Environment"]
    source = "'''In a Model.'''\nclass Project: ...\nx = 'Model'\ny = f'a key {x} of the Dataset'\n"
    assert words(source) == ["Model", " of the Dataset"]
