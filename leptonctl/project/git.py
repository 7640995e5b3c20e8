"""What Git knows about the project: the current commit, and whether one commit contains another.

Reads only, and never fails a command: without git, without a repository or after a timeout, the answer is None.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen

if TYPE_CHECKING:
    import subprocess

TIMEOUT_S = 10.0
COMMIT = re.compile(r"[0-9a-f]{7,64}")
# Git runs hooks with these set to the hook's own repository
REPOSITORY_VARIABLES = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE", "GIT_TRACE",
})  # fmt: skip


class Commit(Frozen):
    """The current commit. `dirty`: the given files that differ from it, in the given order."""

    hash: str
    dirty: tuple[str, ...] = ()


def head(root: Path, files: Iterable[str] = ()) -> Commit | None:
    """The commit checked out at `root`; `files` are paths relative to it. A file that Git does not track counts as dirty."""
    hash_ = _lines(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", end="\n")
    if not hash_:
        return None
    paths = tuple(files)
    if not paths:
        return Commit(hash=hash_[0])
    tracked = _lines(root, "ls-files", "-z", "--cached", "--", ".")
    changed = _lines(root, "diff", "--name-only", "--relative", "--no-renames", "--no-ext-diff", "-z", "HEAD", "--", ".")
    if tracked is None or changed is None:
        return Commit(hash=hash_[0], dirty=paths)
    clean = set(tracked) - set(changed)
    return Commit(hash=hash_[0], dirty=tuple(file for file in paths if os.path.normpath(file) not in clean))


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
    # a repository's own settings may name a program to run, which a query must not run
    command = ("git", "-C", str(root), "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments)
    try:
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
