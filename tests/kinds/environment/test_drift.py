"""What really serves compared with the state: one line of its class for each difference."""

import pytest

from leptonctl.core.deployment import Epoch, Head, ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.core.observed import Live, SourceFacts
from leptonctl.core.state import Environment, Pending, Pointer, State
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.environment.drift import drift, interrupted_switches
from tests.kinds.declared import ALL, sound

BOUND = {"environment/prod/m": Pointer(digest="d", version="v1", effect=True)}


def state(deployment: int = 3, **more) -> State:
    record = Environment(platform={"type": "server"}, deployment=deployment)
    return State(lineage="l", project="toy", environments={"prod": record}, **{"current": BOUND, **more})


def pending(deployment: int) -> Pending:
    return Pending(deployment=deployment, claim="c", token=1, pointers={}, environment=None)


def server(deployment: int = 3, id: str = "s1", **more) -> ServerRecord:
    return ServerRecord(
        id=id, lineage="l", environment="prod", host="h", pid=1, url="http://h", started=0.0, deployment=deployment, **more
    )  # fmt: skip


def head(deployment: int) -> Head:
    return Head(epoch=Epoch(generation=1, token=1), nonce="n", deployment=deployment)


def lines(live: Live, recorded: State | None = None) -> list[tuple[str, str]]:
    """The drift of an environment whose head names the recorded deployment, unless it names another."""
    with_head = replace(live, head=live.head or head(3))
    return [(d.drift_class, d.reason) for d in drift(recorded or state(), {"prod": with_head}, {})]


def test_a_missing_head_is_healed_whatever_serves() -> None:
    for live in (Live(here=True, running=True, answering=server()), Live(placement="elsewhere")):
        found = [(d.drift_class, d.reason) for d in drift(state(), {"prod": live}, {})]
        assert found == [("heal", "the head in the store is missing: it is written again")]


ALIVE = frozenset({"s1"})


def test_a_server_that_serves_what_is_recorded_is_not_drift() -> None:
    assert lines(Live(here=True, running=True, answering=server(), servers=(server(),), alive=ALIVE, head=head(3))) == []
    assert lines(Live(here=False, servers=(server(),), alive=ALIVE)) == []


def test_this_hosts_server_is_healed() -> None:
    assert lines(Live(here=True, running=False)) == [("heal", "the server of this environment is not running")]
    assert lines(Live(here=True, running=True)) == [("heal", "the server of this environment does not answer")]
    assert lines(Live(here=True, running=True, answering=server(2))) == [
        ("heal", "the server serves another deployment than the recorded one")
    ]


def test_the_servers_own_reason_is_shown() -> None:
    assert lines(Live(here=True, reason="port 8080 is taken by pid 7")) == [("heal", "port 8080 is taken by pid 7")]
    assert lines(Live(here=True, running=True, answering=server(2, note="deployment 3 is damaged"))) == [
        ("heal", "the server serves another deployment than the recorded one: deployment 3 is damaged")
    ]


def test_a_head_that_names_another_deployment_is_healed_whatever_serves() -> None:
    found = drift(state(), {"prod": Live(here=True, running=True, answering=server(), head=head(4))}, {})
    assert [(d.drift_class, d.reason, d.recorded, d.live) for d in found] == [
        ("heal", "the head in the store names another deployment than the recorded one", 3, 4)
    ]


def test_a_switch_under_way_is_not_drift() -> None:
    under_way = state(pending={"prod": pending(4)})
    assert lines(Live(here=True, running=True, answering=server(4)), under_way) == []
    assert lines(Live(here=True, running=True, answering=server(3), head=head(4)), under_way) == []


def test_a_server_that_cannot_be_reached_is_unobserved() -> None:
    assert lines(Live(here=False)) == [("unobserved", "no server of this environment can be seen from here")]


def test_servers_elsewhere_are_judged_by_their_records() -> None:
    """Nothing here can repair them, so that each is a note, and none is a change."""
    elsewhere = Live(placement="elsewhere", head=head(3))
    assert lines(elsewhere) == [("note", "served by nobody yet: run `leptonctl serve prod` where it belongs")]
    stopped = replace(elsewhere, was_served=True)
    assert lines(stopped) == [("note", "served by nobody: run `leptonctl serve prod` where it belongs")]
    assert lines(replace(elsewhere, servers=(server(),), alive=ALIVE)) == []
    for servers, reason in (
        ((server(),), "server s1 shows no sign of life"),
        ((server(2),), "server s1 serves deployment 2, not deployment 3"),
        ((server(0, note="deployment 3 is damaged"),), "server s1 serves nothing, not deployment 3 (deployment 3 is damaged)"),
        ((server(3, note="the store cannot be followed"),), "server s1 reports: the store cannot be followed"),
    ):
        alive = frozenset() if "no sign" in reason else ALIVE
        for placement in ("elsewhere", "here"):
            live = replace(elsewhere, placement=placement, servers=servers, alive=alive)
            drift_class = "unobserved" if placement == "here" and not alive else "note"
            way = "" if placement == "here" or alive else "; `leptonctl server forget s1` removes its record"
            assert lines(live) == [(drift_class, f"unhealthy: {reason}{way}")]
            assert lines(live, state(pending={"prod": pending(4)})) == []


def test_a_second_server_that_went_silent_is_a_note() -> None:
    live = Live(here=True, running=True, answering=server(), servers=(server(), server(id="s2")), alive=ALIVE)
    assert lines(live) == [("note", "server s2 shows no sign of life; `leptonctl server forget s2` removes its record")]


def test_an_environment_without_bindings_needs_no_server() -> None:
    assert lines(Live(here=True, running=False), state(current={})) == []
    assert lines(Live(here=True, running=False), state(current={"environment/prod2/m": BOUND["environment/prod/m"]})) == []


@pytest.mark.parametrize(("seen", "expected"), [(head(4), ["heal"]), (head(3), []), (None, [])])
def test_an_interrupted_switch_is_completed_where_the_head_had_moved(seen: Head | None, expected: list[str]) -> None:
    recorded = state(pending={"prod": pending(4)})
    assert [d.drift_class for d in interrupted_switches(recorded, {"prod": Live(head=seen)})] == expected
    assert list(interrupted_switches(recorded, {})) == []


PIN = "sha256:" + "1" * 64
PINNED = ALL.replace("data/first.csv}", f"data/first.csv, digest: '{PIN}'}}")


def overwritten(facts: dict[str, SourceFacts]) -> list[tuple[str, str, Json]]:
    return [(d.address, d.drift_class, d.live) for d in drift(None, {}, datasets(sound(PINNED, facts)))]


def test_a_pinned_file_that_changed_is_a_note() -> None:
    other = SourceFacts(digest="x")
    assert overwritten({"data/first.csv": SourceFacts(digest=PIN), "data/second.csv": other}) == []
    assert overwritten({"data/first.csv": SourceFacts(digest="sha256:other"), "data/second.csv": other}) == [
        ("dataset/points@first", "note", "sha256:other")
    ]
    assert overwritten({"data/first.csv": SourceFacts(digest=None), "data/second.csv": other}) == [("dataset/points@first", "note", None)]
