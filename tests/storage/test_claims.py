"""Claims of addresses and locks of environments: conflicts, how a claim ends with its holder, and what a suspended holder finds."""

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.diagnostic import LOCKED, STALE, Failure
from leptonctl.core.frozen import replace
from leptonctl.core.state import Claim, Lock, Owner, Pointer, State
from leptonctl.storage import claims
from leptonctl.storage.claims import (
    BEAT_S,
    TERM_S,
    PointerMoved,
    Registration,
    check_claim,
    check_lock,
    claim_addresses,
    drop_dead,
    enter_binding,
    lock_environment,
    unlock_environment,
)
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.owner import current_owner
from leptonctl.storage.pointers import Pointers
from tests.storage.places import Place, bind, ids
from tests.storage.test_liveness import Clock, dead

ME = current_owner("leptonctl apply", None)
ELSEWHERE = replace(ME, host="another-host", user="ada")
CONTAINER = replace(ME, namespace="pid:[1]")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(folder=tmp_path)
    found.pointers.begin()
    return found


@pytest.fixture
def pointers(place: Place) -> Pointers:
    return place.pointers


def now(pointers: Pointers) -> State:
    state = pointers.read()
    assert state is not None
    return state


def put(pointers: Pointers, **applies: Claim) -> None:
    pointers.move(lambda state: replace(state, applies=applies))


def refused(act) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    return caught.value


def cannot_claim(pointers: Pointers, *addresses: str, **more) -> Failure:
    def enter() -> None:
        with claim_addresses(pointers, ME, addresses, **more):
            pytest.fail("it is held")

    return refused(enter)


# --- claims


def test_a_claim_is_held_while_its_block_runs(pointers: Pointers) -> None:
    with claim_addresses(pointers, ME, ["toy/b", "toy/a"], returns=["toy/b"]) as claim:
        (record,) = now(pointers).applies.values()
        assert record == Claim(owner=ME, addresses=("toy/a", "toy/b"), returns=("toy/b",), phase="building")
        enter_binding(pointers, claim)
        assert now(pointers).applies[claim.id].phase == "binding"
    assert now(pointers).applies == {}


def test_a_claim_is_released_when_its_block_fails(pointers: Pointers) -> None:
    with pytest.raises(KeyboardInterrupt), claim_addresses(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
        raise KeyboardInterrupt
    assert now(pointers).applies == now(pointers).locks == {}


def test_the_failure_of_a_block_is_reported_even_if_its_claim_cannot_be_released(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt), claim_addresses(place.pointers, ME, ["toy/a"]):
        place.file.rename(place.folder / "aside")
        raise KeyboardInterrupt


def test_the_same_address_is_refused_naming_who_holds_it(pointers: Pointers) -> None:
    with claim_addresses(pointers, ME, ["toy/a", "toy/b"]):
        failure = cannot_claim(pointers, "toy/b", "toy/c")
        assert failure.exit_code == LOCKED
        (problem,) = failure.diagnostics
        assert problem.id == "lock-held"
        assert problem.detail.startswith("toy/b is held by ")
        assert f"pid {ME.pid}" in problem.detail
        assert len(now(pointers).applies) == 1


def test_claims_of_other_addresses_are_independent(pointers: Pointers) -> None:
    with (
        claim_addresses(pointers, ME, ["environment/prod/a"]),
        claim_addresses(pointers, ELSEWHERE, ["environment/prod/b", "environment/prod2"]),
    ):
        assert len(now(pointers).applies) == 2


def test_a_dead_holder_of_this_machine_is_taken_over_at_once(pointers: Pointers) -> None:
    owner = dead()
    put(pointers, other=Claim(owner=owner, addresses=("toy/a",), phase="binding", beat=9))
    pointers.move(lambda s: replace(s, locks={"prod": Lock(claim="other", owner=owner, token=4)}, tokens={"prod": 4}))
    assert drop_dead(now(pointers), Liveness()).applies == drop_dead(now(pointers), Liveness()).locks == {}
    with claim_addresses(pointers, ME, ["toy/a"]) as claim:
        assert list(now(pointers).applies) == [claim.id]
        state = pointers.move(lambda s: lock_environment(s, "prod", claim))
        assert (state.locks["prod"].claim, state.locks["prod"].token) == (claim.id, 5)


@pytest.mark.parametrize("owner", [ELSEWHERE, CONTAINER, ME], ids=["elsewhere", "container", "stopped here"])
def test_any_other_holder_is_taken_over_once_its_beat_has_stopped_for_the_term(pointers: Pointers, owner: Owner) -> None:
    clock = Clock()
    liveness = Liveness(clock=clock)
    record = Claim(owner=owner, addresses=("toy/a",), beat=3)
    put(pointers, other=record)
    assert ids(cannot_claim(pointers, "toy/a", liveness=liveness)) == ["lock-held"]
    clock.time += TERM_S - 1
    cannot_claim(pointers, "toy/a", liveness=liveness)
    put(pointers, other=replace(record, beat=4))
    cannot_claim(pointers, "toy/a", liveness=liveness)
    clock.time += TERM_S - 1
    cannot_claim(pointers, "toy/a", liveness=liveness)
    clock.time += 1
    with claim_addresses(pointers, ME, ["toy/a"], liveness=liveness) as claim:
        assert list(now(pointers).applies) == [claim.id]


def test_two_commands_a_term_apart_take_over_with_the_memory_between_them(pointers: Pointers, tmp_path: Path) -> None:
    clock, memory = Clock(), tmp_path / "seen.json"
    put(pointers, other=Claim(owner=ELSEWHERE, addresses=("toy/a",), beat=3))
    cannot_claim(pointers, "toy/a", liveness=Liveness(memory=memory, clock=clock))
    clock.time += TERM_S
    cannot_claim(pointers, "toy/a", liveness=Liveness(clock=clock))
    with claim_addresses(pointers, ME, ["toy/a"], liveness=Liveness(memory=memory, clock=clock)):
        pass


def test_a_dead_claim_hides_no_living_one(pointers: Pointers) -> None:
    """Whichever was registered first."""
    gone, lives = Claim(owner=dead(), addresses=("toy/a", "toy/b")), Claim(owner=ELSEWHERE, addresses=("toy/a",))
    for applies in ({"gone": gone, "lives": lives}, {"lives": lives, "gone": gone}):
        put(pointers, **applies)
        cannot_claim(pointers, "toy/a")
    with claim_addresses(pointers, ME, ["toy/b"]) as claim:
        assert set(now(pointers).applies) == {"lives", claim.id}


def test_a_return_does_not_wait_for_a_training(pointers: Pointers) -> None:
    put(pointers, other=Claim(owner=ELSEWHERE, addresses=("environment/prod/m", "model/m@v2")))
    with claim_addresses(pointers, ME, ["environment/prod/m"], returns=["environment/prod/m"]):
        assert len(now(pointers).applies) == 2
    # it may not take the other addresses that it moves
    cannot_claim(pointers, "environment/prod/m", "model/m@v2", returns=["environment/prod/m"])


def test_a_return_waits_for_a_bind(pointers: Pointers) -> None:
    put(pointers, other=Claim(owner=ELSEWHERE, addresses=("environment/prod/m",), phase="binding"))
    cannot_claim(pointers, "environment/prod/m", returns=["environment/prod/m"])


def test_a_pointer_that_moved_since_the_plan_is_reported_before_anything_is_done(pointers: Pointers) -> None:
    pointers.move(lambda state: state.move({"toy/a": Pointer(digest="new")}))
    for expected in ({"toy/a": "old"}, {"toy/a": None}, {"toy/b": "old"}):
        with pytest.raises(PointerMoved), claim_addresses(pointers, ME, list(expected), expected=expected):
            pytest.fail("it moved")
    assert now(pointers).applies == {}
    with claim_addresses(pointers, ME, ["toy/a", "toy/b"], expected={"toy/a": "new", "toy/b": None}):
        pass


def test_of_many_claims_of_the_same_address_one_succeeds(place: Place) -> None:
    got: list[str] = []
    lost: list[str] = []
    start, all_tried = threading.Barrier(6), threading.Barrier(6)

    def one(name: str) -> None:
        start.wait()
        try:
            with claim_addresses(place.pointers, replace(ELSEWHERE, user=name), ["toy/a", f"toy/{name}"]):
                got.append(name)
                all_tried.wait(20)
        except Failure:
            lost.append(name)
            all_tried.wait(20)

    threads = [threading.Thread(target=one, args=(f"u{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(lost)) == (1, 5)
    assert place.state.applies == {}


# --- beats


def test_a_claim_beats_with_its_locks_and_no_others(pointers: Pointers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT_S", 0.02)
    put(pointers, other=Claim(owner=ELSEWHERE, addresses=("toy/b",), beat=3))
    pointers.move(lambda state: replace(state, locks={"dev": Lock(claim="other", owner=ELSEWHERE, token=1, beat=7)}))
    with claim_addresses(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
        deadline = time.monotonic() + 10
        while (state := now(pointers)).applies[claim.id].beat < 3 or state.locks["prod"].beat < 2:
            assert time.monotonic() < deadline
        assert (state.applies["other"].beat, state.locks["dev"].beat) == (3, 7)
        assert state.serial == 0


def test_beats_are_few(pointers: Pointers, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 * BEAT_S < TERM_S / 3  # a beat may be late, and another be lost, long before a takeover
    assert BEAT_S >= 2
    monkeypatch.setattr(claims, "BEAT_S", 0.2)
    with claim_addresses(pointers, ME, ["toy/a"]):
        before = now(pointers).revision
        time.sleep(1.0)
        assert 1 <= now(pointers).revision - before <= 6


def test_a_short_outage_of_the_state_does_not_end_the_beats(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT_S", 0.02)
    pointers, aside = place.pointers, place.folder / "aside.json"
    with claim_addresses(pointers, ME, ["toy/a"]) as claim:
        place.file.rename(aside)
        time.sleep(0.2)
        aside.rename(place.file)
        first = now(pointers).applies[claim.id].beat
        deadline = time.monotonic() + 10
        while now(pointers).applies[claim.id].beat == first:
            assert time.monotonic() < deadline
    assert now(pointers).applies == {}


def test_a_claim_that_was_taken_over_stops_beating(pointers: Pointers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT_S", 0.02)
    with claim_addresses(pointers, ME, ["toy/a"]):
        put(pointers)
        before = now(pointers).revision
        time.sleep(0.2)
        assert now(pointers).revision == before


# --- locks


def test_the_lock_of_an_environment(pointers: Pointers) -> None:
    with claim_addresses(pointers, ME, ["environment/prod/a"]) as one, claim_addresses(pointers, ELSEWHERE, ["environment/prod/b"]) as two:
        pointers.move(lambda state: lock_environment(state, "prod", one))
        failure = refused(lambda: pointers.move(lambda state: lock_environment(state, "prod", two)))
        assert (ids(failure), failure.exit_code) == (["lock-held"], LOCKED)
        assert failure.diagnostics[0].detail.startswith("environment/prod is held by ")
        pointers.move(lambda state: lock_environment(state, "dev", two))
        state = now(pointers)
        assert unlock_environment(state, "prod", two) is state
        assert {name: lock.claim for name, lock in state.locks.items()} == {"prod": one.id, "dev": two.id}
        pointers.move(lambda state: unlock_environment(state, "prod", one))
        state = pointers.move(lambda state: lock_environment(state, "prod", two))
        assert (state.locks["prod"].token, state.tokens) == (2, {"prod": 2, "dev": 1})
    assert now(pointers).locks == {}
    assert now(pointers).tokens == {"prod": 2, "dev": 1}


def test_a_suspended_holder_finds_that_it_was_taken_over(pointers: Pointers) -> None:
    """At every point another apply takes over; whatever the suspended holder tries then is refused, and nothing is written."""
    clock = Clock()
    with claim_addresses(pointers, ME, ["environment/prod"]) as sleeper:
        state = pointers.move(lambda s: lock_environment(s, "prod", sleeper))
        token = state.locks["prod"].token
        check_lock(state, "prod", sleeper, token)
        check_claim(state, sleeper)
        other = Liveness(clock=clock)
        cannot_claim(pointers, "environment/prod", liveness=other)
        other.alive(f"lock/prod/{token}", ME, state.locks["prod"].beat, TERM_S)
        clock.time += TERM_S
        with claim_addresses(pointers, ELSEWHERE, ["environment/prod"], liveness=other) as taker:
            state = pointers.move(lambda s: lock_environment(s, "prod", taker))
            assert state.locks["prod"].token == token + 1
            before = now(pointers)
            for act in (
                lambda: pointers.move(lambda s: check_lock(s, "prod", sleeper, token) or bind("mine")(s)),
                lambda: pointers.move(lambda s: lock_environment(s, "prod", sleeper)),
                lambda: pointers.move(lambda s: check_claim(s, sleeper) or bind("mine")(s)),
                lambda: enter_binding(pointers, sleeper),
            ):
                failure = refused(act)
                assert (ids(failure), failure.exit_code) == (["taken-over"], STALE)
                assert "ada@another-host" in failure.diagnostics[0].detail
            assert now(pointers) == before
    assert now(pointers).applies == now(pointers).locks == {}


def test_a_lock_taken_again_has_another_token(pointers: Pointers) -> None:
    """Under the new lock, the token that the same apply had before is no longer valid."""
    with claim_addresses(pointers, ME, ["environment/prod"]) as claim:
        state = pointers.move(lambda s: lock_environment(s, "prod", claim))
        state = pointers.move(lambda s: lock_environment(s, "prod", claim))
        check_lock(state, "prod", claim, 2)
        assert ids(refused(lambda: check_lock(state, "prod", claim, 1))) == ["taken-over"]


def test_a_lock_broken_by_force_is_lost(pointers: Pointers) -> None:
    with claim_addresses(pointers, ME, ["environment/prod"]) as claim:
        state = pointers.move(lambda s: lock_environment(s, "prod", claim))
        state = pointers.move(lambda s: replace(s, locks={}))
        failure = refused(lambda: check_lock(state, "prod", claim, 1))
        assert (ids(failure), failure.exit_code) == (["taken-over"], STALE)
        assert lock_environment(state, "prod", claim).locks["prod"].token == 2


def test_claims_and_locks_move_no_pointer(pointers: Pointers) -> None:
    before = now(pointers)
    with claim_addresses(pointers, ME, ["toy/a"]) as claim:
        pointers.move(lambda state: lock_environment(state, "prod", claim))
    after = now(pointers)
    assert (after.serial, after.history) == (before.serial, before.history)
    assert after.revision > before.revision


# --- every order of locks, ends and takeovers

HOLDERS = [Registration(id=f"c{n}", owner=replace(ELSEWHERE, user=f"u{n}"), addresses=frozenset({"environment/prod"})) for n in range(3)]
STEPS = st.lists(st.tuples(st.sampled_from(["lock", "unlock", "end", "join", "break", "wait"]), st.integers(0, 2)), max_size=30)


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_a_token_is_issued_once_and_only_grows(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    holders = [replace_liveness(holder, Liveness(clock=clock)) for holder in HOLDERS]
    state = State(lineage="l", project="p", applies={holder.id: Claim(owner=holder.owner) for holder in holders})
    issued: list[int] = []
    held: dict[str, int] = {}
    for what, number in steps:
        holder = holders[number]
        if what == "lock":
            try:
                state = lock_environment(state, "prod", holder)
            except Failure as failure:
                assert failure.exit_code in (LOCKED, STALE)
                continue
            issued.append(state.locks["prod"].token)
            held[holder.id] = issued[-1]
        elif what == "unlock":
            state = unlock_environment(state, "prod", holder)
        elif what == "end":
            state = claims._release(state, holder.id)
        elif what == "join":
            state = replace(state, applies={**state.applies, holder.id: Claim(owner=holder.owner)})
        elif what == "break":
            state = replace(state, locks={})
        else:
            clock.time += TERM_S
        # at most one holder can write, and it is the one that the newest token was issued to
        able = [id_ for id_, token in held.items() if _can_write(state, holders, id_, token)]
        assert able in ([], [state.locks["prod"].claim] if "prod" in state.locks else [])
        assert all(held[id_] == issued[-1] for id_ in able)
    assert issued == list(range(1, len(issued) + 1))


def _can_write(state: State, holders: list[Registration], id_: str, token: int) -> bool:
    holder = next(holder for holder in holders if holder.id == id_)
    try:
        return check_lock(state, "prod", holder, token) is None
    except Failure as failure:
        assert failure.exit_code == STALE
        return False


def replace_liveness(holder: Registration, liveness: Liveness) -> Registration:
    return Registration(id=holder.id, owner=holder.owner, addresses=holder.addresses, liveness=liveness)
