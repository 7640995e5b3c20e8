"""Data files for the tests of sources."""

import gzip
from pathlib import Path

from leptonctl.spi.learning import Source, SourceOptions

PLAIN = SourceOptions()


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content, compressed where its name says so."""
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


def cells(source: Source, path: Path, options: SourceOptions = PLAIN) -> list[list[str | None]]:
    """The rows of a file, whose columns both ways of asking agree on."""
    frame = source.read(path, options)
    assert source.columns(path, options) == frame.columns
    return [list(row) for row in frame.rows()]
