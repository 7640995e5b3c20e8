"""The fleet as the store shows it: servers live if their beats move, or if their process on this machine does."""

import subprocess
import sys
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.deploying.fleet import STALE_S, Fleet, Roll, seen_file
from leptonctl.storage import owner as owners
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness

FAR = ServerRecord(id="far", lineage="l", environment="prod", host="another", machine="m", pid=1, url="", started=0.0, beat=7)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lineage(tmp_path: Path) -> LineageStore:
    return LineageStore(objects=FolderObjects(root=tmp_path), lineage="l")


def put(lineage: LineageStore, *records: ServerRecord) -> None:
    for record in records:
        lineage.objects.put(layout.server("l", "prod", record.id), encode(record))


def here(**more: object) -> ServerRecord:
    me = owners.current_owner("", None)
    return ServerRecord(
        **{
            "id": "here",
            "lineage": "l",
            "environment": "prod",
            "url": "",
            "started": 0.0,
            "host": me.host,
            "machine": me.machine,
            "pid": me.pid,
            "start": me.start,
            "boot": me.boot,
            "namespace": me.namespace,
            **more,
        }
    )


def ids(servers: tuple[ServerRecord, ...]) -> list[str]:
    return [server.id for server in servers]


def test_a_server_elsewhere_lives_while_its_beat_moves(lineage: LineageStore) -> None:
    """Its own clock may show anything: only our clock and its beat count."""
    clock = Clock()
    fleet = Fleet(lineage=lineage, environment="prod", liveness=Liveness(clock=clock))
    put(lineage, replace(FAR, heartbeat=0.0))
    assert ids(fleet.living()) == ["far"], "no server is dead at the first read"
    clock.now += 14
    assert ids(fleet.living()) == ["far"]
    clock.now += 2
    assert ids(fleet.living()) == []
    put(lineage, replace(FAR, beat=8, heartbeat=0.0))
    assert ids(fleet.living()) == ["far"]
    clock.now += 16
    put(lineage, replace(FAR, beat=8, heartbeat=9e9))
    assert ids(fleet.living()) == [], "a heartbeat of the future does not make it live"


def test_beats_are_remembered_for_the_next_command(lineage: LineageStore, tmp_path: Path) -> None:
    clock = Clock()
    put(lineage, FAR)
    assert seen_file(tmp_path) is None
    (tmp_path / ".leptonctl").mkdir()
    memory = seen_file(tmp_path)
    for seconds, living in ((0, ["far"]), (16, [])):
        clock.now += seconds
        fleet = Fleet(lineage=lineage, environment="prod", liveness=Liveness(memory=memory, clock=clock))
        assert ids(fleet.living()) == living


def test_a_server_of_this_machine_is_dead_with_its_process(lineage: LineageStore) -> None:
    fleet = Fleet(lineage=lineage, environment="prod")
    put(lineage, here())
    assert ids(fleet.living()) == ["here"]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    start = owners.process_start(ended.pid)
    ended.wait()
    put(lineage, here(pid=ended.pid, start=start))
    assert ids(fleet.living()) == [], "at once, without waiting for its beat"
    put(lineage, here(start=1))
    assert ids(fleet.living()) == [], "a later process of the same pid"
    put(lineage, here(boot="another"))
    assert ids(fleet.living()) == [], "of a boot before this one"
    put(lineage, here(pid=ended.pid, start=start, namespace="pid:[1]"))
    assert ids(fleet.living()) == ["here"], "a pid of another container cannot be checked here: its beat decides"
    put(lineage, here(namespace=None))
    assert ids(fleet.living()) == ["here"]


def test_stopped_servers_and_those_of_other_environments_are_not_registered(lineage: LineageStore) -> None:
    put(
        lineage, FAR, replace(FAR, id="stopped", stopped=True), replace(FAR, id="moved", environment="dev"),
        replace(FAR, id="foreign", lineage="another"),
    )  # fmt: skip
    lineage.objects.put(layout.server("l", "prod", "stray"), b"not a record")
    fleet = Fleet(lineage=lineage, environment="prod")
    assert ids(fleet.registered_servers()) == ["far"]
    assert ids(Fleet(lineage=lineage, environment="dev").registered_servers()) == []


def test_records_that_are_long_stale_are_removed(lineage: LineageStore) -> None:
    """By their beats as seen from here: the clock of another machine may show anything."""
    clock, now = Clock(), 10 * STALE_S
    fleet = Fleet(lineage=lineage, environment="prod", liveness=Liveness(clock=clock))
    put(lineage, FAR, replace(FAR, id="busy", heartbeat=1.0), replace(FAR, id="off", stopped=True))
    assert fleet.reap(now) == [], "a heartbeat of long ago proves nothing at the first look"
    clock.now += STALE_S - 1
    assert fleet.reap(now) == []
    put(lineage, replace(FAR, id="busy", beat=8, heartbeat=1.0))
    clock.now += 2
    assert fleet.reap(now) == ["far", "off"]
    assert ids(lineage.servers("prod")) == ["busy"]


def test_a_dead_process_of_this_machine_is_stale_by_our_own_clock(lineage: LineageStore) -> None:
    """A15: also for a command that has never seen its beat, and after a reboot."""
    now = 10 * STALE_S
    old = now - STALE_S - 1
    put(
        lineage, here(id="old", boot="another", heartbeat=old), here(id="late", boot="another", heartbeat=now - 5),
        here(id="new", boot="another", heartbeat=old, started=now - 5), here(id="alive", heartbeat=old),
    )  # fmt: skip
    fleet = Fleet(lineage=lineage, environment="prod", liveness=Liveness(clock=Clock()))
    assert fleet.reap(now) == ["old"]
    assert ids(lineage.servers("prod")) == ["alive", "late", "new"]


def test_servers_that_end_while_they_load_are_not_taken_for_none(lineage: LineageStore) -> None:
    """A wait for nobody would put a deployment in force that has just ended all its servers (protocols 4)."""
    clock = Clock()
    fleet = Fleet(lineage=lineage, environment="prod", liveness=Liveness(clock=clock))
    roll = Roll(fleet=fleet)
    put(lineage, FAR, here(), replace(FAR, id="dead"))
    assert roll.lost_servers(fleet.living()) == []
    put(lineage, replace(FAR, beat=8))
    assert roll.lost_servers(fleet.living()) == []
    clock.now += 16
    put(lineage, here(pid=1, start=1))
    assert fleet.living() == ()
    assert ids(tuple(roll.lost_servers(fleet.living()))) == ["far", "here"], "not the one that was dead from the beginning"
    put(lineage, here(stopped=True))
    assert ids(tuple(roll.lost_servers(fleet.living()))) == ["far"], "nor one that said that it stops"


def test_watching_ends_with_a_last_read_and_reports_what_it_waits_for(lineage: LineageStore) -> None:
    put(lineage, here())
    said: list[str] = []
    looks = [(ids(living), late) for living, late in Fleet(lineage=lineage, environment="prod").watch(1.2, said.append, "ready")]
    assert looks[0] == (["here"], False)
    assert looks[-1] == (["here"], True)
    assert [late for _, late in looks].count(True) == 1
    assert said == ["waiting for 1 server to be ready"]
