"""What libyaml accepts and YAML 1.2 does not, or reads differently: found in a text that it could read. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from yaml.error import Mark
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span

SUSPICIOUS = re.compile(r"""["'\]},]\#|[|>][-+0-9]*\#|&[0-9A-Za-z_-]+[^\s,\[\]{}0-9A-Za-z_-]|\?[^\s]""")
"""Matches in every text with one of these mistakes. Most texts have no match and are not examined further."""
ANCHOR = re.compile(r"&[0-9A-Za-z_-]+(?=[^\s,\[\]{}0-9A-Za-z_-])")
HEADER = re.compile(r"(?:[&!]\S*\s+)*[|>][-+0-9]*(?=\#)")
AFTER = re.compile(r"\s*,(?=\#)")
COMMENT = ("a comment has no space before its `#`", "put a space before the `#`")
NAME = ("the name of an anchor has letters, digits, `-` and `_` only", "give the anchor another name, or quote the value if it is not one")
QUESTION = ("a value that begins with `?` must be in quotes inside brackets", "put the value in quotes")


def strict_problems(file: str, lines: list[str], nodes: Iterable[Node]) -> list[Diagnostic]:
    """An error for each place that libyaml reads differently from YAML 1.2, in the order of the text."""
    problems: Mapping[tuple[int, int], tuple[str, str]] = {
        place: problem for root in nodes for node in nodes_below(root) for place, problem in _places(lines, node)
    }
    return [_problem(file, place, *problems[place]) for place in sorted(problems)]


def _places(lines: list[str], node: Node) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    """(line, column) of each mistake at the beginning and at the end of a node, counted from 0."""
    begin, end = _lines_from(lines, node.start_mark), _lines_from(lines, node.end_mark)
    anchor, header, after = ANCHOR.match(begin), HEADER.match(begin), AFTER.match(end)
    start = node.start_mark.line, node.start_mark.column
    if anchor:
        yield (start[0], start[1] + anchor.end()), NAME
    if header and isinstance(node, ScalarNode) and node.style in ("|", ">"):
        yield (start[0], start[1] + header.end()), COMMENT
    if isinstance(node, ScalarNode) and start[1] and not node.style and lines[start[0]][start[1] - 1 : start[1]] == "?":
        yield (start[0], start[1] - 1), QUESTION
    closed = isinstance(node, ScalarNode) and node.style in ("'", '"')
    closed = closed or (isinstance(node, CollectionNode) and bool(node.flow_style))
    if closed and end.startswith("#"):
        yield (node.end_mark.line, node.end_mark.column), COMMENT
    if after:
        yield (node.end_mark.line, node.end_mark.column + after.end()), COMMENT


def _lines_from(lines: list[str], mark: Mark) -> str:
    return lines[mark.line][mark.column :] if mark.line < len(lines) else ""


def _problem(file: str, place: tuple[int, int], detail: str, hint: str) -> Diagnostic:
    line, column = place
    span = Span(file=file, line=line + 1, column=column + 1, end_column=column + 2)
    return error("yaml-syntax", "The file is not valid YAML", detail, span=span, hint=hint)


def nodes_below(root: Node) -> Iterator[Node]:
    """All nodes below one, itself included, each once."""
    queue, visited = [root], set[int]()
    while queue:
        node = queue.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        yield node
        if isinstance(node, MappingNode):
            queue += [part for pair in node.value for part in pair]
        elif isinstance(node, CollectionNode):
            queue += node.value
