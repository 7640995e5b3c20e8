"""Strict YAML 1.2 text -> plain values with the span of every key and value. Knows no kinds.

Uses libyaml's events through PyYAML, never its YAML 1.1 resolution: scalars are read by the 1.2 core schema, keys are strings
as written. Merge keys (`<<`, not part of 1.2) are refused.
"""

import re

from yaml.error import MarkedYAMLError, YAMLError
from yaml.nodes import ScalarNode

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Span
from leptonctl.language.yaml12_convert import Conversion, Parsed
from leptonctl.language.yaml12_errors import MAX_DEPTH, Position, at_mark, bad_character, mark_of, syntax, syntax_at_start, tab, too_deep
from leptonctl.language.yaml12_nodes import NodeReader, TooDeepError, compose
from leptonctl.language.yaml12_strict import SUSPICIOUS, nodes_below, strict_problems

SPARE_NODES = 10_000
MOST_ERRORS = 20
BREAK = re.compile(r"\r\n|\n|\r")
TAB_INDENT = re.compile(r"^ *\t[ \t]*(?=[^\s#])", re.MULTILINE)
NEXT_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)


def parse(file: str, text: str) -> tuple[tuple[Parsed, ...], tuple[Diagnostic, ...]]:
    """All documents of a file, and its syntax errors. After a syntax error, reading continues at the next `---`, MOST_ERRORS times."""
    lines = BREAK.split(text)
    documents: list[Parsed] = []
    problems: list[Diagnostic] = []
    rest, first_line = text, 0
    while True:
        read, problem, line = _read(file, text, lines, rest)
        documents += read
        if problem is not None:
            problems.append(problem)
        # each error reads the rest of the file again
        if line is None or len(problems) == MOST_ERRORS:
            break
        # an open bracket is noticed only at the next `---`, which starts another document
        start = _line_start(text, line if line > first_line else line + 1)
        following = NEXT_DOCUMENT.search(text, start) if start is not None else None
        if following is None:
            break
        # blank lines keep the line numbers of what follows
        first_line = len(BREAK.findall(text, 0, following.start()))
        rest = "\n" * first_line + text[following.start() :]
    if not problems:
        problems += _strict_problems(file, text, lines)
    return tuple(documents), tuple(dict.fromkeys(problems))


def _read(file: str, text: str, lines: list[str], rest: str) -> tuple[list[Parsed], Diagnostic | None, int | None]:
    """The documents of `rest` up to its first syntax error, that error, and its line from 0: None where nothing more can be read."""
    documents: list[Parsed] = []
    reader, has_anchors = NodeReader(rest), "&" in text
    try:
        while reader.check_node():
            conversion = Conversion(file, lines, len(text) + SPARE_NODES, has_anchors=has_anchors)
            documents.append(conversion.document(reader.get_node()))
    except TooDeepError as deep:
        return documents, too_deep(at_mark(file, lines, deep.mark)), deep.mark.line
    except MarkedYAMLError as problem:
        mark = mark_of(problem)
        deep_mark = _too_deep_before(rest, mark)
        if deep_mark is not None:
            return documents, too_deep(at_mark(file, lines, deep_mark)), deep_mark.line
        return documents, syntax(file, lines, problem), mark.line
    except YAMLError:
        # libyaml's reader refuses single characters without a mark
        return documents, bad_character(file, text) or syntax_at_start(file, lines), None
    return documents, None, None


def _too_deep_before(text: str, mark: Position) -> Position | None:
    """Where the nesting is too deep, if that is before `mark`.

    libyaml reads ahead of what it returns, and some releases have their own limit (1,000 since PyYAML 6.0.4): the text before
    their error is read separately, with our limit.
    """
    before = text[: (_line_start(text, mark.line) or 0) + mark.column]
    if before.count("[") + before.count("{") <= MAX_DEPTH:
        return None
    reader = NodeReader(before)
    try:
        while reader.check_node():
            reader.get_node()
    except TooDeepError as deep:
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


def _strict_problems(file: str, text: str, lines: list[str]) -> list[Diagnostic]:
    """Errors in a text that libyaml accepts."""
    problems = strict_problems(file, lines, compose(text)) if SUSPICIOUS.search(text) else []
    return problems or (_tabs(file, text, lines) if "\t" in text else [])


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
