"""Edits of files that others may be editing too: a command writes and undoes its own edits only.

A new text is based on what a file held when it was read. If the file has changed since, the edit is merged into what it holds now; if
both changed the same lines, nothing is written.
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


class FileEdit(Frozen):
    """One edit: the text that a file held, and the text that was written. `before` None: there was no file."""

    file: str
    before: str | None
    after: str


@dataclass(slots=True, kw_only=True)
class OwnEdits:
    """The edits that one command makes in the files of a project, in order."""

    root: Path
    _edits: list[FileEdit] = field(default_factory=list)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that were edited."""
        return tuple(sorted({edit.file for edit in self._edits}))

    def write(self, file: str, base: str | None, text: str) -> None:
        """Write a text that is based on the text `base`. Raises Failure: edited-meanwhile, cannot-write; then the file is unchanged."""
        with _one_writer(self.root):
            now = _read(self.root / file)
            merged = text if now == base else _merge(base, text, now)
            if merged is None:
                detail = f"{file} was edited, in the same lines, while the command worked; it is left as it is now"
                raise fail("edited-meanwhile", "A file was edited meanwhile", detail, hint="run the command again", exit_code=STALE)
            if merged == now:
                return
            write_text(self.root / file, merged)
            self._edits.append(FileEdit(file=file, before=now, after=merged))

    def undo(self) -> tuple[Diagnostic, ...]:
        """Undo the edits, the last one first. A file whose edited lines have been edited since is left as it is, with a warning."""
        warnings: dict[str, Diagnostic] = {}
        with _one_writer(self.root):
            while self._edits:
                edit = self._edits.pop()
                if edit.file not in warnings and not _undo(self.root / edit.file, edit):
                    detail = f"{edit.file} was edited since, in the lines that this command had written: they are left"
                    hint = f"look at them: `git diff -- {edit.file}`"
                    warnings[edit.file] = warning("edited-meanwhile", "An edit was not undone", detail, span=None, hint=hint)
        return tuple(warnings.values())


def _undo(path: Path, edit: FileEdit) -> bool:
    """Undo an edit; False when its lines were edited since. Of a file that was removed nothing has to be undone."""
    now = _read(path)
    if now is None:
        return True
    if edit.before is None:
        if now == edit.after:
            path.unlink()
        return now == edit.after
    text = edit.before if now == edit.after else _merge(edit.after, edit.before, now)
    if text is None:
        return False
    write_text(path, text)
    return True


@contextmanager
def _one_writer(root: Path) -> Iterator[None]:
    """Keeps other threads and processes of leptonctl in this project from writing while the block compares and writes."""
    with _WRITING:
        handle = os.open(root, os.O_RDONLY)
        try:
            # some network file systems cannot lock a folder
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _read(path: Path) -> str | None:
    """The text of a file as a session reads it; None when there is no file."""
    try:
        return path.read_bytes().decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return None


def _merge(base: str | None, ours: str, theirs: str | None) -> str | None:
    """`theirs` with the lines that differ between `base` and `ours`; None where `theirs` changed the same lines."""
    if base is None or theirs is None:
        return None
    lines = base.splitlines(keepends=True)
    own, others = _changes(lines, ours), _changes(lines, theirs)
    own = [change for change in own if change not in others]
    if any(begin == other_begin and _keys(new) & _keys(other) for begin, _, new in own for other_begin, _, other in others):
        return None
    merged: list[str] = []
    position = 0
    for begin, end, new in sorted((*others, *own), key=lambda change: change[:2]):
        if begin < position:
            return None
        merged += [*lines[position:begin], *new]
        position = end
    return "".join([*merged, *lines[position:]])


def _keys(lines: list[str]) -> set[str]:
    """The keys in the least indented of some lines of YAML: two edits that insert the same key would make a duplicate."""
    texts = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    indent = min((len(line) - len(line.lstrip()) for line in texts), default=0)
    return {line.partition(":")[0].strip() for line in texts if len(line) - len(line.lstrip()) == indent and ":" in line}


def _changes(lines: list[str], text: str) -> list[tuple[int, int, list[str]]]:
    """The changes from lines to a text: [begin, end) of the lines that are replaced, and the lines that replace them."""
    other = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, lines, other, autojunk=False)
    return [(i1, i2, other[j1:j2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]
