"""The switch, called directly: its order, its fence, and what it leaves when it is interrupted. Each mutant of it that survived has a test here."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.deployment import Epoch
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act, HeldBinding, Withdrawal
from leptonctl.core.state import Moved, Pointer, Seal, Verdict
from leptonctl.deploying import fence
from leptonctl.deploying.desired import Desired
from leptonctl.deploying.switch import Switch
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Site
from leptonctl.storage.claims import Registration, claim_addresses
from tests.deploying.toy import (
    ADDRESS,
    BINDING,
    MODEL,
    NAME,
    POINTS,
    TOY,
    author,
    binds,
    chain,
    destroys,
    environment,
    following,
    lineage_of,
    owner,
    pointer,
    pointers_of,
    route,
    routes_after,
    run_switch,
    state_of,
    switch_of,
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    pointers_of(tmp_path).begin()
    return tmp_path


@pytest.fixture
def claim(root: Path) -> Iterator[Registration]:
    with claim_addresses(pointers_of(root), owner("ann"), [BINDING]) as found:
        yield found


@pytest.fixture
def switch(root: Path, claim: Registration) -> Switch:
    return switch_of(root, claim)


def stopping_at(point: str, problem: BaseException):
    """A checkpoint that raises at this point."""

    def checkpoint(at: str) -> None:
        if at == point:
            raise problem

    return checkpoint


def head_of(root: Path):
    found = lineage_of(root).head(NAME)
    assert found is not None
    return found.head


def problem_of(failure: pytest.ExceptionInfo[Failure]):
    return failure.value.diagnostics[0]


# --- the straight way --------------------------------------------------------------------------------------------------


def test_the_order_of_a_switch(root: Path, claim: Registration) -> None:
    """Protocols 1: each point is reached once, and each write is seen only after its point."""
    reached = []

    def look(point: str) -> None:
        state, head = state_of(root), lineage_of(root).head(NAME)
        lock, pending = state.locks.get(NAME), state.pending.get(NAME)
        reached.append(
            (
                point,
                lock.token if lock else 0,
                head.head.epoch.token if head else 0,
                pending.deployment if pending else 0,
                lineage_of(root).deployments(NAME),
                head.head.staged if head else 0,
                head.head.deployment if head else 0,
                state.current[BINDING].version if BINDING in state.current else None,
            )
        )

    with following(root):
        outcome = run_switch(switch_of(root, claim, checkpoint=look), binds("v1"))
    assert reached == [
        ("lock", 0, 0, 0, [], 0, 0, None),
        ("epoch", 1, 0, 0, [], 0, 0, None),
        ("settle", 1, 1, 0, [], 0, 0, None),
        ("pending", 1, 1, 0, [], 0, 0, None),
        ("record", 1, 1, 1, [], 0, 0, None),
        ("staged", 1, 1, 1, [1], 0, 0, None),
        ("ready", 1, 1, 1, [1], 1, 0, None),
        ("head", 1, 1, 1, [1], 1, 0, None),
        ("activate", 1, 1, 1, [1], 0, 1, None),
        ("bind", 1, 1, 1, [1], 0, 1, None),
        ("clear", 1, 1, 0, [1], 0, 1, "v1"),
    ]
    assert tuple(point for point, *_ in reached) == POINTS
    assert (outcome.deployment, outcome.moved, outcome.served, outcome.lagging) == (1, True, True, "")
    state = state_of(root)
    assert (dict(state.locks), dict(state.pending), state.tokens[NAME]) == ({}, {}, 1)


def test_the_records_of_a_switch(root: Path, switch: Switch) -> None:
    verdict = Verdict(address=BINDING, metric="f1", rule="min", limit=0.5, passed=True, value=0.75)
    held = Moved(address=f"{ADDRESS}/other", before="a", after="b")
    seal = Seal(digest="sha256:v1", declaration="d", environment=NAME, at="now")
    with following(root):
        run_switch(switch, binds("v1", evidence=(verdict,), held=(held,), seals={f"model/{MODEL}@v1": seal}))
        run_switch(switch, binds("v2"))
    state, lineage = state_of(root), lineage_of(root)
    first, second = lineage.deployment(NAME, 1), lineage.deployment(NAME, 2)
    assert first is not None
    assert second is not None
    assert (first.previous, second.previous, second.main(MODEL)) == (None, 1, route(BINDING, pointer("v2")))
    assert (first.serial, second.serial, state.serial) == (1, 2, 2)
    assert (second.by, second.commit, second.incarnation, second.lineage) == ("ann", "commit of ann", 1, state.lineage)
    assert state.sealed[f"model/{MODEL}@v1"] == seal
    bound = state.current[BINDING]
    assert (bound.version, bound.package, bound.deployment, bound.at != "") == ("v2", "package of v2", 2, True)
    assert state.environments[NAME].deployment == 2
    earlier, later = chain(root)
    assert (earlier.environment, earlier.deployment, earlier.evidence, earlier.held) == (NAME, 1, (verdict,), (held,))
    assert (later.author, later.deployment, later.recovered_by) == (author("ann"), 2, None)
    assert [(m.address, m.before_version, m.after_version, m.package) for m in later.changes] == [(BINDING, "v1", "v2", "package of v2")]


def test_unchanged_bindings_are_still_served(root: Path, switch: Switch) -> None:
    """A deployment is the whole set, even if one binding moves; a removed binding is no longer in it."""
    other = f"{ADDRESS}/other"

    def both(state):
        bindings = {BINDING: pointer("v1"), other: pointer("v1")}
        return Desired(bindings=bindings, environment=environment(state), routes=routes_after(state, bindings))

    def one_out(state):
        return Desired(bindings={other: None}, environment=environment(state), routes=routes_after(state, {other: None}))

    with following(root):
        run_switch(switch, both)
        run_switch(switch, binds("v2"))
        run_switch(switch, one_out)
    versions = [{m: r.version for m, (r,) in lineage_of(root).deployment(NAME, n).models.items()} for n in (1, 2, 3)]
    assert versions == [{MODEL: "v1", "other": "v1"}, {MODEL: "v2", "other": "v1"}, {MODEL: "v2"}]
    assert set(state_of(root).entries(f"{ADDRESS}/")) == {BINDING}


def test_if_nothing_moves_only_a_refusal_is_recorded(root: Path, switch: Switch) -> None:
    held = Moved(address=BINDING, before=None, after="sha256:v1", after_version="v1")
    verdict = Verdict(address=BINDING, metric="f1", rule="min", limit=0.5, passed=False, value=0.25)

    def refused(state):
        return Desired(bindings={}, environment=environment(state), held=(held,), evidence=(verdict,))

    outcome = run_switch(switch, refused)
    assert (outcome.moved, outcome.deployment) == (False, 0)
    state = state_of(root)
    assert (state.serial, dict(state.current), dict(state.locks), lineage_of(root).deployments(NAME)) == (0, {}, {}, [])
    (record,) = chain(root)
    assert (record.held, record.evidence, record.changes, record.deployment) == ((held,), (verdict,), (), None)


def test_a_binding_that_moved_since_the_plan_is_stale(root: Path, switch: Switch) -> None:
    with following(root):
        run_switch(switch, binds("v1"))
        before = head_of(root)
        with pytest.raises(Failure) as failure:
            run_switch(switch, binds("v2", before="v0", check=True))
        assert (problem_of(failure).id, failure.value.exit_code, BINDING in problem_of(failure).detail) == ("stale-binding", 5, True)
        after = head_of(root)
        assert (after.deployment, after.staged, after.epoch.token) == (before.deployment, 0, before.epoch.token + 1)
        assert state_of(root).current[BINDING].version == "v1"
        assert not state_of(root).locks
        assert run_switch(switch, binds("v2", before="v1", check=True)).deployment == 2


# --- numbers -----------------------------------------------------------------------------------------------------------


def test_deployment_numbers_are_never_reused(root: Path, switch: Switch) -> None:
    """Not after failures, a destroy or a collection of records, nor when a suspended holder has taken the next one."""
    lineage = lineage_of(root)
    with following(root) as follower:
        run_switch(switch, binds("v1"))
        follower.refuse.add("package of bad")
        with pytest.raises(Failure):
            run_switch(switch, binds("bad"))
        assert lineage.deployments(NAME) == [1, 2]
        assert run_switch(switch, binds("v2")).deployment == 3
        for number in (1, 2, 3):
            lineage.objects.delete(f"projects/{lineage.lineage}/deployments/{NAME}/{number:08d}")
        assert run_switch(switch, binds("v1")).deployment == 4
        run_switch(switch, destroys)
        lineage.objects.delete(f"projects/{lineage.lineage}/deployments/{NAME}/00000004")
        assert lineage.deployments(NAME) == []
        assert run_switch(switch, binds("v1")).deployment == 5


def test_a_number_that_a_suspended_holder_takes_is_skipped(root: Path, claim: Registration) -> None:
    """Upwards: the next number may be taken too."""
    lineage = lineage_of(root)
    with following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        taken = lineage.deployment(NAME, 1)
        assert taken is not None

        def sleeper(point: str) -> None:
            if point == "record" and 3 not in lineage.deployments(NAME):
                for number in (2, 3):
                    assert lineage.put_deployment(replace(taken, deployment=number))

        outcome = run_switch(switch_of(root, claim, checkpoint=sleeper), binds("v2"))
    assert outcome.deployment == 4
    state = state_of(root)
    assert (state.environments[NAME].deployment, state.current[BINDING].deployment, head_of(root).deployment) == (4, 4, 4)
    found = lineage.deployment(NAME, 4)
    assert found is not None
    assert (found.deployment, found.main(MODEL).version) == (4, "v2")


# --- the fence ---------------------------------------------------------------------------------------------------------


def test_the_head_moves_only_from_what_was_read(root: Path, claim: Registration) -> None:
    """Another writer has changed the head between staging and move: the head is not moved, although the state still has our token."""
    lineage = lineage_of(root)

    def intruder(point: str) -> None:
        if point == "head":
            before = lineage.head(NAME)
            assert before is not None
            epoch = Epoch(generation=1, token=before.head.epoch.token + 1)
            moved = lineage.move_head(
                NAME, before, epoch=epoch, holder="eve@far", deployment=before.head.deployment, serial=before.head.serial, staged=0
            )
            assert moved is not None

    with following(root) as follower:
        run_switch(switch_of(root, claim), binds("v1"))
        with pytest.raises(Failure) as failure:
            run_switch(switch_of(root, claim, checkpoint=intruder), binds("v2"))
        assert (problem_of(failure).id, failure.value.exit_code) == ("taken-over", 5)
        assert "eve@far" in problem_of(failure).detail
        assert (head_of(root).deployment, follower.seen) == (1, [1])
    assert state_of(root).current[BINDING].version == "v1"


def test_a_head_with_the_same_epoch_and_other_bytes_is_another_head(root: Path, claim: Registration) -> None:
    """Comparing deployments or epochs is not enough: the head is compared by its etag, which never repeats."""
    lineage = lineage_of(root)

    def twin(point: str) -> None:
        if point == "head":
            before = lineage.head(NAME)
            assert before is not None
            same = before.head
            assert lineage.move_head(
                NAME, before, epoch=same.epoch, holder=same.holder, deployment=same.deployment, serial=same.serial, staged=same.staged
            )

    with following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        with pytest.raises(Failure) as failure:
            run_switch(switch_of(root, claim, checkpoint=twin), binds("v2"))
    assert (problem_of(failure).id, head_of(root).deployment) == ("taken-over", 1)


@pytest.mark.parametrize("higher", [Epoch(generation=1, token=9), Epoch(generation=2, token=0)])
def test_a_higher_epoch_in_the_head_is_not_overwritten(root: Path, switch: Switch, higher: Epoch) -> None:
    lineage = lineage_of(root)
    with following(root):
        run_switch(switch, binds("v1"))
        before = lineage.head(NAME)
        assert lineage.move_head(NAME, before, epoch=higher, holder="eve@far", deployment=1, serial=1, staged=0)
        with pytest.raises(Failure) as failure:
            run_switch(switch, binds("v2"))
    assert (problem_of(failure).id, failure.value.exit_code, "eve@far" in problem_of(failure).detail) == ("taken-over", 5, True)
    assert (head_of(root).epoch, head_of(root).deployment, dict(state_of(root).pending)) == (higher, 1, {})
    assert not state_of(root).locks


def test_every_lock_has_a_token_of_its_own(root: Path, switch: Switch) -> None:
    tokens = []
    with following(root):
        for version in ("v1", "v2"):
            run_switch(switch, binds(version))
            tokens.append(head_of(root).epoch)
        before = head_of(root)
        switch.recover(NAME, here=True)
        tokens.append(head_of(root).epoch)
    assert tokens == [Epoch(generation=1, token=n) for n in (1, 2, 3)]
    after = head_of(root)
    assert (after.deployment, after.serial) == (before.deployment, before.serial) == (2, 2), (
        "a fence changes who may move it, not what it says"
    )


def test_a_head_that_cannot_be_written_is_named(root: Path, switch: Switch) -> None:
    lineage = lineage_of(root)
    path = layout.head(lineage.lineage, NAME)
    (root / "store" / path).mkdir(parents=True)
    with pytest.raises(Failure) as failure:
        run_switch(switch, binds("v1"))
    problem = problem_of(failure)
    assert (problem.id, problem.detail.startswith(f"{path} in "), path in str(problem.hint)) == ("store-failed", True, True)
    assert (dict(state_of(root).locks), dict(state_of(root).pending)) == ({}, {})


def test_a_takeover_is_the_reason_when_servers_do_not_get_ready(root: Path, claim: Registration) -> None:
    """The successor has unstaged the deployment, so no server gets ready for it: that is what its platform can say."""
    with claim_addresses(pointers_of(root), owner("eve", host="far"), ["environment/prod/other"]) as other:

        def taken_meanwhile(*_: object) -> None:
            switch_of(root, other).recover(NAME, here=False, force=True)
            raise ProviderError("It is no longer desired", detail="deployment 1", id="not-ready")

        broken = replace(TOY, ready=taken_meanwhile)
        with pytest.raises(Failure) as failure:
            run_switch(switch_of(root, claim, platforms={"toy": broken}), binds("v1"))
    assert (problem_of(failure).id, failure.value.exit_code) == ("taken-over", 5)
    assert "eve@far" in problem_of(failure).detail


@pytest.mark.parametrize("point", ["staged", "head", "activate"])
def test_an_interrupt_is_reported_even_if_the_environment_was_taken_over(root: Path, claim: Registration, point: str) -> None:
    """What is left to settle is the successor's, and nobody waits for the message of a command that was interrupted."""
    with claim_addresses(pointers_of(root), owner("eve", host="far"), ["environment/prod/other"]) as other, following(root):

        def taken_and_interrupted(at: str) -> None:
            if at == point:
                switch_of(root, other).recover(NAME, here=True, force=True)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_switch(switch_of(root, claim, checkpoint=taken_and_interrupted), binds("v1"))
    moved = point == "activate"
    assert (dict(state_of(root).pending), head_of(root).deployment) == ({}, int(moved))
    assert (BINDING in state_of(root).current) is moved


@pytest.mark.parametrize("returning", [False, True])
def test_the_platform_hears_whether_everything_returns(root: Path, claim: Registration, returning: bool) -> None:
    """One ready server is enough for a return, and for nothing else."""
    heard: list[bool] = []

    def ready(site: Site, *_: object) -> None:
        heard.append(site.returning)

    platforms = {"toy": replace(TOY, ready=ready)}
    with following(root):
        more = {"returning": True} if returning else {}
        run_switch(switch_of(root, claim, platforms=platforms), binds("v1", **more))
    assert heard == [returning]


def test_the_first_fence_names_nothing(root: Path, switch: Switch) -> None:
    switch.recover(NAME, here=True)
    assert (head_of(root).deployment, head_of(root).serial, head_of(root).staged, head_of(root).epoch.token) == (0, 0, 0, 1)


def test_a_lock_is_waited_for_while_its_holder_lives(root: Path, switch: Switch) -> None:
    messages: list[str] = []
    with claim_addresses(pointers_of(root), owner("bob"), ["environment/prod/other"]) as other, following(root):
        theirs = switch_of(root, other)
        with theirs.hold(NAME, here=True), pytest.raises(Failure) as failure:
            run_switch(switch_of(root, switch.claim, wait_s=0.3, say=messages.append), binds("v1"))
        assert (problem_of(failure).id, failure.value.exit_code) == ("lock-held", 4)
        assert len(messages) == 1
        assert "bob@" in messages[0]
        assert run_switch(switch, binds("v1")).moved


def test_a_lock_taken_by_force_ends_its_holder(root: Path, switch: Switch) -> None:
    with claim_addresses(pointers_of(root), owner("bob"), ["environment/prod/other"]) as other, following(root):
        run_switch(switch, binds("v1"))
        theirs = switch_of(root, other)
        with pytest.raises(Failure) as failure, theirs.hold(NAME, here=True) as held:
            switch.recover(NAME, here=True, force=True)
            theirs.carry_out(held, binds("v2")(held.state), here=True)
        assert (problem_of(failure).id, "ann@" in problem_of(failure).detail) == ("taken-over", True)
    assert (head_of(root).deployment, dict(state_of(root).pending), dict(state_of(root).locks)) == (1, {}, {})


# --- what fails before the head moved ----------------------------------------------------------------------------------


def test_a_server_that_refuses_leaves_everything_as_it_was(root: Path, switch: Switch) -> None:
    with following(root, refuse={"package of v2"}) as follower:
        run_switch(switch, binds("v1"))
        before = state_of(root)
        with pytest.raises(Failure) as failure:
            run_switch(switch, binds("v2"))
        assert (problem_of(failure).id, "cannot load package of v2" in problem_of(failure).detail) == ("not-ready", True)
        after = state_of(root)
        assert (after.current, after.serial, after.environments, dict(after.pending), dict(after.locks)) == (
            before.current, before.serial, before.environments, {}, {},
        )  # fmt: skip
        assert (head_of(root).deployment, head_of(root).staged, follower.seen) == (1, 0, [1])
    assert not (root / "removed").exists()
    assert len(chain(root)) == 1


def test_a_server_started_for_a_first_switch_that_fails_is_stopped(root: Path, switch: Switch) -> None:
    with following(root, refuse={"package of v1"}), pytest.raises(Failure):
        run_switch(switch, binds("v1"))
    assert (root / "removed").exists()
    assert NAME not in state_of(root).environments


@pytest.mark.parametrize("point", POINTS[POINTS.index("pending") : POINTS.index("activate")])
def test_an_interrupt_before_the_head_drops_the_switch(root: Path, claim: Registration, point: str) -> None:
    with following(root) as follower:
        run_switch(switch_of(root, claim), binds("v1"))
        with pytest.raises(KeyboardInterrupt):
            run_switch(switch_of(root, claim, checkpoint=stopping_at(point, KeyboardInterrupt())), binds("v2"))
        state = state_of(root)
        assert (state.current[BINDING].version, dict(state.pending), dict(state.locks)) == ("v1", {}, {})
        assert (head_of(root).deployment, head_of(root).staged) == (1, 0)
        assert follower.seen == [1]
        assert run_switch(switch_of(root, claim), binds("v2")).moved


# --- and after it moved ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["activate", "bind"])
@pytest.mark.parametrize("problem", [KeyboardInterrupt(), SystemExit(1), RuntimeError("anything")])
def test_an_interrupt_after_the_head_completes_the_binding(root: Path, claim: Registration, point: str, problem: BaseException) -> None:
    """Servers follow the head: what it names is bound and recorded before the interrupt is passed on."""
    with following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        with pytest.raises(type(problem)):
            run_switch(switch_of(root, claim, checkpoint=stopping_at(point, problem)), binds("v2"))
    state = state_of(root)
    assert (state.current[BINDING].version, state.environments[NAME].deployment) == ("v2", 2)
    assert (dict(state.pending), dict(state.locks), head_of(root).deployment) == ({}, {}, 2)
    assert [r.deployment for r in chain(root)] == [1, 2]


def test_an_interrupt_of_a_destroy_after_the_head_completes_it(root: Path, claim: Registration) -> None:
    with following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        with pytest.raises(KeyboardInterrupt):
            run_switch(switch_of(root, claim, checkpoint=stopping_at("activate", KeyboardInterrupt())), destroys)
    state = state_of(root)
    assert (dict(state.current), dict(state.pending), state.environments[NAME].destroyed) == ({}, {}, True)
    assert (root / "removed").exists(), "the server is stopped although the destroy was interrupted"


def test_a_server_that_lags_after_the_head_does_not_fail_the_binding(root: Path, claim: Registration) -> None:
    """The head has moved, so the binding counts; the server that lags is named."""
    messages: list[str] = []
    with following(root) as follower:
        run_switch(switch_of(root, claim), binds("v1"))
        follower.deaf = True

        def impatient(state):
            desired = binds("v2")(state)
            platform = {"type": "toy", "patience_s": 0.1}
            return Desired(bindings=desired.bindings, environment=replace(desired.environment, platform=platform), routes=desired.routes)

        outcome = run_switch(switch_of(root, claim, say=messages.append), impatient)
        assert (outcome.moved, outcome.served, outcome.lagging) == (True, False, "not serving: one")
        assert messages == ["not serving: one"]
        state = state_of(root)
        assert (state.current[BINDING].version, head_of(root).deployment, dict(state.pending)) == ("v2", 2, {})
        assert "package of v2" not in state.environments[NAME].served[MODEL]


def test_no_lock_is_left_after_a_switch(root: Path) -> None:
    with claim_addresses(pointers_of(root), owner("ann"), [BINDING]) as claim, following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        assert dict(state_of(root).locks) == {}
        with pytest.raises(KeyboardInterrupt):
            run_switch(switch_of(root, claim, checkpoint=stopping_at("epoch", KeyboardInterrupt())), binds("v2"))
        assert dict(state_of(root).locks) == {}
        # released by the end of the apply at the latest
        fence.lock(pointers_of(root), claim, NAME, wait_s=1, say=print)
        assert state_of(root).locks[NAME].claim == claim.id
    assert (dict(state_of(root).locks), dict(state_of(root).applies)) == ({}, {})


# --- recovery ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Simulates SIGKILL: nothing of the switch runs after it."""


def killed_at(root: Path, point: str, decide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch that ends at a point without clean-up, and whose process has ended."""
    with monkeypatch.context() as patch, claim_addresses(pointers_of(root), owner("ann", host="elsewhere"), [BINDING]) as claim:
        patch.setattr("leptonctl.deploying.switch._follow_head", lambda _passage: None)
        switch = switch_of(root, claim, checkpoint=stopping_at(point, Killed()))
        with pytest.raises(Killed):
            run_switch(switch, decide)


@pytest.mark.parametrize("point", POINTS[POINTS.index("record") : POINTS.index("clear")])
def test_a_killed_switch_is_settled_by_the_head(root: Path, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = POINTS.index(point) > POINTS.index("head")
    with following(root):
        with claim_addresses(pointers_of(root), owner("ann"), [BINDING]) as claim:
            run_switch(switch_of(root, claim), binds("v1"))
        killed_at(root, point, binds("v2"), monkeypatch)
        assert NAME in state_of(root).pending
        with claim_addresses(pointers_of(root), owner("bob"), [BINDING]) as claim:
            switch_of(root, claim).recover(NAME, here=True)
    state = state_of(root)
    assert (state.current[BINDING].version, head_of(root).deployment) == (("v2", 2) if moved else ("v1", 1))
    assert (dict(state.pending), state.environments[NAME].deployment, head_of(root).staged) == ({}, head_of(root).deployment, 0)
    records = chain(root)
    assert len(records) == 1 + moved
    if moved:
        assert records[-1].author == author("ann"), "whose change it was"
        assert "bob@" in records[-1].recovered_by


@pytest.mark.parametrize("point", ["record", "bind"])
def test_a_killed_switch_loses_no_withdrawal_and_no_hold(root: Path, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come into force with the binding, no matter which process completes it, and not without it."""
    withdrawal = Withdrawal(id="w1", model=MODEL, version="v2", digest="sha256:v2", package="package of v2", artifact="", at="now")
    act = Act(kind="withdrawn", model=MODEL, version="v2", withdrawal="w1")
    other = f"{ADDRESS}/other"
    held = HeldBinding(version="v9", digest="sha256:v9", package=None, kind="gate", reason="f1", since="now")

    def back(state):
        desired = binds("v1", holds={other: held, BINDING: None}, acts=(act,))(state)
        return replace(desired, environment=environment(state, withdrawals=(withdrawal,)))

    with following(root):
        with claim_addresses(pointers_of(root), owner("ann"), [BINDING]) as claim:
            run_switch(switch_of(root, claim), binds("v2", holds={BINDING: held}))
        killed_at(root, point, back, monkeypatch)
        with claim_addresses(pointers_of(root), owner("bob"), [BINDING]) as claim:
            switch_of(root, claim).recover(NAME, here=True)
    state, moved = state_of(root), point == "bind"
    assert state.environments[NAME].withdrawals == ((withdrawal,) if moved else ())
    assert dict(state.held) == ({other: held} if moved else {BINDING: held})
    assert chain(root)[-1].acts == ((act,) if moved else ())


@pytest.mark.parametrize("point", ["head", "activate"])
def test_a_killed_destroy_is_settled_by_the_head(root: Path, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with following(root):
        with claim_addresses(pointers_of(root), owner("ann"), [BINDING]) as claim:
            run_switch(switch_of(root, claim), binds("v1"))
        killed_at(root, point, destroys, monkeypatch)
        with claim_addresses(pointers_of(root), owner("bob"), [BINDING]) as claim:
            switch_of(root, claim).recover(NAME, here=True)
    state = state_of(root)
    destroyed = point == "activate"
    assert (state.environments[NAME].destroyed, BINDING not in state.current, (root / "removed").exists()) == (destroyed,) * 3
    assert head_of(root).deployment == (0 if destroyed else 1)


def test_a_switch_settles_an_interrupted_one_before_it_compares(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that was made before the recovery is stale after it; one that was made for what is bound now continues."""
    with following(root):
        killed_at(root, "bind", binds("v1"), monkeypatch)
        with claim_addresses(pointers_of(root), owner("bob"), [BINDING]) as claim:
            with pytest.raises(Failure) as failure:
                run_switch(switch_of(root, claim), binds("v2", before=None, check=True))
            assert problem_of(failure).id == "stale-binding"
            assert run_switch(switch_of(root, claim), binds("v2", before="v1", check=True)).deployment == 2
    assert [(r.deployment, bool(r.recovered_by)) for r in chain(root)] == [(1, True), (2, False)]


# --- environments: served, incarnations, destroy -----------------------------------------------------------------------


def test_only_what_a_server_reports_counts_as_served(root: Path, switch: Switch) -> None:
    """Without a registered server the binding moves and nothing counts as served, until a server reports it."""
    outcome = run_switch(switch, binds("v1"), here=False)
    assert (outcome.moved, outcome.served, dict(outcome.state.environments[NAME].served)) == (True, False, {})
    with following(root):
        while not any(server.deployment == 1 for server in lineage_of(root).servers(NAME)):
            time.sleep(0.001)
        outcome = run_switch(switch, binds("v2"), here=False)
    assert outcome.served
    served = state_of(root).environments[NAME].served[MODEL]
    assert {package: (s.version, s.digest, s.deployment) for package, s in served.items()} == {
        "package of v1": ("v1", "sha256:v1", 1),
        "package of v2": ("v2", "sha256:v2", 2),
    }


def test_a_report_of_another_package_does_not_count_as_served(root: Path, switch: Switch) -> None:
    with following(root) as follower:
        run_switch(switch, binds("v1"))
        follower.deaf = True
        assert follower.record is not None
        model = replace(follower.record.models[MODEL], package="package of another")
        follower.record = replace(follower.record, deployment=2, ready=(2,), models={MODEL: model})
        follower.put()
        outcome = run_switch(switch, binds("v2"))
    assert not outcome.served
    assert set(state_of(root).environments[NAME].served[MODEL]) == {"package of v1"}


def test_destroy_ends_an_incarnation(root: Path, switch: Switch) -> None:
    with following(root) as follower:
        run_switch(switch, binds("v1"))
        outcome = run_switch(switch, destroys)
        assert (outcome.deployment, outcome.moved) == (0, True)
        state = state_of(root)
        assert (dict(state.current), head_of(root).deployment, head_of(root).serial) == ({}, 0, 2)
        assert (follower.seen, follower.record.models) == ([1, 0], {})
        assert (root / "removed").exists()
        gone = state.environments[NAME]
        assert (gone.destroyed, gone.deployment, gone.incarnation, dict(gone.served), gone.url) == (True, 1, 1, {}, None)
        run_switch(switch, binds("v2"))
    again = state_of(root).environments[NAME]
    assert (again.destroyed, again.deployment, again.incarnation, set(again.served[MODEL])) == (False, 2, 2, {"package of v2"})
    record = lineage_of(root).deployment(NAME, 2)
    assert record is not None
    assert (record.incarnation, record.previous) == (2, None)
    assert [[(m.before_version, m.after_version) for m in r.changes if m.address == BINDING] for r in chain(root)] == [
        [(None, "v1")],
        [("v1", None)],
        [(None, "v2")],
    ]


def test_an_unknown_commit_leaves_the_recorded_one(root: Path, switch: Switch) -> None:
    def of(version: str, commit: str | None):
        def decide(state):
            desired = binds(version)(state)
            return Desired(bindings=desired.bindings, environment=replace(desired.environment, commit=commit), routes=desired.routes)

        return decide

    with following(root):
        run_switch(switch, of("v1", "abc"))
        run_switch(switch, of("v2", None))
        assert state_of(root).environments[NAME].commit == "abc"
        run_switch(switch, of("v1", "def"))
        assert state_of(root).environments[NAME].commit == "def"


def test_an_environment_that_moves_to_another_platform_leaves_the_old_one(root: Path, claim: Registration) -> None:

    removed: list[str] = []
    platforms = {
        "toy": replace(TOY, remove=lambda site, _say: removed.append(f"toy in {site.environment}")),
        "twin": replace(TOY, name="twin", remove=lambda _site, _say: removed.append("twin")),
    }
    switch = switch_of(root, claim, platforms=platforms)

    def twin(state):
        desired = environment(state)
        moved = {ADDRESS: Pointer(digest="sha256:moved", effect=True)}
        return Desired(bindings=moved, environment=replace(desired, platform={"type": "twin"}), routes=routes_after(state, moved))

    with following(root):
        run_switch(switch, binds("v1"))
        run_switch(switch, twin)
        assert removed == ["toy in prod"]
        assert state_of(root).environments[NAME].platform == {"type": "twin"}
        run_switch(switch, destroys)
    assert removed == ["toy in prod", "twin"]


def test_an_unknown_platform_is_reported(root: Path, claim: Registration) -> None:
    with pytest.raises(Failure) as failure:
        run_switch(switch_of(root, claim, platforms={"toi": TOY}), binds("v1"))
    assert (problem_of(failure).id, failure.value.exit_code, problem_of(failure).hint) == ("unknown-platform", 3, 'did you mean "toi"?')
    assert not state_of(root).pending


def test_the_successor_is_named_by_its_lock_too(root: Path, claim: Registration) -> None:
    """The successor still holds the lock, and has not come to its fence."""
    with following(root):
        run_switch(switch_of(root, claim), binds("v1"))
        far = claim_addresses(pointers_of(root), owner("eve", host="far"), ["environment/prod/other"])
        with far as other:

            def force(point: str) -> None:
                if point == "pending":
                    fence.lock(pointers_of(root), other, NAME, wait_s=5, say=print, force=True)

            with pytest.raises(Failure) as failure:
                run_switch(switch_of(root, claim, checkpoint=force), binds("v2"))
    assert problem_of(failure).id == "taken-over"
    assert problem_of(failure).detail.startswith("environment/prod was taken over by eve@far pid ")


@pytest.mark.parametrize("successor", [True, False])
def test_a_holder_whose_claim_was_dropped_hears_who_has_the_environment_now(root: Path, claim: Registration, successor: bool) -> None:
    """The successor's claim has none of the holder's addresses. Without one, the holder is not told that it took over from itself."""
    with following(root), claim_addresses(pointers_of(root), owner("eve", host="far"), ["environment/prod/other"]) as other:

        def dropped(point: str) -> None:
            if point == "pending":
                pointers_of(root).move(lambda s: replace(s, applies={id_: c for id_, c in s.applies.items() if id_ != claim.id}))
                if successor:
                    fence.lock(pointers_of(root), other, NAME, wait_s=5, say=print, force=True)

        with pytest.raises(Failure) as failure:
            run_switch(switch_of(root, claim, checkpoint=dropped), binds("v1"))
    assert (problem_of(failure).id, failure.value.exit_code) == ("taken-over", 5)
    detail = str(problem_of(failure).detail)
    assert ("by eve@far " in detail) is successor
    assert ("by another apply, which has ended" in detail) is not successor
