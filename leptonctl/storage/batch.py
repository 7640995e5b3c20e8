"""The artifacts of one step, stored together at its end: one wait for the medium, and a step that fails leaves none."""

import hashlib
from dataclasses import dataclass, field

from leptonctl.storage.store import Store


@dataclass(slots=True, kw_only=True)
class ArtifactBatch:
    """What a step sees of the store (`spi.running.Artifacts`). Artifacts that it puts are durable only after `flush`."""

    store: Store
    _waiting: dict[str, bytes] = field(default_factory=dict)

    def put_artifact(self, data: bytes) -> str:
        """Keep the bytes until `flush` and return their digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._waiting[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        """As `Store.get_artifact`, including artifacts that are not flushed yet."""
        waiting = self._waiting.get(digest)
        return self.store.get_artifact(digest) if waiting is None else waiting

    def flush(self) -> None:
        """Store the artifacts put since the last flush, durably."""
        self.store.put_artifacts(self._waiting.values())
        self._waiting.clear()
