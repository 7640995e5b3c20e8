"""Condemned, spared and swept: who writes an artifact and who frees it never miss each other (protocols 6)."""

import hashlib
import threading
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.diagnostic import Failure
from leptonctl.core.store_records import Condemned
from leptonctl.storage import condemned
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.store import Store

DATA = b"artifact"
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store("store", tmp_path, {"": STORE})
    opened.put_artifact(DATA)
    return opened


def marked(store: Store) -> condemned.MarkAt:
    (mark,) = condemned.marks(store.objects)
    return mark


def condemn(store: Store) -> condemned.MarkAt:
    condemned.condemn(store.objects, DIGEST, next(iter(condemned.marks(store.objects)), None), "now")
    return marked(store)


def test_what_is_condemned_is_swept(store: Store) -> None:
    assert condemned.sweep(store.objects, condemn(store))
    assert store.present([DIGEST]) == set()
    assert list(condemned.marks(store.objects)) == []


@pytest.mark.parametrize("meet", [lambda s: s.put_artifact(DATA), lambda s: s.spare([DIGEST])])
def test_who_meets_a_condemned_artifact_spares_it(store: Store, meet) -> None:
    seen = condemn(store)
    meet(store)
    # the sweep has read the mark before
    assert not condemned.sweep(store.objects, seen)
    assert store.get_artifact(DIGEST) == DATA
    assert not condemned.sweep(store.objects, marked(store))
    # and it can be condemned again, with a time of its own
    assert condemn(store).mark.phase == "condemned"


def test_condemning_twice_keeps_the_time_of_the_first(store: Store) -> None:
    assert condemn(store) == condemn(store)


def test_who_meets_a_sweep_waits_and_writes_again(store: Store) -> None:
    """Stopped between its compare-and-swap and the delete."""
    swept, resume = threading.Event(), threading.Event()

    class Stopped:
        def __getattr__(self, name: str):
            return getattr(store.objects, name)

        def delete(self, path: str) -> None:
            swept.set()
            assert resume.wait(10)
            store.objects.delete(path)

    sweeper = threading.Thread(target=condemned.sweep, args=(Stopped(), condemn(store)))
    writer = threading.Thread(target=store.put_artifact, args=(DATA,))
    sweeper.start()
    assert swept.wait(10)
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    resume.set()
    sweeper.join()
    writer.join()
    assert store.get_artifact(DIGEST) == DATA


def test_a_sweep_that_never_ends_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condemned, "WAIT_S", 0.2)
    mark = condemn(store)
    store.objects.replace(layout.condemned_mark(DIGEST), encode(Condemned(phase="sweeping", nonce="1")), mark.etag)
    with pytest.raises(Failure) as caught:
        store.put_artifact(DATA)
    assert "gc --yes" in caught.value.diagnostics[0].hint
    assert condemned.sweep(store.objects, marked(store))
    store.put_artifact(DATA)


def test_a_mark_that_cannot_be_read_deletes_nothing(store: Store) -> None:
    condemn(store)
    store.objects.put(layout.condemned_mark(DIGEST), b"{")
    assert not condemned.sweep(store.objects, marked(store))
    store.put_artifact(DATA)
