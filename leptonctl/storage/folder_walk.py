"""All plain files below a folder, as object paths. Skips what is not an object: dot files, pipes, devices, and links to files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

Inode = tuple[int, int]


def walk(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Object path and directory entry of every file below `root/prefix`; nothing when that is not a folder.

    Names that start with a dot are not objects, but a walk may start in a folder with such a name.
    """
    try:
        info = (root / prefix).stat()
    except OSError:
        return
    if stat.S_ISDIR(info.st_mode):
        yield from _walk(root / prefix, f"{prefix}/" if prefix else "", frozenset({(info.st_dev, info.st_ino)}))


def _walk(folder: Path, start: str, above: frozenset[Inode]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for entry in _entries(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_file(follow_symlinks=False):
            yield start + entry.name, entry
            continue
        try:
            # part of a store may be on another disk, so links to folders are followed, except in a cycle
            info = entry.stat()
        except OSError:
            continue
        if stat.S_ISDIR(info.st_mode) and (inode := (info.st_dev, info.st_ino)) not in above:
            yield from _walk(folder / entry.name, f"{start}{entry.name}/", above | {inode})


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of one folder; empty when it was removed during the walk."""
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except (FileNotFoundError, NotADirectoryError):
        return []
