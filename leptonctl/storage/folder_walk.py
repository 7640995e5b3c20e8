"""All files below a folder, as object paths. Passes over what is not an object: dot files, pipes, links that lead nowhere or back."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

Inode = tuple[int, int]


def walk(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Names that start with a dot are not objects, but a walk may start in one. A missing folder has nothing in it."""
    try:
        found = (root / prefix).stat()
    except OSError:
        return
    if stat.S_ISDIR(found.st_mode):
        yield from _walk(root / prefix, f"{prefix}/" if prefix else "", frozenset({(found.st_dev, found.st_ino)}))


def _walk(folder: Path, start: str, above: frozenset[Inode]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for entry in _entries(folder):
        if entry.name.startswith("."):
            continue
        if not entry.is_symlink() and entry.is_file():
            yield start + entry.name, entry
            continue
        try:
            # a part of a store may lie on another disk, so links are followed; but not round and round
            found = entry.stat()
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode):
            yield start + entry.name, entry
        elif stat.S_ISDIR(found.st_mode) and (inode := (found.st_dev, found.st_ino)) not in above:
            yield from _walk(folder / entry.name, f"{start}{entry.name}/", above | {inode})


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Those of one folder; none when it was removed while we walked."""
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except (FileNotFoundError, NotADirectoryError):
        return []
