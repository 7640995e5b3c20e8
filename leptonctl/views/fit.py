"""Fits lines of text into a terminal: broken between words and aligned below what they continue. Knows nothing of what they say."""

import re

from leptonctl.views.style import text_width
from leptonctl.views.tables import words

LEAST_ROOM = 40
"""A cell that is continued below itself has at least so many columns; with less room it goes on below the beginning of its line."""
STEP = 4
COMMANDS = ("git ", "leptonctl ", "hint: leptonctl ")
"""Lines that begin so are to be copied: they stay whole."""
EDGE = re.compile(r"(?<=\S)\s{2,}(?=\S)")
PARTS = re.compile(r"(?<=[,;·]) ")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def fit(text: str, width: int) -> str:
    """The text in lines of at most `width` columns. A word that is longer than a line stays whole, and so does a command to be copied."""
    return "\n".join(line if text_width(line) <= width else "\n".join(_broken(line, width)) for line in text.split("\n"))


def _broken(line: str, width: int) -> list[str]:
    bare = CODES.sub("", line)
    if bare.strip().startswith(COMMANDS):
        return [line]
    indent = len(bare) - len(bare.lstrip())
    edge = None
    for found in EDGE.finditer(line):
        if text_width(line[: found.start()]) > width:
            break
        edge = found
    start = 0 if edge is None else text_width(line[: edge.end()])
    if edge is not None and (width - start < LEAST_ROOM or _longest(line[edge.end() :]) > width - start):
        # too narrow a column: what follows begins a line of its own
        return [*_kept(line[: edge.start()], width), *_continued(line[edge.end() :], indent + STEP, width)]
    if edge is None:
        first, *rest = _lines(line.lstrip(" "), width - indent - STEP)
        return [" " * indent + first, *(" " * (indent + STEP) + more for more in rest)]
    first, *rest = _lines(line[edge.end() :], width - start)
    return [line[: edge.end()] + first, *(" " * start + more for more in rest)]


def _longest(text: str) -> int:
    return max(map(text_width, text.split()), default=0)


def _kept(line: str, width: int) -> list[str]:
    return [line] if text_width(line) <= width else _broken(line, width)


def _continued(text: str, indent: int, width: int) -> list[str]:
    """A cell on lines of its own, or the cells that follow it too."""
    if text_width(text) <= width - indent or EDGE.search(text):
        return _kept(" " * indent + text, width)
    return [" " * indent + line for line in _lines(text, width - indent)]


def _lines(text: str, columns: int) -> list[str]:
    """The text on lines of at most so many columns, broken behind commas if that does, so that a name stays with its figure."""
    parts = PARTS.split(text)
    if len(parts) == 1 or max(map(text_width, parts)) > columns:
        return words(text, columns)
    lines = [parts[0]]
    for part in parts[1:]:
        fits = text_width(lines[-1]) + 1 + text_width(part) <= columns
        lines[-1:] = [f"{lines[-1]} {part}"] if fits else [lines[-1], part]
    return lines
