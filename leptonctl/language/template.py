"""Jinja inside single scalars: plain values computed from `vars` of the Project. Never sees files, environment variables or time.

A scalar is a template when it contains `{{`. Expressions only: no statements, no calls, an allow-list of filters, bounded size.
A scalar that is one whole expression keeps the type of its value. `vars` itself, `kind` and `name` cannot be templates. A literal
`{{` is written `{{ '{{' }}`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.values import Document, Json, Path

if TYPE_CHECKING:
    from jinja2 import nodes

MARKERS = ("{{", "{%")
ROOT = "vars"
# must not contain a template: identities, and the variables themselves
FIXED = {"kind": "a kind", "name": "a name", "vars": "`vars`"}


def render(documents: Iterable[Document], root: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents with every template replaced by its value. A template that fails stays as it is written.

    root: the kind of the document that has the variables.
    """
    sources = tuple(documents)
    project = next((d for d in sources if d.kind == root), None)
    variables = project.value.get(ROOT) if project else None
    rendering = _Rendering(root=root, variables=variables if isinstance(variables, dict) else {})
    return tuple(rendering.document(document) for document in sources), tuple(rendering.problems)


def is_template(value: Json) -> bool:
    """Whether a value is a string with a marker."""
    return isinstance(value, str) and "{" in value and any(marker in value for marker in MARKERS)


def vars_used(text: str) -> frozenset[str]:
    """Dotted names below `vars` that a scalar uses: `max_iter`, `optimizer.rate`. Empty when it is not a template."""
    if not is_template(text):
        return frozenset()
    from leptonctl.language.expression import parse_template

    try:
        tree = parse_template(text)
    except ValueError:
        return frozenset()
    return frozenset(".".join(str(part) for part in name) for name, _ in names(tree))


def names(tree: "nodes.Node") -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """Every path below `vars` in a tree, and whether it may be undefined (it is below `default` or `is defined`)."""
    yield from _names(tree, optional=False)


def _names(node: "nodes.Node", *, optional: bool) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    from jinja2 import nodes

    optional = optional or (isinstance(node, nodes.Filter | nodes.Test) and node.name in {"default", "d", "defined"})
    path = _chain(node)
    if path is not None:
        if path:
            yield path, optional
        return
    for child in node.iter_child_nodes():
        yield from _names(child, optional=optional)


def _chain(node: "nodes.Node") -> tuple[str | int, ...] | None:
    """`vars.a["b"]` -> ("a", "b"). None for any other node."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return () if node.name == ROOT else None
    if isinstance(node, nodes.Getattr):
        outer = _chain(node.node)
        return None if outer is None else (*outer, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        outer = _chain(node.node)
        return None if outer is None else (*outer, node.arg.value)
    return None


class _Rendering(Frozen):
    """Renders documents with one set of variables, collects the problems, and evaluates equal templates once (`cache`)."""

    root: str
    variables: Mapping[str, Json]
    problems: list[Diagnostic] = field(default_factory=list)
    cache: dict[str, "Json | _Problem"] = field(default_factory=dict)

    def document(self, document: Document) -> Document:
        if not any(map(_has_template, document.value.values())):
            return document
        value: dict[str, Json] = {}
        for key, item in document.value.items():
            if key in FIXED and (key != ROOT or document.kind == self.root):
                self.refuse(document, (key,), item, FIXED[key])
                value[key] = item
            else:
                value[key] = self.value(document, (key,), item)
        return replace(document, value=value)

    def value(self, document: Document, path: Path, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(document, path, value) if is_template(value) else value
        if isinstance(value, dict):
            return {key: self.value(document, (*path, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(document, (*path, index), item) for index, item in enumerate(value)]
        return value

    def text(self, document: Document, path: Path, text: str) -> Json:
        if text not in self.cache:
            self.cache[text] = self.evaluate(text)
        result = self.cache[text]
        if not isinstance(result, _Problem):
            return result
        self.problems.append(error(result.id, result.summary, result.detail, span=document.at(*path), hint=result.hint))
        return text

    def evaluate(self, text: str) -> "Json | _Problem":
        from leptonctl.language.expression import ExpressionError, evaluate_template, parse_template

        try:
            tree = parse_template(text)
            for path, optional in names(tree):
                problem = None if optional else self.missing(path)
                if problem is not None:
                    return problem
            return evaluate_template(text, tree, self.variables)
        except ExpressionError as failure:
            return _Problem(id=failure.id, summary=failure.summary, detail=failure.detail, hint=failure.hint)

    def missing(self, path: tuple[str | int, ...]) -> "_Problem | None":
        here: Any = self.variables
        for depth, part in enumerate(path):
            try:
                here = here[part]
            except (LookupError, TypeError):
                name = ".".join(str(p) for p in (ROOT, *path[: depth + 1]))
                hint = did_you_mean(str(part), here) if isinstance(here, dict) else ""
                hint = hint or f"declare `{path[0]}` under `vars:` of the {self.root}"
                return _Problem(
                    id="unknown-var", summary="A template uses a variable that is not declared", detail=f"no `{name}`", hint=hint
                )
        return None

    def refuse(self, document: Document, path: Path, value: Json, what: str) -> None:
        if is_template(value):
            detail = f"{what} cannot be a template"
            hint = "write the value itself"
            self.problems.append(
                error("template-not-allowed", "A template is not allowed here", detail, span=document.at(*path), hint=hint)
            )
        elif isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self.refuse(document, (*path, key), item, what)


class _Problem(Frozen):
    """A template without a value, and why."""

    id: str
    summary: str
    detail: str
    hint: str


def _has_template(value: Json) -> bool:
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, dict):
        return any(_has_template(item) for item in value.values())
    return isinstance(value, list) and any(_has_template(item) for item in value)
