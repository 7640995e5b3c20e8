"""Colour, widths and figures for terminal text. Knows nothing of leptonctl's nouns, never writes."""

import json
import unicodedata

from leptonctl.core.frozen import Frozen

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_MOST_DIGITS = 17
"""With this many significant digits any two doubles look different."""
LEAST_SHARE = 0.001


class Style(Frozen, kw_only=False):
    """Wraps text in ANSI codes, or leaves it alone when `color` is off."""

    color: bool

    def _wrap(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def bold(self, text: str) -> str:
        return self._wrap(_CODES["bold"], text)

    def dim(self, text: str) -> str:
        return self._wrap(_CODES["dim"], text)

    def red(self, text: str) -> str:
        return self._wrap(_CODES["red"], text)

    def green(self, text: str) -> str:
        return self._wrap(_CODES["green"], text)

    def yellow(self, text: str) -> str:
        return self._wrap(_CODES["yellow"], text)

    def cyan(self, text: str) -> str:
        return self._wrap(_CODES["cyan"], text)


def printable(text: str) -> str:
    """Text from files and data, with control, bidirectional and other invisible characters as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text).replace("\x7f", "\\u007f")


def text_width(text: str) -> int:
    """Terminal columns of printable text: wide characters take two, combining marks none, ANSI codes none."""
    if text.isascii() and "\x1b" not in text:
        return len(text)
    columns, inside = 0, False
    for c in text:
        if inside:
            inside = c != "m"
        elif c == "\x1b":
            inside = True
        elif not unicodedata.combining(c):
            columns += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return columns


def cut(text: str, columns: int) -> str:
    """The text cut to `columns`, with an ellipsis where something was left out. For text without ANSI codes."""
    # ordinary text has at most four characters per column; anything denser is cut early, which is cheap
    text = text[: 4 * columns]
    if text_width(text) <= columns:
        return text
    start, used = [], 1
    for c in text:
        used += text_width(c)
        if used > columns:
            break
        start.append(c)
    return "".join(start) + "…"


def duration(seconds: float) -> str:
    """`45 ms`, `1.2 s`, `34 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds < 0.0995:  # noqa: PLR2004 - what would round to 100 ms reads better as 0.1 s
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95 and not (isinstance(seconds, int) and seconds >= 1):  # noqa: PLR2004 - one decimal below ten seconds
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size_text(size: float) -> str:
    """`812 B`, `14.2 kB`, `3.1 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - a thousand of a unit is one of the next
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def count_text(number: int, noun: str) -> str:
    """`1 row`, `12 rows`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def rows_text(count: int) -> str:
    """`1 row`, `12 rows`."""
    return count_text(count, "row")


def share_text(share: float) -> str:
    """`12.5%`, `< 0.1%`, `-` for none."""
    return "-" if not share else f"{share:.1%}" if share >= LEAST_SHARE else f"< {LEAST_SHARE:.1%}"


def mean_text(mean: float, deviation: float | None) -> str:
    """`0.94 ± 0.01`, the mean alone without a deviation."""
    return figure(mean) if deviation is None else f"{figure(mean)} ± {deviation:.2g}"


def figure(value: float, beside: float | None = None) -> str:
    """Four significant digits, or as many as it takes to look different from the figure `beside` it."""
    for digits in range(4, _MOST_DIGITS + 1):
        text = format(value, f".{digits}g")
        if beside is None or beside == value or text != format(beside, f".{digits}g"):
            return text
    return repr(value)


def value_text(value: object, columns: int = 60, *, absent: str = "unset") -> str:
    """A JSON value on one line: a string without quotes where that is unambiguous, None as `absent`."""
    if value is None:
        return absent
    text = value if isinstance(value, str) and _plain(value) else json.dumps(value, ensure_ascii=False)
    return cut(printable(text), columns)


def members_changed(before: object, after: object) -> tuple[list[object], list[object]]:
    """What was removed from a list and what was added; nothing and nothing where more than that changed."""
    if not isinstance(before, list) or not isinstance(after, list):
        return [], []
    removed, added = [one for one in before if one not in after], [one for one in after if one not in before]
    same_order = [one for one in before if one not in removed] == [one for one in after if one not in added]
    return (removed, added) if same_order else ([], [])


def _plain(text: str) -> bool:
    """Whether a string is unambiguous without quotes."""
    if not text or text != text.strip() or text in {"true", "false", "null", "unset"}:
        return False
    return not (text[0] in "-+.0123456789[{\"'" and _is_json(text))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
