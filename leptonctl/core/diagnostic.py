"""Diagnostics: what is wrong, where, and what to do. Values only; views render them."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Span

Severity = Literal["error", "warning", "note"]

# Exit codes of the command line. The first that applies of 7, 130, 3, 4, 5, 1, 6, 2 wins.
OK, ERROR, CHANGES, INVALID, LOCKED, STALE, GATE, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130


class Diagnostic(Frozen):
    """`id` is permanent and documented in docs/diagnostics.md; `summary` holds no user words; `hint` is a command or an edit."""

    id: str
    severity: Severity
    summary: str
    detail: str = ""
    span: Span | None = None
    hint: str = ""

    def to_json(self) -> dict[str, Json]:
        where = self.span
        return {
            "id": self.id,
            "severity": self.severity,
            "summary": self.summary,
            "detail": self.detail,
            "file": where.file if where else None,
            "line": where.line if where else None,
            "column": where.column if where else None,
            "hint": self.hint,
        }


class Failure(Exception):
    """Carries diagnostics to the command line, which prints them and exits with `exit_code`."""

    def __init__(self, diagnostics: Iterable[Diagnostic], exit_code: int = ERROR) -> None:
        self.diagnostics = tuple(diagnostics)
        self.exit_code = exit_code
        super().__init__("\n".join(map(_line, self.diagnostics)))


def _line(d: Diagnostic) -> str:
    """A diagnostic as a traceback shows it."""
    place = f" ({d.span.file}:{d.span.line}:{d.span.column})" if d.span else ""
    return f"{d.id}: {d.summary}.{f' {d.detail}' if d.detail else ''}{place}{f' Hint: {d.hint}' if d.hint else ''}"


MAX_NAMES = 12
"""How many known names a hint lists."""
LONGEST_WORD = 200
"""The longest text, in characters, that is quoted whole and compared with known names (which takes quadratic time)."""


def error(id: str, summary: str, detail: str = "", *, span: Span | None = None, hint: str = "") -> Diagnostic:  # noqa: A002
    """An error diagnostic."""
    return Diagnostic(id=id, severity="error", summary=summary, detail=detail, span=span, hint=hint)


def warning(id: str, summary: str, detail: str, *, span: Span | None, hint: str) -> Diagnostic:  # noqa: A002
    """A warning diagnostic."""
    return Diagnostic(id=id, severity="warning", summary=summary, detail=detail, span=span, hint=hint)


def fail(
    id: str,  # noqa: A002
    summary: str,
    detail: str = "",
    *,
    span: Span | None = None,
    hint: str = "",
    exit_code: int = ERROR,
) -> Failure:
    """A Failure with one error, for the caller to raise."""
    return Failure([error(id, summary, detail, span=span, hint=hint)], exit_code)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(d.severity == "error" for d in diagnostics)


def refusal_code(diagnostics: Iterable[Diagnostic]) -> int:
    """The exit code of an apply that refuses its plan because of these errors."""
    return STALE if any(d.id in {"rewind", "rewind-unknown"} and d.severity == "error" for d in diagnostics) else ERROR


MANY_NAMES = 256
"""Of more known names than this, a word is compared only with those near it in the alphabet, so that many words among many names do
not take quadratic time."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or the known names when none is similar; "" when there are none.

    The sorted names are cached per collection, so pass the same collection for every word.
    """
    known = known if isinstance(known, Collection) else list(known)
    names, folded = _alphabet(_Identity(known)) if len(known) > MANY_NAMES else _sorted_names(known)
    index = bisect_left(folded, word.lower())
    similar = [name for name in names[index : index + 1] if name.lower() == word.lower()]
    if not similar and len(word) <= LONGEST_WORD:
        near = names if len(names) <= MANY_NAMES else names[max(0, index - MANY_NAMES // 4) : index + MANY_NAMES // 4]
        similar = get_close_matches(word, [name for name in near if len(name) <= LONGEST_WORD], n=1, cutoff=0.6)
    names = names if len(names) > MANY_NAMES else sorted(names)
    if similar:
        return f'did you mean "{similar[0]}"?'
    return "known: " + ", ".join(map(short, names[:MAX_NAMES])) + (", …" if len(names) > MAX_NAMES else "") if names else ""


class _Identity:
    """A cache key for a collection: its identity and its length."""

    __slots__ = ("names", "size")

    def __init__(self, names: Collection[str]) -> None:
        self.names, self.size = names, len(names)

    def __hash__(self) -> int:
        return hash((id(self.names), self.size))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.names is other.names and self.size == other.size


@lru_cache(maxsize=16)
def _alphabet(known: _Identity) -> tuple[list[str], list[str]]:
    return _sorted_names(known.names)


def _sorted_names(known: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names sorted regardless of case, and the same in lower case."""
    names = sorted(known, key=lambda name: (name.lower(), name))
    return names, [name.lower() for name in names]


def short(text: str) -> str:
    """A user's text as a message quotes it: cut when it is very long."""
    return text if len(text) <= LONGEST_WORD else text[: LONGEST_WORD - 1] + "…"
