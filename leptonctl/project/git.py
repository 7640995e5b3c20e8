"""What Git knows about the project: the current commit, and whether one commit contains another.

Reads only, and never fails a command: without git, without a repository or after a timeout, the answer is None.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen

if TYPE_CHECKING:
    import subprocess

TIMEOUT_S = 10.0
SHA256_DIGITS = 64
FILTERS = ("filter", "ident", "working-tree-encoding")
"""Attributes that make a file in the folder differ in bytes from the commit."""
COMMIT = re.compile(r"[0-9a-f]{7,64}")
# Git sets these to the hook's own repository when it runs a hook
REPOSITORY_VARIABLES = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE", "GIT_TRACE",
})  # fmt: skip


class Commit(Frozen):
    """The current commit. `dirty`: the files, of those asked about, that differ from it, in order."""

    hash: str
    dirty: tuple[str, ...] = ()


def head(root: Path, files: Iterable[str] = ()) -> Commit | None:
    """The commit checked out at `root`; `files` are paths relative to it. A file that Git does not track counts as dirty.

    The bytes are compared with those of the commit, because the index can hide edits (`git update-index --assume-unchanged`).
    """
    hash_ = _lines(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", end="\n")
    if not hash_:
        return None
    paths = tuple(files)
    if not paths:
        return Commit(hash=hash_[0])
    tree = _lines(root, "ls-tree", "-r", "-z", hash_[0], "--", ".")
    if tree is None:
        return Commit(hash=hash_[0], dirty=paths)
    entries = (line.partition("\t") for line in tree)
    blobs = {path: metadata.split()[2] for metadata, _, path in entries}
    changes = [file for file in paths if not _is_blob(root, file, blobs)]
    clean = _clean_by_filter(root, changes) if changes else frozenset()
    return Commit(hash=hash_[0], dirty=tuple(file for file in changes if file not in clean))


def contains(root: Path, ancestor: str, descendant: str) -> bool | None:
    """Whether `descendant` contains `ancestor`. None when unknown: no repository, an unknown commit, a truncated history."""
    if not (COMMIT.fullmatch(ancestor) and COMMIT.fullmatch(descendant)):
        return None
    answer = _git(root, "merge-base", "--is-ancestor", ancestor, descendant)
    if answer is None or answer.returncode not in (0, 1):
        return None
    if answer.returncode == 0:
        return True
    # in a shallow clone "not found" proves nothing: the commits between the two may be cut off
    return None if _lines(root, "rev-parse", "--is-shallow-repository", end="\n") != ["false"] else False


def _is_blob(root: Path, file: str, blobs: Mapping[str, str]) -> bool:
    """Whether a file has the bytes that are committed under its path, apart from line ends, which Git may convert.

    A link is followed: what it leads to has to be committed.
    """
    import hashlib

    path = os.path.relpath(os.path.realpath(root / file), os.path.realpath(root))
    blob = blobs.get(path)
    if blob is None:
        return False
    try:
        data = (root / file).read_bytes()
    except OSError:
        return False
    name = "sha256" if len(blob) == SHA256_DIGITS else "sha1"
    forms = dict.fromkeys((data, data.replace(b"\r\n", b"\n")))
    return any(hashlib.new(name, b"blob %d\0%s" % (len(form), form), usedforsecurity=False).hexdigest() == blob for form in forms)


def _clean_by_filter(root: Path, files: Sequence[str]) -> frozenset[str]:
    """Those of the files that differ only because `.gitattributes` makes Git convert them: Git itself calls them clean."""
    answer = _lines(root, "check-attr", "-z", *FILTERS, "--", *files)
    if answer is None:
        return frozenset()
    fields = [*zip(answer[::3], answer[1::3], answer[2::3], strict=False)]
    filtered = sorted({path for path, _, value in fields if value not in ("unspecified", "unset")})
    if not filtered:
        return frozenset()
    # "H": tracked, and its edits are not hidden
    flags = _lines(root, "ls-files", "-z", "-v", "--", *filtered)
    changed = _lines(root, "diff", "--name-only", "--relative", "--no-renames", "--no-ext-diff", "-z", "HEAD", "--", *filtered)
    if flags is None or changed is None:
        return frozenset()
    unchanged = {line[2:] for line in flags if line.startswith("H ")} - {*changed}
    return frozenset(file for file in filtered if os.path.normpath(file) in unchanged)


def is_unreadable(root: Path) -> bool:
    """Whether `root` lies in a repository that Git does not read here: it belongs to another user, it is damaged, or git is missing."""
    if not any(os.path.lexists(folder / ".git") for folder in (root, *root.parents)):
        return False
    answer = _git(root, "rev-parse", "--git-dir")
    return answer is None or answer.returncode != 0


def _lines(root: Path, *arguments: str, end: str = "\0") -> list[str] | None:
    answer = _git(root, *arguments)
    if answer is None or answer.returncode != 0:
        return None
    return [line for line in os.fsdecode(answer.stdout).split(end) if line]


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes] | None":
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "GIT_NO_LAZY_FETCH": "1"}
    # the replacements of `git replace` exist only on this machine
    environment |= {"GIT_NO_REPLACE_OBJECTS": "1"}
    # the settings of a repository may name a program, which a query must not run
    command = ("git", "-C", str(root), "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments)
    try:
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
