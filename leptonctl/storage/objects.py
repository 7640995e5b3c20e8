"""The seam of a store's back end: named bytes with create-if-absent and compare-and-swap. Owns no format and no policy.

Every back end passes `leptonctl.testing.check_store`. Paths are relative, made of segments joined by "/", none of which
is empty or starts with a dot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from leptonctl.core.diagnostic import INVALID, fail
from leptonctl.core.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object of a listing. `modified` is in seconds since 1970."""

    path: str
    size: int
    modified: float


class Lease(Protocol):
    """A lease held by this process: a context manager that gives it up. Giving up twice is harmless."""

    def renew(self) -> bool:
        """Hold it for another `ttl_s`. False when somebody else has taken it meanwhile, or it was released by force."""
        ...

    def release(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Objects(Protocol):
    """What a store needs of a folder, a bucket or a container. Every write is durable when the call returns."""

    def get(self, path: str) -> tuple[bytes, str] | None:
        """Bytes and etag, or None when absent. An etag never comes back, also when the bytes do."""
        ...

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Bytes of those that exist. For thousands of small objects: a remote back end overlaps the requests."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Create if absent; False when it exists (and is durable)."""
        ...

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        """Compare and swap: the new etag, or None when the object moved. An `etag` of None means that it must be absent."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write in one move, whatever stands there."""
        ...

    def delete(self, path: str) -> None:
        """Remove; nothing happens when it is absent."""
        ...

    def exists(self, path: str) -> bool: ...

    def present(self, paths: Iterable[str]) -> set[str]:
        """Those of many paths that exist."""
        ...

    def size(self, path: str) -> int | None:
        """Size in bytes, None when absent."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All paths below the folder `prefix` ("" for all), sorted."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """As `list`, with sizes and times, in no order."""
        ...

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> Lease | None:
        """Take the lease of a name without waiting; None when another holds it. It is free again when its holder dies, or
        does not renew it for `ttl_s` where death cannot be seen. `owner` is recorded for people."""
        ...

    def lease_owner(self, name: str) -> dict[str, Json] | None:
        """The recorded owner of a lease that is held, None when it is free."""
        ...

    def leases(self, prefix: str) -> dict[str, dict[str, Json]]:
        """Owners of all held leases below `prefix` ("" for all), by name."""
        ...

    def break_lease(self, name: str) -> bool:
        """Free a lease by force, whoever holds it; False when there was none. Correctness never rests on a lease."""
        ...

    def describe(self) -> str:
        """Where this is, for messages."""
        ...


def open_objects(uri: str, root: Path) -> Objects:
    """The back end a `store:` names; a folder path is relative to `root`. Writes nothing."""
    if "://" in uri:
        raise fail(
            "not-available",
            "This kind of store is not available yet",
            f'`store: {uri}` names a back end of scheme "{uri.partition("://")[0]}"; this release keeps stores in folders.',
            hint="write `store: .leptonctl/store`, or the path of a folder that all machines reach",
            exit_code=INVALID,
        )
    from leptonctl.storage.folder import FolderObjects  # a remote back end does not load it

    return FolderObjects(root=root / uri)
