"""Fits lines of text into a terminal: broken between words, and aligned with what they continue. Ignores their meaning."""

import re

from leptonctl.views.style import text_width
from leptonctl.views.tables import words

LEAST_ROOM = 40
"""A cell is continued below itself only if it has at least this many columns; otherwise on indented lines."""
STEP = 4
COMMANDS = ("git ", "leptonctl ", "hint: leptonctl ")
"""Lines that begin with these are commands to copy: they stay whole."""
EDGE = re.compile(r"(?<=\S)\s{2,}(?=\S)")
PARTS = re.compile(r"(?<=[,;·]) ")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def fit(text: str, width: int) -> str:
    """The text in lines of at most `width` columns. Words longer than a line and commands to copy stay whole."""
    return "\n".join(line if text_width(line) <= width else "\n".join(_break(line, width)) for line in text.split("\n"))


def _break(line: str, width: int) -> list[str]:
    bare = CODES.sub("", line)
    if bare.strip().startswith(COMMANDS):
        return [line]
    indent = len(bare) - len(bare.lstrip())
    edge = None
    for gap in EDGE.finditer(line):
        if text_width(line[: gap.start()]) > width:
            break
        edge = gap
    start = 0 if edge is None else text_width(line[: edge.end()])
    if edge is not None and (width - start < LEAST_ROOM or _longest(line[edge.end() :]) > width - start):
        # the column is too narrow: the rest begins a line of its own
        return [*_break_if_wide(line[: edge.start()], width), *_continue(line[edge.end() :], indent + STEP, width)]
    if edge is None:
        first, *rest = _lines(line.lstrip(" "), width - indent - STEP)
        return [" " * indent + first, *(" " * (indent + STEP) + more for more in rest)]
    first, *rest = _lines(line[edge.end() :], width - start)
    return [line[: edge.end()] + first, *(" " * start + more for more in rest)]


def _longest(text: str) -> int:
    return max(map(text_width, text.split()), default=0)


def _break_if_wide(line: str, width: int) -> list[str]:
    return [line] if text_width(line) <= width else _break(line, width)


def _continue(text: str, indent: int, width: int) -> list[str]:
    """A cell, or a cell and those after it, on lines of its own."""
    if text_width(text) <= width - indent or EDGE.search(text):
        return _break_if_wide(" " * indent + text, width)
    return [" " * indent + line for line in _lines(text, width - indent)]


def _lines(text: str, columns: int) -> list[str]:
    """The text on lines of at most `columns`, broken after commas if that is enough, so that a name stays with its figure."""
    parts = PARTS.split(text)
    if len(parts) == 1 or max(map(text_width, parts)) > columns:
        return words(text, columns)
    lines = [parts[0]]
    for part in parts[1:]:
        fits = text_width(lines[-1]) + 1 + text_width(part) <= columns
        lines[-1:] = [f"{lines[-1]} {part}"] if fits else [lines[-1], part]
    return lines
