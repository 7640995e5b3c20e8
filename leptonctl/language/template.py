"""Jinja inside single scalars: `vars` of the Project document in, plain values out. Never sees files, environment or time.

A scalar is a template when it holds `{{`. Expressions only: no statements, no calls, an allow-list of filters, bounded size.
A scalar that is one whole expression keeps the type of its value. `vars` itself, `kind` and `name` take no templates. A literal
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
# what may not hold a template: identity, and what templates are made of
FIXED = {"kind": "a kind", "name": "a name", "vars": "`vars`"}


def render(documents: Iterable[Document]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents with every template replaced by its value. A template that failed stays as text."""
    given = tuple(documents)
    project = next((d for d in given if d.kind == "Project"), None)
    written = project.value.get(ROOT) if project else None
    work = _Rendering(variables=written if isinstance(written, dict) else {}, project=project)
    return tuple(work.document(document) for document in given), tuple(work.problems)


def is_template(value: Json) -> bool:
    """Text that holds a marker."""
    return isinstance(value, str) and "{" in value and any(marker in value for marker in MARKERS)


def vars_used(text: str) -> frozenset[str]:
    """Dotted names below `vars` that a scalar uses: `max_iter`, `optimizer.rate`. Empty for text that is no template."""
    if not is_template(text):
        return frozenset()
    from leptonctl.language.expression import parsed

    try:
        tree = parsed(text)
    except ValueError:
        return frozenset()
    return frozenset(".".join(str(part) for part in name) for name, _ in names(tree))


def names(tree: "nodes.Node") -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """Every path below `vars` in a tree, and whether it may be undefined (it stands below `default` or `is defined`)."""
    yield from _names(tree, spared=False)


def _names(node: "nodes.Node", *, spared: bool) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    from jinja2 import nodes

    spared = spared or (isinstance(node, nodes.Filter | nodes.Test) and node.name in {"default", "d", "defined"})
    path = _chain(node)
    if path is not None:
        if path:
            yield path, spared
        return
    for child in node.iter_child_nodes():
        yield from _names(child, spared=spared)


def _chain(node: "nodes.Node") -> tuple[str | int, ...] | None:
    """`vars.a["b"]` -> ("a", "b"). None when the node is no such chain."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return () if node.name == ROOT else None
    if isinstance(node, nodes.Getattr):
        above = _chain(node.node)
        return None if above is None else (*above, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        above = _chain(node.node)
        return None if above is None else (*above, node.arg.value)
    return None


class _Rendering(Frozen):
    variables: Mapping[str, Json]
    project: Document | None
    problems: list[Diagnostic] = field(default_factory=list)
    known: dict[str, "Json | _Wrong"] = field(default_factory=dict)

    def document(self, document: Document) -> Document:
        if not _holds(document.value):
            return document
        value: dict[str, Json] = {}
        for key, item in document.value.items():
            if key in FIXED and (key != ROOT or document.kind == "Project"):
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
        if text not in self.known:
            self.known[text] = self.evaluate(text)
        result = self.known[text]
        if not isinstance(result, _Wrong):
            return result
        self.problems.append(error(result.id, result.summary, result.detail, span=document.at(*path), hint=result.hint))
        return text

    def evaluate(self, text: str) -> "Json | _Wrong":
        from leptonctl.language.expression import ExpressionError, evaluated, parsed

        try:
            tree = parsed(text)
            for path, spared in names(tree):
                wrong = None if spared else self.missing(path)
                if wrong is not None:
                    return wrong
            return evaluated(text, tree, self.variables)
        except ExpressionError as refused:
            return _Wrong(id=refused.id, summary=refused.summary, detail=refused.detail, hint=refused.hint)

    def missing(self, path: tuple[str | int, ...]) -> "_Wrong | None":
        here: Any = self.variables
        for depth, part in enumerate(path):
            try:
                here = here[part]
            except (LookupError, TypeError):
                shown = ".".join(str(p) for p in (ROOT, *path[: depth + 1]))
                near = did_you_mean(str(part), here) if isinstance(here, dict) else ""
                near = near or f"declare `{path[0]}` under `vars:` of the Project"
                return _Wrong(
                    id="unknown-var", summary="A template uses a variable that is not declared", detail=f"no `{shown}`", hint=near
                )
        return None

    def refuse(self, document: Document, path: Path, value: Json, what: str) -> None:
        if is_template(value):
            detail = f"{what} cannot be a template"
            hint = "write the value itself"
            self.problems.append(
                error("template-not-allowed", "A template stands where none may", detail, span=document.at(*path), hint=hint)
            )
        elif isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self.refuse(document, (*path, key), item, what)


class _Wrong(Frozen):
    """A template without a value, and why."""

    id: str
    summary: str
    detail: str
    hint: str


def _holds(value: Json) -> bool:
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, dict):
        return any(_holds(item) for item in value.values())
    return isinstance(value, list) and any(_holds(item) for item in value)
