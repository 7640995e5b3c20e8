"""What is wrong with the syntax of a YAML text: libyaml's words and marks -> sentences and places. Parses nothing."""

import re
from typing import Protocol

from yaml.error import MarkedYAMLError
from yaml.nodes import Node

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span

MAX_DEPTH = 64
# YAML 1.2 refuses the first kind; the last three count as line ends for libyaml but not for YAML 1.2, so positions would be wrong
BAD_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\x85\u2028\u2029]")


class Marked(Protocol):
    """A place counted from 0."""

    line: int
    column: int


def node_span(file: str, lines: list[str], node: Node) -> Span:
    """The first line of a node."""
    start, end = node.start_mark, node.end_mark
    end_column = end.column + 1 if end.line == start.line else len(lines[start.line].rstrip()) + 1
    return Span(file=file, line=start.line + 1, column=start.column + 1, end_column=max(end_column, start.column + 2))


def at_mark(file: str, lines: list[str], mark: Marked) -> Span:
    """One character at a mark. The end of the text is shown at the end of its last written line."""
    line, column = mark.line, mark.column
    if line >= len(lines) or (not lines[line].strip() and line == len(lines) - 1):
        line = min(line, len(lines) - 1)
        while line > 0 and not lines[line].strip():
            line -= 1
        column = len(lines[line].rstrip())
    return Span(file=file, line=line + 1, column=column + 1, end_column=column + 2)


def bad_character(file: str, text: str) -> Diagnostic | None:
    """The first character that may not stand in a YAML text."""
    bad = BAD_CHARACTER.search(text)
    if bad is None:
        return None
    line = text.count("\n", 0, bad.start()) + 1
    column = bad.start() - text.rfind("\n", 0, bad.start())
    span = Span(file=file, line=line, column=column, end_column=column + 1)
    code = f"{ord(bad.group()):04X}"
    hint = f'remove it, or write it as "\\u{code.lower()}" inside double quotes'
    return error("bad-character", "A control character stands in a project file", f"U+{code} may not stand in YAML", span=span, hint=hint)


def syntax_at_start(file: str, lines: list[str]) -> Diagnostic:
    """What libyaml refuses without saying where."""
    span = Span(file=file, line=1, column=1, end_column=max(2, len(lines[0]) + 1))
    hint = "save the file as UTF-8 text"
    return error("yaml-syntax", "The file is not valid YAML", "a character cannot be read", span=span, hint=hint)


def too_deep(span: Span) -> Diagnostic:
    """More levels than are read."""
    return error("too-deep", "The nesting is too deep", f"more than {MAX_DEPTH} levels", span=span, hint="flatten the value")


def mark_of(wrong: MarkedYAMLError) -> Marked:
    """Where libyaml stopped."""
    mark = wrong.problem_mark or wrong.context_mark
    assert mark is not None, "libyaml marks every error of a text"
    return mark


# What libyaml says, in the order looked up -> what a person reads, and what to do.
MESSAGES = (
    ("found character that cannot start any token", "this character cannot start a value", "put the value in quotes"),
    ("mapping values are not allowed", "a colon is not allowed here", "indent keys of one mapping alike, or quote a text that holds `: `"),
    ("could not find expected ':'", "a key without its colon", "write `key: value`, with a space behind the colon"),
    (
        "did not find expected key",
        "no key of this mapping can stand here",
        "indent the keys of one mapping alike; quote text after a quote",
    ),
    ("did not find expected '-'", "no item of this list can stand here", "indent the items of one list alike"),
    ("did not find expected ',' or '}'", "a `{` is not closed", "add `,` or `}`"),
    ("did not find expected ',' or ']'", "a `[` is not closed", "add `,` or `]`"),
    ("found unexpected end of stream", "a quote is not closed", "close the quote"),
    ("found unexpected ':'", "a colon without a space behind it", "put a space behind the colon, or quote the text"),
    ("found undefined alias", "no anchor of this name stands before", "define it with `&name`, or quote the text"),
    ("found duplicate anchor", "this anchor is defined twice", "give each anchor its own name"),
    ("violates indentation", "a tab indents this line", "indent with spaces"),
)


# what is better shown where it begins than where libyaml stopped
FROM_THE_BEGINNING = ("a key without its colon", "a `{` is not closed", "a `[` is not closed", "a quote is not closed")
QUOTES = ("'", '"')


def syntax(file: str, lines: list[str], wrong: MarkedYAMLError) -> Diagnostic:
    """libyaml's error as a diagnostic."""
    mark = mark_of(wrong)
    problem = (wrong.problem or wrong.context or "").split("\n")[0]
    said = f"{wrong.context or ''} {problem}"
    detail, hint = problem, "check quotes, colons and indentation on this line and the one before"
    for fragment, plainly, remedy in MESSAGES:
        if fragment in said:
            detail, hint = plainly, remedy
            break
    span = at_mark(file, lines, mark)
    if span.column <= len(lines[span.line - 1]) and lines[span.line - 1][span.column - 1 : span.column] == "\t":
        return tab(span)
    begun = wrong.context_mark
    if begun is not None and begun.line != mark.line:
        if detail in FROM_THE_BEGINNING:
            detail, span = f"{detail} (noticed at line {span.line})", at_mark(file, lines, begun)
        else:
            detail += f" (begun at line {begun.line + 1})"
    if said.endswith("did not find expected key") or "did not find expected ','" in said:
        detail, hint, span = _behind_a_quote(file, lines, mark) or (detail, hint, span)
    return error("yaml-syntax", "The file is not valid YAML", detail, span=span, hint=hint)


def _behind_a_quote(file: str, lines: list[str], mark: Marked) -> tuple[str, str, Span] | None:
    """What to say of a value that goes on behind its closing quote: most often the quote was meant to open."""
    before = lines[mark.line][: mark.column].rstrip() if mark.line < len(lines) else ""
    if not before.endswith(QUOTES):
        return None
    quote, head = before[-1], before[:-1]
    if quote in head:
        return "nothing can stand behind a quoted text", "put all of the value in quotes", at_mark(file, lines, mark)
    line = next((number for number in range(mark.line - 1, -1, -1) if quote in lines[number]), None)
    if line is None:
        return None
    column = lines[line].rindex(quote)
    span = Span(file=file, line=line + 1, column=column + 1, end_column=column + 2)
    return f"this quote is closed at line {mark.line + 1} only", "close the quote on its own line", span


def tab(span: Span) -> Diagnostic:
    """A tab where spaces belong."""
    return error("tab-indentation", "A tab indents a line", "YAML is indented with spaces", span=span, hint="replace the tab by spaces")
