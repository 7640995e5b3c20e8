"""Checks one template and evaluates it in Jinja's sandbox. Imported only when a scalar contains a marker.

Work and output are bounded: no calls, loops or powers; the size of repetitions and joins is checked before they are computed.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes  # noqa: TID253
from jinja2.exceptions import UndefinedError  # noqa: TID253
from jinja2.filters import FILTERS as DEFAULT_FILTERS  # noqa: TID253
from jinja2.sandbox import SandboxedEnvironment  # noqa: TID253

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.values import Json

LONGEST = 10_000
DEEPEST = 50
LARGEST = 2**63 - 1
MOST_DECIMALS = 30
FILTERS = (
    "abs", "capitalize", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min", "replace", "round",
    "sort", "string", "sum", "title", "trim", "unique", "upper",
)  # fmt: skip
TESTS = (
    "defined", "none", "number", "string", "boolean", "integer", "float", "mapping", "sequence", "in", "eq", "ne", "lt", "le", "gt", "ge",
)  # fmt: skip
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair,
    nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Keyword, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod,
    nodes.Concat,
)  # fmt: skip
NOT_ALLOWED: dict[type[nodes.Node], str] = {
    nodes.Call: "calls are not allowed",
    nodes.Pow: "powers are not allowed",
    nodes.Slice: "slices are not allowed",
}


class ExpressionError(ValueError):
    """Why a template has no value, as a diagnostic without its span."""

    def __init__(self, id: str, summary: str, detail: str, hint: str) -> None:  # noqa: A002
        self.id, self.summary, self.detail, self.hint = id, summary, detail, hint
        super().__init__(detail)


class _Sandbox(SandboxedEnvironment):
    """Looks up items only, never attributes, and checks the size of what arithmetic would make."""

    intercepted_binops = frozenset({"*", "+", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*" and not (_number(left) and _number(right)):
            sequence, times = (left, right) if isinstance(right, int) else (right, left)
            if isinstance(sequence, list) and any(isinstance(item, list | dict | str) for item in sequence):
                raise _not_allowed("a list of lists, mappings or strings cannot be repeated", "write the list itself")
            if hasattr(sequence, "__len__") and isinstance(times, int):
                _check_size(len(sequence) * times)
        if operator == "%" and not _number(left):
            raise _not_allowed("`%` is for numbers", "join strings with `~`")
        return super().call_binop(context, operator, left, right)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _check_size(length: int) -> None:
    if length > LONGEST:
        detail = f"it has more than {LONGEST} characters or items"
        raise ExpressionError("template-too-large", "A template's value is too large", detail, "write the value itself")


def _join(value: Any, d: str = "") -> str:
    if not isinstance(value, list | tuple):
        raise _not_allowed("`join` takes a list", "join strings with `~`")
    strings = [_as_text(item) for item in value]
    _check_size(sum(len(t) for t in strings) + len(strings) * len(str(d)))
    return str(d).join(strings)


def _replace(value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    _check_size(len(text) + (text.count(old)) * len(new))
    return text.replace(old, new)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if abs(int(precision)) > MOST_DECIMALS:
        raise _not_allowed(f"`round` takes at most {MOST_DECIMALS} decimals", "round to fewer decimals")
    return DEFAULT_FILTERS["round"](value, precision, method)


def _sum(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not all(map(_number, value)):
        raise _not_allowed("`sum` takes a list of numbers", "write the value itself")
    return sum(value)


def _as_text(value: Any) -> str:
    """A value inside a longer string, as YAML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | dict | tuple):
        raise _not_allowed("a list or a mapping cannot be part of a string", "make the whole scalar this one expression, or use `join`")
    return str(value)


@cache
def _environment() -> _Sandbox:
    environment = _Sandbox(undefined=StrictUndefined, finalize=_finalize, autoescape=False, keep_trailing_newline=True)
    own: dict[str, Callable[..., Any]] = {"join": _join, "replace": _replace, "round": _round, "string": _as_text, "sum": _sum}
    environment.filters = {name: own.get(name) or environment.filters[name] for name in FILTERS}
    environment.tests = {name: test for name, test in environment.tests.items() if name in TESTS}
    environment.globals = {}
    return environment


def _finalize(value: Any) -> Any:
    return value if isinstance(value, StrictUndefined) else _as_text(value)


@cache
def parse_template(text: str) -> nodes.Template:
    """The tree of a template, checked to use only what is allowed. Raises ExpressionError."""
    if "{%" in text:
        raise _not_allowed("statements are not allowed", "use an expression: `{{ a if condition else b }}`")
    _check_size(len(text))
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as problem:
        detail = (problem.message or "").rstrip(".")
        # Jinja reports unknown filters while it parses
        if detail.startswith("No filter named"):
            name = detail.split("'")[1]
            raise _not_allowed(f"no filter `{name}`", did_you_mean(name, FILTERS)) from None
        hint = 'write `"{{ vars.name }}"`'
        raise ExpressionError("template-syntax", "A template is not a valid expression", detail, hint) from None
    except RecursionError:
        raise _too_deep() from None
    queue: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while queue:
        node, depth = queue.pop()
        if depth > DEEPEST:
            raise _too_deep()
        _check(node)
        queue += ((child, depth + 1) for child in node.iter_child_nodes())
    return tree


def _check(node: nodes.Node) -> None:
    if not isinstance(node, ALLOWED):
        what = NOT_ALLOWED.get(type(node), f"{type(node).__name__.lower()} is not allowed")
        raise _not_allowed(what, "use only `vars`, operators and filters")
    if isinstance(node, nodes.Name) and node.name != "vars":
        hint = f'write "{{{{ vars.{node.name} }}}}" and declare `{node.name}` under `vars:` of the project'
        raise ExpressionError(
            "unknown-var",
            "A template uses a variable that is not declared",
            f"no `{node.name}`; templates can use `vars` only",
            hint,
        )
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise _not_allowed(f"no filter `{node.name}`", did_you_mean(node.name, FILTERS))
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise _not_allowed(f"no test `{node.name}`", did_you_mean(node.name, TESTS))


def evaluate_template(text: str, tree: nodes.Template, variables: Mapping[str, Json]) -> Json:
    """The value of a checked template: of any type when the template is one whole expression, else a string."""
    try:
        value = _value(text, tree, variables)
    except ExpressionError:
        raise
    except UndefinedError as problem:
        raise _failure(str(problem.message)) from None
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as problem:
        raise _failure(str(problem).split("\n", maxsplit=1)[0] or type(problem).__name__) from None
    _check_whole(value)
    return _plain(value)


def _check_whole(value: Any) -> None:
    """Check the size of a value with everything in it: a short expression can contain one list thousands of times."""
    size, queue = 0, [value]
    while queue:
        item = queue.pop()
        size += len(item) if isinstance(item, str) else 1
        _check_size(size)
        queue += item if isinstance(item, list | tuple) else item.values() if isinstance(item, dict) else ()


def _value(text: str, tree: nodes.Template, variables: Mapping[str, Json]) -> Any:
    environment = _environment()
    parts = tree.body[0].nodes if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) else []
    if len(parts) == 1 and text.strip().startswith("{{") and text.strip().endswith("}}"):
        inner = text.strip()[2:-2].removeprefix("-").removesuffix("-")
        compiled = environment.compile_expression(inner, undefined_to_none=False)
        return compiled(vars=variables)
    return environment.from_string(text).render(vars=variables)


def _plain(value: Any) -> Json:
    if isinstance(value, StrictUndefined):
        raise _failure("the value is not defined")
    if isinstance(value, str):
        _check_size(len(value))
        return str(value)
    if isinstance(value, list | tuple):
        _check_size(len(value))
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) <= LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _failure("the value is not a finite number, string, list or mapping")


def _too_deep() -> ExpressionError:
    detail = f"the expression nests more than {DEEPEST} levels"
    return ExpressionError("template-too-large", "A template's value is too large", detail, "write the value itself")


def _failure(detail: str) -> ExpressionError:
    return ExpressionError("template-failed", "A template has no value", detail, "check the types of the `vars` that it uses")


def _not_allowed(detail: str, hint: str) -> ExpressionError:
    return ExpressionError("template-not-allowed", "A template uses something that is not allowed", detail, hint)
