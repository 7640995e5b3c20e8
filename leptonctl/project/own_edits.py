"""Edits of files that others may be editing: what is written, and what is taken back, is the own edit alone.

A text was made of what a file held when it was read. If the file has changed since, the edit is made in what it holds now; where both
changed the same lines, nothing is written.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from leptonctl.core.diagnostic import STALE, Diagnostic, fail, warning
from leptonctl.core.frozen import Frozen
from leptonctl.project.edits import write_text

_WRITING = threading.RLock()


class Written(Frozen):
    """One edit: the text that a file held, and the text that was written. None: there was no file."""

    file: str
    before: str | None
    after: str


@dataclass(slots=True, kw_only=True)
class OwnEdits:
    """The edits that one command makes in the files of a project, in their order."""

    root: Path
    made: list[Written] = field(default_factory=list)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that were edited."""
        return tuple(sorted({one.file for one in self.made}))

    def write(self, file: str, base: str | None, text: str) -> None:
        """Write a text that was made of `base`. Raises Failure: edited-meanwhile, cannot-write; then the file is as it was."""
        with _one_writer(self.root):
            now = _read(self.root / file)
            merged = text if now == base else _merged(base, text, now)
            if merged is None:
                detail = f"{file} was edited, in the same lines, while the command worked; it is left as it is now"
                raise fail("edited-meanwhile", "A file was edited meanwhile", detail, hint="run the command again", exit_code=STALE)
            if merged == now:
                return
            write_text(self.root / file, merged)
            self.made.append(Written(file=file, before=now, after=merged))

    def take_back(self) -> tuple[Diagnostic, ...]:
        """Undo the edits, the last one first; a warning for each file in which these lines were edited since, and which is left."""
        left: dict[str, Diagnostic] = {}
        with _one_writer(self.root):
            while self.made:
                one = self.made.pop()
                if one.file not in left and not _undone(self.root / one.file, one):
                    detail = f"{one.file} was edited since, in the lines that this command had written: they are left"
                    hint = f"look at them: `git diff -- {one.file}`"
                    left[one.file] = warning("edited-meanwhile", "An edit was not taken back", detail, span=None, hint=hint)
        return tuple(left.values())


def _undone(path: Path, one: Written) -> bool:
    """Whether an edit could be taken back. A file that is gone holds nothing of it."""
    now = _read(path)
    if now is None:
        return True
    if one.before is None:
        if now == one.after:
            path.unlink()
        return now == one.after
    text = one.before if now == one.after else _merged(one.after, one.before, now)
    if text is None:
        return False
    write_text(path, text)
    return True


@contextmanager
def _one_writer(root: Path) -> Iterator[None]:
    """A block that compares and writes, alone among the threads and processes of leptonctl in this project."""
    with _WRITING:
        handle = os.open(root, os.O_RDONLY)
        try:
            # some network file systems lock no folder
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _read(path: Path) -> str | None:
    """The text of a file as a session has it; None where there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return None


def _merged(base: str | None, ours: str, theirs: str | None) -> str | None:
    """`theirs` with the lines that differ between `base` and `ours`; None where `theirs` changed the same lines."""
    if base is None or theirs is None:
        return None
    lines = base.splitlines(keepends=True)
    own, others = _changes(lines, ours), _changes(lines, theirs)
    own = [change for change in own if change not in others]
    if any(begin == place and _keys(new) & _keys(other) for begin, _, new in own for place, _, other in others):
        return None
    found: list[str] = []
    place = 0
    for begin, end, new in sorted((*others, *own), key=lambda change: change[:2]):
        if begin < place:
            return None
        found += [*lines[place:begin], *new]
        place = end
    return "".join([*found, *lines[place:]])


def _keys(lines: list[str]) -> set[str]:
    """The keys that begin the least indented of some lines of YAML: written twice at one place, one would be a key too many."""
    texts = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    indent = min((len(line) - len(line.lstrip()) for line in texts), default=0)
    return {line.partition(":")[0].strip() for line in texts if len(line) - len(line.lstrip()) == indent and ":" in line}


def _changes(lines: list[str], text: str) -> list[tuple[int, int, list[str]]]:
    """The changes from lines to a text: first and last line that are replaced, and by which."""
    other = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, lines, other, autojunk=False)
    return [(i1, i2, other[j1:j2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]
