"""Finds where a file is not text in its encoding, and the encodings that it may be written in."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from leptonctl.providers.sources.compressed import open_bytes
from leptonctl.providers.sources.latin import latin
from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK = 1 << 20
ZIP = b"PK\x03\x04"
SAMPLE = 1 << 14
EAST_ASIAN = ("shift_jis", "euc_jp", "gb18030", "euc_kr", "big5")
SINGLE_BYTE = re.compile(r"cp(?:125[0-9]|437|8[0-9]{2})|iso8859-[0-9]+|koi8-[a-z]|mac-[a-z]+")
MOSTLY, MOST = 0.5, 0.7
WORD = 3
"""So many bytes beyond ASCII in a row are a word of another alphabet: words of Latin letters have fewer."""


def bad_encoding(path: Path, encoding: str) -> ProviderError:
    """The error for a file with a byte that its encoding does not have, with its line and the likely encodings."""
    line, sample = bad_bytes(path, encoding)
    with open_bytes(path) as raw:
        if raw.read(len(ZIP)) == ZIP:
            return _archive(path)
    names = [name for name in likely_encodings(sample) if name != encoding.lower()]
    listed = " or ".join(f"`encoding: {name}`" for name in names)
    return ProviderError(
        "The file is not text in its encoding",
        detail=f"A byte in line {line} of {path.name} cannot be read as {encoding}.",
        hint=f"declare the file's encoding; {listed} {'is' if len(names) == 1 else 'are'} likely"
        if names
        else "declare the file's encoding, for example `encoding: latin-1`",
        id="bad-encoding",
        file=str(path),
        line=line,
    )


def _archive(path: Path) -> ProviderError:
    return ProviderError(
        "A data file is not text",
        detail=f"{path.name} is a ZIP archive. An Excel file (.xlsx) is one, too.",
        hint="save the sheet as CSV, or unpack the archive",
        id="unreadable-file",
        file=str(path),
        line=1,
    )


def check_not_utf8(path: Path, encoding: str, above: int) -> None:
    """Raises ProviderError (bad-encoding) for a file in UTF-8 that is read in an encoding of one byte a character.

    Such an encoding can read any byte: `é` becomes `Ã©`. A text that was written in it is practically never valid UTF-8 to its end. Where
    only the lines `above` the rows have letters beyond ASCII, the names of columns are wrong, which is reported where they are used.
    """
    if not SINGLE_BYTE.fullmatch(_canonical(encoding)):
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, breaks = 0, 1
    with open_bytes(path) as raw, suppress(UnicodeDecodeError):
        while True:
            data = raw.read(CHUNK)
            text = decoder.decode(data, final=not data)
            if not line and not text.isascii():
                numbered = enumerate(text.split("\n"), breaks)
                line = next((number for number, part in numbered if number > above and not part.isascii()), 0)
            breaks += text.count("\n")
            if not data:
                break
        if line:
            raise _in_utf8(path, encoding, line)


def _in_utf8(path: Path, encoding: str, line: int) -> ProviderError:
    return ProviderError(
        "The file is not text in its encoding",
        detail=f"{path.name} is written in UTF-8 and read as {encoding}: letters beyond ASCII, as in line {line}, would become others.",
        hint=f"declare the file's encoding; `encoding: utf-8` is likely, or write the file in {encoding}",
        id="bad-encoding",
        file=str(path),
        line=line,
    )


def _canonical(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return ""


def likely_encodings(sample: bytes) -> tuple[str, ...]:
    """The encodings in which bytes that are not UTF-8 may be written, the likeliest first."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if sample.count(0) > len(sample) // 4:
        # without a byte order mark, there is a zero byte after each ASCII letter, or before it
        return ("utf-16-le",) if sample[1::2].count(0) >= sample[::2].count(0) else ("utf-16-be",)
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    high = sum(runs)
    if not high:
        return ()
    words = sum(length for length in runs if length >= WORD) > MOSTLY * high
    alphabets = sorted(("cp1251", "koi8-r", "cp1253"), key=lambda name: -_share(sample, name, str.islower))[:2]
    if words and _share(sample, alphabets[0], str.islower) > MOST:
        return tuple(alphabets)
    eastern = tuple(name for name in EAST_ASIAN if _is_eastern(sample, name))
    if eastern or words:
        return eastern[:2] or tuple(alphabets)
    return latin(sample)


def bad_bytes(path: Path, encoding: str) -> tuple[int, bytes]:
    """The line of the first bad byte, and the bytes around it. Without a bad byte, the first bytes if a zero byte is among them."""
    decoder = codecs.getincrementaldecoder(encoding)()
    breaks = returns = 0
    first = b""
    with open_bytes(path) as raw:
        while True:
            data = raw.read(CHUNK)
            first = first or data[:SAMPLE]
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as problem:
                text = problem.object[: problem.start].decode(encoding, "replace")
                # begins at an even place, since characters may have two bytes
                sample = problem.object[max(0, problem.start - SAMPLE) // 2 * 2 : problem.start + SAMPLE]
                return (breaks + text.count("\n") or returns + text.count("\r")) + 1, sample
            except UnicodeError:
                return 1, data[:SAMPLE]
            if not data:
                return 1, first if 0 in first else b""
            breaks, returns = breaks + text.count("\n"), returns + text.count("\r")


def _decode(sample: bytes, encoding: str) -> str | None:
    try:
        # the sample may begin or end within a character
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return None


def _share(sample: bytes, encoding: str, test: Callable[[str], bool]) -> float:
    """The share of the characters beyond ASCII that pass a test. A wrong code page mixes upper and lower case."""
    high = [c for c in _decode(sample, encoding) or "" if not c.isascii()]
    return sum(map(test, high)) / len(high) if high else 0.0


def _is_eastern(sample: bytes, encoding: str) -> bool:
    """Whether the bytes are letters in runs: accents that are misread as East Asian characters are between ASCII letters."""
    text = _decode(sample, encoding) or ""
    in_runs = sum(map(len, re.findall(r"[^\x00-\x7f]{2,}", text)))
    return in_runs >= MOST * max(1, sum(not c.isascii() for c in text)) and _share(sample, encoding, str.isalpha) > MOST
