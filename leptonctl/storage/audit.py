"""Reads every byte of a store: each artifact against its digest, each record against its type, its checksum and its name.

Reports what it finds and decides nothing. Memory is bounded by the records: artifacts are read in chunks, a few at a time.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, Record
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import Frozen
from leptonctl.core.packed import decode_roots
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import HistoryRecord, State
from leptonctl.core.store_records import Condemned, KeyMark, LineageName, OwnerRecord, Recipe, Reference, StoreIdentity
from leptonctl.spi.storage import ObjectEntry, Objects
from leptonctl.storage.records import MISNAMED, BadRecordAt, read_record

READERS = 4
BATCH = 500
REPORT_S, FIRST_REPORT_S = 1.0, 0.5
ARTIFACT = "artifact"


class Kind(Frozen):
    """A kind of record, by the pattern of its paths. `is_its_own`: whether a record is the one that its path names.

    `read` decodes the bytes at a path; it raises BadRecordAt.
    """

    label: str
    pattern: re.Pattern[str]
    record: type[Record]
    is_its_own: Callable[[Any, re.Match[str]], bool]
    read: Callable[[bytes, str], Record]


def _kind(label: str, pattern: str, record: type[Record], is_its_own: Callable[[Any, re.Match[str]], bool] = lambda _r, _m: True) -> Kind:
    def read(data: bytes, path: str) -> Record:
        return read_record(data, path, record)

    reader = _read_roots if record is State else read
    return Kind(label=label, pattern=re.compile(pattern), record=record, is_its_own=is_its_own, read=reader)


def _read_roots(data: bytes, path: str) -> Record:
    try:
        return decode_roots(data)
    except BadRecord as problem:
        raise BadRecordAt(path, problem) from problem


_HEX, _NAME = "[0-9a-f]{64}", "[^/]+"
KINDS = (
    _kind("identity", layout.IDENTITY, StoreIdentity),
    _kind("result", rf"{layout.RESULTS}/({_HEX})(?:\.[1-9][0-9]*)?", Result, lambda r, m: layout.bare(r.key) == m[1]),
    _kind("recipe", rf"{layout.RECIPES}/({_HEX})", Recipe, lambda r, m: not r.declaration or layout.bare(r.declaration) == m[1]),
    _kind("key mark", rf"{layout.KEYS}/({_NAME})", KeyMark, lambda r, m: not r.key_id or layout.key_mark(r.key_id) == m[0]),
    _kind("lineage name", rf"{layout.LINEAGES}/{_NAME}/({_NAME})", LineageName, lambda r, m: layout.segment(r.lineage) == m[1]),
    _kind("owner", rf"{layout.PROJECTS}/{_NAME}/owner", OwnerRecord),
    _kind("roots", rf"{layout.PROJECTS}/({_NAME})/roots", State, lambda r, m: layout.segment(r.lineage) == m[1]),
    _kind("reference", rf"{layout.PROJECTS}/{_NAME}/refs/{_NAME}", Reference),
    _kind("tombstone", rf"{layout.TOMBSTONES}/{_HEX}", Tombstone),
    _kind("condemned", rf"{layout.CONDEMNED}/{_HEX}", Condemned),
    _kind(
        "history", rf"{layout.PROJECTS}/{_NAME}/history/[0-9]+/([0-9]{{8,}})-({_NAME})", HistoryRecord,
        lambda r, m: (r.serial, layout.segment(r.id)) == (int(m[1]), m[2]),
    ),
    _kind("head", rf"{layout.PROJECTS}/({_NAME})/deployments/({_NAME})/head", Head,
        lambda r, m: r.is_of(layout.name_from(m[1]), layout.name_from(m[2])),
    ),
    _kind(
        "deployment", rf"{layout.PROJECTS}/({_NAME})/deployments/({_NAME})/([0-9]{{8,}})", Deployment,
        lambda r, m: (layout.segment(r.lineage), layout.segment(r.environment), r.deployment) == (m[1], m[2], int(m[3])),
    ),
    _kind(
        "server", rf"{layout.PROJECTS}/({_NAME})/servers/({_NAME})/({_NAME})", ServerRecord,
        lambda r, m: (layout.segment(r.lineage), layout.segment(r.environment), layout.segment(r.id)) == (m[1], m[2], m[3]),
    ),
)  # fmt: skip
"""Every kind of record in a store. A path that matches none is foreign."""


class Damage(Frozen):
    """An object that is not what it should be. `kind`: ARTIFACT or the label of a Kind; `reason`: a clause that follows the path."""

    path: str
    kind: str
    reason: str


class Audit(Frozen):
    """What a store holds. `records`: path -> record of those that can be read; `artifacts`: digests, damaged ones too."""

    records: dict[str, Record]
    artifacts: frozenset[str]
    damaged: tuple[Damage, ...]
    foreign: tuple[str, ...]
    bytes: int


@dataclass(slots=True, kw_only=True)
class Progress:
    """How much has been read. `report` is called about once a second, from any thread but never concurrently."""

    artifacts: int
    bytes: int
    report: Callable[["Progress"], None]
    read: int = 0
    done: int = 0
    _next: float = field(default_factory=lambda: time.monotonic() + FIRST_REPORT_S)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int, *, done: bool = False) -> None:
        """Count some bytes; `done`: they complete an artifact."""
        with self._lock:
            self.read += size
            self.done += done
            if time.monotonic() >= self._next:
                self.report(self)
                self._next = time.monotonic() + REPORT_S


def audit(objects: Objects, report: Callable[[Progress], None] = lambda _progress: None) -> Audit:
    """Read the whole store. Failure `store-failed` when it cannot be listed."""
    entries = sorted(objects.entries(""), key=lambda entry: entry.path)
    artifacts = [entry for entry in entries if layout.artifact_digest(entry.path) is not None]
    by_path: dict[str, tuple[Kind, re.Match[str]]] = {}
    foreign: list[str] = []
    for entry in entries:
        record = next(((kind, match) for kind in KINDS if (match := kind.pattern.fullmatch(entry.path))), None)
        if record is not None:
            by_path[entry.path] = record
        elif layout.artifact_digest(entry.path) is None:
            foreign.append(entry.path)
    progress = Progress(artifacts=len(artifacts), bytes=sum(entry.size for entry in artifacts), report=report)
    records, damaged = _read_records(objects, by_path)
    damaged += _read_artifacts(objects, artifacts, progress)
    return Audit(
        records=records,
        artifacts=frozenset(str(layout.artifact_digest(entry.path)) for entry in artifacts),
        damaged=tuple(damaged),
        foreign=tuple(foreign),
        bytes=progress.bytes,
    )


def _read_records(objects: Objects, by_path: dict[str, tuple[Kind, re.Match[str]]]) -> tuple[dict[str, Record], list[Damage]]:
    records: dict[str, Record] = {}
    damaged: list[Damage] = []
    for paths in _batches(by_path):
        contents = _contents(objects, paths, damaged, by_path)
        for path, data in contents.items():
            kind, match = by_path[path]
            try:
                record = kind.read(data, path)
            except BadRecordAt as failure:
                damaged.append(Damage(path=path, kind=kind.label, reason=failure.reason))
                continue
            if kind.is_its_own(record, match):
                records[path] = record
            else:
                damaged.append(Damage(path=path, kind=kind.label, reason=MISNAMED))
    return records, damaged


def _contents(
    objects: Objects, paths: Sequence[str], damaged: list[Damage], by_path: dict[str, tuple[Kind, re.Match[str]]]
) -> dict[str, bytes]:
    """The bytes of some objects. Those that cannot be read are added to `damaged`."""
    try:
        return objects.get_many(paths)
    except Failure:
        contents = {}
        for path in paths:
            try:
                contents.update(objects.get_many([path]))
            except Failure as failure:
                damaged.append(Damage(path=path, kind=by_path[path][0].label, reason=_reason(failure)))
        return contents


def _read_artifacts(objects: Objects, entries: Sequence[ObjectEntry], progress: Progress) -> list[Damage]:
    """The artifacts whose bytes do not have the digest in their name."""

    def check(entry: ObjectEntry) -> Damage | None:
        reason = _artifact_problem(objects, entry.path, progress)
        progress.add(0, done=True)
        return Damage(path=entry.path, kind=ARTIFACT, reason=reason) if reason else None

    # hashing releases the interpreter's lock, and a remote store answers several requests at a time
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        outcomes = [damage for batch in _batches(entries) for damage in pool.map(check, batch)]
    return [damage for damage in outcomes if damage is not None]


def _artifact_problem(objects: Objects, path: str, progress: Progress) -> str:
    state = hashlib.sha256()
    try:
        # one that was deleted since it was listed is not damaged
        for chunk in objects.read(path) or ():
            state.update(chunk)
            progress.add(len(chunk))
        if objects.present([path]) and state.hexdigest() != layout.bare(str(layout.artifact_digest(path))):
            return "its bytes do not have the digest that it is named by"
    except Failure as failure:
        return _reason(failure)
    return ""


def _reason(failure: Failure) -> str:
    problem = failure.diagnostics[0]
    return f"it cannot be read: {problem.detail or problem.summary}"


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
