"""A store and a state in one SQLite file each: `sqlite:///path` or `sqlite://relative/path`."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from leptonctl.spi import ObjectEntry, Stamp, StateBackend, StoreBackend

SCHEMA = """
create table if not exists objects (path text primary key, data blob not null, etag text not null, modified real not null);
create table if not exists leases (name text primary key, owner text not null, holder text not null, until real not null);
create table if not exists state (one integer primary key check (one = 1), data blob not null, revision integer, write text);
"""


class Database:
    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def open(self, *, writing: bool) -> Iterator[sqlite3.Connection]:
        if not writing and not self.file.exists():
            connection = sqlite3.connect(":memory:")
        else:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.file, timeout=60, isolation_level=None)
        try:
            connection.executescript(SCHEMA)
            connection.execute("pragma synchronous = full")
            if writing:
                connection.execute("begin immediate")
            yield connection
            if writing:
                connection.execute("commit")
        finally:
            connection.close()


class SqliteObjects:
    """Every call is one transaction."""

    def __init__(self, file: Path) -> None:
        self._database = Database(file)

    def get(self, path: str) -> tuple[bytes, str] | None:
        with self._database.open(writing=False) as db:
            found = db.execute("select data, etag from objects where path = ?", (checked(path),)).fetchone()
        return None if found is None else (bytes(found[0]), str(found[1]))

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        with self._database.open(writing=False) as db:
            found = {p: db.execute("select data from objects where path = ?", (checked(p),)).fetchone() for p in paths}
        return {path: bytes(row[0]) for path, row in found.items() if row is not None}

    def create(self, path: str, data: bytes) -> bool:
        return self.replace(path, data, None) is not None

    def create_many(self, objects: Mapping[str, bytes]) -> set[str]:
        return {path for path, data in objects.items() if self.create(path, data)}

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        with self._database.open(writing=True) as db:
            found = db.execute("select etag from objects where path = ?", (checked(path),)).fetchone()
            if (found[0] if found else None) != etag:
                return None
            return self._put(db, path, data)

    def put(self, path: str, data: bytes) -> None:
        with self._database.open(writing=True) as db:
            self._put(db, checked(path), data)

    def delete(self, path: str) -> None:
        with self._database.open(writing=True) as db:
            db.execute("delete from objects where path = ?", (checked(path),))

    def read(self, path: str) -> Iterator[bytes] | None:
        found = self.get(path)
        return None if found is None else iter([found[0]])

    def write(self, path: str, chunks: Iterable[bytes]) -> bool:
        return self.create(path, b"".join(chunks))

    def present(self, paths: Iterable[str]) -> set[str]:
        with self._database.open(writing=False) as db:
            return {p for p in paths if db.execute("select 1 from objects where path = ?", (checked(p),)).fetchone()}

    def list(self, prefix: str) -> list[str]:
        return sorted(info.path for info in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        start = f"{checked(prefix)}/" if prefix else ""
        with self._database.open(writing=False) as db:
            rows = db.execute("select path, length(data), modified from objects").fetchall()
        for path, size, modified in rows:
            if path.startswith(start):
                yield ObjectEntry(path=path, size=size, modified=modified)

    def lease(self, name: str, owner: dict[str, Any], ttl_s: float) -> "SqliteLease | None":
        holder = uuid.uuid4().hex
        with self._database.open(writing=True) as db:
            held = db.execute("select until from leases where name = ?", (checked(name),)).fetchone()
            if held is not None and held[0] > time.time():
                return None
            row = (name, json.dumps(owner), holder, time.time() + ttl_s)
            db.execute("insert or replace into leases values (?, ?, ?, ?)", row)
        return SqliteLease(self._database, name, holder, ttl_s)

    def leases(self, prefix: str) -> dict[str, dict[str, Any]]:
        with self._database.open(writing=False) as db:
            rows = db.execute("select name, owner from leases where until > ?", (time.time(),)).fetchall()
        start = f"{prefix}/" if prefix else ""
        return {name: json.loads(owner) for name, owner in rows if name.startswith(start)}

    def break_lease(self, name: str) -> bool:
        with self._database.open(writing=True) as db:
            return db.execute("delete from leases where name = ?", (checked(name),)).rowcount > 0

    def describe(self) -> str:
        return f"sqlite://{self._database.file}"

    def _put(self, db: sqlite3.Connection, path: str, data: bytes) -> str:
        etag = uuid.uuid4().hex
        db.execute("insert or replace into objects values (?, ?, ?, ?)", (path, data, etag, time.time()))
        return etag


class SqliteLease:
    def __init__(self, database: Database, name: str, holder: str, ttl_s: float) -> None:
        self._database, self._name, self._holder, self._ttl_s = database, name, holder, ttl_s

    def renew(self) -> bool:
        with self._database.open(writing=True) as db:
            until = time.time() + self._ttl_s
            done = db.execute("update leases set until = ? where name = ? and holder = ?", (until, self._name, self._holder))
            return done.rowcount > 0

    def release(self) -> None:
        with self._database.open(writing=True) as db:
            db.execute("delete from leases where name = ? and holder = ?", (self._name, self._holder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class SqliteState:
    def __init__(self, file: Path) -> None:
        self._database = Database(file)

    def read(self) -> tuple[bytes, Stamp] | None:
        with self._database.open(writing=False) as db:
            found = db.execute("select data, revision, write from state").fetchone()
        return None if found is None else (bytes(found[0]), Stamp(revision=found[1], write=found[2]))

    def swap(self, expected: Stamp | None, data: bytes, stamp: Stamp) -> bool:
        said = json.loads(data)
        if (said["revision"], said["write"]) != (stamp.revision, stamp.write):
            msg = f"the data are not those of {stamp}"
            raise ValueError(msg)
        if expected is not None and stamp.revision != expected.revision + 1:
            msg = f"revision {stamp.revision} cannot follow {expected.revision}"
            raise ValueError(msg)
        with self._database.open(writing=True) as db:
            found = db.execute("select revision, write from state").fetchone()
            before = Stamp(revision=found[0], write=found[1]) if found else None
            if before != expected:
                return False
            db.execute("insert or replace into state values (1, ?, ?, ?)", (data, stamp.revision, stamp.write))
            return True

    def describe(self) -> str:
        return f"sqlite://{self._database.file}"


def file_of(uri: str, root: Path) -> Path:
    return root / uri.removeprefix("sqlite://")


def checked(path: str) -> str:
    if not path or path[0] in "./" or path[-1] == "/" or "/." in path or "//" in path or "\0" in path:
        msg = f"not an object path: {path!r}"
        raise ValueError(msg)
    return path


def open_objects(uri: str, root: Path) -> SqliteObjects:
    return SqliteObjects(file_of(uri, root))


def open_state(uri: str, root: Path) -> SqliteState:
    return SqliteState(file_of(uri, root))


STORE = StoreBackend(scheme="sqlite", description="Objects in a SQLite file.", open=open_objects)
STATE = StateBackend(scheme="sqlite", description="The state in a SQLite file.", open=open_state)
