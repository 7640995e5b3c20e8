"""Aligned columns of text. Owns the layout only; cells come ready, coloured or not."""

from collections.abc import Iterable, Sequence

from leptonctl.views.style import Style, text_width


def table(
    rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), right: Iterable[int] = (), indent: int = 0, color: bool = False
) -> str:
    """Rows as aligned columns, two spaces apart, no trailing spaces. `right` are the columns aligned to the right."""
    body = [list(row) for row in rows]
    every = ([list(head)] if head else []) + body
    if not every:
        return ""
    count = max(len(row) for row in every)
    widths = [max((text_width(row[i]) for row in every if i < len(row)), default=0) for i in range(count)]
    to_right = set(right)
    style = Style(color)
    lines = []
    for number, row in enumerate(every):
        cells = [_pad(cell, widths[i], i in to_right) for i, cell in enumerate(row)]
        line = " " * indent + "  ".join(cells).rstrip()
        lines.append(style.dim(line) if head and number == 0 else line)
    return "\n".join(lines)


def _pad(cell: str, width: int, to_right: bool) -> str:
    gap = " " * (width - text_width(cell))
    return gap + cell if to_right else cell + gap
