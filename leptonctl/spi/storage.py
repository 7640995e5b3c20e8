"""The seams of storage: what a store and a state need of a folder, a bucket or a database.

A back end is a `StoreBackend` or `StateBackend` value, found by its URI scheme in the entry points `leptonctl.stores` and
`leptonctl.states`. Every back end passes `leptonctl.testing.check_store` or `check_state`. Nothing here knows a format or a policy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json


class StorageError(Exception):
    """Raised by a back end when its medium refuses: no space, no permission, no connection. The caller adds id and span.

    `detail` is a sentence that names the place, `hint` an edit or a command.
    """

    def __init__(self, detail: str, hint: str) -> None:
        self.detail, self.hint = detail, hint
        super().__init__(detail)


class ObjectEntry(Frozen):
    """One object of a listing. `modified` is in seconds since 1970."""

    path: str
    size: int
    modified: float


class Lease(Protocol):
    """A lease held by this process: a context manager that releases it. Releasing twice is harmless."""

    def renew(self) -> bool:
        """Extend it by another `ttl_s`. False when another holder has taken it, or it was released by force."""
        ...

    def release(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Objects(Protocol):
    """Named bytes with create-if-absent and compare-and-swap. Every write is durable when the call returns.

    Paths are relative, made of segments joined by "/", none of which is empty or starts with a dot; others raise ValueError.
    What the medium refuses raises StorageError. What is not an object (a folder, a broken link) is absent for every reader.
    """

    def get(self, path: str) -> tuple[bytes, str] | None:
        """Bytes and etag, or None when absent. An etag is never used again, even when the bytes are the same again."""
        ...

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of the objects that exist. For thousands of small objects: a remote back end overlaps the requests."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Create if absent; False when it exists (and is durable)."""
        ...

    def create_many(self, objects: Mapping[str, bytes]) -> set[str]:
        """As `create`, for many objects in no order, made durable together; returns the paths that were created."""
        ...

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        """Compare and swap: the new etag, or None when the object has changed. An `etag` of None means that it must be absent."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write atomically, over what is there."""
        ...

    def delete(self, path: str) -> None:
        """Remove; nothing happens when it is absent."""
        ...

    def read(self, path: str) -> Iterator[bytes] | None:
        """The bytes in chunks, for large objects; None when absent."""
        ...

    def write(self, path: str, chunks: Iterable[bytes]) -> bool:
        """As `create`, from chunks, without holding them all in memory. Nothing is stored when the chunks raise."""
        ...

    def present(self, paths: Iterable[str]) -> set[str]:
        """The paths that exist among these."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All paths below the folder `prefix` ("" for all), sorted."""
        ...

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        """As `list`, with sizes and times, in no order."""
        ...

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> Lease | None:
        """Take the lease of a name without waiting; None when another holds it.

        It is free again when its holder dies or, where that cannot be seen, has not renewed it for `ttl_s`. `owner` is recorded
        for people.
        """
        ...

    def leases(self, prefix: str) -> dict[str, dict[str, Json]]:
        """The owners of all held leases below `prefix` ("" for all), by name."""
        ...

    def break_lease(self, name: str) -> bool:
        """Release a lease by force, whoever holds it; False when there was none. Correctness never depends on a lease."""
        ...

    def describe(self) -> str:
        """Where this is, for messages."""
        ...


class Stamp(Frozen):
    """What a state's compare-and-swap compares: its revision, which grows by one, and the random id of the write."""

    revision: int
    write: str


class StateStore(Protocol):
    """One object, replaced by compare-and-swap. `data` is a JSON object with the `revision` and `write` of its stamp."""

    def read(self) -> tuple[bytes, Stamp] | None:
        """The state and its stamp; None before the first write.

        Raises StateCorrupt when what is there cannot be read as a state; that never counts as "no state".
        """
        ...

    def swap(self, expected: Stamp | None, data: bytes, stamp: Stamp) -> bool:
        """Replace the state if its stamp is still the expected one (None: if there is no state). Durable on return.

        Raises ValueError unless `stamp` is one revision after `expected`. False: the state has moved, and nothing was written.
        """
        ...

    def describe(self) -> str:
        """Where this is, for messages."""
        ...


@runtime_checkable
class Clearable(Protocol):
    """An optional ability of a state, with which `state restore` and `state adopt` replace one that cannot be read."""

    def set_aside(self) -> str:
        """Move away what is stored, so that `read` gives None afterwards; returns where it is kept."""
        ...


class StateCorrupt(Exception):
    """What is there is not a state, or something else has removed it. `detail` says why, `hint` how to restore it."""

    def __init__(self, detail: str, hint: str, *, missing: bool = False) -> None:
        self.detail, self.hint, self.missing = detail, hint, missing
        super().__init__(detail)


class StoreBackend(Frozen):
    """`open(uri, project folder)`: the objects that a `store:` of this scheme names. Writes nothing."""

    scheme: str
    description: str
    open: Callable[[str, Path], Objects]


class StateBackend(Frozen):
    """`open(uri, project folder)`: the state that a `state:` of this scheme names. Writes nothing."""

    scheme: str
    description: str
    open: Callable[[str, Path], StateStore]
