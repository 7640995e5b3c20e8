"""The one place where an error of the store's medium becomes a failure of the command, `store-failed`."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.spi.storage import Lease, ObjectEntry, Objects, StorageError


@contextmanager
def store_failures() -> Iterator[None]:
    """Turns a StorageError inside into Failure `store-failed`."""
    try:
        yield
    except StorageError as refusal:
        raise fail("store-failed", "The store could not be read or written", refusal.detail, hint=refusal.hint) from refusal


class GuardedObjects(Frozen):
    """Objects whose errors are Failures, for callers that show them to people. Servers and back-end tests use the bare objects."""

    inner: Objects

    def get(self, path: str) -> tuple[bytes, str] | None:
        with store_failures():
            return self.inner.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        with store_failures():
            return self.inner.get_many(paths)

    def create(self, path: str, data: bytes) -> bool:
        with store_failures():
            return self.inner.create(path, data)

    def create_many(self, objects: Mapping[str, bytes]) -> set[str]:
        with store_failures():
            return self.inner.create_many(objects)

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        with store_failures():
            return self.inner.replace(path, data, etag)

    def put(self, path: str, data: bytes) -> None:
        with store_failures():
            self.inner.put(path, data)

    def delete(self, path: str) -> None:
        with store_failures():
            self.inner.delete(path)

    def read(self, path: str) -> Iterator[bytes] | None:
        with store_failures():
            chunks = self.inner.read(path)
        return None if chunks is None else _guarded_chunks(chunks)

    def write(self, path: str, chunks: Iterable[bytes]) -> bool:
        with store_failures():
            return self.inner.write(path, chunks)

    def present(self, paths: Iterable[str]) -> set[str]:
        with store_failures():
            return self.inner.present(paths)

    def list(self, prefix: str) -> list[str]:
        with store_failures():
            return self.inner.list(prefix)

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        with store_failures():
            yield from self.inner.entries(prefix)

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> Lease | None:
        with store_failures():
            return self.inner.lease(name, owner, ttl_s)

    def leases(self, prefix: str) -> dict[str, dict[str, Json]]:
        with store_failures():
            return self.inner.leases(prefix)

    def break_lease(self, name: str) -> bool:
        with store_failures():
            return self.inner.break_lease(name)

    def describe(self) -> str:
        return self.inner.describe()


def _guarded_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with store_failures():
        yield from chunks
