"""Strict YAML 1.2 text -> plain values with the span of every key and value. Knows no kinds.

Uses libyaml's events through PyYAML, never its YAML 1.1 resolution: scalars are read by the 1.2 core schema, keys are strings
as written. Merge keys (`<<`, not part of 1.2) are refused.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Path, Span
from leptonctl.language.yaml12_errors import (
    MAX_DEPTH,
    Marked,
    at_mark,
    bad_character,
    mark_of,
    node_span,
    syntax,
    syntax_at_start,
    tab,
    too_deep,
)
from leptonctl.language.yaml12_strict import SUSPICIOUS, loose, nodes_below

try:
    from yaml.cyaml import CParser as _Events  # type: ignore[attr-defined]
except ImportError:  # libyaml is missing: slower, same nodes
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Events(Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        """The pure Python equivalent of CParser."""

        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


SPARE_NODES = 10_000
MOST_ERRORS = 20
LARGEST = 2**63 - 1
# more digits than a 64-bit integer has, leading zeros included; int() takes quadratic time
DIGITS = 30
BREAK = re.compile(r"\r\n|\n|\r")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
TAB_INDENT = re.compile(r"^ *\t[ \t]*(?=[^\s#])", re.MULTILINE)
NEXT_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)
WORDS: Mapping[str, Json] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
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


def parse(file: str, text: str) -> tuple[tuple[Parsed, ...], tuple[Diagnostic, ...]]:
    """All documents of a file, and its syntax errors. After a syntax error, reading continues at the next `---`, MOST_ERRORS times."""
    lines = BREAK.split(text)
    documents: list[Parsed] = []
    problems: list[Diagnostic] = []
    rest, first_line, anchors = text, 0, "&" in text
    while True:
        reader = _Reader(rest)
        try:
            while reader.check_node():
                conversion = _Conversion(file, lines, len(text) + SPARE_NODES, anchors)
                documents.append(conversion.document(reader.get_node()))
        except _TooDeepError as deep:
            problems.append(too_deep(at_mark(file, lines, deep.mark)))
            error_line = deep.mark.line
        except MarkedYAMLError as problem:
            deep_mark = _too_deep_before(rest, mark_of(problem))
            problems.append(syntax(file, lines, problem) if deep_mark is None else too_deep(at_mark(file, lines, deep_mark)))
            error_line = (deep_mark or mark_of(problem)).line
        except YAMLError:
            # libyaml's reader refuses single characters without a mark
            problems.append(bad_character(file, text) or syntax_at_start(file, lines))
            break
        else:
            break
        if len(problems) == MOST_ERRORS:
            break  # each error reads the rest of the file anew
        # an open bracket is noticed only at the next `---`, which starts another document
        start = _line_start(text, error_line if error_line > first_line else error_line + 1)
        following = NEXT_DOCUMENT.search(text, start) if start is not None else None
        if following is None:
            break
        # blank lines keep the line numbers of what follows
        first_line = len(BREAK.findall(text, 0, following.start()))
        rest = "\n" * first_line + text[following.start() :]
    if not problems:
        problems += _stricter(file, text, lines)
    return tuple(documents), tuple(dict.fromkeys(problems))


def compose(text: str) -> list[Any]:
    """The nodes of a text that is known to be valid, for edits."""
    reader = _Reader(text)
    nodes: list[Any] = []
    while reader.check_node():
        nodes.append(reader.get_node())
    return nodes


def plain(text: str) -> Json:
    """The value of an unquoted scalar by the core schema of YAML 1.2. Raises ValueError for numbers JSON cannot hold."""
    if not text or text[0] in "tTfFnN~":
        return WORDS.get(text, text)
    if text[0] not in "0123456789+-.":
        return text
    if INTEGER.fullmatch(text):
        number = int(text, 0) if text[:2] in ("0o", "0x") else int(text) if len(text) <= DIGITS else LARGEST + 1
        if abs(number) > LARGEST:
            msg = "is larger than 64 bits"
            raise ValueError(msg)
        return number
    if FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            msg = "is larger than any float"
            raise ValueError(msg)
        return value
    if NOT_FINITE.fullmatch(text):
        msg = "is not a finite number"
        raise ValueError(msg)
    return text


class _TooDeepError(Exception):
    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        super().__init__("too deep")


class _TooManyError(Exception):
    """The document has more values than its budget allows."""


class _Reader(_Events):
    """Composes nodes. Instead of a resolved tag, a node carries (may be plain, may be quoted)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def resolve(self, _kind: type[Node], _value: str | None, implicit: object) -> object:
        return implicit

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        self.depth += 1
        # composing recurses on the C stack
        if self.depth > MAX_DEPTH and parent is not None:
            raise _TooDeepError(parent.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _Conversion:
    """Turns the nodes of one document into values and spans, and collects all problems."""

    __slots__ = ("at_keys", "at_values", "budget", "file", "has_anchors", "lines", "open", "problems")

    def __init__(self, file: str, lines: list[str], budget: int, has_anchors: bool) -> None:
        self.file, self.lines, self.budget, self.has_anchors = file, lines, budget, has_anchors
        self.at_keys: dict[Path, tuple[int, int, int]] = {}
        self.at_values: dict[Path, tuple[int, int, int]] = {}
        self.problems: list[Diagnostic] = []
        self.open: list[int] = []

    def document(self, node: Any) -> Parsed:
        try:
            value = self.convert(node, ())
        except _TooDeepError as deep:
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
            return self.tagged(node)
        if type(tag) is str and tag not in CORE_TAGS:
            self.unknown_tag(node)
        return self.collection(node, path)

    def collection(self, node: Any, path: Path) -> Json:
        if self.has_anchors and id(node) in self.open:
            self.report("recursive-alias", "An alias contains itself", "it is inside its own anchor", node, "write the value out")
            return None
        if len(path) > MAX_DEPTH:
            raise _TooDeepError(node.start_mark)
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
                self.report("duplicate-key", "A mapping contains a key twice", detail, key, "remove one of the two")
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
            self.report("bad-key", "A key is not a string", "a list or a mapping cannot be a key", node, hint)
            return None
        if node.value == "<<" and not isinstance(node.tag, str) and node.tag[0]:
            hint = "write the keys out; in a Model, `versions` merge over the base block by themselves"
            self.report("merge-key", "Merge keys are not part of YAML 1.2", "`<<` is not supported", node, hint)
            return None
        if type(node.tag) is str and node.tag != CORE + "str":
            self.unknown_tag(node)
        return node.value  # type: ignore[no-any-return]

    def tagged(self, node: ScalarNode) -> Json:
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
            self.report("unknown-tag", "A tag and its value differ", f"this value is not of type !!{name}", node, "remove the tag")
        return value

    def unknown_tag(self, node: Node) -> None:
        tag = node.tag.replace(CORE, "!!")
        hint = "remove the tag; values are strings, numbers, true, false, null, lists and mappings"
        self.report("unknown-tag", "A tag is not one of YAML's core schema", f"`{tag}` is not supported", node, hint)

    def not_a_number(self, node: ScalarNode, problem: ValueError) -> None:
        self.report("bad-number", "A number cannot be stored", f"`{node.value[:40]}` {problem}", node, "quote it if it is a string")

    def report(self, id: str, summary: str, detail: str, node: Node, hint: str) -> None:  # noqa: A002
        self.problems.append(error(id, summary, detail, span=node_span(self.file, self.lines, node), hint=hint))


def _too_deep_before(text: str, mark: Marked) -> Marked | None:
    """Where the nesting is too deep, if that is before `mark`.

    libyaml reads ahead of what it returns, and some releases have their own limit (1,000 since PyYAML 6.0.4): the text before
    their error is read separately, with our limit.
    """
    before = text[: (_line_start(text, mark.line) or 0) + mark.column]
    if before.count("[") + before.count("{") <= MAX_DEPTH:
        return None
    reader = _Reader(before)
    try:
        while reader.check_node():
            reader.get_node()
    except _TooDeepError as deep:
        return deep.mark
    except YAMLError:
        return None
    return None


def _line_start(text: str, line: int) -> int | None:
    """Offset of a line counted from 0."""
    if line == 0:
        return 0
    for count, line_break in enumerate(BREAK.finditer(text), 1):
        if count == line:
            return line_break.end()
    return None


def _stricter(file: str, text: str, lines: list[str]) -> list[Diagnostic]:
    """Errors in a text that libyaml can read."""
    found = loose(file, lines, compose(text)) if SUSPICIOUS.search(text) else []
    return found or (_tabs(file, text, lines) if "\t" in text else [])


def _tabs(file: str, text: str, lines: list[str]) -> list[Diagnostic]:
    """Errors for lines of a readable text that are indented with a tab, except inside a scalar of several lines."""
    tab_lines = [len(BREAK.findall(text, 0, indent.start())) for indent in TAB_INDENT.finditer(text)]
    if not tab_lines:
        return []
    inside: set[int] = set()
    for node in compose(text):
        for scalar in (one for one in nodes_below(node) if isinstance(one, ScalarNode)):
            inside.update(range(scalar.start_mark.line + 1, scalar.end_mark.line + 1))
    problems: list[Diagnostic] = []
    for line in tab_lines:
        column = lines[line].index("\t") + 1
        if line not in inside:
            problems.append(tab(Span(file=file, line=line + 1, column=column, end_column=column + 1)))
    return problems
