"""The records of one lineage: deployments, heads by compare-and-swap, servers; damaged and foreign files affect nothing else."""

import functools
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Deployment, Epoch, Route, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.storage.lineage import LineageStore
from leptonctl.testing.racing import at_once
from tests.storage.places import Place, ids

ROUTE = Route(version="v1", digest="sha256:1", package="sha256:2", artifact="sha256:3", files={"model.onnx": "sha256:3"})
FIRST = Deployment(
    lineage="L", environment="prod", deployment=1, incarnation=1, serial=1, previous=None, at="2026-11-25T12:00:00Z", by="ada",
    commit=None, url=None, requests="lenient", models={"m": (ROUTE,)},
)  # fmt: skip


@pytest.fixture
def lineage(tmp_path: Path) -> LineageStore:
    return opened(tmp_path)


def opened(folder: Path) -> LineageStore:
    return LineageStore(objects=Place(folder=folder).objects, lineage="L")


def server(id_: str, **more: object) -> ServerRecord:
    return ServerRecord(**{"id": id_, "lineage": "L", "environment": "prod", "host": "h", "pid": 1, "url": "u", "started": 1.0, **more})


def test_a_deployment_is_written_once(lineage: LineageStore) -> None:
    assert lineage.put_deployment(FIRST)
    assert not lineage.put_deployment(replace(FIRST, by="ben"))
    assert lineage.put_deployment(replace(FIRST, deployment=12, previous=1))
    assert lineage.deployment("prod", 1) == FIRST
    assert lineage.deployment("prod", 3) is None
    assert lineage.deployments("prod") == [1, 12]
    assert lineage.deployments("dev") == []


def test_what_is_not_a_deployment_is_not_numbered(lineage: LineageStore) -> None:
    lineage.put_deployment(FIRST)
    for name in ("head", "00000002~", "two", "²"):
        lineage.objects.put(f"{layout.deployments('L', 'prod')}/{name}", b"junk")
    assert lineage.deployments("prod") == [1]


def test_a_damaged_deployment_is_named(lineage: LineageStore) -> None:
    lineage.objects.put(layout.deployment("L", "prod", 1), encode(FIRST).replace(b'"serial":1', b'"serial":"one"'))
    with pytest.raises(Failure) as caught:
        lineage.deployment("prod", 1)
    assert ids(caught.value) == ["corrupt-record"]
    assert layout.deployment("L", "prod", 1) in caught.value.diagnostics[0].detail
    assert "serial" in caught.value.diagnostics[0].detail


def test_the_head_moves_by_compare_and_swap(lineage: LineageStore) -> None:
    move = functools.partial(lineage.move_head, "prod", holder="me", serial=1, staged=1)
    assert lineage.head("prod") is None
    first = move(None, epoch=Epoch(generation=1, token=1), deployment=0)
    assert first is not None
    assert move(None, epoch=Epoch(generation=1, token=2), deployment=0) is None
    assert lineage.head("prod") == first
    second = move(first, epoch=Epoch(generation=1, token=2), deployment=1)
    assert second is not None
    assert (second.head.deployment, second.head.epoch.token, second.head.holder) == (1, 2, "me")
    assert move(first, epoch=Epoch(generation=1, token=1), deployment=7) is None
    assert lineage.head("prod") == second
    assert lineage.heads(["prod", "dev"]) == {"prod": second.head}


def test_no_two_heads_have_equal_bytes(lineage: LineageStore) -> None:
    """Where an etag is the hash of the bytes, the etag of a suspended writer must not repeat either."""
    seen = set()
    head = None
    for _ in range(20):
        head = lineage.move_head("prod", head, epoch=Epoch(), holder="", deployment=1, serial=1, staged=1)
        found = lineage.objects.get(layout.head("L", "prod"))
        assert found is not None
        seen.add(found[0])
    assert len(seen) == 20


def _move_head(folder: Path, rounds: int) -> None:
    lineage = opened(folder)
    for _ in range(rounds):
        while True:
            before = lineage.head("prod")
            serial = before.head.serial if before else 0
            if lineage.move_head("prod", before, epoch=Epoch(), holder="", deployment=1, serial=serial + 1, staged=1):
                break


def test_of_many_writers_of_a_head_each_sees_the_one_before(lineage: LineageStore, tmp_path: Path) -> None:
    at_once([(_move_head, tmp_path, 10)] * 6)
    head = lineage.head("prod")
    assert head is not None
    assert head.head.serial == 60


def test_servers_come_and_go(lineage: LineageStore) -> None:
    for record in (server("b", beat=1), server("a/1"), server("b", beat=2)):
        lineage.objects.put(layout.server("L", "prod", record.id), encode(record))
    assert [(s.id, s.beat) for s in lineage.servers("prod")] == [("a/1", 0), ("b", 2)]
    lineage.remove_server("prod", "b")
    lineage.remove_server("prod", "b")
    assert [s.id for s in lineage.servers("prod")] == ["a/1"]
    assert lineage.servers("dev") == ()


@pytest.mark.parametrize("data", [b"", b"junk", b"{}", b'{"format_version":"1","heartbeat":"zz"}', b"\xff" * 100])
def test_what_is_not_a_server_record_is_ignored(lineage: LineageStore, data: bytes) -> None:
    lineage.objects.put(layout.server("L", "prod", "a"), encode(server("a")))
    lineage.objects.put(f"{layout.servers('L', 'prod')}/foo~", data)
    assert [s.id for s in lineage.servers("prod")] == ["a"]


@pytest.mark.parametrize("word", ["a/b", "..", ".hidden", "ü", "a b", "%2E", "con"])
def test_any_word_is_one_segment_of_a_path(lineage: LineageStore, word: str) -> None:
    for path in (layout.server("L", word, word), layout.head("L", word), layout.key_mark(word), layout.lineage_name(word, word)):
        lineage.objects.put(path, word.encode())
        assert lineage.objects.get(path) is not None
        assert layout.name_from(path.split("/")[1 if path.startswith(("keys", "lineages")) else 3]) == word
