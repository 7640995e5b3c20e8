"""Whether a project's folder is the one whose effects are recorded, or a copy of it (protocols 5).

`.leptonctl/folder` holds a random id, the machine, and inode and path of the project's folder. A folder that was moved keeps its inode.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from leptonctl.core.codec import BadRecord, Record, decode, encode
from leptonctl.core.frozen import Frozen
from leptonctl.storage.durable import DOT_FOLDER, ensure_dot_folder, fsync_folder, move_into_place, write_temporary
from leptonctl.storage.owner import machine_id

NAME = "folder"
Place: TypeAlias = Literal["ours", "unmarked", "copied", "moved"]


class FolderRecord(Record, tag_field="format_version", tag="1"):
    """The folder of a project: a random `id`, the `machine`, and the folder's `inode` and `path` when it was recorded."""

    id: str
    machine: str
    inode: int
    path: str


class Standing(Frozen):
    """How a folder relates to its record. `record`: what is written in it, None when nothing is.

    ours: the record is of this folder. unmarked: there is no record. copied: it is of another folder that still exists.
    moved: it is of another folder that no longer exists, so that this one was moved, or copied and the original removed.
    """

    place: Place
    record: FolderRecord | None = None


def standing(root: Path) -> Standing:
    """How the folder of a project relates to its record. Only reads."""
    record = _read(root)
    if record is None:
        return Standing(place="unmarked")
    here = path_of(root)
    if record.inode == root.stat().st_ino or (record.machine, record.path) == (machine_id(), here):
        return Standing(place="ours", record=record)
    other = _read(Path(record.path)) if record.machine == machine_id() else None
    return Standing(place="copied" if other is not None and other.id == record.id else "moved", record=record)


def mark(root: Path, *, new_id: bool = False) -> FolderRecord:
    """Record this folder as the project's; returns the record. `new_id`: under another id, because it is a copy."""
    before = _read(root)
    record = FolderRecord(
        id=before.id if before is not None and not new_id else os.urandom(8).hex(),
        machine=machine_id(),
        inode=root.stat().st_ino,
        path=path_of(root),
    )
    if record != before:
        folder = ensure_dot_folder(root)
        move_into_place(write_temporary(folder, (encode(record),)), folder / NAME)
        fsync_folder(folder)
    return record


def is_other(root: Path, recorded: str) -> bool:
    """Whether the path `recorded` ("": none) is still a project's folder, and a different one from `root`.

    False for a folder that was moved away or has lost its record, and for a copy: `standing` detects that.
    """
    if recorded in {"", path_of(root)}:
        return False
    there, here = _read(Path(recorded)), standing(root)
    if there is None or here.place not in {"ours", "unmarked"}:
        return False
    return here.record is None or here.record.id != there.id


def _read(root: Path) -> FolderRecord | None:
    with suppress(OSError, BadRecord):
        return decode((root / DOT_FOLDER / NAME).read_bytes(), FolderRecord)
    return None


def path_of(root: Path) -> str:
    """The path of a project's folder as it is recorded, links resolved."""
    return os.fsencode(os.path.realpath(root)).decode("utf-8", "backslashreplace")
