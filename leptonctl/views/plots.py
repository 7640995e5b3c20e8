"""Curves, bars and matrices in characters. Knows no metric: values in, lines out."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from leptonctl.views.style import Style, figure, printable, text_width
from leptonctl.views.tables import table

WIDEST, HEIGHT = 61, 13
BLOCKS = " ▏▎▍▌▋▊▉█"
HEIGHTS = "▁▂▃▄▅▆▇█"
AXIS = 5
"""Columns of the labels of the vertical axis."""


def curve(x: Sequence[float], y: Sequence[float], width: int, style: Style) -> list[str]:
    """A curve over the unit square with its diagonal, as lines of at most `width` columns. `x` ascends."""
    columns = max(min(WIDEST, width - AXIS - 2), 11)
    grid = [[" "] * columns for _ in range(HEIGHT)]
    for column in range(columns):
        grid[_row(column / (columns - 1))][column] = style.dim("·")
    last = _row(0.0) + 1  # so that the corner itself is drawn
    for column in range(columns):
        row = _row(_value_at(column / (columns - 1), x, y))
        for between in range(min(row, last + (row > last)), max(row, last - (row < last)) + 1):
            grid[between][column] = style.cyan("•")
        last = row
    labels = {0: "1.0", HEIGHT // 2: "0.5", HEIGHT - 1: "0.0"}
    lines = [f"{labels.get(number, ''):>{AXIS - 1}} ┤{''.join(row)}".rstrip() for number, row in enumerate(grid)]
    ends = f"0.0{'0.5':^{columns - 6}}1.0"
    return [*lines, " " * AXIS + "└" + "─" * columns, " " * (AXIS + 1) + ends]


def sparkline(values: Sequence[float], columns: int) -> str:
    """Values as one line of at most `columns` characters, for values at equal distances from the first to the last."""
    count = min(len(values), columns)
    sample = [values[round(index * (len(values) - 1) / max(count - 1, 1))] for index in range(count)]
    low, high = min(sample), max(sample)
    return "".join(HEIGHTS[round((value - low) / (high - low) * (len(HEIGHTS) - 1))] if high > low else HEIGHTS[0] for value in sample)


def _row(share: float) -> int:
    return round((1 - min(max(share, 0.0), 1.0)) * (HEIGHT - 1))


def _value_at(position: float, x: Sequence[float], y: Sequence[float]) -> float:
    """The largest value of the curve at `position`, linear between its points."""
    value = y[0]
    for (x0, y0), (x1, y1) in pairwise(zip(x, y, strict=True)):
        if x1 <= position:
            value = max(value, y1)
        elif x0 <= position:
            value = max(value, y0 + (y1 - y0) * (position - x0) / (x1 - x0))
    return value


def area(x: Sequence[float], y: Sequence[float]) -> float:
    """The area under a curve, by trapezoids."""
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(zip(x, y, strict=True)))


def bar(share: float, columns: int) -> str:
    """A bar of a share in [0, 1], in eighths of a column."""
    eighths = round(min(max(share, 0.0), 1.0) * columns * 8)
    whole, rest = divmod(eighths, 8)
    return BLOCKS[8] * whole + (BLOCKS[rest] if rest else "")


def confusion(labels: Sequence[Any], matrix: Sequence[Sequence[int]], width: int, *, color: bool) -> str:
    """A matrix with a row per true class and a column per predicted class; the most frequent confusions if that does not fit."""
    names = [printable(str(label)) for label in labels]
    right_shares = [_share(counts[i], sum(counts)) for i, counts in enumerate(matrix)]
    rows = [(name, *map(str, counts), share) for name, counts, share in zip(names, matrix, right_shares, strict=True)]
    whole = table(rows, head=("true \\ predicted", *names, "right"), right=range(1, len(names) + 2), indent=2, color=color)
    if max(map(text_width, whole.splitlines())) <= width:
        return whole
    right = [(name, str(sum(counts)), share) for name, counts, share in zip(names, matrix, right_shares, strict=True)]
    missed = [(matrix[i][j], names[i], names[j]) for i in range(len(names)) for j in range(len(names)) if i != j and matrix[i][j]]
    most = [(f"{true} → {predicted}", str(count)) for count, true, predicted in sorted(missed, reverse=True)[:10]]
    classes = table(right, head=("class", "rows", "right"), right=(1, 2), indent=2, color=color)
    return classes + "\n" + table(most, head=("taken for another", "rows"), right=(1,), indent=2, color=color) if most else classes


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def reliability(bins: Sequence[Mapping[str, Any]], width: int, style: Style, *, color: bool) -> str:
    """Ranges of probability with their rows, the mean probability, the share that is true, and that share as a bar."""
    columns = max(min(30, width - 46), 8)
    rows = [
        (
            f"{b['low']:.1f} - {b['high']:.1f}",
            str(b["rows"]),
            f"{b['predicted']:.3f}",
            f"{b['observed']:.3f}",
            style.cyan(bar(b["observed"], columns)),
        )
        for b in bins
    ]
    return table(rows, head=("probability", "rows", "mean", "true", ""), right=(1, 2, 3), indent=2, color=color)


def quantiles(shares: Sequence[float], values: Sequence[float]) -> str:
    """`-3.9 at 5 %, -1.2 at 25 %, …`."""
    return ", ".join(f"{figure(value)} at {share * 100:g} %" for share, value in zip(shares, values, strict=True))


def histogram(counts: Sequence[float]) -> str:
    """One character for each count, of at least one eighth of the height; a dot for none."""
    largest = max(counts, default=0.0)
    return "".join(HEIGHTS[max(math.ceil(8 * count / largest) - 1, 0)] if count > 0 else "·" for count in counts)
