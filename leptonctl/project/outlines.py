"""The outlines of project files, kept in `.leptonctl/cache`, so that a plan reads again only what has changed.

An outline is valid for one content of a file and for this very release. The file of all outlines may be lost, damaged or deleted at
any time: what is missing is computed. It is used only if it was written here, because a pull request may contain a file of this name.
Whoever can run commands here can make a plan say anything, as with everything in `.leptonctl`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from leptonctl.kinds.model.outline import Outlines
from leptonctl.release import __version__
from leptonctl.storage.durable import sweep

PACKAGE = Path(__file__).parent.parent
SOURCES = ("core", "kinds", "language", "project", "providers", "spi")
"""The packages whose code determines outlines."""
SEAL = 64
LARGEST = 128 * 2**20
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Outlines)


def read_outlines(file: Path) -> Outlines:
    """The outlines of this release; none when the file cannot be used."""
    try:
        with file.open("rb") as opened:
            info = os.fstat(opened.fileno())
            data = opened.read() if info.st_size <= LARGEST else b""
        body = memoryview(data)[SEAL:]
        return _DECODER.decode(body) if data[:SEAL] == _seal(body, info.st_ino, info.st_mtime_ns) else Outlines()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Outlines()


def write_outlines(file: Path, outlines: Outlines) -> None:
    """Replace the outlines. What cannot be written is computed again by the next command; it need not survive a power cut."""
    body = _ENCODER.encode(outlines)
    if len(body) > LARGEST:
        return
    temporary, now = file.with_name(f".{file.name}.{os.getpid()}"), time.time_ns()
    with suppress(OSError):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            sweep(file.parent, prefix=f".{file.name}.")
            with temporary.open("wb", buffering=0) as opened:
                opened.write(_seal(body, os.fstat(opened.fileno()).st_ino, now) + body)
                os.utime(opened.fileno(), ns=(now, now))
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _seal(body: bytes | memoryview, inode: int, modified: int) -> bytes:
    """A digest that ties outlines to this release and this very file: one from a checkout has another inode and time."""
    seal = sha256(f"{inode} {modified} {_mark()}".encode())
    seal.update(body)
    return seal.hexdigest().encode()


def _mark() -> str:
    """Identifies this release, and edits of its code in a checkout."""
    return "\n".join((__version__, *(line for name in SOURCES for line in _files(f"{PACKAGE}/{name}"))))


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                info = entry.stat()
                yield f"{entry.path} {info.st_size} {info.st_mtime_ns}"
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _files(entry.path)
