"""What a server does not follow, and how it reports that: older heads, foreign records, damaged files, a missing store."""

import json

import pytest

from leptonctl.core.deployment import Epoch
from leptonctl.serving.follow import FOLLOWING
from leptonctl.serving.respond import respond
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
    record, why = follower.status(), "its serial 39 is lower than 40, the one in force"
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
    assert record.failed["8"] == f"its epoch {epoch.generation}.{epoch.token} is lower than 1.5, the one in force"


def test_a_fence_is_remembered_even_if_nothing_is_switched(shop, following):
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
    assert (record.ready, record.failed) == ((7,), {"8": "its serial 39 is lower than 40, the one in force"})


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


def test_the_head_of_another_lineage_is_ignored(shop, following):
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
def test_a_foreign_record_is_refused(shop, following, changes, why):
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
def test_a_damaged_head_is_named_and_the_server_keeps_serving(shop, following, case):
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
def test_a_damaged_record_is_named_and_the_server_keeps_serving(shop, following, data):
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


def test_a_missing_head_is_named_and_the_server_keeps_serving(shop, following):
    follower, _ = following
    shop.objects.delete(shop.head_path)
    follower.step()
    assert (versions(follower), follower.status().note) == ({"m": "v1"}, "projects/l/deployments/prod/head is not in the store")


def test_a_path_that_is_a_loop_of_links_does_not_end_the_server(shop, following):
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
        follower._run_guarded(follower.step, FOLLOWING)
    # a back end may raise or treat it as absent; the place is named once in both cases
    assert sum("projects/l/deployments/prod/head" in line for line in lines) == 1
    assert versions(follower) == {"m": "v1"}


def test_a_start_with_a_damaged_head_serves_what_it_served_before(shop):
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
