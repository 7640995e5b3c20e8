"""Following the store, one look at a time, on a real store: what is staged, taken, refused, and served on."""

import json

import pytest

from leptonctl.serving import follow
from leptonctl.serving.follow import Follower, Identity, server_record
from tests.serving.serving_models import KEY, Shop, filter_model, graph, mixed_model


def a_follower(shop, read_secret=lambda _written: KEY, log=None):
    who = Identity(id="one", environment="prod", host="h", pid=1, url="http://127.0.0.1:1", started=0.0)
    said = [] if log is None else log
    return Follower(shop.objects, who, read_secret, log=said.append)


def told(follower):
    return server_record(follower._who, follower._standing, 1.0, stopped=False)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(follow, "RETRY_S", 0.0)


def versions(follower):
    return {name: model.version for name, model in follower.current().models.items()}


def test_an_empty_store_is_waited_on(shop):
    follower = a_follower(shop)
    follower.step()
    assert (follower.current().number, told(follower)["ready"], told(follower)["failed"]) == (0, [], {})


def test_staged_is_made_ready_and_the_head_is_taken(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    shop.deploy(1, 1, {"m": v1})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    shop.record(2, 2, {"m": v2})
    shop.stage(2, 2)
    follower.step()
    assert (versions(follower), told(follower)["ready"]) == ({"m": "v1"}, [1, 2])
    prepared = follower._standing.prepared
    shop.head(2, 2)
    follower.step()
    assert follower.current().models["m"] is prepared.models["m"]
    record = told(follower)
    assert (record["deployment"], record["serial"], record["ready"], record["failed"]) == (2, 2, [2], {})
    assert record["models"]["m"] == {"version": "v2", "digest": v2["digest"], "artifact": v2["artifact"], "since": "2024-01-01T00:00:02Z"}


def test_what_did_not_change_is_shared_and_keeps_its_since(shop):
    same, other = shop.put_model("v1", filter_model()), shop.put_model("v1", mixed_model())
    shop.mark_key()
    shop.deploy(1, 1, {"m": same, "x": other})
    follower = a_follower(shop)
    follower.step()
    before = follower.current()
    shop.deploy(2, 2, {"m": same | {"version": "renamed"}, "x": shop.put_model("v2", filter_model())})
    follower.step()
    after = follower.current()
    assert after.models["m"].model is before.models["m"].model
    assert {name: m.since[-3:] for name, m in after.models.items()} == {"m": "01Z", "x": "02Z"}
    assert versions(follower) == {"m": "renamed", "x": "v2"}


def test_since_is_found_again_by_a_server_that_starts(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    shop.deploy(1, 1, {"m": v1, "n": v1})
    shop.deploy(2, 2, {"m": v2, "n": v1})
    shop.record(3, 3, {"m": v1, "n": v2})  # never in force: its serial was used again
    shop.deploy(4, 3, {"m": v1, "n": v1})
    shop.deploy(5, 4, {"m": v1, "n": v1})
    follower = a_follower(shop)
    follower.step()
    assert {name: m.since[-3:] for name, m in follower.current().models.items()} == {"m": "04Z", "n": "01Z"}


def test_a_lower_serial_is_refused(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    shop.deploy(7, 40, {"m": v2})
    follower = a_follower(shop)
    follower.step()
    shop.deploy(8, 39, {"m": v1})
    follower.step()
    assert (follower.current().number, versions(follower)) == (7, {"m": "v2"})
    assert told(follower)["failed"] == {"8": "its serial 39 is lower than 40, which is in force"}
    shop.deploy(9, 41, {"m": v1})
    follower.step()
    assert (follower.current().number, told(follower)["failed"]) == (9, {})


def broken_golden():
    onnx, described, rows = filter_model()
    rows = json.loads(json.dumps(rows))
    rows["response"]["outputs"][1]["data"][0] += 1e-3
    return onnx, described, rows


def flipped_golden():
    onnx, described, rows = filter_model()
    rows = json.loads(json.dumps(rows))
    rows["response"]["outputs"][0]["data"][0] = "n"
    return onnx, described, rows


def other_graph():
    _, described, rows = filter_model()
    return graph([1.0, 1.0]), described, rows


def no_graph():
    _, described, rows = filter_model()
    return b"not a graph", described, rows


def other_manifest():
    onnx, described, rows = filter_model()
    return onnx, described | {"columns": described["columns"][:2]}, rows


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (broken_golden, 'm: golden row 1: output "probabilities" is not what was recorded at build'),
        (flipped_golden, 'm: golden row 1: output "label" is not what was recorded at build'),
        (other_graph, "m: the golden rows are refused: the model could not compute"),
        (no_graph, "m: onnxruntime does not load model.onnx: "),
        (other_manifest, "m: manifest.json does not lead every column"),
        (lambda: (filter_model()[0], {}, {}), "m: manifest.json is not readable"),
        (lambda: (*filter_model()[:2], {}), "m: golden.json is not readable"),
    ],
)  # fmt: skip
def test_a_set_that_fails_is_reported_and_the_old_one_serves_on(shop, model, why):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    said = []
    follower = a_follower(shop, log=said)
    follower.step()
    shop.record(2, 2, {"m": shop.put_model("v2", model())})
    shop.stage(2, 2)
    follower.step()
    follower.step()
    assert told(follower)["failed"]["2"].startswith(why)
    assert (versions(follower), told(follower)["ready"]) == ({"m": "v1"}, [1])
    assert sum("refused" in line for line in said) == 1
    shop.head(2, 2)
    follower.step()
    assert versions(follower) == {"m": "v1"}


def test_numbers_within_the_tolerance_pass(shop):
    onnx, described, rows = filter_model()
    rows["response"]["outputs"][1]["data"][0] += 5e-6
    shop.deploy(1, 1, {"m": shop.put_model("v1", (onnx, described, rows))})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}


def test_bytes_that_are_not_the_digest_s_are_refused_until_they_are_restored(shop):
    bound = shop.put_model("v1", filter_model())
    path = "artifacts/" + bound["artifact"][7:9] + "/" + bound["artifact"][7:]
    shop.objects.delete(path)
    shop.deploy(1, 1, {"m": bound})
    follower = a_follower(shop)
    follower.step()
    assert told(follower)["failed"] == {"1": f"m: model.onnx ({bound['artifact']}) is not in the store"}
    shop.objects.put(path, filter_model()[0] + b"\0")
    follower.step()
    assert told(follower)["failed"] == {"1": f"m: model.onnx in the store does not have the digest {bound['artifact']}"}
    shop.objects.put(path, filter_model()[0])
    follower.step()
    assert (versions(follower), told(follower)["failed"]) == ({"m": "v1"}, {})


def test_a_start_without_a_good_head_falls_back_to_what_was_in_force(shop):
    good, bad = shop.put_model("v1", filter_model()), shop.put_model("v2", broken_golden())
    newer = shop.put_model("v3", filter_model((2.0, 0.0, 0.0)))
    shop.deploy(1, 1, {"m": good})
    shop.deploy(2, 2, {"m": good, "n": good})
    shop.record(3, 3, {"m": newer})  # was staged, never taken
    shop.deploy(4, 3, {"m": bad})
    follower = a_follower(shop)
    follower.step()
    assert (follower.current().number, versions(follower)) == (2, {"m": "v1", "n": "v1"})
    assert follower.status()["note"].startswith("deployment 4 is the head and cannot be loaded: m: golden row 1")
    assert list(told(follower)["failed"]) == ["4"]
    shop.deploy(5, 4, {"m": newer})
    follower.step()
    assert (follower.current().number, follower.status()["note"], told(follower)["failed"]) == (5, "", {})


def test_a_fall_back_follows_the_chain_of_what_was_in_force(shop):
    good, bad = shop.put_model("v1", filter_model()), shop.put_model("v2", broken_golden())
    shop.deploy(1, 1, {"m": good}, previous=None)
    shop.record(2, 2, {"m": shop.put_model("v3", filter_model((2.0, 0.0, 0.0)))}, previous=1)  # staged, never taken
    shop.deploy(3, 5, {"m": bad}, previous=1)
    shop.deploy(4, 6, {"m": bad}, previous=3)
    follower = a_follower(shop)
    follower.step()
    assert (follower.current().number, versions(follower)) == (1, {"m": "v1"})


def test_a_failed_deployment_is_tried_again_less_and_less_often(shop, monkeypatch):
    monkeypatch.setattr(follow, "RETRY_S", 0.2)
    shop.deploy(1, 1, {"m": shop.put_model("v2", broken_golden())})
    looked = []
    follower = a_follower(shop)
    prepare = follower._prepare
    monkeypatch.setattr(follower, "_prepare", lambda pointer: looked.append(pointer) or prepare(pointer))
    deadline = follow.time.monotonic() + 0.5
    while follow.time.monotonic() < deadline:
        follower.step()
    assert len(looked) == 2


def test_the_key_of_hashed_columns_must_be_there_and_the_right_one(shop):
    shop.mark_key()
    shop.deploy(1, 1, {"m": shop.put_model("v1", mixed_model())})

    def absent(_written):
        msg = "LEPTON_TEST_KEY is not set"
        raise ValueError(msg)

    follower = a_follower(shop, absent)
    follower.step()
    assert told(follower)["failed"] == {"1": "m: the key of its hashed columns cannot be read: LEPTON_TEST_KEY is not set"}
    follower = a_follower(shop, lambda _written: b"another key")
    follower.step()
    assert told(follower)["failed"]["1"].startswith('m: the key of its hashed columns is not the key "k1"')
    asked = []
    follower = a_follower(shop, lambda written: asked.append(written) or KEY)
    follower.step()
    assert (versions(follower), asked) == ({"m": "v1"}, [{"secret": {"env": "LEPTON_TEST_KEY"}}])


def test_damaged_pointers_and_records_are_survived(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    said = []
    follower = a_follower(shop, log=said)
    follower.step()
    shop.objects.put("deployments/prod/head", b"{")
    for _ in range(2):
        follower._guarded(follower.step, "the store cannot be followed")
    assert len([line for line in said if "cannot be followed" in line]) == 1
    for number, data in ((2, b"["), (3, b"[]"), (4, b'{"format_version": "1"}'), (5, shop.objects.get("deployments/prod/00000001")[0])):
        shop.objects.put(f"deployments/prod/{number:08d}", data)
        shop.objects.put("deployments/prod/head", json.dumps({"deployment": number, "serial": 9}).encode())
        follower.step()
        assert str(number) in told(follower)["failed"]
    shop.objects.put("deployments/prod/head", b'{"deployment": 6, "serial": 9}')
    follower.step()
    assert told(follower)["failed"]["6"] == "its record is not in the store"
    assert versions(follower) == {"m": "v1"}


def test_a_deployment_without_models_is_in_force_and_not_ready(shop):
    shop.deploy(1, 1, {})
    follower = a_follower(shop)
    follower.step()
    assert follower.current().number == 1
    assert "/v2/health/ready" not in follower.current().pages
