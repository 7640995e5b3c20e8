"""Diagnostics -> text with the source line, carets and a hint. Decides nothing, prints nothing."""

import re
from collections.abc import Iterable, Mapping

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Span
from leptonctl.views.style import text_width

WIDEST = 120
UNLIMITED = 10_000
GUTTER = 5
"""The columns around the number of a line: `  15 | `."""
MOST_SHOWN = 100
TAB = "    "
PLAIN_SECRET = "plain-secret"  # noqa: S105 - the id of an error
"""Its excerpt hides the secret: the output of a CI job has more readers than the file."""
COLORS = {"error": "1;31", "warning": "1;33", "note": "1;34"}
BREAK = re.compile(r"\r\n|\n|\r")


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool, width: int = UNLIMITED) -> str:
    """Diagnostics in the order of their places, then their count. `sources`: file -> text. Empty without diagnostics.

    `width`: the columns that an excerpt of a source may fill; the detail is put below it where it does not fit beside the carets.

    Shows at most MOST_SHOWN; when there are more, errors rather than warnings.
    """
    ordered = sorted(dict.fromkeys(diagnostics), key=_sort_key)
    if not ordered:
        return ""
    lines: dict[str, list[str]] = {}
    shown = ordered
    if len(ordered) > MOST_SHOWN:
        errors_first = sorted(ordered, key=lambda diagnostic: diagnostic.severity != "error")
        shown = sorted(errors_first[:MOST_SHOWN], key=_sort_key)
    blocks = [_block(diagnostic, sources, lines, color=color, width=width) for diagnostic in shown]
    if len(ordered) > MOST_SHOWN:
        blocks.append(f"… and {len(ordered) - MOST_SHOWN} more; `--json` lists them all")
    return "\n\n".join(blocks) + "\n\n" + _closing(ordered) + "\n"


def _sort_key(diagnostic: Diagnostic) -> tuple[bool, str, int, int]:
    span = diagnostic.span
    return (False, span.file, span.line, span.column) if span else (True, "", 0, 0)


def _block(diagnostic: Diagnostic, sources: Mapping[str, str], cache: dict[str, list[str]], *, color: bool, width: int) -> str:
    paint = COLORS[diagnostic.severity]
    out = [f"{_paint(f'{diagnostic.severity}[{diagnostic.id}]', paint, color)}: {_paint(diagnostic.summary, '1', color)}"]
    span = diagnostic.span
    detail = [_clean(line) for line in diagnostic.detail.splitlines()]
    if span is not None:
        out.append(f"  {_paint('-->', '34', color)} {_clean(span.file)}:{span.line}:{span.column}")
        if span.file in sources and span.file not in cache:
            cache[span.file] = BREAK.split(sources[span.file])
        source_lines = cache.get(span.file, [])
        if span.line <= len(source_lines):
            line = source_lines[span.line - 1]
            if diagnostic.id == PLAIN_SECRET:
                line = line[: span.column - 1] + "*" * len(line[span.column - 1 :])
            beside = detail[0] if detail and _fits_beside(span, line, detail[0], width) else ""
            out += _excerpt(span, line, beside, paint, color=color, width=width)
            detail = detail[1:] if beside else detail
    out += [f"  {line}" for line in detail]
    hint = [_clean(line) for line in diagnostic.hint.splitlines()]
    out += [f"  {_paint('hint:', '36', color)} {line}" for line in hint[:1]] + [f"        {line}" for line in hint[1:]]
    return "\n".join(out)


def _fits_beside(span: Span, line: str, detail: str, width: int) -> bool:
    marked = _clean(line[: max(span.end_column - 1, span.column)])
    return width >= UNLIMITED or len(str(span.line)) + GUTTER + text_width(marked) + 1 + text_width(detail) <= width


def _excerpt(span: Span, line: str, detail: str, paint: str, *, color: bool, width: int) -> list[str]:
    """The line with its number, and the carets below it followed by what is wrong."""
    widest = min(WIDEST, max(width - len(str(span.line)) - GUTTER, GUTTER))
    start, end = span.column - 1, span.end_column - 1
    before, marked, after = _clean(line[:start]), _clean(line[start:end]), _clean(line[max(start, end) :]).rstrip()
    if text_width(before + marked + after) > widest and text_width(before) > widest // 2:
        before = "…" + _last(before, widest // 2 - 1)
    marked_room = widest - text_width(before)
    marked = _cut(marked, marked_room)
    after = _cut(after, marked_room - text_width(marked))
    number = str(span.line)
    carets = "^" * max(1, text_width(marked))
    gutter = _paint(f"{number} |", "34", color)
    empty = _paint(f"{' ' * len(number)} |", "34", color)
    remark = f"{carets} {detail}".rstrip()
    return [f"  {gutter} {before}{marked}{after}".rstrip(), f"  {empty} {' ' * text_width(before)}{_paint(remark, paint, color)}"]


def _closing(diagnostics: list[Diagnostic]) -> str:
    parts = []
    for severity in ("error", "warning", "note"):
        count = sum(d.severity == severity for d in diagnostics)
        if count:
            parts.append(f"{count} {severity}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def _clean(text: str) -> str:
    """The text with tabs as spaces and characters that could control a terminal replaced."""
    return "".join(TAB if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _cut(text: str, room: int) -> str:
    if text_width(text) <= room:
        return text
    start = text[: max(0, room - 1)]
    while start and text_width(start) > room - 1:
        start = start[:-1]
    return start + "…"


def _last(text: str, room: int) -> str:
    end = text[-room:]
    while text_width(end) > room:
        end = end[1:]
    return end


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and text else text
