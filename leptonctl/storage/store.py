"""The store: artifacts by content, results by step key, and the small records beside them (docs/formats.md, Store).

Owns the paths and the order of writes; the bytes lie with any `Objects`. Decides nothing about what to build or bind.
"""

import gc
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from leptonctl.core.values import Json, Result
from leptonctl.storage.objects import Lease, Objects, open_objects
from leptonctl.storage.records import Recorded, decode, decode_result, encode, result_to_json

LEASE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Everything that was built, over one back end. Digests and step keys are `sha256:<hex>` or the bare hex."""

    objects: Objects

    # --- artifacts -------------------------------------------------------------------------------------------------

    def put_artifact(self, data: bytes) -> str:
        """Store bytes durably under their digest and return it; what is there already is not written again."""
        name = hashlib.sha256(data).hexdigest()
        self.objects.create(_artifact(name), data)
        return f"sha256:{name}"

    def get_artifact(self, digest: str) -> bytes:
        """The bytes, checked against the digest. Raises KeyError when absent, ValueError when they do not match."""
        found = self.objects.get(_artifact(digest))
        if found is None:
            raise KeyError(digest)
        if hashlib.sha256(found[0]).hexdigest() != _hex(digest):
            msg = f"the artifact {digest} is damaged: {_artifact(digest)} in {self.objects.describe()} has other bytes"
            raise ValueError(msg)
        return found[0]

    def has_artifact(self, digest: str) -> bool:
        return self.objects.exists(_artifact(digest))

    def artifacts(self) -> Iterator[tuple[str, int, float]]:
        """Digest, size and modification time (seconds since 1970) of every artifact, in no order."""
        for entry in self.objects.entries("artifacts"):
            yield "sha256:" + entry.path.rpartition("/")[2], entry.size, entry.modified

    def delete_artifact(self, digest: str) -> None:
        """Results that name it stay; their keys count as not built from now on."""
        self.objects.delete(_artifact(digest))

    # --- results ---------------------------------------------------------------------------------------------------

    def get_result(self, key: str) -> Result | None:
        """The newest record of a key whose artifacts all still exist; None when there is none."""
        return self.results([key]).get(key)

    def results(self, keys: Iterable[str]) -> dict[str, Result]:
        """As `get_result` for many keys, in few passes over the back end. Keys without a result are left out."""
        with _no_collector():
            records = self._records(dict.fromkeys(keys))
            named = {digest for found in records.values() for r in found for digest in r.result.artifacts.values()}
            there = self._present(named)
            best = {key: _in_force(found, there) for key, found in records.items()}
        return {key: found for key, found in best.items() if found is not None}

    def put_result(self, result: Result, address: str) -> Result:
        """Record a result; gives the one in force, which is another builder's when that was first.

        The artifacts must be in the store already (ValueError). When the record in force has lost an artifact, the new one is
        recorded beside it. `address` is for whom it was built: history for people, not identity.
        """
        lost = set(result.artifacts.values()) - self._present(set(result.artifacts.values()))
        if lost:
            msg = f"a result must not be recorded before its artifacts: {', '.join(sorted(lost))} of {result.op} {result.key}"
            raise ValueError(msg)
        data = encode({**result_to_json(result), "address": address})
        while True:
            found = self._records([result.key]).get(result.key, [])
            there = self._present({digest for r in found for digest in r.result.artifacts.values()})
            if (in_force := _in_force(found, there)) is not None:
                return in_force
            if self.objects.create(_result(result.key, len(found) + 1), data):
                return result

    def all_results(self) -> Iterator[Recorded]:
        """Every record ever made, those with lost artifacts too, in no order."""
        paths = self.objects.list("results")
        for start in range(0, len(paths), 1000):
            for path, data in self.objects.get_many(paths[start : start + 1000]).items():
                yield decode_result(data, path)

    # --- marks -----------------------------------------------------------------------------------------------------

    def check_key(self, key_id: str, mark: str) -> bool:
        """Whether `mark` is the one recorded for this key id; the first one is recorded."""
        return self._first(f"keys/{_segment(key_id)}", "mark", mark) == mark

    def lineage(self, project: str) -> str | None:
        """The lineage that owns this store for a project; None before its first apply."""
        record = self._read(f"lineage/{_segment(project)}")
        return None if record is None else str(record["lineage"])

    def mark_lineage(self, project: str, lineage: str) -> str:
        """Record the lineage unless there is one; gives the one in force."""
        return self._first(f"lineage/{_segment(project)}", "lineage", lineage)

    # --- history of pointer changes --------------------------------------------------------------------------------

    def append_history(self, serial: int, id: str, record: Mapping[str, Json]) -> bool:  # noqa: A002
        """Record a pointer change; `record["previous"]` is `{serial, id}` of the one before, or null. False: it is there."""
        return self.objects.create(_history(serial, id), encode(record))

    def history(self, head: tuple[int, str] | None) -> Iterator[dict[str, Any]]:
        """From the newest (serial, id) back along `previous`. Ends early where a record is missing."""
        while head is not None and (record := self._read(_history(*head))) is not None:
            yield record
            previous = record.get("previous")
            head = (previous["serial"], previous["id"]) if previous else None

    # --- deployments -----------------------------------------------------------------------------------------------

    def put_deployment(self, env: str, number: int, record: Mapping[str, Json]) -> bool:
        """Write the immutable record of a deployment; False when the number is taken."""
        return self.objects.create(_deployment(env, number), encode(record))

    def deployment(self, env: str, number: int) -> dict[str, Any] | None:
        return self._read(_deployment(env, number))

    def deployments(self, env: str) -> list[int]:
        """The numbers of all deployments of an environment, ascending."""
        names = (path.rpartition("/")[2] for path in self.objects.list(f"deployments/{_segment(env)}"))
        return sorted(int(name) for name in names if name.isdigit())

    def head(self, env: str) -> tuple[dict[str, Any], str] | None:
        """What names the deployment in force, and the etag that `move_head` compares."""
        path = _named("deployments", env, "head")
        found = self.objects.get(path)
        return None if found is None else (decode(found[0], path), found[1])

    def move_head(self, env: str, value: Mapping[str, Json], etag: str | None) -> bool:
        """Put another deployment in force; False when the head moved since `etag` (None: since there was no head)."""
        return self.objects.replace(_named("deployments", env, "head"), encode(value), etag) is not None

    def stage(self, env: str, value: Mapping[str, Json]) -> None:
        """Name the deployment that the servers should get ready."""
        self.objects.put(_named("deployments", env, "staged"), encode(value))

    def staged(self, env: str) -> dict[str, Any] | None:
        return self._read(_named("deployments", env, "staged"))

    # --- servers ---------------------------------------------------------------------------------------------------

    def put_server(self, env: str, id: str, record: Mapping[str, Json]) -> None:  # noqa: A002
        """Registration, heartbeat and readiness: the only thing a server writes."""
        self.objects.put(_named("servers", env, id), encode(record))

    def servers(self, env: str) -> list[dict[str, Any]]:
        """The records of all servers registered for an environment, by id; whether they live is the reader's judgement."""
        found = self.objects.get_many(self.objects.list(f"servers/{_segment(env)}"))
        return [decode(data, path) for path, data in sorted(found.items())]

    def remove_server(self, env: str, id: str) -> None:  # noqa: A002
        self.objects.delete(_named("servers", env, id))

    # --- leases ----------------------------------------------------------------------------------------------------

    def step_lease(self, key: str, owner: dict[str, Json]) -> Lease | None:
        """Saves double work, never needed for correctness. None: somebody else is building this key."""
        return self.objects.lease(f"step/{_hex(key)}", owner, LEASE_S)

    def leases(self, prefix: str = "") -> dict[str, dict[str, Json]]:
        """Owners of all leases held now, by name: `step/KEY`."""
        return self.objects.leases(prefix)

    def break_lease(self, name: str) -> bool:
        """Free a lease by force; False when nobody held it."""
        return self.objects.break_lease(name)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _records(self, keys: Iterable[str]) -> dict[str, list[Recorded]]:
        """All records of each key, oldest first. Round n asks for the n-th records, so most keys take one round and a miss."""
        found: dict[str, list[Recorded]] = {}
        asked, number = list(keys), 1
        while asked:
            paths = {_result(key, number): key for key in asked}
            for path, data in self.objects.get_many(paths).items():
                found.setdefault(paths[path], []).append(decode_result(data, path))
            asked = [key for key in asked if len(found.get(key, ())) == number]
            number += 1
        return found

    def _present(self, digests: set[str]) -> set[str]:
        paths = {_artifact(digest): digest for digest in digests}
        return {paths[path] for path in self.objects.present(paths)}

    def _read(self, path: str) -> dict[str, Any] | None:
        found = self.objects.get(path)
        return None if found is None else decode(found[0], path)

    def _first(self, path: str, field: str, value: str) -> str:
        """Write a one-field record unless there is one; the value in force."""
        self.objects.create(path, encode({field: value}))
        record = self._read(path)
        return value if record is None else str(record[field])


def open_store(uri: str, root: Path) -> Store:
    """The store a project names; a folder path is relative to `root`. Writes nothing."""
    return Store(objects=open_objects(uri, root))


def _in_force(found: list[Recorded], there: set[str]) -> Result | None:
    for recorded in reversed(found):
        if there.issuperset(recorded.result.artifacts.values()):
            return recorded.result
    return None


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _artifact(digest: str) -> str:
    name = _hex(digest)
    return f"artifacts/{name[:2]}/{name}"


def _result(key: str, number: int) -> str:
    return f"results/{_hex(key)}" if number == 1 else f"results/{_hex(key)}.{number}"


def _history(serial: int, id: str) -> str:  # noqa: A002
    return f"history/{serial:08d}-{_segment(id)}"


def _deployment(env: str, number: int) -> str:
    return _named("deployments", env, f"{number:08d}")


def _named(folder: str, env: str, name: str) -> str:
    return f"{folder}/{_segment(env)}/{_segment(name)}"


def _segment(name: str) -> str:
    """A user's word as one path segment."""
    quoted = quote(name, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


@contextmanager
def _no_collector() -> Iterator[None]:
    """Thousands of records in one go hold no cycles; the collector would walk them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
