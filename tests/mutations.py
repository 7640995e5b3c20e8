"""The mutants of a source file: every small edit that an operator makes of it, and a sample that a seed fixes. Pure.

A mutant's name says file, function, edit and which of equal edits it is, but no line: it survives when code moves. The sample orders the names
of each file by their hash, and takes from every file its share: it depends on no order of a set and on no version of the parser.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise

from tests.quick import CHECKOUT

FILES = tuple(
    f"leptonctl/{package}/{name}.py"
    for package, names in {
        "deploying": "switch fence heal desired written",
        "storage": "claims leases folder_lease durable store artifacts folder pointers standing",
        "kinds": "environment/gates environment/gate_rules rules environment/judging environment/binding",
        "commands": "apply gc applying/moving applying/healing",
    }.items()
    for name in names.split()
)
COMPARES: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Eq: ("==", ("!=",)), ast.NotEq: ("!=", ("==",)), ast.Is: ("is", ("is not",)), ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)), ast.NotIn: ("not in", ("in",)), ast.Lt: ("<", ("<=", ">=")), ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")), ast.GtE: (">=", (">", "<")),
}  # fmt: skip
SWAPS = {"min": "max", "max": "min", "any": "all", "all": "any"}
Placed = ast.expr | ast.stmt | ast.keyword
Edit = tuple[int, int, str]
"""Start and end in the bytes of the file, and what comes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One edit of a file, in these lines of it. `text`: the whole file with it; `before`, `after`: what stands there, on one line."""

    name: str
    file: str
    lines: range
    text: bytes
    before: str
    after: str


def sample(count: int, seed: int) -> list[Mutant]:
    """`count` mutants of FILES: of each file the same share, fixed by the seed; the first ones of a larger sample are a smaller sample."""
    ranked: list[tuple[float, str, Mutant]] = []
    for file in FILES:
        found = sorted(_all_of(file), key=lambda mutant: sha256(f"{seed} {mutant.name}".encode()).digest())
        ranked += [((rank + 0.5) / len(found), mutant.name, mutant) for rank, mutant in enumerate(found)]
    return [mutant for *_, mutant in sorted(ranked, key=lambda entry: entry[:2])[:count]]


@cache
def _all_of(file: str) -> tuple[Mutant, ...]:
    return tuple(mutants(file, (CHECKOUT / file).read_bytes()))


def mutants(file: str, source: bytes) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of the text."""
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    seen: Counter[str] = Counter()
    for function, node in _nodes(ast.parse(source), ""):
        for start, end, new in sorted(_edits(node, source, starts)):
            text = source[:start] + new.encode() + source[end:]
            line = source.count(b"\n", 0, start)
            below = len(source) - (source.find(b"\n", end) + 1 or len(source))
            before, after = source[starts[line] : len(source) - below], text[starts[line] : len(text) - below]
            edit = f"{file.removeprefix('leptonctl/')} {function or 'module'}: {_flat(source[start:end])} -> {_flat(new.encode())} in {_flat(before)}"
            seen[edit] += 1
            yield Mutant(
                name=edit if seen[edit] == 1 else f"{edit} #{seen[edit]}", file=file, text=text,
                lines=range(line + 1, line + 1 + before.rstrip().count(b"\n") + 1), before=_flat(before), after=_flat(after),
            )  # fmt: skip


def _flat(text: bytes) -> str:
    return " ".join(text.decode().split())


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """What is executed, with the function it is in: no annotations, f-strings or assertions."""
    if isinstance(node, ast.JoinedStr | ast.Assert) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}".lstrip(".")
    yield function, node
    for name, value in ast.iter_fields(node):
        if name not in {"annotation", "returns", "decorator_list", "bases"}:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _nodes(child, function)


def _edits(node: ast.AST, source: bytes, starts: list[int]) -> Iterator[Edit]:
    def span(of: Placed) -> tuple[int, int]:
        return starts[of.lineno - 1] + of.col_offset, starts[(of.end_lineno or 1) - 1] + (of.end_col_offset or 0)

    def between(left: Placed, right: Placed, old: str, new: str) -> Edit:
        at = source.index(old.encode(), span(left)[1], span(right)[0])
        return at, at + len(old), new

    def code(of: Placed) -> str:
        return source[slice(*span(of))].decode()

    match node:
        case ast.Compare(ops=[op], comparators=[right]):
            old, news = COMPARES[type(op)]
            yield from (between(node.left, right, old, new) for new in news)
        case ast.BoolOp(op=op, values=values):
            old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            yield from (between(a, b, old, new) for a, b in pairwise(values))
        case ast.UnaryOp(op=ast.Not()):
            yield (span(node)[0], span(node)[0] + 4, "")
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if isinstance(test, ast.Name | ast.Attribute | ast.Call):
            yield (*span(test), f"(not {code(test)})")
        case ast.Constant(value=bool(value)):
            yield (*span(node), str(not value))
        case ast.Constant(value=int(value) | float(value)):
            yield from ((*span(node), f"{value + step}") for step in (1, -1) if value + step >= 0)
        case ast.BinOp(op=ast.Add() | ast.Sub() as op) if not isinstance(node.left, ast.Constant | ast.JoinedStr):
            old, new = ("+", "-") if isinstance(op, ast.Add) else ("-", "+")
            yield between(node.left, node.right, old, new)
        case ast.Return(value=value) if value is not None and code(value) != "None":
            yield (*span(value), "None")
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.Raise() | ast.AugAssign():
            yield (*span(node), "pass")
        case ast.Break() | ast.Continue():
            yield (*span(node), "continue" if isinstance(node, ast.Break) else "break")
        case ast.ExceptHandler(type=ast.Tuple(elts=[_, *_] as kinds)) | ast.Call(func=ast.Name(id="suppress"), args=[_, *_] as kinds):
            tuple_ = node.type if isinstance(node, ast.ExceptHandler) else None
            for left in kinds:
                rest = ", ".join(code(kind) for kind in kinds if kind is not left)
                whole = span(tuple_) if tuple_ else (span(kinds[0])[0], span(kinds[-1])[1])
                yield (*whole, f"({rest},)" if tuple_ and rest else rest)
        case ast.ExceptHandler(type=ast.Name() as kind) if kind.id != "BaseException":
            yield (*span(kind), "()")
        case ast.Call(func=func, args=args, keywords=keywords):
            if isinstance(func, ast.Name) and func.id in SWAPS:
                yield (*span(func), SWAPS[func.id])
            if len(args) == 2 and not any(isinstance(arg, ast.Starred) for arg in args) and code(args[0]) != code(args[1]):
                yield (span(args[0])[0], span(args[1])[1], f"{code(args[1])}, {code(args[0])}")
            if isinstance(func, ast.Name) and func.id == "replace":
                yield from ((span(keyword)[0], span(after)[0], "") for keyword, after in pairwise(keywords))
        case _:
            pass
