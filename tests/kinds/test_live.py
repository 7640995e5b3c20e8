"""Live reality against state: each difference one line of its class."""

import pytest
from leptonctl.core.record import Entry, State
from leptonctl.kinds.live import drift, interrupted

from leptonctl.core.observed import Live, SourceFacts
from leptonctl.core.values import Json
from tests.kinds.declared import ALL, configured

NOW = 1000.0
BOUND = {"environment/prod/m": Entry(digest="d", version="v1", effect=True)}


def state(deployment: int | None = 3, **more) -> State:
    return State(lineage="l", project="toy", environments={"prod": {"deployment": deployment}}, **{"current": BOUND, **more})


def lines(live: Live, recorded: State | None = None) -> list[tuple[str, str]]:
    found = drift(recorded or state(), {"prod": live}, {}, {}, NOW)
    return [(d.drift_class, d.reason) for d in found]


def server(age: float = 1.0, **more: Json) -> dict[str, Json]:
    return {"id": "s1", "heartbeat": NOW - age, "stopped": False, **more}


def test_a_server_that_serves_what_is_recorded_is_no_line() -> None:
    assert lines(Live(here=True, running=True, status={"deployment": 3}, servers=(server(),))) == []
    assert lines(Live(here=False, servers=(server(),))) == []


def test_this_hosts_server_is_healed() -> None:
    assert lines(Live(here=True, running=False)) == [("heal", "the server of this environment does not run")]
    assert lines(Live(here=True, running=True)) == [("heal", "the server of this environment does not answer")]
    assert lines(Live(here=True, running=True, status={"deployment": 2})) == [
        ("heal", "the server serves another deployment than the one recorded")
    ]


def test_a_switch_under_way_is_no_drift() -> None:
    assert lines(Live(here=True, running=True, status={"deployment": 4}), state(pending={"prod": {"deployment": 4}})) == []


def test_what_cannot_be_seen_from_here_is_unobserved() -> None:
    for servers in ((), (server(age=99, stopped=True),)):
        assert [c for c, _ in lines(Live(here=False, servers=servers))] == ["unobserved"]
    # one that was seen long ago is named besides
    assert [c for c, _ in lines(Live(here=False, servers=(server(age=99),)))] == ["unobserved", "note"]


def test_a_second_server_that_went_quiet_is_a_note() -> None:
    live = Live(here=True, running=True, status={"deployment": 3}, servers=(server(), server(age=20, id="s2")))
    assert lines(live) == [("note", "server s2 was last seen 20 s ago")]


def test_an_environment_with_nothing_bound_has_no_server_to_miss() -> None:
    assert lines(Live(here=True, running=False), state(current={})) == []


@pytest.mark.parametrize(("head", "expected"), [({"deployment": 4}, ["heal"]), ({"deployment": 3}, []), (None, [])])
def test_an_interrupted_switch_is_completed_where_the_head_had_moved(head: dict[str, Json] | None, expected: list[str]) -> None:
    pending = state(pending={"prod": {"deployment": 4}})
    assert [d.drift_class for d in interrupted(pending, {"prod": Live(head=head)})] == expected


def test_a_pinned_file_that_changed_is_a_note() -> None:
    pin = "sha256:" + "1" * 64
    text = ALL.replace("data/first.csv}", f"data/first.csv, digest: '{pin}'}}")
    configuration, _ = configured(text)
    assert configuration is not None

    def found(digest: str | None) -> list[tuple[str, str, Json]]:
        facts = {("data/first.csv", "utf-8", None): SourceFacts(digest=digest), ("data/second.csv", "utf-8", None): SourceFacts(digest="x")}
        return [(d.address, d.drift_class, d.live) for d in drift(None, {}, configuration.datasets, facts, NOW)]

    assert found(pin) == []
    assert found("sha256:other") == [("dataset/points@first", "note", "sha256:other")]
    assert found(None) == [("dataset/points@first", "note", None)]
