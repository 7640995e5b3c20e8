"""The step leases of this process, renewed by one thread while they are held. Correctness never depends on them."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from leptonctl.core.diagnostic import Failure
from leptonctl.core.state import Owner
from leptonctl.spi.storage import Lease, StorageError
from leptonctl.storage.store import LEASE_S, Store

RENEWALS = 3
"""How often a lease is renewed within its term: a renewal that fails is tried again before others may take the lease."""


@dataclass(slots=True, kw_only=True)
class _Held:
    lease: Lease
    renewed: float


class StepLeases:
    """Takes, renews and releases leases. `lost` holds keys that another process may also be building."""

    def __init__(self, store: Store, owner: Owner, ttl_s: float = LEASE_S) -> None:
        self._store, self._owner, self._ttl_s = store, owner, ttl_s
        self._held: dict[str, _Held] = {}
        self._lost: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, key: str) -> bool:
        """Take the lease of a step key. False when another process holds it."""
        with self._lock:
            if key in self._held:
                return True
            lease = self._store.step_lease(key, self._owner, self._ttl_s)
            if lease is None:
                return False
            self._held[key] = _Held(lease=lease, renewed=time.monotonic())
            self._lost.discard(key)
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, daemon=True)
                self._thread.start()
            return True

    def release(self, key: str) -> None:
        """Release a lease; nothing happens when it is not held."""
        with self._lock:
            held = self._held.pop(key, None)
        if held is not None:
            _release(held.lease)

    @property
    def lost(self) -> frozenset[str]:
        """Keys whose lease was broken, or could not be renewed during its whole term."""
        with self._lock:
            return frozenset(self._lost)

    def close(self) -> None:
        """Release all leases and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for key in list(self._held):
            self.release(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _renew_all(self) -> None:
        while not self._stop.wait(self._ttl_s / RENEWALS):
            for key in list(self._held):
                with self._lock:
                    held = self._held.get(key)
                    if held is not None and not self._renew(held):
                        self._lost.add(key)
                        del self._held[key]

    def _renew(self, held: _Held) -> bool:
        """Renew a lease; False when it is lost. Errors of the medium are ignored until the term is over."""
        try:
            if not held.lease.renew():
                return False
        except (StorageError, Failure, OSError):
            return time.monotonic() - held.renewed < self._ttl_s
        held.renewed = time.monotonic()
        return True


def _release(lease: Lease) -> None:
    # a lease that cannot be released ends with its term
    with suppress(StorageError, Failure, OSError):
        lease.release()
