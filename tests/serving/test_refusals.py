"""What a server does not follow, and how it says so: older heads, records of others, damaged files, a store that is not there."""

import json
import shutil
import time

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.deployment import Epoch, ServerRecord
from leptonctl.serving.handle import respond
from leptonctl.storage.folder import FolderObjects
from tests.serving.serving_models import Shop, a_follower, filter_model, versions

OTHER = filter_model((1.0, 0.0, 0.0))


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


@pytest.fixture
def following(shop):
    """A follower that serves deployment 7 of serial 40, epoch 1.5, and what it logs."""
    shop.epoch = Epoch(generation=1, token=5)
    shop.deploy(7, 40, {"m": shop.put_model("v1", filter_model())})
    lines = []
    follower = a_follower(shop, log=lines)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    return follower, lines


def test_a_lower_serial_is_refused(shop, following):
    follower, lines = following
    shop.deploy(8, 39, {"m": shop.put_model("v2", OTHER)})
    follower.step()
    follower.step()
    record, why = follower.status(), "its serial 39 is lower than 40, which is in force"
    assert (record.deployment, versions(follower), record.failed) == (7, {"m": "v1"}, {"8": why})
    assert record.note == f"projects/l/deployments/prod/head (deployment 8) is refused: {why}"
    assert sum(why in line for line in lines) == 1
    shop.deploy(9, 41, {"m": shop.put_model("v2", OTHER)})
    follower.step()
    record = follower.status()
    assert (record.deployment, record.failed, record.note) == (9, {}, "")


@pytest.mark.parametrize("epoch", [Epoch(generation=1, token=4), Epoch(generation=0, token=9)])
def test_a_lower_epoch_is_refused(shop, following, epoch):
    follower, _ = following
    shop.epoch = epoch
    shop.deploy(8, 50, {"m": shop.put_model("v2", OTHER)})
    follower.step()
    record = follower.status()
    assert (record.deployment, versions(follower)) == (7, {"m": "v1"})
    assert "is refused: its epoch " in record.note
    assert record.failed["8"] == f"its epoch {epoch.generation}.{epoch.token} is lower than 1.5, which is in force"


def test_a_fence_is_remembered_though_nothing_is_switched(shop, following):
    follower, _ = following
    shop.epoch = Epoch(generation=2, token=1)
    shop.point()
    follower.step()
    assert (follower.status().deployment, follower.status().note) == (7, "")
    shop.epoch = Epoch(generation=1, token=99)
    shop.deploy(8, 99, {"m": shop.put_model("v2", OTHER)})
    follower.step()
    assert versions(follower) == {"m": "v1"}
    assert "its epoch 1.99 is lower than 2.1" in follower.status().note


def test_a_staged_deployment_of_a_lower_serial_is_not_got_ready(shop, following):
    follower, _ = following
    shop.record(8, 39, {"m": shop.put_model("v2", OTHER)})
    shop.stage(8)
    follower.step()
    record = follower.status()
    assert (record.ready, record.failed) == ((7,), {"8": "its serial 39 is lower than 40, which is in force"})


def test_a_destroy_by_an_older_holder_is_refused(shop, following):
    follower, _ = following
    shop.epoch = Epoch(generation=1, token=4)
    shop.destroy(41)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    shop.epoch = Epoch(generation=1, token=5)
    shop.destroy(12)
    follower.step()
    assert versions(follower) == {"m": "v1"}


@pytest.mark.parametrize("serial", [41, 0])
def test_after_a_destroy_nothing_is_served(shop, following, serial):
    follower, lines = following
    shop.destroy(serial)
    follower.step()
    record = follower.status()
    assert (record.deployment, record.serial, record.ready, record.models, record.note) == (0, serial, (), {}, "")
    for method, path in (("GET", "/v2/health/ready"), ("POST", "/v2/models/m/infer"), ("GET", "/v2/models/m")):
        response = respond(follower.current(), method, path, [], b"{}")
        assert (response.status, json.loads(response.body)) == (503, {"error": "no deployment is in force"})
    assert lines[-1] == "no deployment is in force: nothing is served"
    shop.deploy(9, 42, {"m": shop.put_model("v2", OTHER)}, incarnation=2)
    follower.step()
    assert versions(follower) == {"m": "v2"}


def test_a_deployment_without_models_serves_nothing(shop, following):
    follower, _ = following
    shop.deploy(8, 41, {})
    follower.step()
    for method, path in (("GET", "/v2/health/ready"), ("POST", "/v2/models/m/infer")):
        response = respond(follower.current(), method, path, [], b"{}")
        assert (response.status, json.loads(response.body)) == (503, {"error": "no model is bound in this environment"})


def test_the_head_of_another_lineage_is_none_of_ours(shop, following):
    follower, _ = following
    other = Shop(shop.folder, lineage="another")
    other.epoch = Epoch(generation=9, token=9)
    other.deploy(1, 99, {"m": other.put_model("v9", OTHER)})
    follower.step()
    assert (versions(follower), follower.status().note, follower.status().failed) == ({"m": "v1"}, "", {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lineage": "another"}, "is the record of lineage another, not of l"),
        ({"environment": "dev"}, "is the record of environment dev, not of prod"),
        ({"deployment": 9}, "is the record of deployment 9, not of 8"),
    ],
)
def test_a_record_of_another_is_refused(shop, following, changes, why):
    follower, lines = following
    shop.deploy(8, 41, {"m": shop.put_model("v2", OTHER)}, **changes)
    follower.step()
    record = follower.status()
    assert (versions(follower), record.failed) == ({"m": "v1"}, {"8": f"projects/l/deployments/prod/00000008 {why}"})
    assert f"deployment 8 is refused: projects/l/deployments/prod/00000008 {why}" in lines


DAMAGED = {
    "cut": (b'{"format_version": "1", "epo', "Input data was truncated"),
    "empty": (b"", "Input data was truncated"),
    "not JSON": (b"\xff\xfe\x00", "JSON is malformed"),
    "a list": (b"[1]", "Expected `object`, got `array`"),
    "of another type": (b'{"format_version": "1", "epoch": "zz"}', "`$.epoch`"),
    "of a newer format": (b'{"format_version": "2"}', "it has format 2, this release reads format 1"),
    "deep": (b"[" * 100_000, ""),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_head_is_named_and_the_server_serves_on(shop, following, case):
    follower, lines = following
    data, why = DAMAGED[case]
    good = shop.objects.get(shop.head_path)[0]
    shop.objects.put(shop.head_path, data)
    follower.step()
    follower.step()
    note = follower.status().note
    assert note.startswith("projects/l/deployments/prod/head is not readable: ")
    assert why in note
    assert lines.count(note) == 1
    assert versions(follower) == {"m": "v1"}
    shop.objects.put(shop.head_path, good)
    follower.step()
    assert follower.status().note == ""


@pytest.mark.parametrize("data", [b"[", b"[]", b'{"format_version": "1"}', b'{"format_version": "1", "models": {"m": [{"role": "best"}]}}'])
def test_a_damaged_record_is_named_and_the_server_serves_on(shop, following, data):
    follower, _ = following
    shop.objects.put(shop.path(8), data)
    shop.head(8, 41)
    follower.step()
    record = follower.status()
    assert record.failed["8"].startswith("projects/l/deployments/prod/00000008 is not readable: ")
    assert (versions(follower), record.ready) == ({"m": "v1"}, (7,))
    assert record.note.startswith("deployment 8 is the head and cannot be loaded: ")
    shop.objects.delete(shop.path(8))
    follower.step()
    assert follower.status().failed == {"8": "projects/l/deployments/prod/00000008 is not in the store"}


def test_a_head_that_went_away_is_named_and_the_server_serves_on(shop, following):
    follower, _ = following
    shop.objects.delete(shop.head_path)
    follower.step()
    assert (versions(follower), follower.status().note) == ({"m": "v1"}, "projects/l/deployments/prod/head is not in the store")


def test_a_path_that_is_a_loop_of_links_is_survived(shop, following):
    follower, lines = following
    file = shop.folder / shop.path(8)
    file.symlink_to(file)
    shop.head(8, 41)
    follower.step()
    assert (versions(follower), "00000008" in follower.status().failed["8"]) == ({"m": "v1"}, True)
    head = shop.folder / shop.head_path
    head.unlink()
    head.symlink_to(head)
    for _ in range(2):
        follower._guarded(follower.step, "the store cannot be followed")
    assert sum("cannot be followed" in line for line in lines) == 1
    assert versions(follower) == {"m": "v1"}


def test_a_server_file_that_is_damaged_is_written_anew(shop):
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


def test_the_beat_goes_on_where_the_process_before_left_it(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    first = a_follower(shop)
    first.step()
    first._report()
    beat = shop.servers()["one"].beat
    assert beat == 2
    second = a_follower(shop)
    second.step()
    assert shop.servers()["one"].beat == beat + 1


def test_a_start_with_a_damaged_head_record_serves_what_it_served_before(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    before = a_follower(shop)
    before.step()
    before._report()
    shop.objects.put(shop.path(2), b"{")
    shop.head(2, 2)
    follower = a_follower(shop)
    follower.step()
    assert (follower.current().number, follower.current().serial) == (1, 1)
    assert follower.status().note.startswith("deployment 2 is the head and cannot be loaded: projects/l/deployments/prod/00000002")


def test_a_store_that_is_not_there_is_waited_for_and_never_made(tmp_path):
    folder = tmp_path / "mount" / "store"
    lines = []
    shop = Shop(folder, mark=False)
    follower = a_follower(shop, log=lines, follow_s=0.01)
    follower.start()
    time.sleep(0.1)
    assert not folder.parent.exists()
    assert lines == [f"the store cannot be followed: {folder} is not a store (it has no identity); waiting for it"]
    assert follower.status().note == lines[0]
    shop.mark()
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    wait_for(lambda: "one" in shop.servers() and shop.servers()["one"].deployment == 1)
    assert versions(follower) == {"m": "v1"}
    # one that goes away while it is followed is not made again either
    folder.rename(tmp_path / "elsewhere")
    wait_for(lambda: follower.status().note == "projects/l/deployments/prod/head is not in the store")
    follower.stop()
    assert not folder.exists()
    assert versions(follower) == {"m": "v1"}
    assert len([line for line in lines if "cannot be written" in line]) == 1


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_store_that_cannot_be_written_is_followed_all_the_same(shop, following):
    _, lines = following
    servers = shop.folder / layout.servers("l", "prod")
    shutil.rmtree(servers)
    servers.write_bytes(b"a file where a folder is needed")
    lines = []
    follower = a_follower(shop, log=lines)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    assert sum("the record of this server cannot be written" in line for line in lines) == 1
    assert "cannot be written" in follower.status().note


def test_a_server_writes_its_record_and_nothing_else(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    before = set(shop.objects.list(""))
    follower = a_follower(shop)
    follower.step()
    follower._report()
    assert set(shop.objects.list("")) - before == {"projects/l/servers/prod/one"}


def test_odd_names_are_one_segment_of_a_path(tmp_path):
    shop = Shop(tmp_path, environment="a/../b", lineage=".l")
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    assert FolderObjects(root=tmp_path).list("projects/%2El/servers") == ["projects/%2El/servers/a%2F..%2Fb/one"]
