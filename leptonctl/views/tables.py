"""Aligned columns of text. Owns only the layout: cells are given as text, coloured or not."""

from collections.abc import Iterable, Sequence

from leptonctl.views.style import Style, text_width


def table(
    rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), right: Iterable[int] = (), indent: int = 0, color: bool = False
) -> str:
    """Rows as aligned columns, two spaces apart, no trailing spaces. `right`: indices of the columns aligned to the right."""
    lines_of_cells = ([list(head)] if head else []) + [list(row) for row in rows]
    if not lines_of_cells:
        return ""
    count = max(map(len, lines_of_cells))
    widths = [max((text_width(row[i]) for row in lines_of_cells if i < len(row)), default=0) for i in range(count)]
    to_right = set(right)
    style = Style(color)
    lines = []
    for number, row in enumerate(lines_of_cells):
        cells = [_pad(cell, widths[i], i in to_right) for i, cell in enumerate(row)]
        line = " " * indent + "  ".join(cells).rstrip()
        lines.append(style.dim(line) if head and number == 0 else line)
    return "\n".join(lines)


def _pad(cell: str, width: int, to_right: bool) -> str:
    gap = " " * (width - text_width(cell))
    return gap + cell if to_right else cell + gap
