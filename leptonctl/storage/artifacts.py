"""The artifacts of a store: bytes by digest, written once, checked when they are read, and tombstones of those that were purged."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Tombstone
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.storage import Objects
from leptonctl.storage.condemned import spare
from leptonctl.storage.records import read_record

PURGED_HINT = (
    "remove the rows from the source file and its `digest:` if it has one, then `leptonctl pin` and `leptonctl apply --yes`;"
    " or declare a new version"
)


class StoredArtifact(Frozen):
    """An artifact in a listing. `modified` is in seconds since 1970."""

    digest: str
    size: int
    modified: float


class ArtifactStore(Frozen):
    """Artifacts on one back end. Digests are `sha256:<hex>` or the bare hex.

    `suspects`: artifacts that count as present only while their bytes match. All others are checked when they are read.
    What was purged is absent, even if a backup has brought its bytes back, except `with_purged`, so that it can be removed again.
    """

    objects: Objects
    suspects: frozenset[str] = frozenset()
    with_purged: bool = False

    def put_artifact(self, data: bytes) -> str:
        """Store bytes durably under their digest and return it. An artifact that exists is written again only if it is damaged."""
        return self.put_artifacts([data])[0]

    def put_artifacts(self, contents: Iterable[bytes]) -> list[str]:
        """As `put_artifact` for many, with one wait for the medium."""
        digests = []
        by_path: dict[str, bytes] = {}
        for data in contents:
            digests.append("sha256:" + hashlib.sha256(data).hexdigest())
            by_path[layout.artifact(digests[-1])] = data
        purged = self._refuse_purged(digests)
        self.spare(digests)
        for path in by_path.keys() - self.objects.create_many(by_path):
            self._repair(path, by_path[path])
        self._remove_tombstones(purged)
        return digests

    def get_artifact(self, digest: str) -> bytes:
        """The bytes, checked against the digest. Raises KeyError when absent, ValueError when they do not match."""
        stored = self.objects.get(layout.artifact(digest))
        if stored is None or self._is_purged(digest):
            raise KeyError(digest)
        if hashlib.sha256(stored[0]).hexdigest() != layout.bare(digest):
            raise self._damage(digest)
        return stored[0]

    def present(self, digests: Iterable[str]) -> set[str]:
        """Those of the artifacts that exist and were not purged; of the suspects, those that are not damaged."""
        purged = set() if self.with_purged else self.tombstones()
        stored = {digest for digest in self._stored_digests(digests) if layout.bare(digest) not in purged}
        return stored - {digest for digest in stored & self.suspects if not self.is_sound(digest)} if self.suspects else stored

    def is_sound(self, digest: str) -> bool:
        """Whether an artifact exists and has the bytes of its digest."""
        chunks, state = self.objects.read(layout.artifact(digest)), hashlib.sha256()
        for chunk in chunks or ():
            state.update(chunk)
        return chunks is not None and state.hexdigest() == layout.bare(digest)

    def artifacts(self) -> Iterator[StoredArtifact]:
        """All artifacts, in no order, including purged ones. Other files are skipped."""
        for entry in self.objects.entries(layout.ARTIFACTS):
            digest = layout.artifact_digest(entry.path)
            if digest is not None:
                yield StoredArtifact(digest=digest, size=entry.size, modified=entry.modified)

    def spare(self, digests: Iterable[str]) -> set[str]:
        """Keep `gc` from sweeping these artifacts: to be called before a record refers to them. Waits for those that are being swept
        now, and returns them: they no longer exist.
        """
        return spare(self.objects, digests)

    def purge(self, tombstones: Mapping[str, Tombstone]) -> None:
        """Remove artifacts by digest, in this order: the tombstones first, so that no writer puts the bytes back in between.

        Failure `purge-incomplete` if one still exists.
        """
        records = {layout.tombstone(digest): encode(tombstone) for digest, tombstone in tombstones.items()}
        written = self.objects.create_many(records)
        for digest, tombstone in tombstones.items():
            if tombstone.refused and (path := layout.tombstone(digest)) not in written:
                self.objects.put(path, records[path])  # the earlier one may not refuse the bytes
        for digest in tombstones:
            self.objects.delete(layout.artifact(digest))
        if remaining := self._stored_digests(tombstones):
            detail = f"still in {self.objects.describe()} after they were deleted: {', '.join(sorted(remaining))}"
            hint = "check that the store is writable and keeps no older versions, and run the same command again"
            raise fail("purge-incomplete", "Artifacts could not be removed", detail, hint=hint)

    def tombstones_of(self, digests: Iterable[str]) -> dict[str, Tombstone]:
        """The tombstones of those of the artifacts that were purged."""
        paths = {layout.tombstone(digest): digest for digest in digests}
        return {paths[path]: read_record(data, path, Tombstone) for path, data in self.objects.get_many(paths).items()}

    def tombstones(self) -> set[str]:
        """The bare digests of everything that was purged."""
        return {path.rpartition("/")[2] for path in self.objects.list(layout.TOMBSTONES)}

    def purge_again(self, digests: Iterable[str]) -> None:
        """Remove the bytes of artifacts that were purged before and have come back; their tombstones stay."""
        for digest in digests:
            self.objects.delete(layout.artifact(digest))

    def _stored_digests(self, digests: Iterable[str]) -> set[str]:
        """Those of the artifacts whose bytes exist, purged or not."""
        paths = {layout.artifact(digest): digest for digest in digests}
        return {paths[path] for path in self.objects.present(paths)}

    def _is_purged(self, digest: str) -> bool:
        return not self.with_purged and bool(self.objects.present([layout.tombstone(digest)]))

    def _refuse_purged(self, digests: Iterable[str]) -> list[str]:
        """Those that were purged and may be stored again. Raises ProviderError (purged) when one may not."""
        tombstones = self.tombstones_of(digests)
        refused = next((tombstone for tombstone in tombstones.values() if tombstone.refused), None)
        if refused is not None:
            raise ProviderError(
                "These bytes were purged",
                detail=f"They hold what was purged on {refused.at} by {refused.by}: {refused.subject}.",
                hint=PURGED_HINT,
                id="purged",
            )
        return [*tombstones]

    def _remove_tombstones(self, digests: Iterable[str]) -> None:
        """Drop the tombstones of artifacts that were built again without the rows: if one is missing later, it was lost, not purged."""
        for digest in digests:
            self.objects.delete(layout.tombstone(digest))

    def _repair(self, path: str, data: bytes) -> None:
        """Write the bytes of an artifact again if the stored ones are damaged, or if its name is taken by what is not an object."""
        stored = self.objects.get(path)
        if stored is None or stored[0] != data:
            self.objects.put(path, data)

    def _damage(self, digest: str) -> ValueError:
        return ValueError(f"the artifact {digest} is damaged: {layout.artifact(digest)} in {self.objects.describe()} has other bytes")
