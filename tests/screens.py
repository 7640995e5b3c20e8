"""What a terminal shows, as an SVG image: the same bytes for the same text, and no font from the network."""

import re
from collections.abc import Iterator
from html import escape

from leptonctl.views.style import text_width

COLUMNS = 100
WIDTH, HEIGHT, MARGIN, BAR = 8.4, 19, 16, 34
"""Of a cell, of the space around the text, and of the bar above it, in pixels."""
_ANSI = re.compile(r"\x1b\[([\d;]+)m")
_REDRAWN = re.compile(r"\x1b\[(\d+)A\r\x1b\[J")
_CLASSES = {1: "b", 2: "d", 31: "r", 32: "g", 33: "y", 36: "c"}
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" xml:space="preserve">
<title>{title}</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5dae3; white-space: pre }}
.b {{ font-weight: bold }} .d {{ fill: #8b94a5 }} .r {{ fill: #ff7a85 }} .g {{ fill: #8fd694 }} .y {{ fill: #f0c674 }} .c {{ fill: #7cc7e8 }}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#1d2129"/>
<circle cx="20" cy="18" r="5" fill="#ff7a85"/><circle cx="38" cy="18" r="5" fill="#f0c674"/><circle cx="56" cy="18" r="5" fill="#8fd694"/>
"""


def image(screen: str, title: str) -> str:
    """The SVG of text with the colours that our styles use. Every run of one colour is laid on its columns, whatever the font.

    A line that is wider than a terminal of `COLUMNS` widens the image: prose is not cut, and wrapped it would be hard to read.
    """
    lines = screen.rstrip("\n").split("\n")
    columns = max(COLUMNS, *map(text_width, lines))
    width, height = round(columns * WIDTH) + 2 * MARGIN, BAR + len(lines) * HEIGHT + MARGIN
    drawn = [_HEAD.format(width=width, height=height, title=escape(title))]
    for number, line in enumerate(lines):
        drawn += [_text(BAR + number * HEIGHT + 14, *run) for run in _runs(line)]
    return "".join([*drawn, "</svg>\n"])


def _runs(line: str) -> Iterator[tuple[int, str, str]]:
    """The runs of one style: first column, text, classes."""
    column, classes = 0, list[str]()
    for index, part in enumerate(_ANSI.split(line)):
        if index % 2:
            codes = [int(code) for code in part.split(";")]
            classes = [] if 0 in codes else [*classes, *(_CLASSES[code] for code in codes)]
        elif part:
            yield column, part, " ".join(classes)
            column += text_width(part)


def _text(y: int, column: int, text: str, classes: str) -> str:
    start = len(text) - len(text.lstrip(" "))
    shown = text.strip(" ")
    if not shown:
        return ""
    style = f' class="{classes}"' if classes else ""
    # a length for each run keeps columns in place where a font draws arrows or bars wider than letters
    place = f'x="{MARGIN + (column + start) * WIDTH:.1f}" y="{y}" textLength="{text_width(shown) * WIDTH:.1f}"'
    return f"<text {place}{style}>{escape(shown, quote=False)}</text>\n"


def plain(screen: str) -> str:
    """The text without its colours."""
    return _ANSI.sub("", screen)


def frames(stream: str) -> Iterator[str]:
    """The screens that a terminal showed one after the other while a live part was redrawn below the lines above it."""
    shown: list[str] = []
    parts = _REDRAWN.split(stream)
    for index in range(0, len(parts), 2):
        if index:
            shown = shown[: -int(parts[index - 1])]
        shown += parts[index].removesuffix("\n").split("\n")
        yield "\n".join(shown) + "\n"
