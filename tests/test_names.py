"""What CONTRIBUTING says of names and signatures in the package, and no linter checks."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "leptonctl"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "checkers.py"
}
MOST = 5
PARTICIPLES = {"told", "said", "asked", "made", "given", "taken", "met", "gone", "kept", "wanted"}
"""Of a value they say what happened to it, not what it is."""
JSON_KEYS = {("learning/reports/dataset_diff.py", "gone")}
"""Fields that are keys of JSON output, which do not change."""
VAGUE = ("manager", "helper", "util", "utils", "base", "context", "service", "handler", "info")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of the parameters that a call may give by position, without `self` or `cls`."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def bound(tree: ast.AST) -> Iterator[str]:
    """Every name that a module binds to a value: variables, parameters, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_no_function_takes_a_bag_of_positional_arguments() -> None:
    bags = [(path, function.name) for path, tree in TREES.items() for function in functions(tree) if len(positional(function)) > MOST]
    assert bags == [], "make some keyword-only, or what travels together a value"


def test_a_name_says_what_it_holds() -> None:
    assert [(path, name) for path, tree in TREES.items() for name in bound(tree) if name in PARTICIPLES] == [*JSON_KEYS]


def test_no_module_and_no_class_has_a_vague_name() -> None:
    classes = [(path, node.name) for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    modules = [(path, Path(path).stem) for path in TREES]
    assert [named for named in (*modules, *classes) if named[1].lower().endswith(VAGUE)] == []
