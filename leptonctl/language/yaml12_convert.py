"""The nodes of a YAML document -> plain values with the span of every key and value, and what is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Path, Span
from leptonctl.language.yaml12_errors import MAX_DEPTH, at_mark, node_span, too_deep
from leptonctl.language.yaml12_nodes import TooDeepError
from leptonctl.language.yaml12_scalars import plain

CORE = "tag:yaml.org,2002:"
CORE_TAGS = frozenset(CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))


class Spans(Mapping[Path, Span]):
    """Spans by path. Holds three numbers per path and makes a Span on request: loading thousands of documents requests none."""

    __slots__ = ("_at", "_file")

    def __init__(self, file: str, at: dict[Path, tuple[int, int, int]]) -> None:
        self._file = file
        self._at = at

    def __getitem__(self, path: Path) -> Span:
        line, column, end_column = self._at[path]
        return Span(file=self._file, line=line, column=column, end_column=end_column)

    def __contains__(self, path: object) -> bool:
        return path in self._at

    def __iter__(self) -> Iterator[Path]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)


class Parsed(Frozen):
    """One YAML document. `value` is what could be read; `problems` are about what could not."""

    value: Json
    keys: Spans
    values: Spans
    problems: tuple[Diagnostic, ...]


class _TooManyError(Exception):
    """The document has more values than its budget allows."""


class Conversion:
    """Turns the nodes of one document into values and spans, and collects all problems. budget: the most values that it may have."""

    __slots__ = ("at_keys", "at_values", "budget", "file", "has_anchors", "lines", "open", "problems")

    def __init__(self, file: str, lines: list[str], budget: int, *, has_anchors: bool) -> None:
        self.file, self.lines, self.budget, self.has_anchors = file, lines, budget, has_anchors
        self.at_keys: dict[Path, tuple[int, int, int]] = {}
        self.at_values: dict[Path, tuple[int, int, int]] = {}
        self.problems: list[Diagnostic] = []
        self.open: list[int] = []

    def document(self, node: Any) -> Parsed:
        try:
            value = self.convert(node, ())
        except TooDeepError as deep:
            value = None
            self.problems.append(too_deep(at_mark(self.file, self.lines, deep.mark)))
        except _TooManyError:
            value = None
            hint = "write the repeated parts once, as versions over a base block"
            detail = "aliases expand to more values than the file has characters"
            last = [span for path, span in Spans(self.file, self.at_keys).items() if len(path) == 1][-1:]
            span = last[0] if last else node_span(self.file, self.lines, node)
            self.problems.append(error("too-many-aliases", "Aliases expand to too many values", detail, span=span, hint=hint))
        return Parsed(
            value=value,
            keys=Spans(self.file, self.at_keys),
            values=Spans(self.file, self.at_values),
            problems=tuple(self.problems),
        )

    def convert(self, node: Any, path: Path) -> Json:
        self.budget -= 1
        if self.budget < 0:
            raise _TooManyError
        start, end = node.start_mark, node.end_mark
        line = start.line
        end_column = end.column + 1 if end.line == line else len(self.lines[line].rstrip()) + 1
        self.at_values[path] = (line + 1, start.column + 1, end_column)
        tag = node.tag
        if type(node) is ScalarNode:
            if type(tag) is tuple:
                if not tag[0]:
                    return node.value  # type: ignore[no-any-return]
                try:
                    return plain(node.value)
                except ValueError as problem:
                    self.not_a_number(node, problem)
                    return 0
            return self.tagged_value(node)
        if type(tag) is str and tag not in CORE_TAGS:
            self.unknown_tag(node)
        return self.collection(node, path)

    def collection(self, node: Any, path: Path) -> Json:
        if self.has_anchors and id(node) in self.open:
            self.report("recursive-alias", "An alias contains itself", "it is inside its own anchor", at=node, hint="write the value out")
            return None
        if len(path) > MAX_DEPTH:
            raise TooDeepError(node.start_mark)
        self.open.append(id(node))
        value: Json
        if type(node) is SequenceNode:
            value = []
            for index, item in enumerate(node.value):
                here = (*path, index)
                value.append(self.convert(item, here))
                self.at_keys[here] = self.at_values[here]
        else:
            value = self.mapping(node, path)
        self.open.pop()
        return value

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Json]:
        value: dict[str, Json] = {}
        for key, item in node.value:
            name = self.key(key)
            if name is None:
                continue
            here = (*path, name)
            start, end = key.start_mark, key.end_mark
            if name in value:
                first = self.at_keys[here][0]
                detail = f"`{name}` is already written at line {first}"
                self.report("duplicate-key", "A mapping contains a key twice", detail, at=key, hint="remove one of the two")
                continue
            self.at_keys[here] = (start.line + 1, start.column + 1, end.column + 1)
            value[name] = self.convert(item, here)
        return value

    def key(self, node: Any) -> str | None:
        if type(node) is not ScalarNode:
            if self.lines[node.start_mark.line][node.start_mark.column :].startswith("{"):
                hint = 'quote a template: "{{ vars.name }}"'
            else:
                hint = "write a plain name before the colon"
            self.report("bad-key", "A key is not a string", "a list or a mapping cannot be a key", at=node, hint=hint)
            return None
        if node.value == "<<" and not isinstance(node.tag, str) and node.tag[0]:
            hint = "write the keys out; `versions` merge over the base block by themselves"
            self.report("merge-key", "Merge keys are not part of YAML 1.2", "`<<` is not supported", at=node, hint=hint)
            return None
        if type(node.tag) is str and node.tag != CORE + "str":
            self.unknown_tag(node)
        return node.value  # type: ignore[no-any-return]

    def tagged_value(self, node: ScalarNode) -> Json:
        """The value of a scalar with an explicit tag, which must be one of the core schema and fit the value."""
        if node.tag == CORE + "str":
            return str(node.value)
        if node.tag not in CORE_TAGS:
            self.unknown_tag(node)
            return str(node.value)
        try:
            value = plain(node.value)
        except ValueError as problem:
            self.not_a_number(node, problem)
            return 0
        name = node.tag.removeprefix(CORE)
        if name == "float" and type(value) is int:
            return float(value)
        if {"int": int, "float": float, "bool": bool, "null": type(None)}.get(name) is not type(value):
            self.report("unknown-tag", "A tag and its value differ", f"this value is not of type !!{name}", at=node, hint="remove the tag")
        return value

    def unknown_tag(self, node: Node) -> None:
        tag = node.tag.replace(CORE, "!!")
        hint = "remove the tag; values are strings, numbers, true, false, null, lists and mappings"
        self.report("unknown-tag", "A tag is not one of YAML's core schema", f"`{tag}` is not supported", at=node, hint=hint)

    def not_a_number(self, node: ScalarNode, problem: ValueError) -> None:
        self.report("bad-number", "A number cannot be stored", f"`{node.value[:40]}` {problem}", at=node, hint="quote it if it is a string")

    def report(self, id: str, summary: str, detail: str, *, at: Node, hint: str) -> None:  # noqa: A002
        self.problems.append(error(id, summary, detail, span=node_span(self.file, self.lines, at), hint=hint))
