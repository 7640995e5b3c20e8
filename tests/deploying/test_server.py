"""The platform `server`, with real servers and packages: the suite of platforms, and what is special to this one."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Epoch, Head, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.deploying import processes, server
from leptonctl.deploying.server import PLATFORM, SETTINGS
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import filled, restarts
from leptonctl.storage import owner as owners
from leptonctl.testing import check_platform
from tests.deploying.servers import STORE, asked, binds, destroys, move, pointers_of, site_of, state_of, until
from tests.deploying.toy import BINDING, MODEL, NAME
from tests.projects import free_port

QUIET = print


@pytest.fixture
def root(tmp_path: Path):
    yield tmp_path
    processes.stop_server(tmp_path, NAME, timeout=5)


@pytest.fixture
def port() -> int:
    return free_port()


def far(id: str = "far", **more: object) -> ServerRecord:
    """The record of a server on another machine."""
    place = {"lineage": "l", "environment": NAME, "host": "another", "machine": "m", "pid": 1, "url": "", "started": time.time()}
    return ServerRecord(**{**place, "id": id, "heartbeat": time.time(), **more})


def put(site, *records: ServerRecord) -> None:
    for record in records:
        site.objects.put(layout.server(site.lineage, NAME, record.id), encode(replace(record, lineage=site.lineage)))


def deployment_of(site, number: int):
    return pointers_of(site.root).lineage(state_of(site.root)).deployment(NAME, number)


def staged(root: Path, port: int, version: str = "v1", *, head: int = 0, number: int = 1, **more: object):
    """A site whose head names a deployment to get ready, as a switch would have it."""
    site = site_of(root, port, **more)
    lineage = pointers_of(root).lineage(state_of(root))
    route = binds(root, version, port)(state_of(root)).routes[BINDING]
    from leptonctl.core.deployment import Deployment

    record = Deployment(
        lineage=site.lineage, environment=NAME, deployment=number, incarnation=1, serial=number, previous=None, at="now", by=None, commit=None,
        url=None, requests="lenient", models={MODEL: (route,)},
    )  # fmt: skip
    lineage.put_deployment(record)
    before = lineage.head(NAME)
    lineage.move_head(NAME, before, epoch=Epoch(generation=1, token=number), holder="t", deployment=head, serial=head, staged=number)
    return site, record


# --- what every platform keeps -----------------------------------------------------------------------------------------


def test_it_passes_the_suite_of_platforms(root: Path, port: int) -> None:
    check_platform(PLATFORM, {"port": port}, root)


# --- settings ----------------------------------------------------------------------------------------------------------


def test_defaults_are_filled_in_and_restarts_named() -> None:
    assert filled(SETTINGS, {"port": 9000, "run": "here", "type": "server"}) == {
        "host": "127.0.0.1", "port": 9000, "follow_s": 0.1, "heartbeat_s": 2.0, "max_body": 16_777_216, "stop_s": 10, "keep_alive_s": 75,
        "ready_s": 60.0, "swap_s": 10.0,
    }  # fmt: skip
    assert restarts(SETTINGS, {}, {"port": 8080, "host": "127.0.0.1"}) == []
    assert restarts(SETTINGS, {}, {"ready_s": 5.0, "swap_s": 1.0}) == []
    assert restarts(SETTINGS, {"max_body": 1024}, {"port": 9000, "ready_s": 5.0}) == ["port", "max_body"]
    assert [name for name, schema in SETTINGS.items() if not schema["x-restart"]] == ["ready_s", "swap_s"]


def test_a_setting_that_restarts_replaces_the_process(root: Path, port: int) -> None:
    messages: list[str] = []
    move(root, binds(root, "v1", port), say=messages.append)
    first = processes.running_server(root, NAME)
    move(root, binds(root, "v2", port, ready_s=30.0, swap_s=5.0), say=messages.append)
    assert processes.running_server(root, NAME) == first
    move(root, binds(root, "v2", port, max_body=2048), say=messages.append)
    second = processes.running_server(root, NAME)
    assert second is not None
    assert first is not None
    assert second.pid != first.pid
    assert messages == ["starting the server", "the server was started with other settings: stopping it", "starting the server"]
    assert asked(port).models[MODEL].version == "v2"
    move(root, binds(root, "v2", other := free_port()), say=messages.append)
    assert (asked(port), asked(other).models[MODEL].version) == (None, "v2")
    assert state_of(root).environments[NAME].url == f"http://127.0.0.1:{other}"


# --- problems ----------------------------------------------------------------------------------------------------------


def test_a_free_port_is_no_problem(root: Path, port: int) -> None:
    assert PLATFORM.problems(site_of(root, port), None) == ()
    assert PLATFORM.problems(site_of(root, port, host="0.0.0.0"), None) == ()


def test_another_program_on_the_port_is_named(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=folder, text=True)
    try:
        port = int(other.stdout.readline())
        (problem,) = PLATFORM.problems(site_of(root, port), None)
        assert (problem.id, problem.setting, problem.holder) == ("port-in-use", "port", None)
        assert f"pid {other.pid}" in problem.detail
        assert str(folder) in problem.detail
        assert PLATFORM.problems(site_of(root, port, here=False), None) == (), (
            "ports of this host do not concern an environment that runs elsewhere"
        )
    finally:
        other.kill()
        other.communicate()


def test_a_server_of_another_lineage_is_named_and_never_mistaken_for_ours(
    root: Path, port: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`rm -rf .leptonctl` while the server runs, or two projects: pid, lineage and folder are reported, and the server is left alone."""
    elsewhere = tmp_path_factory.mktemp("other")
    move(elsewhere, binds(elsewhere, "v1", port))
    try:
        foreign = processes.running_server(elsewhere, NAME)
        site = site_of(root, port)
        (problem,) = PLATFORM.problems(site, None)
        assert (problem.id, problem.holder) == ("port-in-use", None)
        for word in (f"pid {foreign.pid}", foreign.lineage, NAME, str(elsewhere)):
            assert word in problem.detail
        seen = PLATFORM.observe(site)
        assert (seen.running, seen.answering) == (False, None)
        with pytest.raises(Failure) as failure:
            move(root, binds(root, "v2", port))
        assert failure.value.diagnostics[0].id == "port-in-use"
        assert BINDING not in state_of(root).current
        PLATFORM.remove(site, QUIET)
        assert asked(port).models[MODEL].version == "v1"
    finally:
        processes.stop_server(elsewhere, NAME)


def test_an_environment_of_this_project_on_the_port_is_its_holder(root: Path, port: int) -> None:
    """A renamed environment: the other one may be gone once the same apply has removed it."""
    move(root, binds(root, "v1", port))
    renamed = site_of(root, port, environment="production")
    (problem,) = PLATFORM.problems(renamed, None)
    assert (problem.id, problem.holder) == ("port-in-use", NAME)
    assert f"environment {NAME} of this project" in problem.detail
    move(root, destroys)
    assert PLATFORM.problems(renamed, None) == ()


def test_the_server_of_the_original_of_a_copied_folder_is_not_ours(root: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`cp -r project copy`: the same lineage and environment answer on the port, and it is the original's server."""
    move(root, binds(root, "v1", port, swap_s=0.5))
    copy = tmp_path_factory.mktemp("copies") / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".temporary"))
    site = site_of(copy, port)
    (problem,) = PLATFORM.problems(site, None)
    assert (problem.id, problem.holder, str(root) in problem.detail) == ("port-in-use", None, True)
    seen = PLATFORM.observe(site)
    assert (seen.running, seen.answering) == (False, None)
    with pytest.raises(Failure) as failure:
        move(copy, binds(copy, "v2", port))
    assert failure.value.diagnostics[0].id == "port-in-use"
    move(copy, destroys)
    assert asked(port).models[MODEL].version == "v1"


def test_a_serving_process_is_not_stopped_for_a_port_that_is_taken(root: Path, port: int) -> None:
    move(root, binds(root, "v1", port))
    with socket.create_server(("127.0.0.1", free_port())) as taken, pytest.raises(Failure) as failure:
        move(root, binds(root, "v2", taken.getsockname()[1]))
    assert failure.value.diagnostics[0].id == "port-in-use"
    assert asked(port).models[MODEL].version == "v1"
    assert state_of(root).environments[NAME].url == f"http://127.0.0.1:{port}"


def test_an_address_of_another_host_cannot_be_listened_on(root: Path, port: int) -> None:
    (problem,) = PLATFORM.problems(site_of(root, port, host="203.0.113.9"), None)
    assert (problem.id, problem.setting, "`platform:`" in problem.hint) == ("cannot-listen", "host", True)
    assert PLATFORM.problems(site_of(root, port, host="203.0.113.9", here=False), None) == ()


# --- ready and activate ------------------------------------------------------------------------------------------------


def test_without_a_registered_server_a_switch_elsewhere_moves_at_once(root: Path, port: int) -> None:
    messages: list[str] = []
    began = time.monotonic()
    outcome = move(root, binds(root, "v1", port), here=False, say=messages.append)
    assert (outcome.moved, outcome.served, time.monotonic() - began < 5) == (True, False, True)
    assert messages[-1] == "served by nobody yet: run `leptonctl serve prod` where it belongs"
    assert processes.server_record(root, NAME) is None, "an apply elsewhere starts no server"


def test_a_living_server_that_is_not_ready_stops_the_switch(root: Path, port: int) -> None:
    """It beats, and never gets ready."""
    site, record = staged(root, port, here=False, ready_s=1.0)
    put(site, far(note="it is busy"))
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    assert (failure.value.id, "far (it is busy)" in failure.value.detail) == ("not-ready", True)


def test_a_server_that_died_elsewhere_is_not_waited_for_after_its_term(root: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from leptonctl.deploying import fleet

    monkeypatch.setattr(fleet, "TERM_S", 0.4)
    site, record = staged(root, port, here=False, ready_s=20.0)
    put(site, far())
    began = time.monotonic()
    PLATFORM.ready(site, record, QUIET)
    assert 0.3 < time.monotonic() - began < 10


def test_all_living_servers_must_be_ready_and_refusals_are_reported(root: Path, port: int) -> None:
    site, record = staged(root, port, here=False, ready_s=1.0, swap_s=0.1)
    put(site, far("able", ready=(1,)), far("late"))
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    assert "late" in failure.value.detail
    assert "able" not in failure.value.detail
    put(site, far("late", failed={"1": "model.onnx is damaged"}))
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    assert failure.value.detail == "late (model.onnx is damaged)"
    put(site, far("late", ready=(1,)))
    PLATFORM.ready(site, record, QUIET)


def test_a_refusal_from_before_counts_when_the_server_has_repeated_it(root: Path, port: int) -> None:
    """A heal waits for a deployment that was refused before: what the store says about it may be older than what serves."""
    site, record = staged(root, port, here=False, ready_s=20.0, swap_s=0.1)
    refused = far("late", failed={"1": "model.onnx is not in the store"})
    put(site, refused)
    mended = threading.Timer(0.5, lambda: put(site, replace(refused, failed={}, ready=(1,), beat=refused.beat + 1)))
    mended.start()
    PLATFORM.ready(site, record, QUIET)
    mended.join()
    put(site, refused)
    repeated = threading.Timer(0.5, lambda: put(site, replace(refused, beat=refused.beat + 1)))
    repeated.start()
    began = time.monotonic()
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    repeated.join()
    assert failure.value.detail == "late (model.onnx is not in the store)"
    assert time.monotonic() - began < 10


def test_a_return_needs_one_ready_server(root: Path, port: int) -> None:
    messages: list[str] = []
    site, record = staged(root, port, here=False, ready_s=20.0, swap_s=0.3, returning=True)
    put(site, far("able", ready=(1,)), far("late"), far("broken", failed={"1": "no"}))
    began = time.monotonic()
    PLATFORM.ready(site, record, messages.append)
    assert time.monotonic() - began < 10
    assert messages == ["not ready, will follow later: broken, late"]
    put(site, far("able"))
    with pytest.raises(ProviderError):
        PLATFORM.ready(replace(site, settings={**site.settings, "ready_s": 1.0}), record, messages.append)


def test_a_deployment_that_is_no_longer_staged_is_not_waited_for(root: Path, port: int) -> None:
    site, record = staged(root, port, here=False, ready_s=20.0)
    put(site, far())
    staged(root, port, number=2, here=False)
    began = time.monotonic()
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    assert "neither staged nor in force" in failure.value.detail
    assert time.monotonic() - began < 10


def test_a_server_that_lags_after_the_head_is_named(root: Path, port: int) -> None:
    site, _ = staged(root, port, head=1, here=False, swap_s=0.3)
    put(site, far("lame", deployment=0, note="it cannot"), far("good", deployment=1))
    head = Head(epoch=Epoch(), nonce="", deployment=1)
    with pytest.raises(ProviderError) as failure:
        PLATFORM.activate(site, head, QUIET)
    assert failure.value.detail == "not serving deployment 1 after 0.3 s: lame (it cannot)"
    put(site, far("lame", deployment=1))
    PLATFORM.activate(site, head, QUIET)


def test_following_a_head_removes_the_records_of_servers_long_gone(root: Path, port: int) -> None:
    site, _ = staged(root, port, head=1, here=False)
    me = owners.current_owner("", None)
    gone = far("gone", deployment=1, started=1.0, heartbeat=1.0, host=me.host, machine=me.machine, boot="an earlier one")
    # its clock may be wrong, and whether its beat moves is not known yet
    put(site, gone, far("good", deployment=1, started=1.0, heartbeat=1.0))
    PLATFORM.activate(site, Head(epoch=Epoch(), nonce="", deployment=1), QUIET)
    assert [s.id for s in PLATFORM.observe(site).servers] == ["good"]


# --- this host's server ------------------------------------------------------------------------------------------------


def test_a_server_that_hangs_is_replaced(root: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HUNG_S", 0.5)
    messages: list[str] = []
    move(root, binds(root, "v1", port))
    first = processes.running_server(root, NAME)
    os.kill(first.pid, signal.SIGSTOP)
    assert PLATFORM.problems(site_of(root, port), None) == (), "its own port is not a problem although it hangs"
    move(root, binds(root, "v2", port), say=messages.append)
    assert messages[0] == "the server does not answer: stopping it"
    assert asked(port).models[MODEL].version == "v2"
    assert not processes.is_running(first)


def test_a_server_that_ends_while_it_is_waited_for_is_a_failure(root: Path, port: int) -> None:
    """On this host, a switch needs a living server."""
    site, record = staged(root, port)
    PLATFORM.stage(site, record, QUIET)
    running = processes.running_server(root, NAME)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not processes.is_running(running))
    with pytest.raises(ProviderError) as failure:
        PLATFORM.ready(site, record, QUIET)
    assert (failure.value.id, "has ended" in failure.value.detail) == ("not-ready", True)


def test_a_server_is_observed_from_the_store_and_from_its_status_page(root: Path, port: int) -> None:
    move(root, binds(root, "v1", port))
    site = site_of(root, port)
    put(site, far(deployment=0, failed={"1": "model.onnx is damaged"}))
    seen = PLATFORM.observe(site)
    assert (seen.running, seen.answering.models[MODEL].version, seen.reason) == (True, "v1", "")
    assert [s.id for s in seen.servers] == sorted(["far", processes.default_id(root)])
    away = PLATFORM.observe(site_of(root, port, here=False))
    assert (away.answering, away.running, away.reason) == (None, False, "far: deployment 1: model.onnx is damaged")
    running = processes.running_server(root, NAME)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not processes.is_running(running))
    dead = PLATFORM.observe(site)
    assert (dead.running, dead.answering) == (False, None)
    assert 'does not run; the last line of its log: "' in dead.reason


def test_elsewhere_nothing_is_started_or_stopped(root: Path, port: int) -> None:
    move(root, binds(root, "v1", port))
    running = processes.running_server(root, NAME)
    away = site_of(root, port, here=False, max_body=4096)
    PLATFORM.stage(away, deployment_of(away, 1), QUIET)
    PLATFORM.remove(away, QUIET)
    assert processes.running_server(root, NAME) == running


def test_an_empty_deployment_starts_nothing(root: Path, port: int) -> None:
    site, record = staged(root, port)
    empty = replace(record, models={})
    PLATFORM.stage(site, empty, QUIET)
    PLATFORM.ready(site, empty, QUIET)
    assert processes.server_record(root, NAME) is None


def test_a_first_switch_that_fails_leaves_no_process(root: Path, port: int) -> None:
    decide = binds(root, "v1", port)
    artifact = layout.artifact(decide(None).routes[BINDING].artifact)
    (root / STORE / artifact).write_bytes(b"damaged")
    with pytest.raises(Failure) as failure:
        move(root, decide)
    problem = failure.value.diagnostics[0]
    assert (problem.id, "model.onnx" in problem.detail) == ("not-ready", True)
    until(lambda: asked(port, 0.2) is None)
    assert processes.server_record(root, NAME) is None
    assert (dict(state_of(root).pending), BINDING in state_of(root).current) == ({}, False)


def test_a_set_that_cannot_be_served_leaves_the_old_one(root: Path, port: int) -> None:
    move(root, binds(root, "v1", port))
    decide = binds(root, "v2", port)
    (root / STORE / layout.artifact(decide(None).routes[BINDING].artifact)).unlink()
    with pytest.raises(Failure) as failure:
        move(root, decide)
    assert failure.value.diagnostics[0].id == "not-ready"
    assert asked(port).models[MODEL].version == "v1"
    assert state_of(root).current[BINDING].version == "v1"


def test_a_server_started_by_hand_is_used_as_it_is(root: Path, port: int) -> None:
    """`leptonctl serve ENV` on the environment's own port: no second server is started, and it follows."""
    launch = server.launch_of(site_of(root, port))
    words = [word for word in launch.arguments if word not in ("--record", str(processes.server_folder(root, NAME) / "server.json"))]
    words[words.index("--id") + 1] = "by-hand"
    hand = subprocess.Popen(
        [sys.executable, "-P", "-m", "leptonctl.deploying.serve", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        hand.stdout.readline()
        move(root, binds(root, "v1", port))
        assert (asked(port).id, asked(port).models[MODEL].version) == ("by-hand", "v1")
        assert processes.server_record(root, NAME) is None
    finally:
        hand.terminate()
        hand.communicate(timeout=20)


def test_the_port_of_another_program_stops_a_switch_before_the_head(root: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken, pytest.raises(Failure) as failure:
        move(root, binds(root, "v1", taken.getsockname()[1]))
    assert failure.value.diagnostics[0].id == "port-in-use"
    assert f"pid {os.getpid()}" in failure.value.diagnostics[0].detail


def test_servers_that_all_end_while_they_load_fail_the_switch(root: Path, port: int) -> None:
    """Without them nobody would be waited for, and the head would name what has just ended them."""
    pointers = pointers_of(root)
    lineage = pointers.begin().lineage
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        me = owners.current_owner("", None)
        record = ServerRecord(
            id="far", lineage=lineage, environment=NAME, host=me.host, machine=me.machine, boot=me.boot, namespace=me.namespace,
            pid=child.pid, start=owners.process_start(child.pid), url="http://far", started=1.0, beat=1,
        )  # fmt: skip
        pointers.objects.put(layout.server(lineage, NAME, "far"), encode(record))

        def end(_line: str) -> None:
            child.kill()
            child.wait()

        with pytest.raises(Failure) as failure:
            move(root, binds(root, "v1", port), here=False, say=end)
        (problem,) = failure.value.diagnostics
        assert (problem.id, problem.detail) == ("not-ready", "ended: far")
        head = pointers.lineage(state_of(root)).head(NAME)
        assert head is not None
        assert head.head.deployment == 0
        # now it is known to be dead, and is not waited for
        assert move(root, binds(root, "v1", port), here=False).moved
    finally:
        child.kill()
        child.wait()
