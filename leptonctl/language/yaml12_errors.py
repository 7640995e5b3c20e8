"""Syntax errors in YAML text: libyaml's messages and marks as sentences and spans. Parses nothing."""

import json
import re
from typing import Protocol

from yaml.error import MarkedYAMLError
from yaml.nodes import Node

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span

MAX_DEPTH = 64
# YAML 1.2 forbids these, except the last three: they end a line for libyaml but not in YAML 1.2, so positions would be wrong
BAD_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\x85\u2028\u2029]")


class Position(Protocol):
    """A position in a text, counted from 0."""

    line: int
    column: int


def node_span(file: str, lines: list[str], node: Node) -> Span:
    """The span of the first line of a node."""
    start, end = node.start_mark, node.end_mark
    end_column = end.column + 1 if end.line == start.line else len(lines[start.line].rstrip()) + 1
    return Span(file=file, line=start.line + 1, column=start.column + 1, end_column=max(end_column, start.column + 2))


def at_mark(file: str, lines: list[str], mark: Position) -> Span:
    """The span of one character at a mark. The end of the text is shown at the end of its last line that is not blank."""
    line, column = mark.line, mark.column
    if line >= len(lines) or (not lines[line].strip() and line == len(lines) - 1):
        line = min(line, len(lines) - 1)
        while line > 0 and not lines[line].strip():
            line -= 1
        column = len(lines[line].rstrip())
    return Span(file=file, line=line + 1, column=column + 1, end_column=column + 2)


def bad_character(file: str, text: str) -> Diagnostic | None:
    """The error for the first character that is not allowed in YAML, None when there is none."""
    bad = BAD_CHARACTER.search(text)
    if bad is None:
        return None
    line = text.count("\n", 0, bad.start()) + 1
    column = bad.start() - text.rfind("\n", 0, bad.start())
    span = Span(file=file, line=line, column=column, end_column=column + 1)
    code = f"{ord(bad.group()):04X}"
    hint = f'remove it, or write it as "\\u{code.lower()}" inside double quotes'
    return error("bad-character", "A project file contains a control character", f"U+{code} is not allowed in YAML", span=span, hint=hint)


def syntax_at_start(file: str, lines: list[str]) -> Diagnostic:
    """The error for a text that libyaml refuses without saying where."""
    span = Span(file=file, line=1, column=1, end_column=max(2, len(lines[0]) + 1))
    hint = "save the file as UTF-8 text"
    return error("yaml-syntax", "The file is not valid YAML", "a character cannot be read", span=span, hint=hint)


def too_deep(span: Span) -> Diagnostic:
    """The error for too many levels."""
    return error("too-deep", "The nesting is too deep", f"more than {MAX_DEPTH} levels", span=span, hint="flatten the value")


def mark_of(yaml_error: MarkedYAMLError) -> Position:
    """Where libyaml stopped."""
    mark = yaml_error.problem_mark or yaml_error.context_mark
    assert mark is not None, "libyaml marks every syntax error"
    return mark


# libyaml's message, in the order of the search -> what a person reads, and what to do
MESSAGES = (
    ("found character that cannot start any token", "this character cannot start a value", "put the value in quotes"),
    ("mapping values are not allowed", "a colon is not allowed here", "indent the keys of a mapping equally, or quote a value with `: `"),
    ("could not find expected ':'", "a key has no colon", "write `key: value`, with a space after the colon"),
    (
        "did not find expected key",
        "a key of this mapping is expected here",
        "indent the keys of a mapping equally; quote the whole value if it contains a quote",
    ),
    ("did not find expected '-'", "an item of this list is expected here", "indent the items of a list equally"),
    ("did not find expected ',' or '}'", "a `{` is not closed", "add `,` or `}`"),
    ("did not find expected ',' or ']'", "a `[` is not closed", "add `,` or `]`"),
    ("found unexpected end of stream", "a quote is not closed", "close the quote"),
    ("found unexpected ':'", "a colon has no space after it", "put a space after the colon, or quote the value"),
    ("found undefined alias", "no anchor of this name is defined before", "define it with `&name`, or quote the value"),
    ("did not find expected <document start>", "a document begins here without `---`", "write `---` above each document after `...`"),
    ("found duplicate anchor", "this anchor is defined twice", "give each anchor its own name"),
    ("violates indentation", "this line is indented with a tab", "indent with spaces"),
)


# errors that are better shown where they begin than where libyaml stopped
FROM_THE_BEGINNING = ("a key has no colon", "a `{` is not closed", "a `[` is not closed", "a quote is not closed")
QUOTES = ("'", '"')
LONGEST_LINE = 1_000
TEXT_WITH_COLON = re.compile(r"""(?<![\w-])[\w-]+:[ ]+(?P<text>[^\s{}\[\],"'#&*!|>%@`][^{}\[\],"'#]*?:[ ]+[^{}\[\],"'#]+)""")


def syntax(file: str, lines: list[str], yaml_error: MarkedYAMLError) -> Diagnostic:
    """libyaml's error as a diagnostic."""
    mark = mark_of(yaml_error)
    problem = (yaml_error.problem or yaml_error.context or "").split("\n")[0]
    message = f"{yaml_error.context or ''} {problem}"
    detail, hint = problem, "check quotes, colons and indentation on this line and the one before"
    for fragment, explanation, remedy in MESSAGES:
        if fragment in message:
            detail, hint = explanation, remedy
            break
    span = at_mark(file, lines, mark)
    if span.column <= len(lines[span.line - 1]) and lines[span.line - 1][span.column - 1 : span.column] == "\t":
        return tab(span)
    start = yaml_error.context_mark
    if start is not None and start.line != mark.line:
        if detail in FROM_THE_BEGINNING:
            detail, span = f"{detail} (noticed at line {span.line})", at_mark(file, lines, start)
        else:
            detail += f" (it begins at line {start.line + 1})"
    if "did not find expected ',' or '}'" in message or "mapping values are not allowed" in message:
        flow = "mapping values" not in message
        detail, hint, span = _colon_in_text(file, lines, mark, flow=flow) or (detail, hint, span)
    if message.endswith("did not find expected key") or "did not find expected ','" in message:
        detail, hint, span = _after_quote(file, lines, mark) or (detail, hint, span)
    return error("yaml-syntax", "The file is not valid YAML", detail, span=span, hint=hint)


def _colon_in_text(file: str, lines: list[str], mark: Position, *, flow: bool) -> tuple[str, str, Span] | None:
    """Detail, hint and span for a string that contains `: `, as in `description: First: try`. flow: within `{}`."""
    line = lines[mark.line] if mark.line < len(lines) and len(lines[mark.line]) < LONGEST_LINE else ""
    match = next((m for m in TEXT_WITH_COLON.finditer(line) if m.start("text") <= mark.column <= m.end("text")), None)
    if match is None:
        return None
    start = match.start("text")
    text = match["text"].strip() if flow else line[start:].partition(" #")[0].rstrip()
    before, _, _ = text.partition(":")
    span = Span(file=file, line=mark.line + 1, column=start + 1, end_column=start + 1 + len(text))
    hint = f"quote it: {json.dumps(text, ensure_ascii=False)}"
    if flow and " " in before:
        hint = f"add `,` before `{before.split()[-1]}:`; or, if it is a string, {hint}"
    return "a string with `: ` in it looks like a key and its value", hint, span


def _after_quote(file: str, lines: list[str], mark: Position) -> tuple[str, str, Span] | None:
    """Detail, hint and span for a value that continues after its closing quote, which was usually meant as an opening one."""
    before = lines[mark.line][: mark.column].rstrip() if mark.line < len(lines) else ""
    if not before.endswith(QUOTES):
        return None
    quote, head = before[-1], before[:-1]
    if quote in head:
        return "nothing is allowed after a quoted value", "put the whole value in quotes", at_mark(file, lines, mark)
    line = next((number for number in range(mark.line - 1, -1, -1) if quote in lines[number]), None)
    if line is None:
        return None
    column = lines[line].rindex(quote)
    span = Span(file=file, line=line + 1, column=column + 1, end_column=column + 2)
    return f"this quote is not closed before line {mark.line + 1}", "close the quote on its own line", span


def tab(span: Span) -> Diagnostic:
    """The error for a tab in place of spaces."""
    hint = "replace the tab with spaces; if a string itself begins with a tab, write its indentation: `|2`"
    return error("tab-indentation", "A line is indented with a tab", "YAML is indented with spaces", span=span, hint=hint)
