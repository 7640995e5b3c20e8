"""The text of other views as HTML for a notebook: escaped, with its colours."""

import re
from collections.abc import Iterator
from html import escape

# the codes of views/style.py in colours that are legible on white and on black
_STYLES = {
    "1": "font-weight:bold", "2": "opacity:0.65", "31": "color:#c62828", "32": "color:#2e7d32", "33": "color:#b26a00",
    "36": "color:#00838f",
}  # fmt: skip
_CODE = re.compile(r"\x1b\[([0-9;]*)m")


def preformat(text: str) -> str:
    """A text with ANSI colours as one `<pre>` element. Every character of the text is escaped."""
    return f'<pre style="line-height:1.3;white-space:pre;overflow-x:auto">{"".join(_spans(text))}</pre>'


def _spans(text: str) -> Iterator[str]:
    open_spans = 0
    parts = _CODE.split(text)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            yield escape(part.replace("\x1b", "�"))
        elif part in _STYLES:
            open_spans += 1
            yield f'<span style="{_STYLES[part]}">'
        else:
            yield "</span>" * open_spans
            open_spans = 0
    yield "</span>" * open_spans
