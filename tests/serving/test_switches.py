"""Servers that follow the store while they serve: swaps under load, two servers, two lineages, kills, destroys, damage."""

import json
import signal
import threading
import time

import pytest

from leptonctl.core.codec import decode
from leptonctl.core.deployment import Epoch, ServerRecord
from tests.serving.server_process import PATH, V1, V2, load, running
from tests.serving.serving_models import Shop
from tests.serving.test_follow import broken_golden


def serves(number):
    return lambda status: status.deployment == number


def version(server):
    return json.loads(server.post()[1])["model_version"]


def test_a_swap_under_load_fails_no_request(tmp_path):
    shop = Shop(tmp_path)
    v1, v2 = shop.put_model("v1", V1), shop.put_model("v2", V2)
    shop.deploy(1, 1, {"m": v1})
    with running(shop) as server:
        server.wait(serves(1))
        first = server.post()
        answers, stop = [], threading.Event()
        threads = load(server, stop, answers)
        for number, bound in ((2, v2), (3, v1), (4, v2), (5, v1)):
            shop.record(number, number, {"m": bound})
            shop.stage(number)
            server.wait(lambda status, number=number: number in status.ready)
            shop.head(number, number)
            server.wait(serves(number))
        enough = time.monotonic() + 20
        while len(answers) < 2000 and time.monotonic() < enough:
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(answers) >= 2000
        assert {status for status, _ in answers} == {200}
        bodies = {body for _, body in answers}
        assert {json.loads(body)["model_version"] for body in bodies} == {"v1", "v2"}
        assert len(bodies) == 2
        assert first[1] in bodies
        # connections that were used with the old model get the new one
        assert server.post() == first


def test_two_servers_switch_together_and_a_stopped_one_records_it(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop, shop) as servers:
        for server in servers:
            server.wait(serves(1))
        shop.record(2, 2, {"m": shop.put_model("v2", V2)})
        shop.stage(2)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not all(2 in record.ready for record in shop.servers().values()):
            time.sleep(0.02)
        assert {name: record.deployment for name, record in shop.servers().items()} == {"one": 1, "two": 1}
        moved = time.monotonic()
        shop.head(2, 2)
        for server in servers:
            server.wait(serves(2))
        assert time.monotonic() - moved < 3
        assert {version(server) for server in servers} == {"v2"}
        servers[1].popen.send_signal(signal.SIGTERM)
        assert servers[1].popen.wait(timeout=15) == 0
        assert {name: record.stopped for name, record in shop.servers().items()} == {"one": False, "two": True}
        assert servers[0].post()[0] == 200


def test_two_lineages_with_the_same_environment_name_are_independent(tmp_path):
    ours, theirs = Shop(tmp_path, lineage="ours"), Shop(tmp_path, lineage="theirs")
    theirs.epoch = Epoch(generation=5, token=9)
    ours.deploy(1, 1, {"m": ours.put_model("v1", V1)})
    theirs.deploy(1, 70, {"m": theirs.put_model("v7", V2)})
    with running(ours, theirs) as (one, two):
        one.wait(serves(1))
        two.wait(serves(1))
        assert (version(one), version(two)) == ("v1", "v7")
        theirs.deploy(2, 71, {"m": theirs.put_model("v8", V1)})
        two.wait(serves(2))
        assert (version(one), one.status().note, one.status().failed) == ("v1", "", {})
        ours.destroy(2)
        one.wait(serves(0))
        assert (one.post()[0], version(two)) == (503, "v8")
        assert (list(ours.servers()), list(theirs.servers())) == (["one"], ["two"])


def test_the_beat_grows_and_nothing_else_is_written(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    before = set(shop.objects.list(""))
    with running(shop) as server:
        server.wait(serves(1))
        time.sleep(0.3)
        beats = [shop.servers()["one"]]
        deadline = time.monotonic() + 10
        while len(beats) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            record = shop.servers()["one"]
            if record.beat != beats[-1].beat:
                beats.append(record)
        assert [record.beat - beats[0].beat for record in beats] == [0, 1, 2]
        assert 0 < beats[1].heartbeat - beats[0].heartbeat < 3
        last = beats[-1].beat
        server.popen.send_signal(signal.SIGKILL)
        server.popen.wait()
    with running(shop) as server:
        server.wait(serves(1))
        assert shop.servers()["one"].beat > last
    assert set(shop.objects.list("")) - before == {"projects/l/servers/prod/one"}


def test_a_killed_and_restarted_server_serves_the_last_good_set(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop) as server:
        server.wait(serves(1))
        first = server.post()
        server.popen.send_signal(signal.SIGKILL)
        server.popen.wait()
    with running(shop) as server:
        server.wait(serves(1))
        assert server.post() == first
        shop.deploy(2, 2, {"m": shop.put_model("v2", broken_golden(V2))})
        server.wait(lambda status: "2" in status.failed)
        assert server.post() == first
        server.popen.send_signal(signal.SIGKILL)
        server.popen.wait()
    with running(shop) as server:
        status = server.wait(serves(1))
        assert "deployment 2 is the head and cannot be loaded" in status.note
        assert server.post() == first


def test_a_destroyed_environment_answers_503_until_it_is_bound_again(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop) as server:
        server.wait(serves(1))
        shop.destroy(2)
        status = server.wait(serves(0))
        assert (status.serial, status.models, status.note) == (2, {}, "")
        assert server.post() == (503, b'{"error":"no deployment is in force"}')
        assert server.get("/v2/health/ready")[0] == 503
        assert server.get("/v2/models") == (200, b'{"models":[]}')
        shop.deploy(2, 3, {"m": shop.put_model("v2", V2)}, incarnation=2, previous=None)
        server.wait(serves(2))
        assert version(server) == "v2"


@pytest.mark.parametrize("what", ["head", "record", "server"])
def test_damage_in_the_store_ends_no_server(tmp_path, what):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop) as server:
        server.wait(serves(1))
        first = server.post()
        if what == "head":
            shop.objects.put(shop.head_path, b'{"deployment": null}')
            server.wait(lambda status: status.note.startswith("projects/l/deployments/prod/head is not readable: "))
        elif what == "record":
            shop.objects.put(shop.path(2), b'{"models": 1}')
            shop.head(2, 2)
            server.wait(lambda status: status.failed.get("2", "").startswith("projects/l/deployments/prod/00000002 is not readable: "))
        else:
            shop.objects.put("projects/l/servers/prod/one", b"\0")
            deadline = time.monotonic() + 10
            while "one" not in shop.servers() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert shop.servers()["one"].deployment == 1
        assert server.post() == first
        server.popen.send_signal(signal.SIGTERM)
        assert server.popen.wait(timeout=15) == 0
        assert "Traceback" not in server.popen.communicate()[1]
    record = decode(shop.objects.get("projects/l/servers/prod/one")[0], ServerRecord)
    assert (record.stopped, record.deployment) == (True, 1)


def test_an_older_epoch_moves_no_server(tmp_path):
    shop = Shop(tmp_path)
    shop.epoch = Epoch(generation=1, token=8)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop) as server:
        server.wait(serves(1))
        shop.epoch = Epoch(generation=1, token=7)
        shop.deploy(2, 2, {"m": shop.put_model("v2", V2)})
        status = server.wait(lambda status: "2" in status.failed)
        assert (status.deployment, version(server)) == (1, "v1")
        assert status.failed == {"2": "its epoch 1.7 is lower than 1.8, the one in force"}


def test_a_server_without_a_deployment_waits_for_one(tmp_path):
    shop = Shop(tmp_path)
    with running(shop) as server:
        assert server.get("/v2/health/live")[0] == 200
        assert server.get("/v2/health/ready")[0] == 503
        assert server.post()[0] == 503
        assert server.get(PATH, "GET")[0] == 503
        shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
        server.wait(serves(1))
        assert server.get("/v2/health/ready") == (200, b'{"ready":true}')
