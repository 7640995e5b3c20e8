"""Following a real store, one step at a time: what is staged, taken over, fallen back to, and still served."""

import time

import pytest

from leptonctl.core import layout
from leptonctl.core.deployment import ServedModel
from leptonctl.core.frozen import replace
from tests.serving.serving_models import KEY, Shop, a_follower, filter_model, graph, in_bytes, mixed_model, versions

OTHER = filter_model((1.0, 0.0, 0.0))


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def test_a_store_without_a_head_is_waited_for(shop):
    follower = a_follower(shop)
    follower.step()
    record = follower.status()
    assert (record.deployment, record.ready, record.failed, record.note) == (0, (), {}, "")


def test_staged_deployments_are_made_ready_and_the_head_is_followed(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", OTHER)
    shop.deploy(1, 1, {"m": v1})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    shop.record(2, 2, {"m": v2})
    shop.stage(2)
    follower.step()
    assert (versions(follower), follower.status().ready) == ({"m": "v1"}, (1, 2))
    prepared = follower._condition.prepared
    shop.head(2, 2)
    follower.step()
    assert follower.current().models["m"] is prepared.models["m"]
    record = follower.status()
    assert (record.deployment, record.serial, record.ready, record.failed, record.note) == (2, 2, (2,), {}, "")
    assert record.models == {
        "m": ServedModel(version="v2", digest=v2.digest, package=v2.package, artifact=v2.artifact, since="2024-01-01T00:00:02Z")
    }


def test_what_is_no_longer_staged_is_released(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    shop.record(2, 2, {"m": shop.put_model("v2", OTHER)})
    shop.stage(2)
    follower = a_follower(shop)
    follower.step()
    assert follower.status().ready == (1, 2)
    shop.stage(0)
    follower.step()
    assert follower.status().ready == (1,)


@pytest.mark.parametrize("token", [1, 2, 0])
def test_over_an_older_head_what_is_staged_is_made_ready(shop, token):
    """An older copy of the store was put back, and whoever goes on stages what is bound. The older head itself is never followed."""
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", OTHER)
    shop.deploy(1, 1, {"m": v1})
    older = shop.read_head()
    shop.deploy(2, 4, {"m": v2})
    follower = a_follower(shop)
    follower.step()
    shop.epoch = replace(shop.epoch, token=token)
    shop.point(deployment=older.deployment, serial=older.serial)
    follower.step()
    assert versions(follower) == {"m": "v2"}
    assert "lower" in follower.status().note
    shop.record(3, 5, {"m": v2})
    shop.stage(3)
    follower.step()
    # a holder that was taken over is not listened to
    assert (versions(follower), 3 in follower.status().ready) == ({"m": "v2"}, token > 0)
    shop.epoch = replace(shop.epoch, token=2)
    shop.head(3, 5)
    follower.step()
    assert (follower.status().deployment, follower.status().serial, follower.status().note) == (3, 5, "")


def test_unchanged_models_are_shared_and_keep_their_since(shop):
    same, other = shop.put_model("v1", filter_model()), shop.put_model("v1", mixed_model())
    shop.mark_key()
    shop.deploy(1, 1, {"m": same, "x": other})
    follower = a_follower(shop)
    follower.step()
    before = follower.current()
    renamed = replace(same, version="renamed", digest="sha256:" + "0" * 64)
    shop.deploy(2, 2, {"m": renamed, "x": shop.put_model("v2", filter_model())})
    follower.step()
    after = follower.current()
    assert after.models["m"].model is before.models["m"].model
    assert {name: m.since[-3:] for name, m in after.models.items()} == {"m": "01Z", "x": "02Z"}
    assert versions(follower) == {"m": "renamed", "x": "v2"}


def test_another_package_of_the_same_graph_gets_a_new_since(shop):
    onnx, described, rows = filter_model()
    columns = (replace(described.columns[0], fill=0.25), *described.columns[1:])
    shop.deploy(1, 1, {"m": shop.put_model("v1", (onnx, described, rows))})
    follower = a_follower(shop)
    follower.step()
    shop.deploy(2, 2, {"m": shop.put_model("v1", (onnx, replace(described, columns=columns), rows))})
    follower.step()
    assert follower.current().models["m"].since[-3:] == "02Z"


def test_a_server_that_starts_finds_since_in_the_records(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", OTHER)
    shop.deploy(1, 1, {"m": v1, "n": v1})
    shop.deploy(2, 2, {"m": v2, "n": v1})
    shop.record(3, 3, {"m": v1, "n": v2}, previous=2)  # was staged, never in force
    shop.deploy(4, 4, {"m": v1, "n": v1})
    shop.deploy(5, 5, {"m": v1, "n": v1})
    follower = a_follower(shop)
    follower.step()
    assert {name: m.since[-3:] for name, m in follower.current().models.items()} == {"m": "04Z", "n": "01Z"}


def test_an_interruption_that_was_missed_still_counts(shop):
    v1, v2 = shop.put_model("v1", filter_model()), shop.put_model("v2", OTHER)
    shop.deploy(1, 1, {"m": v1, "n": v1})
    shop.deploy(2, 2, {"m": v1, "n": v1})
    follower = a_follower(shop)
    follower.step()
    shop.deploy(3, 3, {"m": v2, "n": v1})
    shop.deploy(4, 4, {"m": v1, "n": v1})
    follower.step()
    assert {name: m.since[-3:] for name, m in follower.current().models.items()} == {"m": "04Z", "n": "01Z"}


def test_since_does_not_reach_back_before_a_destroy(shop):
    v1 = shop.put_model("v1", filter_model())
    shop.deploy(1, 1, {"m": v1})
    shop.destroy(2)
    shop.deploy(3, 3, {"m": v1}, incarnation=2, previous=1)
    follower = a_follower(shop)
    follower.step()
    assert follower.current().models["m"].since[-3:] == "03Z"


def broken_golden(model=None):
    """A model whose golden rows are not its answers."""
    onnx, described, rows = model or filter_model()
    label, probabilities = rows["response"]["outputs"]
    data = [probabilities["data"][0] + 1e-3, *probabilities["data"][1:]]
    return onnx, described, rows | {"response": {"outputs": [label, probabilities | {"data": data}]}}


def flipped_golden():
    onnx, described, rows = filter_model()
    rows["response"]["outputs"][0]["data"][0] = "n"
    return onnx, described, rows


def other_graph():
    _, described, rows = filter_model()
    return graph([1.0, 1.0]), described, rows


def no_graph():
    return b"not a graph", *filter_model()[1:]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (broken_golden, 'm: golden row 1: output "probabilities" differs from the value recorded at build'),
        (flipped_golden, 'm: golden row 1: output "label" differs from the value recorded at build'),
        (other_graph, "m: the model refuses its golden rows: the model could not compute"),
        (no_graph, "m: onnxruntime cannot load model.onnx: "),
        (lambda: (filter_model()[0], b"{}", {}), "m: manifest.json is not readable: Object missing required field `task`"),
        (lambda: (*filter_model()[:2], {}), "m: golden.json is not readable: Object missing required field `request`"),
        (lambda: (*filter_model()[:2], b"{"), "m: golden.json is not readable: "),
    ],
)  # fmt: skip
def test_a_set_that_fails_is_reported_and_the_old_one_keeps_serving(shop, model, why):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    lines = []
    follower = a_follower(shop, log=lines)
    follower.step()
    shop.record(2, 2, {"m": shop.put_model("v2", model())})
    shop.stage(2)
    follower.step()
    follower.step()
    assert follower.status().failed["2"].startswith(why)
    assert (versions(follower), follower.status().ready, follower.status().note) == ({"m": "v1"}, (1,), "")
    assert sum("refused" in line for line in lines) == 1
    shop.head(2, 2)
    follower.step()
    assert versions(follower) == {"m": "v1"}
    assert follower.status().note.startswith(f"deployment 2 is the head and cannot be loaded: {why}")


def test_numbers_within_the_tolerance_pass(shop):
    onnx, described, rows = filter_model()
    rows["response"]["outputs"][1]["data"][0] += 5e-6
    shop.deploy(1, 1, {"m": shop.put_model("v1", (onnx, described, rows))})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}


def test_bytes_that_do_not_match_the_digest_are_refused_until_they_are_restored(shop):
    bound = shop.put_model("v1", filter_model())
    path = layout.artifact(bound.artifact)
    shop.objects.delete(path)
    shop.deploy(1, 1, {"m": bound})
    follower = a_follower(shop)
    follower.step()
    assert follower.status().failed == {"1": f"m: model.onnx ({bound.artifact}) is not in the store"}
    shop.objects.put(path, filter_model()[0] + b"\0")
    follower.step()
    assert follower.status().failed == {"1": f"m: model.onnx in the store does not have the digest {bound.artifact}"}
    shop.objects.put(path, filter_model()[0])
    follower.step()
    assert (versions(follower), follower.status().failed) == ({"m": "v1"}, {})


def test_a_start_without_a_valid_head_falls_back_to_what_was_in_force(shop):
    good, bad = shop.put_model("v1", filter_model()), shop.put_model("v2", broken_golden())
    newer = shop.put_model("v3", filter_model((2.0, 0.0, 0.0)))
    shop.deploy(1, 1, {"m": good})
    shop.deploy(2, 2, {"m": good, "n": good})
    shop.record(3, 3, {"m": newer}, previous=2)  # was staged, never taken
    shop.deploy(4, 3, {"m": bad})
    shop.deploy(5, 4, {"m": bad})
    follower = a_follower(shop)
    follower.step()
    assert (follower.current().number, versions(follower)) == (2, {"m": "v1", "n": "v1"})
    assert follower.status().note.startswith("deployment 5 is the head and cannot be loaded: m: golden row 1")
    assert list(follower.status().failed) == ["5"]
    shop.deploy(6, 5, {"m": newer})
    follower.step()
    assert (follower.current().number, follower.status().note, follower.status().failed) == (6, "", {})


def test_a_fall_back_stays_within_the_incarnation(shop):
    shop.deploy(1, 1, {"m": shop.put_model("v1", filter_model())})
    shop.destroy(2)
    shop.deploy(2, 3, {"m": shop.put_model("v2", broken_golden())}, incarnation=2, previous=1)
    follower = a_follower(shop)
    follower.step()
    assert follower.current().number == 0


def test_a_failed_deployment_is_tried_again_less_and_less_often(shop):
    broken = shop.put_model("v2", broken_golden())
    shop.deploy(1, 1, {"m": broken})
    attempts = []
    follower = a_follower(shop, retry_s=0.2)
    fail = follower._fail
    follower._fail = lambda number, reason: attempts.append(number) or fail(number, reason)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        follower.step()
    assert attempts == [1, 1]
    # a new head may mean that the fault is repaired: it is tried at once
    shop.point()
    follower.step()
    assert attempts == [1, 1, 1]


def test_the_key_of_hashed_columns_must_exist_and_match(shop):
    shop.mark_key()
    shop.deploy(1, 1, {"m": shop.put_model("v1", mixed_model())})

    def absent(_written):
        msg = "LEPTON_TEST_KEY is not set"
        raise ValueError(msg)

    follower = a_follower(shop, absent)
    follower.step()
    assert follower.status().failed == {"1": "m: the key of its hashed columns cannot be read: LEPTON_TEST_KEY is not set"}
    follower = a_follower(shop, lambda _written: b"another key")
    follower.step()
    assert follower.status().failed["1"].startswith('m: the key of its hashed columns is not "k1"')
    secrets = []
    follower = a_follower(shop, lambda written: secrets.append(written) or KEY)
    follower.step()
    assert (versions(follower), secrets) == ({"m": "v1"}, [{"secret": {"env": "LEPTON_TEST_KEY"}}])


def test_a_deployment_without_models_is_in_force_and_not_ready(shop):
    shop.deploy(1, 1, {})
    follower = a_follower(shop)
    follower.step()
    assert follower.current().number == 1
    assert "/v2/health/ready" not in follower.current().pages


def test_golden_rows_are_read_in_any_form(shop):
    onnx, described, rows = filter_model()
    nested = rows["response"]["outputs"][1]
    nested["data"] = [nested["data"][:2], nested["data"][2:]]
    shop.deploy(1, 1, {"m": shop.put_model("v1", (onnx, described, in_bytes(rows).replace(b",", b" , ")))})
    follower = a_follower(shop)
    follower.step()
    assert versions(follower) == {"m": "v1"}
