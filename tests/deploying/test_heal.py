"""Healing: under lock and fence, waited for, compared by package; a failed heal has the server's own reason."""

import os
import signal
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.deploying import processes
from leptonctl.deploying.heal import heal
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Observation
from leptonctl.storage.claims import claim_addresses
from tests.deploying import servers, toy
from tests.deploying.servers import STORE, asked, binds, destroys, move, switching, until
from tests.deploying.toy import ADDRESS, BINDING, MODEL, NAME
from tests.projects import free_port


@pytest.fixture
def root(tmp_path: Path):
    yield tmp_path
    processes.stop_server(tmp_path, NAME, timeout=5)


@pytest.fixture
def port() -> int:
    return free_port()


def heal_prod(root: Path, **more: object):
    with switching(root, **more) as switch:
        return heal(switch, NAME, here=True)


def kill(root: Path) -> None:
    running = processes.running_server(root, NAME)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not processes.is_running(running))


def problem_of(failure: pytest.ExceptionInfo[Failure]):
    return failure.value.diagnostics[0]


def file_of(root: Path, version: str, port: int) -> Path:
    return root / STORE / layout.artifact(binds(root, version, port)(servers.state_of(root)).routes[BINDING].artifact)


# --- with real servers -------------------------------------------------------------------------------------------------


def test_a_killed_server_is_started_and_waited_for(root: Path, port: int) -> None:
    move(root, binds(root, "v1", port))
    before = servers.state_of(root)
    kill(root)
    outcome = heal_prod(root)
    assert (outcome.deployment, outcome.moved, outcome.served) == (1, False, True)
    status = asked(port)
    assert (status.deployment, status.models[MODEL].version) == (1, "v1"), "it serves when heal returns, not some time later"
    after = servers.state_of(root)
    assert (after.current, after.serial, dict(after.locks), after.tokens[NAME]) == (before.current, before.serial, {}, 2)


def test_damaged_bytes_fail_a_heal_with_the_servers_reason(root: Path, port: int) -> None:
    """A flipped byte of the bound graph: the server runs and cannot serve, and the heal fails."""
    move(root, binds(root, "v1", port))
    file = file_of(root, "v1", port)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    kill(root)
    with pytest.raises(Failure) as failure:
        heal_prod(root)
    assert failure.value.exit_code == 1
    assert (problem_of(failure).id, "model.onnx" in problem_of(failure).detail, "digest" in problem_of(failure).detail) == (
        "not-ready",
        True,
        True,
    )
    assert not servers.state_of(root).locks
    file.write_bytes(data)
    messages: list[str] = []
    heal_prod(root, say=messages.append)
    assert asked(port).models[MODEL].version == "v1"
    done = [message for message in messages if not message.startswith("waiting for")]
    # by itself the server tries again after five seconds: on a busy machine it may serve before the heal looks
    assert done in (["the server refused this deployment before: stopping it", "starting the server"], [])


def test_a_server_that_fell_back_to_an_older_set_is_not_healed(root: Path, port: int) -> None:
    """It answers and is ready, but serves another package than the bound one."""
    move(root, binds(root, "v1", port))
    move(root, binds(root, "v2", port))
    file = file_of(root, "v2", port)
    data = file.read_bytes()
    file.unlink()
    kill(root)
    with pytest.raises(Failure) as failure:
        heal_prod(root)
    assert "model.onnx" in problem_of(failure).detail
    fallen_back = asked(port)
    assert fallen_back.models[MODEL].version == "v1"
    with pytest.raises(Failure):
        heal_prod(root)
    assert asked(port).pid == fallen_back.pid, "a server of the last good set is not restarted while bytes are still lost"
    file.write_bytes(data)
    heal_prod(root)
    assert asked(port).models[MODEL].version == "v2"


def test_a_taken_port_fails_a_heal(root: Path, port: int) -> None:
    import socket

    move(root, binds(root, "v1", port))
    kill(root)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(Failure) as failure:
        heal_prod(root)
    assert problem_of(failure).id == "port-in-use"


def test_an_environment_without_bindings_is_left_alone(root: Path, port: int) -> None:
    assert heal_prod(root).deployment == 0
    move(root, binds(root, "v1", port))
    move(root, destroys)
    assert heal_prod(root).deployment == 0
    assert (asked(port, 0.2), processes.server_record(root, NAME)) == (None, None)


def test_a_state_and_a_head_that_differ_are_reconciled(root: Path, port: int) -> None:
    """A restored state (A7): the head names a deployment that it does not know. The switch to its bindings is done again."""
    move(root, binds(root, "v1", port))
    move(root, binds(root, "v2", port))
    pointers = servers.pointers_of(root)
    first = servers.state_of(root)
    back = {a: replace(p, deployment=1) for a, p in first.current.items()}
    route = binds(root, "v1", port)(first).bindings[BINDING]
    pointers.move(
        lambda s: replace(
            s, current={**back, BINDING: replace(route, deployment=1)}, environments={NAME: replace(s.environments[NAME], deployment=1)}
        )
    )
    outcome = heal_prod(root)
    assert (outcome.moved, outcome.deployment) == (True, 3)
    state = servers.state_of(root)
    assert (state.environments[NAME].deployment, asked(port).deployment, asked(port).models[MODEL].version) == (3, 3, "v1")
    assert heal_prod(root).moved is False


# --- with the toy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def toys(tmp_path: Path):
    toy.pointers_of(tmp_path).begin()
    return tmp_path


def bound(root: Path, claim) -> None:
    toy.run_switch(toy.switch_of(root, claim), toy.binds("v1"))


def test_the_answering_server_is_compared_by_package(toys: Path) -> None:
    """The platform reports no problem, version and digest are right, but the package is another one."""
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys) as follower:
        bound(toys, claim)
        answer = follower.record
        heal(toy.switch_of(toys, claim), NAME, here=True)
        for models, why in (
            ({MODEL: replace(answer.models[MODEL], package="another")}, "line answers with v1"),
            ({}, "line is not served"),
            ({**answer.models, "extra": answer.models[MODEL]}, "extra is served but not bound"),
        ):
            lying = replace(
                toy.TOY, observe=lambda _site, m=models: Observation(running=True, answering=replace(answer, models=m, note="why"))
            )
            with pytest.raises(Failure) as failure:
                heal(toy.switch_of(toys, claim, platforms={"toy": lying}), NAME, here=True)
            problem = problem_of(failure)
            assert (problem.id, why in problem.detail, "(why)" in problem.detail) == ("heal-failed", True, True)


def refuses(site, what, _say):
    raise ProviderError("It cannot", detail=f"{site.environment} cannot serve {what.deployment}", id="not-ready")


@pytest.mark.parametrize("verb", ["stage", "ready", "activate"])
def test_a_verb_that_fails_fails_the_heal(toys: Path, verb: str) -> None:
    """Even if a server answers: a heal needs the confirmation of the platform."""
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys):
        bound(toys, claim)
        broken = replace(toy.TOY, **{verb: refuses})
        with pytest.raises(Failure) as failure:
            heal(toy.switch_of(toys, claim, platforms={"toy": broken}), NAME, here=True)
        assert (problem_of(failure).id, problem_of(failure).detail) == ("not-ready", "prod cannot serve 1")
        assert not toy.state_of(toys).locks


def test_an_environment_without_an_answer_is_not_healed(toys: Path) -> None:
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys):
        bound(toys, claim)
        silent = replace(toy.TOY, observe=lambda _site: Observation(reason="it is silent"))
        with pytest.raises(Failure) as failure:
            heal(toy.switch_of(toys, claim, platforms={"toy": silent}), NAME, here=True)
        assert (problem_of(failure).id, "it is silent" in problem_of(failure).detail) == ("heal-failed", True)
        heal(toy.switch_of(toys, claim, platforms={"toy": silent}), NAME, here=False)


def test_a_heal_settles_and_fences_first(toys: Path) -> None:
    """An interrupted switch is completed before anything is compared; a living holder is waited for."""
    with toy.following(toys):
        with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim:
            bound(toys, claim)
            points: list[str] = []
            heal(toy.switch_of(toys, claim, checkpoint=points.append), NAME, here=True)
            assert points == ["lock", "epoch", "settle", "clear"]
            with claim_addresses(toy.pointers_of(toys), toy.owner("bob"), [f"{ADDRESS}/other"]) as theirs:
                with toy.switch_of(toys, theirs).hold(NAME, here=True), pytest.raises(Failure) as failure:
                    heal(toy.switch_of(toys, claim, wait_s=0.2), NAME, here=True)
                assert problem_of(failure).id == "lock-held"


def test_a_lost_record_of_the_bound_deployment_is_written_again(toys: Path) -> None:
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys):
        bound(toys, claim)
        lineage = toy.lineage_of(toys)
        lineage.objects.delete(layout.deployment(lineage.lineage, NAME, 1))
        with pytest.raises(Failure) as failure:
            heal(toy.switch_of(toys, claim), NAME, here=True)
        assert problem_of(failure).id == "missing-deployment"
        outcome = heal(toy.switch_of(toys, claim), NAME, here=True, routes=toy.route)
        assert (outcome.deployment, lineage.deployment(NAME, 2).main(MODEL).package) == (2, "package of v1")


def test_the_head_of_a_destroyed_environment_is_emptied(toys: Path) -> None:
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys) as follower:
        bound(toys, claim)
        toy.run_switch(toy.switch_of(toys, claim), toy.destroys)
        lineage = toy.lineage_of(toys)
        before = lineage.head(NAME)
        lineage.move_head(NAME, before, epoch=before.head.epoch, holder="x", deployment=1, serial=9, staged=0)
        until(lambda: follower.record.deployment == 1)
        outcome = heal(toy.switch_of(toys, claim), NAME, here=True)
        assert (outcome.deployment, lineage.head(NAME).head.deployment) == (0, 0)


def test_a_server_that_lags_after_a_heal_that_moved_is_a_failure(toys: Path) -> None:
    with claim_addresses(toy.pointers_of(toys), toy.owner("ann"), [BINDING]) as claim, toy.following(toys) as follower:
        bound(toys, claim)
        toy.pointers_of(toys).move(
            lambda s: replace(
                s, environments={NAME: replace(s.environments[NAME], deployment=9, platform={"type": "toy", "patience_s": 0.1})}
            )
        )
        follower.deaf = True
        with pytest.raises(Failure) as failure:
            heal(toy.switch_of(toys, claim), NAME, here=True, routes=toy.route)
        assert (problem_of(failure).id, "one" in problem_of(failure).detail) == ("heal-failed", True)
        assert toy.lineage_of(toys).head(NAME).head.deployment == 10
