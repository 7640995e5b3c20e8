"""The data files that a glob or a folder names. Does not follow links to folders, skips hidden names, and is bounded."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from leptonctl.spi.learning import ProviderError

MOST_FILES = 10_000
MOST_ENTRIES = 200_000
MAGIC = frozenset("*?[")


def is_glob(path: str) -> bool:
    return not MAGIC.isdisjoint(path)


def literal_folder(pattern: str) -> str:
    """The folder in which the search for a glob begins."""
    parts = pattern.split("/")[:-1]
    return "/".join(parts[: next((index for index, part in enumerate(parts) if is_glob(part)), len(parts))])


def matching(folder: Path, pattern: str) -> list[str]:
    """The files below a folder that match a glob, as sorted paths in it. `**`: any number of folders. Raises ProviderError."""
    paths = set(_walk(folder, pattern.split("/"), "", count(1)))
    if len(paths) > MOST_FILES:
        raise _too_many(f"{len(paths):,} files match; a version is read from at most {MOST_FILES:,}")
    return sorted(paths)


def _walk(folder: Path, parts: list[str], prefix: str, counter: Iterator[int]) -> Iterator[str]:
    first, rest = parts[0], parts[1:]
    if first == "**" and rest:
        yield from _walk(folder, rest, prefix, counter)
    for entry in _entries(folder, counter):
        name, path = entry.name, prefix + entry.name
        if name.startswith(".") and not first.startswith("."):
            continue
        if first == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / name, parts, f"{path}/", counter)
            elif not rest and _is_file(entry):
                yield path
        elif fnmatchcase(name, first):
            if rest and entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / name, rest, f"{path}/", counter)
            elif not rest and _is_file(entry):
                yield path


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True  # a cycle of links: reading it reports that


def _entries(folder: Path, counter: Iterator[int]) -> Iterator[os.DirEntry[str]]:
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            if next(counter) > MOST_ENTRIES:
                raise _too_many(f"there are more than {MOST_ENTRIES:,} files and folders to look at")
            yield entry


def _too_many(detail: str) -> ProviderError:
    return ProviderError(
        "A source names too many files",
        detail=detail,
        hint="name a folder of its own, or fewer files",
        id="too-many-files",
    )
