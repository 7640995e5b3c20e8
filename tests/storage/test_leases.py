"""Step leases of a process: renewed while they are held, released at the end, and a lost one is noticed."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import field
from leptonctl.core.state import Owner
from leptonctl.core.values import Json
from leptonctl.spi.storage import StorageError
from leptonctl.storage.folder import STORE, FolderObjects
from leptonctl.storage.leases import StepLeases
from leptonctl.storage.open import open_store
from leptonctl.storage.store import Store

KEYS = [f"sha256:{n:064x}" for n in range(3)]
ME = Owner(user="anna", pid=7)
TTL_S = 0.3
REFUSED = "The bucket cannot be reached."
AWAY = [StorageError(REFUSED, "wait"), fail("store-failed", "The store could not be read or written", REFUSED), OSError(5, REFUSED)]
"""How the medium of a lease may refuse: bare, guarded, or as the system does."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store("store", tmp_path, {"": STORE})


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def renewers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_renew_all" in thread.name]


def test_leases_are_taken_and_released(store: Store) -> None:
    with StepLeases(store, ME) as leases, StepLeases(store, Owner(user="ben")) as others:
        assert leases.take(KEYS[0])
        assert leases.take(KEYS[0])
        assert not others.take(KEYS[0])
        assert others.take(KEYS[1])
        assert store.leases() == {f"step/{KEYS[0][7:]}": ME, f"step/{KEYS[1][7:]}": Owner(user="ben")}
        leases.release(KEYS[0])
        leases.release(KEYS[0])
        assert others.take(KEYS[0])
        assert leases.lost == others.lost == frozenset()
    assert store.leases() == {}


def test_one_thread_renews_all_and_ends_with_them(store: Store) -> None:
    before = threading.active_count()
    with StepLeases(store, ME, TTL_S) as leases:
        assert threading.active_count() == before
        assert all(leases.take(key) for key in KEYS)
        assert threading.active_count() == before + 1
        assert len(renewers()) == 1
    assert threading.active_count() == before


def test_a_broken_lease_is_noticed(store: Store) -> None:
    with StepLeases(store, ME, TTL_S) as leases:
        assert leases.take(KEYS[0])
        assert leases.take(KEYS[1])
        assert store.break_lease(f"step/{KEYS[0][7:]}")
        with store.step_lease(KEYS[0], Owner(user="ben")) or pytest.fail("free"):
            until(lambda: leases.lost == {KEYS[0]})
            leases.release(KEYS[0])
            assert not leases.take(KEYS[0])
            assert set(store.leases()) == {f"step/{key[7:]}" for key in KEYS[:2]}
        assert leases.take(KEYS[0])
        assert leases.lost == frozenset()


@dataclass(slots=True)
class Term:
    """A lease as in a bucket: it is held until a point in time."""

    held: dict[str, tuple["Term", float]]
    name: str
    ttl_s: float
    away: list[Exception | None]
    renewals: int = 0

    def renew(self) -> bool:
        if self.away[0]:
            raise self.away[0]
        if self.held.get(self.name, (None, 0))[0] is not self:
            return False
        self.renewals += 1
        self.held[self.name] = (self, time.monotonic() + self.ttl_s)
        return True

    def release(self) -> None:
        if self.away[0]:
            raise self.away[0]
        if self.held.get(self.name, (None, 0))[0] is self:
            del self.held[self.name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class Terms(FolderObjects):
    """Objects whose leases expire unless they are renewed, as where the death of a holder cannot be seen."""

    held: dict[str, tuple[Term, float]] = field(default_factory=dict)
    away: list[Exception | None] = field(default_factory=lambda: [None])

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> Term | None:  # type: ignore[override]
        if name in self.held and self.held[name][1] > time.monotonic():
            return None
        lease = Term(self.held, name, ttl_s, self.away)
        self.held[name] = (lease, time.monotonic() + ttl_s)
        return lease


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Terms]:
    yield Terms(root=tmp_path)


def test_a_lease_with_a_term_is_held_far_beyond_it(bucket: Terms) -> None:
    store = Store(objects=bucket)
    with StepLeases(store, ME, 1.0) as leases:
        assert leases.take(KEYS[0])
        deadline = time.monotonic() + 4.0
        while time.monotonic() < deadline:
            assert store.step_lease(KEYS[0], ME, 1.0) is None
            time.sleep(0.02)
        assert leases.lost == frozenset()
        renewals = next(iter(bucket.held.values()))[0].renewals
        assert 5 <= renewals <= 12  # about three per term: few enough to be cheap
    assert bucket.held == {}


def test_a_short_outage_of_a_medium_loses_no_lease(bucket: Terms) -> None:
    with StepLeases(Store(objects=bucket), ME, 3.0) as leases:
        assert leases.take(KEYS[0])
        lease = next(iter(bucket.held.values()))[0]
        for _ in range(3):
            before = lease.renewals
            bucket.away[0] = AWAY[0]
            time.sleep(1.2)
            bucket.away[0] = None
            until(lambda: lease.renewals > before or leases.lost)
            assert leases.lost == frozenset()


@pytest.mark.parametrize("problem", AWAY, ids=lambda problem: type(problem).__name__)
def test_an_outage_of_a_whole_term_loses_the_lease(bucket: Terms, problem: Exception) -> None:
    """However the medium says so; the other leases are still renewed."""
    with StepLeases(Store(objects=bucket), ME, TTL_S) as leases:
        assert leases.take(KEYS[0])
        bucket.away[0] = problem
        until(lambda: leases.lost == {KEYS[0]})
        assert leases.take(KEYS[1])
    # and the end does not fail because a lease cannot be released
    assert set(bucket.held) == {f"step/{key[7:]}" for key in KEYS[:2]}
