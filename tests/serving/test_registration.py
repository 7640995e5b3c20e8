"""What a server writes about itself, and the store it waits for: it never creates a store, and writes only one record."""

import time

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.deployment import ServerRecord
from leptonctl.storage.folder import FolderObjects
from tests.serving.serving_models import Shop, a_follower, filter_model, versions


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def test_a_damaged_server_record_is_written_again(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    path = layout.server("l", "prod", "one")
    shop.objects.put(path, b'{"format_version": "1", "heartbeat": "zz"}')
    shop.objects.put(layout.servers("l", "prod") + "/foo~", b"\0")
    lines = []
    follower = a_follower(shop, log=lines)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    assert lines[0].startswith("projects/l/servers/prod/one is not readable: ")
    follower._report()
    assert decode(shop.objects.get(path)[0], ServerRecord) == follower.status()


def test_the_beat_continues_from_the_previous_process(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    first = a_follower(shop)
    first.step()
    first._report()
    first._report()
    assert shop.servers()["one"].beat == 2
    second = a_follower(shop)
    second.step()
    second._report()
    assert shop.servers()["one"].beat == 3


def test_a_missing_store_is_waited_for_and_never_created(tmp_path):
    folder = tmp_path / "mount" / "store"
    lines = []
    shop = Shop(folder, mark=False)
    follower = a_follower(shop, log=lines, follow_s=0.01, heartbeat_s=600)
    follower.start()
    time.sleep(0.1)
    assert not folder.parent.exists()
    assert lines == [f"the store cannot be followed: {folder} is not a store (it has no identity); waiting for it"]
    assert follower.status().note == lines[0]
    shop.mark()
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    wait_for(lambda: "one" in shop.servers() and shop.servers()["one"].deployment == 1)
    assert versions(follower) == {"m": "v1"}
    assert lines.count("the store can be followed again") == 1
    # a store that disappears while it is followed is not created again either (between two heartbeats)
    time.sleep(0.3)
    folder.rename(tmp_path / "elsewhere")
    wait_for(lambda: follower.status().note == "projects/l/deployments/prod/head is not in the store")
    # back again, as after an outage
    (tmp_path / "elsewhere").rename(folder)
    wait_for(lambda: lines.count("the store can be followed again") == 2)
    wait_for(lambda: not follower.status().note)
    folder.rename(tmp_path / "elsewhere")
    follower.stop()
    assert not folder.exists()
    assert versions(follower) == {"m": "v1"}
    # each outage is reported once, and that it is over
    reports = [line for line in lines if "cannot be written" in line or line == "the record of this server is written again"]
    assert ["cannot" in line for line in reports] == [number % 2 == 0 for number in range(len(reports))]
    assert reports


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_store_that_cannot_be_written_is_still_followed(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    servers = shop.folder / layout.servers("l", "prod")
    servers.parent.mkdir()
    servers.write_bytes(b"a file where a folder is needed")
    lines = []
    follower = a_follower(shop, log=lines)
    follower.start()
    wait_for(lambda: versions(follower) == {"m": "v1"})
    follower.stop()
    assert sum("the record of this server cannot be written" in line for line in lines) == 1
    assert "cannot be written" in follower.status().note


def test_a_server_writes_its_record_and_nothing_else(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    before = set(shop.objects.list(""))
    follower = a_follower(shop)
    follower.step()
    follower._report()
    assert set(shop.objects.list("")) - before == {"projects/l/servers/prod/one"}


def test_unusual_names_are_one_segment_of_a_path(tmp_path):
    shop = Shop(tmp_path, environment="a/../b", lineage=".l")
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    follower = a_follower(shop)
    follower.step()
    follower._report()
    assert versions(follower) == {"m": "v1"}
    assert FolderObjects(root=tmp_path).list("projects/%2El/servers") == ["projects/%2El/servers/a%2F..%2Fb/one"]
