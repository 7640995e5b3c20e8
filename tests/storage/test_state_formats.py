"""States that a release has written: every later release can read them.

`state_formats/v1/*.json` are real states. Once the format is released they are never edited: a later one adds a folder.
"""

import json
import shutil
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.packed import decode_state, encode_roots, encode_state
from leptonctl.core.state import State
from leptonctl.core.store_records import OwnerRecord, StoreIdentity
from leptonctl.storage.claims import TERM_S, without_dead
from leptonctl.storage.liveness import Liveness
from tests.state_formats import write
from tests.storage.places import Place
from tests.storage.test_liveness import Clock

FILES = sorted((Path(__file__).resolve().parents[1] / "state_formats").glob("*/*.json"))
V1 = {file.stem: file for file in FILES if file.parent.name == "v1"}


def read(name: str) -> State:
    return decode_state(V1[name].read_bytes())


def test_the_states_cover_every_kind() -> None:
    assert set(V1) == {"fresh", "claimed", "locked", "pending", "applied"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_nothing_in_a_state_is_lost(file: Path) -> None:
    data = file.read_bytes()
    assert json.loads(encode_state(decode_state(data))) == json.loads(data)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_the_next_apply_continues_from_it(file: Path, tmp_path: Path) -> None:
    place = Place(folder=tmp_path, project="tiny")
    place.file.parent.mkdir()
    shutil.copy(file, place.file)
    before = decode_state(file.read_bytes())
    place.objects.create(layout.IDENTITY, encode(StoreIdentity(id=before.store)))
    owner = OwnerRecord(project="tiny", state=before.id, generation=before.generation)
    place.objects.create(layout.owner(before.lineage), encode(owner))
    place.objects.create(layout.roots(before.lineage), encode_roots(before))
    pointers = place.pointers
    assert pointers.begin() == before
    # the holders of claims have ended, which is known one term after the first read
    clock = Clock()
    liveness = Liveness(clock=clock)
    assert without_dead(before, liveness) is before
    clock.time += TERM_S
    after = pointers.move(lambda state: without_dead(state, liveness))
    assert after.applies == after.locks == {}
    assert (after.current, after.pending, after.tokens, after.serial) == (before.current, before.pending, before.tokens, before.serial)


def test_every_time_is_as_it_was_written() -> None:
    fresh, claimed, locked, pending, applied = (read(name) for name in ("fresh", "claimed", "locked", "pending", "applied"))
    assert (fresh.revision, fresh.serial, fresh.history, dict(fresh.current)) == (1, 0, None, {})
    assert claimed.applies == locked.applies == pending.applies
    assert claimed.applies[write.CLAIM.id].owner == write.OWNER
    assert (locked.locks["prod"].token, locked.tokens, dict(locked.current)) == (1, {"prod": 1}, write.BUILT)
    assert pending.pending["prod"].pointers == write.BOUND
    assert pending.pending["prod"].seals == write.SEALS
    assert dict(applied.current) == write.BUILT | write.BOUND
    assert applied.environments == {"prod": write.PROD}
    assert applied.sealed == write.SEALS
    assert (applied.serial, applied.locks, applied.applies, applied.pending) == (2, {}, {}, {})
    assert applied.latest is not None
    assert applied.latest.evidence == write.EVIDENCE
    assert applied.latest.previous == locked.history
