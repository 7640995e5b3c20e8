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
    """What a folder is. `record`: what is written in it, None when nothing is.

    ours: effects of this folder are ours. unmarked: nothing is recorded. copied: the folder that it is a copy of still exists.
    moved: it lies elsewhere than recorded, and nothing is there any more, so that it was moved, or copied and the original removed.
    """

    place: Place
    record: FolderRecord | None = None


def standing(root: Path) -> Standing:
    """What the folder of a project is. Reads only."""
    record = _read(root)
    if record is None:
        return Standing(place="unmarked")
    here = path_of(root)
    if record.inode == root.stat().st_ino or (record.machine, record.path) == (machine_id(), here):
        return Standing(place="ours", record=record)
    other = _read(Path(record.path)) if record.machine == machine_id() else None
    return Standing(place="copied" if other is not None and other.id == record.id else "moved", record=record)


def mark(root: Path, *, anew: bool = False) -> FolderRecord:
    """Record this folder as the project's; returns the record. `anew`: under another id, since it is a copy."""
    before = _read(root)
    record = FolderRecord(
        id=before.id if before is not None and not anew else os.urandom(8).hex(),
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
    """Whether a folder recorded by its path ("": none) is a project's still, and another one than that at `root`.

    False for a folder that was moved away or has lost its record, and in a copy, of which `standing` tells.
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
