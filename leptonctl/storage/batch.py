"""The artifacts of one step, stored together at its end: one wait for the medium, and a step that fails leaves none."""

import hashlib
from dataclasses import dataclass, field

from leptonctl.storage.store import Store


@dataclass(slots=True, kw_only=True)
class ArtifactBatch:
    """The artifacts that a step reads and writes (`spi.running.Artifacts`). Artifacts that it puts are durable only after `flush`."""

    store: Store
    _pending: dict[str, bytes] = field(default_factory=dict)

    def put_artifact(self, data: bytes) -> str:
        """Keep the bytes until `flush` and return their digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._pending[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        """As `Store.get_artifact`, including artifacts that are not flushed yet."""
        pending = self._pending.get(digest)
        return self.store.get_artifact(digest) if pending is None else pending

    def flush(self) -> None:
        """Store the artifacts put since the last flush, durably."""
        self.store.put_artifacts(self._pending.values())
        self._pending.clear()
