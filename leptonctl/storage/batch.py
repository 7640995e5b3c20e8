"""The artifacts of one step, stored together when it is done: they wait for the medium once, and a step that fails leaves none."""

import hashlib
from dataclasses import dataclass, field

from leptonctl.storage.store import Store


@dataclass(slots=True, kw_only=True)
class ArtifactBatch:
    """What a step sees of the store (`spi.running.Artifacts`). What it puts is durable after `flush`, not before."""

    store: Store
    _waiting: dict[str, bytes] = field(default_factory=dict)

    def put_artifact(self, data: bytes) -> str:
        """The digest of the bytes, which are kept until `flush`."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._waiting[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        """As `Store.get_artifact`; what was put and not flushed is there too."""
        waiting = self._waiting.get(digest)
        return self.store.get_artifact(digest) if waiting is None else waiting

    def flush(self) -> None:
        """Store what was put since the last time, durably."""
        self.store.put_artifacts(self._waiting.values())
        self._waiting.clear()
