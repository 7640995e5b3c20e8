"""Edits of YAML text that keep comments and layout. Every edit is read back: it changes exactly what was intended or raises ValueError.

The document is found by kind and name, so several edits of one text can follow each other.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from leptonctl.core.canonical import encode
from leptonctl.core.values import Document, Json, Path
from leptonctl.language.yaml12 import BREAK, parse
from leptonctl.language.yaml12_nodes import compose
from leptonctl.language.yaml12_scalars import plain

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]*")


def set_scalar(text: str, document: Document, path: Path, value: Json) -> str:
    """Replace the scalar at `path`, in its own quoting style if possible."""
    source = _Source(text, document)
    node, _ = source.find(path)
    if not isinstance(node, ScalarNode) or isinstance(value, dict | list):
        raise _refusal(document, path, "only a scalar can be replaced by a scalar")
    start, end = source.start(node), source.end(node)
    replacement = _scalar(value, node.style or "")
    if start == end:
        replacement = " " + replacement
    elif node.style in {"|", ">"}:
        end = len(text[:end].rstrip())
    expected = source.value()
    _put(expected, path, value)
    return _first_valid([text[:start] + replacement + text[end:]], source, expected, path)


def insert_key(text: str, document: Document, path: Path, key: str, value: Json) -> str:
    """Add `key: value` at the end of the mapping at `path`; an empty value becomes a mapping."""
    source = _Source(text, document)
    node, _ = source.find(path)
    expected = source.value()
    mapping = _get(expected, path)
    if isinstance(mapping, dict) and key in mapping:
        raise _refusal(document, path, f"it has the key `{key}` already")
    if mapping is None:
        _put(expected, path, {key: value})
    elif isinstance(mapping, dict):
        mapping[key] = value
    else:
        raise _refusal(document, path, "a key can be added to a mapping only")
    return _first_valid(_insertions(source, node, f"{_key(key)}: {_flow(value)}"), source, expected, path)


def remove_key(text: str, document: Document, path: Path, key: str) -> str:
    """Remove a key from the mapping at `path`, with the comment on its line."""
    source = _Source(text, document)
    node, _ = source.find(path)
    value, name = source.find((*path, key))
    expected = source.value()
    del _get(expected, path)[key]
    return _first_valid(_removals(source, node, name, value), source, expected, path)


def set_values(text: str, document: Document, path: Path, *, before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """Turn the mapping at `path` into `after`. before: its present value, with templates filled in.

    In nested mappings only differences are written, so that the comments beside the rest stay.
    """
    for name, value in after.items():
        old = before.get(name)
        if name not in before or old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict) and old and value:
            text = set_values(text, document, (*path, name), before=old, after=value)
        elif not isinstance(old, dict | list) and not isinstance(value, dict | list):
            text = set_scalar(text, document, (*path, name), value)
        else:
            text = insert_key(remove_key(text, document, path, name), document, path, name, value)
    # insert before removing: a mapping that is empty in between would lose its layout
    for name in (name for name in after if name not in before):
        text = insert_key(text, document, path, name, after[name])
    for name in (name for name in before if name not in after):
        text = remove_key(text, document, path, name)
    return text


def version_lines(version: str, entry: Mapping[str, Json]) -> str:
    """An entry of `versions:` to paste after the last one, with a line for each field, indented as in a document of its own."""
    fields = "".join(f"    {_key(name)}: {_flow(value)}\n" for name, value in entry.items())
    return f"  {_key(version)}:\n{fields}"


def key_lines(key: str, value: Json, *, indent: int = 0) -> str:
    """A key with its value on one line."""
    return f"{' ' * indent}{_key(key)}: {_flow(value)}\n"


class _Source:
    """A text with the nodes of one of its documents."""

    def __init__(self, text: str, document: Document) -> None:
        self.text, self.document = text, document
        self.parsed, problems = parse(document.file, text)
        if problems:
            raise _refusal(document, (), "the text has syntax errors")
        self.index = self._index()
        self.root: Any = compose(text)[self.index]
        self.starts: list[int] = [0, *(line_break.end() for line_break in BREAK.finditer(text))]
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def _index(self) -> int:
        identity = (self.document.kind, self.document.name)
        for index, parsed in enumerate(self.parsed):
            if isinstance(parsed.value, dict) and (parsed.value.get("kind"), parsed.value.get("name") or "") == identity:
                return index
        raise _refusal(self.document, (), "the text does not contain this document")

    def value(self) -> Any:
        return deepcopy(self.parsed[self.index].value)

    def find(self, path: Path) -> tuple[Any, Any]:
        """The node at `path` and the node of its key."""
        node, key = self.root, None
        for part in path:
            if isinstance(node, MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == part), None)
            elif isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
                pair = (None, node.value[part])
            else:
                pair = None
            if pair is None:
                raise _refusal(self.document, path, "there is no such value")
            key, node = pair
        return node, key

    def start(self, node: Any) -> int:
        return self.starts[int(node.start_mark.line)] + int(node.start_mark.column)

    def end(self, node: Any) -> int:
        """The offset after the last character of a node, without the blank lines that follow a block."""
        leaf = _last_leaf(node)
        end = self.starts[int(leaf.end_mark.line)] + int(leaf.end_mark.column)
        is_block = isinstance(leaf, ScalarNode) and leaf.style in {"|", ">"}
        return len(self.text[:end].rstrip()) if is_block else end

    def line_end(self, offset: int) -> int:
        """The end of the line that `offset` is in, before its line break."""
        line_break = BREAK.search(self.text, offset)
        return line_break.start() if line_break else len(self.text)


def _last_leaf(node: Any) -> Any:
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    return node


def _insertions(source: _Source, node: Any, entry: str) -> Iterator[str]:
    """Ways to add an entry, the best layout first."""
    text = source.text
    start, end = source.start(node), source.end(node)
    if isinstance(node, ScalarNode):
        yield text[:start] + (" " if start == end else "") + f"{{{entry}}}" + text[end:]
    elif not node.value:
        yield text[:start] + f"{{{entry}}}" + text[end:]
    elif node.flow_style:
        last = source.end(node.value[-1][1])
        yield text[:last] + f", {entry}" + text[last:]
        yield text[: start + 1] + f"{entry}, " + text[start + 1 :]
    else:
        indent = " " * node.value[0][0].start_mark.column
        line_end = source.line_end(source.end(node))
        yield text[:line_end] + f"{source.newline}{indent}{entry}" + text[line_end:]
        first = source.start(node.value[0][0])
        yield text[:first] + f"{entry}{source.newline}{indent}" + text[first:]


def _removals(source: _Source, node: Any, key: Any, value: Any) -> Iterator[str]:
    """Ways to remove an entry, the best layout first."""
    text = source.text
    start, end = source.start(key), source.end(value)
    if len(node.value) == 1:
        yield text[: source.start(node)] + "{}" + text[source.end(node) :]
    elif node.flow_style:
        before, after = text[:start].rstrip(), text[end:].lstrip()
        if before.endswith(","):
            yield before[:-1] + text[end:]
        yield text[:start] + after[1:].lstrip()
    else:
        yield text[: source.starts[key.start_mark.line]] + text[source.line_end(end) :].removeprefix(source.newline)


def _first_valid(candidates: Any, source: _Source, expected: Json, path: Path) -> str:
    """The first candidate that reads back as `expected`, all other documents unchanged."""
    expected_values = [encode(item.value) for item in source.parsed]
    expected_values[source.index] = encode(expected)
    for candidate in candidates:
        parsed, problems = parse(source.document.file, candidate)
        if not problems and not any(item.problems for item in parsed) and [encode(item.value) for item in parsed] == expected_values:
            return str(candidate)
    raise _refusal(source.document, path, "the edit would change more than intended")


def _get(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _put(value: Any, path: Path, new: Json) -> None:
    _get(value, path[:-1])[path[-1]] = new


def _scalar(value: Json, style: str) -> str:
    if not isinstance(value, str):
        return json.dumps(value, allow_nan=False)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and SAFE.fullmatch(value) and plain(value) == value:
        return value
    return _quote(value)


def _quote(value: str) -> str:
    """A string in double quotes. What JSON leaves unescaped, but YAML 1.2 or libyaml forbids, is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def _key(key: str) -> str:
    return _scalar(key, "")


def _flow(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value, "")


def _refusal(document: Document, path: Path, reason: str) -> ValueError:
    where = ".".join(str(part) for part in path) or "the document"
    return ValueError(f"{document.file}: cannot edit {where} of {document.kind} {document.name}: {reason}")
