"""How an unused artifact is freed safely (protocols 6): it is condemned, later swept, unless a new user spares it in between.

A new user first records that it refers to the artifact (roots, a reference, a new artifact), then looks for its mark. A sweeper first
writes the mark, then reads what refers to the artifact. So one of the two always sees the other.
"""

import os
import time
from collections.abc import Iterable, Iterator

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.store_records import Condemned
from leptonctl.spi.storage import Objects
from leptonctl.storage.owner import user_name
from leptonctl.storage.records import BadRecordAt, read_record

WAIT_S, POLL_S = 60.0, 0.05


class MarkAt(Frozen):
    """The mark of an artifact as it was read. `modified` is when it was written, in seconds since 1970 by the store's clock."""

    digest: str
    mark: Condemned
    etag: str
    modified: float


def spare(objects: Objects, digests: Iterable[str]) -> set[str]:
    """Clear the marks of artifacts that are referred to from now on. Waits for those being swept and returns them: they are deleted."""
    paths = {layout.condemned_mark(digest): digest for digest in digests}
    swept: set[str] = set()
    for path in objects.present(paths) if paths else ():
        deadline = time.monotonic() + WAIT_S
        while (stored := objects.get(path)) is not None:
            mark = _decode(stored[0], path)
            if mark.phase == "spared":
                break
            if mark.phase == "condemned":
                if objects.replace(path, encode(_with_phase(mark, "spared")), stored[1]) is not None:
                    break
                continue
            swept.add(paths[path])
            if time.monotonic() > deadline:
                detail = f"{layout.artifact(paths[path])} of {objects.describe()} has been half swept for {WAIT_S:g} s."
                hint = "`leptonctl gc --yes` finishes a gc that was interrupted"
                raise fail("store-failed", "The store could not be read or written", detail, hint=hint)
            time.sleep(POLL_S)
    return swept


def marks(objects: Objects) -> Iterator[MarkAt]:
    """All marks. What is not a mark is skipped."""
    for entry in list(objects.entries(layout.CONDEMNED)):
        digest = layout.condemned_digest(entry.path)
        stored = objects.get(entry.path) if digest is not None else None
        if digest is not None and stored is not None:
            yield MarkAt(digest=digest, mark=_decode(stored[0], entry.path), etag=stored[1], modified=entry.modified)


def condemn(objects: Objects, digest: str, before: MarkAt | None, at: str) -> None:
    """Mark an artifact that nothing refers to. One that is condemned already keeps its mark and the mark's time."""
    mark = Condemned(phase="condemned", nonce=os.urandom(8).hex(), at=at, by=user_name())
    if before is None:
        objects.create(layout.condemned_mark(digest), encode(mark))
    elif before.mark.phase == "spared":
        objects.replace(layout.condemned_mark(digest), encode(mark), before.etag)


def sweep(objects: Objects, mark: MarkAt) -> bool:
    """Delete a condemned artifact and its mark; False when it was spared meanwhile. Finishes a sweep that was interrupted."""
    path = layout.condemned_mark(mark.digest)
    if mark.mark.phase == "spared":
        return False
    if mark.mark.phase == "condemned" and objects.replace(path, encode(_with_phase(mark.mark, "sweeping")), mark.etag) is None:
        return False
    objects.delete(layout.artifact(mark.digest))
    objects.delete(path)
    return True


def clear(objects: Objects, mark: MarkAt) -> None:
    """Spare an artifact that is referred to, or remove its mark if it was spared before."""
    if mark.mark.phase == "condemned":
        spare(objects, [mark.digest])
    elif mark.mark.phase == "spared":
        objects.delete(layout.condemned_mark(mark.digest))


def _decode(data: bytes, path: str) -> Condemned:
    """A mark that cannot be read counts as spared: nothing is deleted because of it."""
    try:
        return read_record(data, path, Condemned)
    except BadRecordAt:
        return Condemned(phase="spared", nonce="")


def _with_phase(mark: Condemned, phase: str) -> Condemned:
    return replace(mark, phase=phase, nonce=os.urandom(8).hex())
