"""Aligned columns of text. Owns only the layout: cells are given as text, coloured or not."""

import re
from collections.abc import Iterable, Sequence

from leptonctl.views.style import Style, text_width

LEAST_CELL = 16
"""The least width of a column that is wrapped."""
GAP = 2
_COLORED = re.compile(r"(\x1b\[\d+m)(.*)(\x1b\[0m)", re.DOTALL)


def table(
    rows: Iterable[Sequence[str]],
    *,
    head: Sequence[str] = (),
    right: Iterable[int] = (),
    indent: int = 0,
    color: bool = False,
    width: int | None = None,
    wrap: Sequence[int] = (),
    least: int = LEAST_CELL,
) -> str:
    """Rows as aligned columns, two spaces apart, no trailing spaces. `right`: indices of the columns aligned to the right.

    Where the rows are wider than `width`, the columns `wrap`, in that order, are broken between words and continued on further lines.
    A word is never cut. `least`: the width that each of them keeps.
    """
    lines_of_cells = ([list(head)] if head else []) + [list(row) for row in rows]
    if not lines_of_cells:
        return ""
    widths = _widths(lines_of_cells)
    if width is not None:
        for index in wrap:
            excess = indent + sum(widths) + GAP * (len(widths) - 1) - width
            if excess > 0 and index < len(widths):
                room = max(widths[index] - excess, least)
                lines_of_cells = [line for row in lines_of_cells for line in _wrap_cell(row, index, room)]
                widths = _widths(lines_of_cells)
    to_right = set(right)
    style = Style(color)
    lines = []
    for number, row in enumerate(lines_of_cells):
        cells = [_pad(cell, widths[i], i in to_right) for i, cell in enumerate(row)]
        line = " " * indent + (" " * GAP).join(cells).rstrip()
        lines.append(style.dim(line) if head and number == 0 else line)
    return "\n".join(lines)


def words(text: str, columns: int) -> list[str]:
    """The text on lines of at most `columns`, broken between words; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and text_width(lines[-1]) + 1 + text_width(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def paragraph(text: str, columns: int, *, indent: int = 0) -> str:
    """The text on indented lines of at most `columns`."""
    return "\n".join(" " * indent + line for line in words(text, max(columns - indent, LEAST_CELL)))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    count = max(map(len, rows))
    return [max((text_width(row[i]) for row in rows if i < len(row)), default=0) for i in range(count)]


def _wrap_cell(row: list[str], index: int, room: int) -> list[list[str]]:
    """The row, and further rows for what does not fit into one cell."""
    if index >= len(row) or text_width(row[index]) <= room:
        return [row]
    colored = _COLORED.fullmatch(row[index])
    before, text, after = colored.groups() if colored else ("", row[index], "")
    if "\x1b" in text:
        return [row]
    first, *rest = [f"{before}{line}{after}" for line in words(text, room)]
    further = [[*([""] * index), line, *([""] * (len(row) - index - 1))] for line in rest]
    return [[*row[:index], first, *row[index + 1 :]], *further]


def _pad(cell: str, width: int, to_right: bool) -> str:
    gap = " " * (width - text_width(cell))
    return gap + cell if to_right else cell + gap
