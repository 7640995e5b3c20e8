"""Opens data files that may be compressed: gzip (.gz) and Zstandard (.zst). Refuses files that unpack out of all proportion.

Zstandard is not in the standard library before Python 3.14; polars reads it, as text in UTF-8 and as a whole.
"""

from __future__ import annotations

import gzip
import io
from typing import IO, TYPE_CHECKING, cast

from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = 256 * 2**20
MOST_RATIO = 200
"""More than LARGE bytes that shrink to less than a two-hundredth are not a table: tables of real numbers shrink to a tenth."""
ZSTD_BLOCK = 128 * 2**10
CONTROLS = [chr(code) for code in range(1, 32) if chr(code) not in "\t\n\r"]
_MAGIC, _SKIPPABLE = 0xFD2FB528, 0x184D2A50
_RAW, _RLE, _COMPRESSED = 0, 1, 2


class DamagedBytes(EOFError):
    """Compressed bytes that end too early or are not what they should be."""


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked. Raises ProviderError (too-compressed), also while they are read."""
    name = path.name.lower()
    if name.endswith(".gz"):
        return io.BufferedReader(_Bounded(cast("IO[bytes]", gzip.open(path, "rb")), path), 1 << 20)
    return io.BytesIO(_unpack_zstd(path)) if name.endswith(".zst") else path.open("rb")


def plain_name(path: Path) -> str:
    """The file's name in lower case, without the suffix of its compression."""
    return path.name.lower().removesuffix(".gz").removesuffix(".zst")


class _Bounded(io.RawIOBase):
    """Unpacked bytes, counted while they are read."""

    def __init__(self, unpacked: IO[bytes], path: Path) -> None:
        self._unpacked, self._path = unpacked, path
        self._packed, self._read = path.stat().st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._unpacked.read(len(buffer))
        self._read += len(data)
        _require_proportion(self._path, self._packed, self._read)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._unpacked.close()
        super().close()


def _require_proportion(path: Path, packed: int, unpacked: int) -> None:
    if unpacked > LARGE and unpacked > MOST_RATIO * packed:
        raise ProviderError(
            "A compressed file unpacks to too much",
            detail=f"{path.name} has {packed:,} bytes and unpacks to more than {MOST_RATIO} times as many.",
            hint="check where the file comes from; if it is a table, store it unpacked",
            id="too-compressed",
            file=str(path),
        )


def _unpack_zstd(path: Path) -> bytes:
    import polars as pl

    data = path.read_bytes()
    _require_proportion(path, len(data), sum(_zstd_sizes(data)))
    while _number(data, 0, 4) & ~0xF == _SKIPPABLE:
        data = data[8 + _number(data, 4, 4) :]
    for separator in CONTROLS:
        try:
            # text without the separator and without a zero byte is one cell
            frame = pl.read_csv(data, has_header=False, separator=separator, quote_char=None, eol_char="\0", infer_schema=False)
        except pl.exceptions.NoDataError:
            return b""
        except pl.exceptions.PolarsError as problem:
            if "utf-8" in str(problem):
                raise _not_utf8(path) from problem
        else:
            if frame.width == 1:
                return "\0".join(frame.to_series().fill_null("").to_list()).encode()
    raise DamagedBytes


def _not_utf8(path: Path) -> ProviderError:
    return ProviderError(
        "The file is not text in its encoding",
        detail=f"A byte of {path.name} cannot be read as utf-8, the only encoding of text that is compressed with Zstandard.",
        hint="compress the file with gzip instead, or write it in UTF-8",
        id="bad-encoding",
        file=str(path),
    )


def _zstd_sizes(data: bytes) -> Iterator[int]:
    """The most bytes that each block can unpack to (RFC 8878). Raises DamagedBytes where the bytes end too early."""
    place = 0
    while place < len(data):
        magic = _number(data, place, 4)
        if magic & ~0xF == _SKIPPABLE:
            place += 8 + _number(data, place + 4, 4)
            continue
        if magic != _MAGIC:
            raise DamagedBytes
        flags = _number(data, place + 4, 1)
        single = flags >> 5 & 1
        place += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
        last = 0
        while not last:
            block = _number(data, place, 3)
            last, kind, size = block & 1, block >> 1 & 3, block >> 3
            place += 3 + (1 if kind == _RLE else size)
            if kind > _COMPRESSED:
                raise DamagedBytes
            yield ZSTD_BLOCK if kind == _COMPRESSED else size
        place += 4 * (flags >> 2 & 1)
    if place > len(data) or not data:
        raise DamagedBytes


def _number(data: bytes, place: int, size: int) -> int:
    if place + size > len(data):
        raise DamagedBytes
    return int.from_bytes(data[place : place + size], "little")
