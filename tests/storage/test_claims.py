"""Claims of addresses and locks of environments: who is in whose way, and how a claim ends with its holder."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import LOCKED, Failure
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json
from leptonctl.storage import claims
from leptonctl.storage.claims import Moved, claimed, holds, listed, lock_environment, set_phase, unlocked, without_dead
from leptonctl.storage.owner import current_owner
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.storage.store import open_store

ME = current_owner("leptonctl apply", None)
ELSEWHERE: dict[str, Json] = {**ME, "host": "another-host", "user": "ada"}


@pytest.fixture
def pointers(tmp_path: Path) -> Pointers:
    found = Pointers(states=FolderState(folder=tmp_path / "state"), store=open_store("store", tmp_path), project="toy")
    found.begin()
    return found


def now(pointers: Pointers) -> State:
    state = pointers.read()
    assert state is not None
    return state


def dead_owner() -> dict[str, Json]:
    """Somebody on this host who is no more."""
    code = "import json; from leptonctl.storage.owner import current_owner; print(json.dumps(current_owner('leptonctl apply', None)))"
    import json

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return json.loads(said)  # type: ignore[no-any-return]


def registration(owner: Mapping[str, Json], *addresses: str, phase: str = "building", lease: float = 60) -> dict[str, Json]:
    return {"owner": dict(owner), "addresses": list(addresses), "phase": phase, "lease_until": time.time() + lease}


def put(pointers: Pointers, **applies: dict[str, Json]) -> None:
    pointers.move(lambda state: replace(state, applies=applies))


def test_a_claim_stands_while_its_block_runs(pointers: Pointers) -> None:
    with claimed(pointers, ME, ["toy/b", "toy/a"]) as claim:
        (record,) = now(pointers).applies.values()
        assert record["addresses"] == ["toy/a", "toy/b"]
        assert record["phase"] == "building"
        assert holds(record)
        set_phase(pointers, claim, "binding")
        assert now(pointers).applies[claim.id]["phase"] == "binding"
    assert now(pointers).applies == {}


def test_a_claim_goes_also_when_its_block_fails(pointers: Pointers) -> None:
    with pytest.raises(KeyboardInterrupt), claimed(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
        raise KeyboardInterrupt
    assert now(pointers).applies == now(pointers).locks == {}


def test_the_same_address_is_refused_naming_who_holds_it(pointers: Pointers) -> None:
    with claimed(pointers, ME, ["toy/a", "toy/b"]):
        with pytest.raises(Failure) as refused, claimed(pointers, ELSEWHERE, ["toy/b", "toy/c"]):
            pytest.fail("both hold toy/b")
        assert refused.value.exit_code == LOCKED
        (told,) = refused.value.diagnostics
        assert told.id == "lock-held"
        assert told.detail.startswith("toy/b is held by ")
        assert f"pid {ME['pid']}" in told.detail
        assert len(now(pointers).applies) == 1


def test_other_addresses_go_on_side_by_side(pointers: Pointers) -> None:
    with claimed(pointers, ME, ["environment/prod/a"]), claimed(pointers, ELSEWHERE, ["environment/prod/b", "environment/prod2"]):
        assert len(now(pointers).applies) == 2


@pytest.mark.parametrize(
    ("owner", "lease", "held"),
    [("me", 60, True), ("me", -1, False), ("dead", 60, False), ("elsewhere", 60, True), ("elsewhere", -1, False)],
)
def test_a_claim_ends_with_its_holder_or_its_lease(pointers: Pointers, owner: str, lease: float, held: bool) -> None:
    owners: dict[str, dict[str, Json]] = {"me": ME, "dead": dead_owner() if owner == "dead" else {}, "elsewhere": ELSEWHERE}
    put(pointers, other=registration(owners[owner], "toy/a", lease=lease))
    assert [row["held"] for row in listed(now(pointers))] == [held]
    if held:
        with pytest.raises(Failure), claimed(pointers, ME, ["toy/a"]):
            pytest.fail("it is held")
        assert now(pointers) == without_dead(now(pointers))
    else:
        assert without_dead(now(pointers)).applies == {}
        with claimed(pointers, ME, ["toy/a"]) as claim:
            assert list(now(pointers).applies) == [claim.id]


@pytest.mark.parametrize("record", [{}, {"owner": None, "lease_until": 9e9}, {"owner": {}, "lease_until": "soon"}])
def test_a_claim_that_says_nothing_holds_nothing(record: dict[str, Json]) -> None:
    assert not holds(record)


def test_a_return_does_not_wait_for_a_training(pointers: Pointers) -> None:
    put(pointers, other=registration(ELSEWHERE, "environment/prod/m", "model/m@v2"))
    with claimed(pointers, ME, ["environment/prod/m"], returns=["environment/prod/m"]):
        assert len(now(pointers).applies) == 2
    # what it moves besides is not its own to take
    with pytest.raises(Failure), claimed(pointers, ME, ["environment/prod/m", "model/m@v2"], returns=["environment/prod/m"]):
        pytest.fail("the model is held")


def test_a_return_waits_for_a_bind(pointers: Pointers) -> None:
    put(pointers, other=registration(ELSEWHERE, "environment/prod/m", phase="binding"))
    with pytest.raises(Failure), claimed(pointers, ME, ["environment/prod/m"], returns=["environment/prod/m"]):
        pytest.fail("it is being bound")


def test_a_pointer_that_moved_since_the_plan_is_told_before_anything_is_done(pointers: Pointers) -> None:
    pointers.move(lambda state: state.moved({"toy/a": Entry(digest="new")}))
    for check in ({"toy/a": "old"}, {"toy/a": None}, {"toy/b": "old"}):
        with pytest.raises(Moved), claimed(pointers, ME, list(check), check=check):
            pytest.fail("it moved")
    assert now(pointers).applies == {}
    with claimed(pointers, ME, ["toy/a", "toy/b"], check={"toy/a": "new", "toy/b": None}):
        pass


def test_of_many_that_claim_the_same_one_gets_it(pointers: Pointers) -> None:
    got: list[str] = []
    refused: list[str] = []
    start, all_tried = threading.Barrier(6), threading.Barrier(6)

    def one(name: str) -> None:
        start.wait()
        try:
            with claimed(pointers, {**ELSEWHERE, "user": name}, ["toy/a", f"toy/{name}"]):
                got.append(name)
                all_tried.wait(20)
        except Failure:
            refused.append(name)
            all_tried.wait(20)

    threads = [threading.Thread(target=one, args=(f"u{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 5)
    assert now(pointers).applies == {}


def test_a_lease_is_renewed_with_the_locks_of_its_claim(pointers: Pointers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "RENEW_S", 0.02)
    with claimed(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
        first = (now(pointers).applies[claim.id]["lease_until"], now(pointers).locks["prod"]["lease_until"])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            later = (now(pointers).applies[claim.id]["lease_until"], now(pointers).locks["prod"]["lease_until"])
            if later[0] > first[0] and later[1] > first[1]:  # type: ignore[operator]
                break
        else:
            pytest.fail("it was not renewed")


def test_a_moment_without_the_state_does_not_end_the_renewal(pointers: Pointers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "RENEW_S", 0.02)
    file, aside = tmp_path / "state" / "state.json", tmp_path / "aside.json"
    with claimed(pointers, ME, ["toy/a"]) as claim:
        file.rename(aside)
        time.sleep(0.2)
        aside.rename(file)
        first = now(pointers).applies[claim.id]["lease_until"]
        deadline = time.monotonic() + 10
        while now(pointers).applies[claim.id]["lease_until"] == first:
            assert time.monotonic() < deadline
    assert now(pointers).applies == {}


def test_the_lock_of_an_environment(pointers: Pointers) -> None:
    with claimed(pointers, ME, ["environment/prod/a"]) as one, claimed(pointers, ELSEWHERE, ["environment/prod/b"]) as two:
        pointers.move(lambda state: lock_environment(state, "prod", one))
        pointers.move(lambda state: lock_environment(state, "prod", one))
        with pytest.raises(Failure) as refused:
            pointers.move(lambda state: lock_environment(state, "prod", two))
        assert refused.value.exit_code == LOCKED
        pointers.move(lambda state: lock_environment(state, "dev", two))
        held = now(pointers)
        assert unlocked(held, "prod", two) is held
        assert {(row["kind"], row["id"]) for row in listed(held) if row["kind"] == "environment"} == {
            ("environment", "environment/prod"), ("environment", "environment/dev"),
        }  # fmt: skip
        pointers.move(lambda state: unlocked(state, "prod", one))
        pointers.move(lambda state: lock_environment(state, "prod", two))
    assert now(pointers).locks == {}


def test_a_lock_whose_holder_died_is_taken_over(pointers: Pointers) -> None:
    lock: dict[str, Json] = {"claim": "gone", "owner": dead_owner(), "lease_until": time.time() + 60}
    pointers.move(lambda state: replace(state, locks={"prod": lock}))
    with claimed(pointers, ME, ["environment/prod"]) as claim:
        assert pointers.move(lambda state: lock_environment(state, "prod", claim)).locks["prod"]["claim"] == claim.id


def test_claims_move_no_pointer(pointers: Pointers) -> None:
    before = now(pointers)
    with claimed(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
    after = now(pointers)
    assert (after.serial, after.history) == (before.serial, before.history)
    assert after.revision > before.revision
