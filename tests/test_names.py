"""What CONTRIBUTING says of names and signatures in the package, and no linter checks."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

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
IRREGULAR = frozenset(
    "begun born bound broken brought built bought caught chosen dealt done drawn driven fallen fed felt forgotten "
    "fought found frozen given gone got grown had heard held hidden hung kept known laid lain learnt led left lent lost made meant met "
    "paid proven risen rewound said seen sent shown sold sought spent spoken spoilt stood stolen struck sunk swept "
    "sworn taken taught thought thrown told torn unbuilt understood undone untold withdrawn withheld won worn woven written".split()
)
SAME_AS_VERB = {"come", "cut", "put", "read", "run", "set", "shut", "spread", "hit", "let", "split", "shed"}
"""Their participle is also the verb."""
NO_PARTICIPLES = {"embed", "feed", "need", "proceed", "exceed", "red", "seed", "speed"}
BESIDE = frozenset(
    "again anew apart as at away back before by elsewhere first from here in now off of on out over since to together up with".split()
)
"""After a participle they make no noun of it, as `keys` in `lost_keys` does."""
PARTICIPLE_FUNCTIONS = {
    ("spi/platforms.py", "filled"): "third parties import it",
    ("library/model_settings.py", "imported"): "a part of the settings, by the name of its key",
    ("learning/steps/decide.py", "held_out_probabilities"): "`held-out` is one adjective of a noun",
}
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


def is_participle(name: str) -> bool:
    """Whether the name of a function says what happened to something: `completed`, `_lost_here`; not `complete` or `lost_keys`."""
    first, *rest = name.strip("_").split("_")
    if first in SAME_AS_VERB | NO_PARTICIPLES:
        return False
    return (first.endswith("ed") or first in IRREGULAR) and (not rest or rest[0] in BESIDE)


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).endswith("property") for one in function.decorator_list)


def test_a_function_is_named_by_a_verb_or_by_what_it_returns() -> None:
    names = {
        (path, function.name)
        for path, tree in TREES.items()
        for function in functions(tree)
        if not function.name.startswith("__") and not is_property(function) and is_participle(function.name)
    }
    assert names == {*PARTICIPLE_FUNCTIONS}, "a verb (`complete_switch`), or the noun of what it returns (`served_packages`)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("completed", True),
        ("_lost_here", True),
        ("taken_over", True),
        ("bound", True),
        ("complete", False),
        ("lost_keys", False),
        ("read", False),
        ("set_aside", False),
        ("feed", False),
        ("with_served", False),
    ],
)
def test_a_participle_is_told_from_a_verb_and_from_a_noun(name: str, expected: bool) -> None:
    assert is_participle(name) is expected


def test_no_module_and_no_class_has_a_vague_name() -> None:
    classes = [(path, node.name) for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    modules = [(path, Path(path).stem) for path in TREES]
    assert [named for named in (*modules, *classes) if named[1].lower().endswith(VAGUE)] == []
