"""What a request may contain and how it is answered: `respond` on real models, without a socket."""

import json
import math

import numpy as np
import pytest

from leptonctl.serving.deployment import Supply, no_deployment, prepare
from leptonctl.serving.respond import respond
from tests.serving.serving_models import KEY, Shop, column, digest_of, filter_model, golden, graph, manifest, mixed_model, request

JSON = [(b"content-type", b"application/json")]


def supply(shop, **more):
    def fetch(path):
        found = shop.objects.get(path)
        return None if found is None else found[0]

    return Supply(**{"fetch": fetch, "read_secret": lambda _written: KEY, "loaded": {}, "since": {}, "now": 1.0, **more})


def deployment(folder, requests="lenient", **models):
    shop = Shop(folder)
    bound = {name.replace("_", "-"): shop.put_model("v1", model) for name, model in models.items()}
    shop.record(1, 1, bound, requests=requests)
    return prepare(shop.store.deployment("prod", 1), supply(shop))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return deployment(tmp_path_factory.mktemp("store"), spam_filter=filter_model(), mixed=mixed_model())


def ask(deployment, body, model="spam-filter", headers=JSON):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = respond(deployment, "POST", f"/v2/models/{model}/infer", headers, raw)
    value = json.loads(response.body)
    if response.status != 200:
        assert list(value) == ["error"]
        return response.status, value["error"]
    return 200, {output["name"]: output["data"] for output in value["outputs"]}


def probability(money, length, ratio):
    score = sum(w * x for w, x in zip((0.5, -0.01, 2.0), (money, length, ratio), strict=True) if not math.isnan(x))
    return 1 / (1 + math.exp(-score))


def test_the_model_answers_and_the_id_is_echoed(served):
    query = request(money=[1.5, 0.1], length=[10, 900], ratio=[0.25, 0.5]) | {"id": "a-7 é"}
    response = respond(served, "POST", "/v2/models/spam-filter/infer", JSON, json.dumps(query).encode())
    value = json.loads(response.body)
    assert list(value) == ["model_name", "model_version", "id", "outputs"]
    assert (value["model_name"], value["model_version"], value["id"]) == ("spam-filter", "v1", "a-7 é")
    label, probabilities = value["outputs"]
    assert label == {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["y", "n"]}
    assert (probabilities["shape"], probabilities["datatype"]) == ([2, 2], "FP32")
    assert probabilities["data"][1] == pytest.approx(probability(1.5, 10, 0.25), abs=1e-6)
    assert probabilities["data"][3] == pytest.approx(probability(0.1, 900, 0.5), abs=1e-6)
    again = respond(served, "POST", "/v2/models/spam-filter/versions/v1/infer", JSON, json.dumps(query).encode())
    assert again == response


def test_order_nesting_and_shape_do_not_matter(served):
    plain = ask(served, request(money=[1.5, 0.1], length=[10, 900], ratio=[0.25, 0.5]))
    nested = {
        "inputs": [
            {"name": "ratio", "shape": [2, 1], "datatype": "FP64", "data": [[0.25], [0.5]]},
            {"name": "length", "shape": [2, 1], "datatype": "UINT16", "data": [10, 900]},
            {"name": "money", "shape": [2], "datatype": "FP32", "data": [1.5, 0.1]},
        ]
    }
    assert ask(served, nested) == plain
    packed = {"inputs": [{"name": "features", "shape": [2, 3], "datatype": "FP32", "data": [[1.5, 10, 0.25], [0.1, 900.0, 0.5]]}]}
    assert ask(served, packed) == plain
    packed["inputs"][0]["data"] = [1.5, 10, 0.25, 0.1, 900, 0.5]
    assert ask(served, packed) == plain


def test_missing_values_are_filled_passed_on_or_refused(served):
    status, outputs = ask(served, request(money=[None, 2.0], length=[1, 2], ratio=[0.5, None]))
    assert status == 200
    assert outputs["probabilities"][1] == pytest.approx(probability(0.5, 1, 0.5), abs=1e-6)
    assert outputs["probabilities"][3] == pytest.approx(probability(2.0, 2, math.nan), abs=1e-6)
    literal = json.dumps(request(money=[math.nan, 2.0], length=[1, 2], ratio=[0.5, math.nan])).encode()
    assert b"NaN" in literal
    assert ask(served, literal) == (200, outputs)
    text = request(money=["", 2.0], length=[1, 2], ratio=[0.5, ""])
    for item in text["inputs"]:
        item["datatype"] = "FP32"
    assert ask(served, text) == (200, outputs)
    status, error = ask(served, request(money=[1.0, 2.0], length=[1, None], ratio=[0.5, 0.5]))
    assert (status, error) == (400, 'column "length", row 2: the value is missing, but the contract requires one')


def test_mixed_columns_hash_and_fill(served):
    query = request(subject=["привет", "", "unseen"], urgent=[True, False, True], known=[None, True, False], size=[None, 2.0, 1e3])
    query["inputs"][2]["datatype"] = "BOOL"
    query["inputs"].append({"name": "account", "shape": [3], "datatype": "BYTES", "data": ["alice", None, "bob"]})
    status, outputs = ask(served, query, "mixed")
    assert status == 200
    # subject + urgent * 10 + known + size / 10 + account (0.125: not in the table)
    assert outputs["prediction"] == pytest.approx([3 + 10 + 0.5 + 5.0, 4 + 1 + 0.2 + 0.125, 0.125 + 10 - 1 + 100 + 0.125], rel=1e-6)
    numbers = query | {
        "inputs": [{**item, "datatype": "INT8", "data": [1, 0, 1]} if item["name"] == "urgent" else item for item in query["inputs"]]
    }
    assert ask(served, numbers, "mixed") == (200, outputs)


def test_integers_beyond_fp32_are_rounded_like_training_data(served):
    query = request(money=[2**24 + 1], length=[3], ratio=[0.5])
    query["inputs"][0]["datatype"] = "INT64"
    exact = request(money=[2.0**24], length=[3], ratio=[0.5])
    assert ask(served, query) == ask(served, exact)


def test_outputs_can_be_chosen(served):
    query = request(money=[1.5], length=[10], ratio=[0.25])
    status, outputs = ask(served, query | {"outputs": [{"name": "probabilities"}]})
    assert (status, list(outputs)) == (200, ["probabilities"])
    assert list(ask(served, query | {"outputs": [{"name": "probabilities"}, {"name": "label"}]})[1]) == ["probabilities", "label"]
    assert ask(served, query | {"outputs": []})[1].keys() == {"label", "probabilities"}
    assert ask(served, query | {"outputs": [{"name": "score"}]}) == (
        400, 'output "score" does not exist; the model returns "label", "probabilities"',
    )  # fmt: skip


GOOD = request(money=[1.5], length=[10], ratio=[0.25])


def changed(place, **fields):
    inputs = [dict(item) for item in GOOD["inputs"]]
    inputs[place] |= fields
    return {"inputs": inputs}


BAD = {
    "unknown column": ({"inputs": [*GOOD["inputs"], {"name": "colour", "shape": [1], "datatype": "FP32", "data": [1]}]}, '"colour"'),
    "missing column": ({"inputs": GOOD["inputs"][:2]}, 'column "ratio" is missing'),
    "missing columns": ({"inputs": GOOD["inputs"][:1]}, '"length", "ratio"'),
    "given twice": ({"inputs": [*GOOD["inputs"], GOOD["inputs"][0]]}, '"money" appears twice'),
    "text in a number": (changed(0, data=["many"]), 'column "money", row 1: expected a value of type number, not a string'),
    "boolean in a number": (changed(0, data=[True]), 'column "money", row 1'),
    "list in a number": (changed(0, data=[[1.0]]), 'column "money", row 1'),
    "object in a number": (changed(0, data=[{}]), 'column "money", row 1'),
    "fraction in an integer": (changed(1, data=[1.5]), 'column "length", row 1: the value is not an integer'),
    "fraction as INT64": (changed(0, datatype="INT64", data=[1.5]), 'column "money", row 1: the value is not INT64'),
    "too large for UINT8": (changed(1, datatype="UINT8", data=[256]), 'column "length", row 1: the value is not UINT8'),
    "negative UINT64": (changed(1, datatype="UINT64", data=[-1]), 'column "length", row 1'),
    "beyond FP32": (changed(0, data=[1e300]), 'column "money", row 1: the value is outside the range of FP32'),
    "infinite": (changed(0, data=[math.inf]), 'column "money", row 1: the value is outside the range of FP32'),
    "infinite integer": (changed(1, data=[-math.inf]), 'column "length", row 1'),
    "huge integer": (changed(0, data=[10**400]), 'column "money", row 1: the value is outside the range of FP32'),
    "BYTES for a number": (changed(0, datatype="BYTES"), "datatype must be FP32"),
    "BOOL for a number": (changed(0, datatype="BOOL", data=[True]), "datatype must be FP32"),
    "no datatype": (changed(0, datatype=None), "datatype must be FP32, not nothing"),
    "odd datatype": (changed(0, datatype=["FP32"]), "a value that is not a string"),
    "unhashable name": (changed(0, name=["money"]), '"name"'),
    "fewer values than rows": (changed(0, shape=[2]), 'column "money" has the shape [2] but 1 values'),
    "other number of rows": (changed(1, shape=[2], data=[1, 2]), 'column "length" has 2 rows'),
    "no rows": ({"inputs": [{**item, "shape": [0], "data": []} for item in GOOD["inputs"]]}, '"money" has no rows'),
    "negative rows": (changed(0, shape=[-1]), "no rows"),
    "boolean rows": (changed(0, shape=[True]), "shape"),
    "huge rows": (changed(0, shape=[10**30]), "has the shape"),
    "wide": (changed(0, shape=[1, 2], data=[1, 2]), "shape"),
    "deep": (changed(0, shape=[1, 1, 1]), "shape"),
    "no shape": (changed(0, shape=None), "shape"),
    "fraction of a shape": (changed(0, shape=[1.0]), "shape"),
    "no data": (changed(0, data=None), '"money" has no list under "data"'),
    "text as data": (changed(0, data="1.5"), "no list"),
    "ragged": (changed(0, shape=[2, 1], data=[[1], [1, 2]]), "row 2"),
    "nested and flat": (changed(0, shape=[2, 1], data=[[1], 2]), "row 2"),
    "packed of another width": ({"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}, "[N, 3]"),
    "packed vector": ({"inputs": [{"name": "features", "shape": [3], "datatype": "FP32", "data": [1, 2, 3]}]}, "[N, 3]"),
    "packed and columns": ({"inputs": [*GOOD["inputs"], {"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}, "features"),
    "packed fraction": ({"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2.5, 3]}]}, 'column "length", row 1'),
    "packed text": ({"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, "x"]}]}, 'column "ratio", row 1'),
    "packed missing": ({"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, None, 3]}]}, 'column "length", row 1'),
    "no inputs": ({}, '"inputs"'),
    "empty inputs": ({"inputs": []}, '"inputs"'),
    "inputs of text": ({"inputs": "money"}, '"inputs"'),
    "input that is not an object": ({"inputs": [1]}, '"name"'),
    "number as id": (GOOD | {"id": 7}, '"id" must be a string'),
    "outputs of text": (GOOD | {"outputs": "label"}, '"outputs"'),
    "outputs of numbers": (GOOD | {"outputs": [1]}, '"outputs"'),
    "outputs as false": (GOOD | {"outputs": False}, '"outputs"'),
    "unhashable output": (GOOD | {"outputs": [{"name": {}}]}, "does not exist"),
    "output twice": (GOOD | {"outputs": [{"name": "label"}, {"name": "label"}]}, "requested twice"),
    "a list": ([], "object"),
    "not JSON": (b'{"inputs": [', "not JSON"),
    "nothing": (b"", "not JSON"),
    "not UTF-8": (b'{"id": "\xff"}', "not UTF-8 (byte 8)"),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "not JSON"),
    "deeply nested": (b"[" * 200_000, "nested too deeply"),
    "deeply nested data": (json.dumps(GOOD).encode().replace(b"[1.5]", b"[" * 50_000 + b"]" * 50_000), "nested too deeply"),
    "endless integer": (b'{"id": ' + b"9" * 10_000 + b"}", "too many digits"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_the_reason(served, case):
    body, reason = BAD[case]
    status, error = ask(served, body)
    assert status == 400
    assert reason in error
    assert len(error) < 400


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("subject", [1], 'column "subject", row 1: expected a value of type string, not a number'),
        ("subject", ["\ud800"], 'column "subject", row 1: the string contains half of a surrogate pair'),
        ("account", ["\udfff"], 'column "account", row 1: the string contains half'),
        ("urgent", [2], 'column "urgent", row 1: a boolean must be true, false, 0 or 1'),
        ("urgent", ["yes"], 'column "urgent", row 1: expected a value of type boolean, not a string'),
        ("urgent", [None], 'column "urgent", row 1: the value is missing'),
    ],
)
def test_bad_cells_of_a_mixed_model(served, name, data, reason):
    query = request(subject=["hello"], urgent=[True], known=[True], size=[1.0], account=["alice"])
    for item in query["inputs"]:
        if item["name"] == name:
            item["data"] = data
    status, error = ask(served, query, "mixed")
    assert status == 400
    assert error.startswith(reason)


def test_an_error_is_legible_in_every_script(served):
    """Half of a surrogate pair in a name stays an escape, so that the answer is UTF-8."""
    for name, written in (("Größe (m²)", "Größe (m²)".encode()), ("\ud800", rb"\ud800")):
        body = json.dumps({"inputs": [{"name": name, "datatype": "FP32", "shape": [1], "data": [1]}]}).encode()
        response = respond(served, "POST", "/v2/models/spam-filter/infer", JSON, body)
        assert (response.status, written in response.body) == (400, True), response.body
        assert name in json.loads(response.body)["error"]


def test_a_string_with_nul_and_a_long_string_are_only_unknown(served):
    query = request(subject=["a\0b" + "x" * 100_000], urgent=[True], known=[True], size=[1.0], account=["\0"])
    status, outputs = ask(served, query, "mixed")
    assert status == 200
    assert outputs["prediction"] == pytest.approx([0.125 + 10 + 1 + 0.1 + 0.125])


def test_values_outside_the_contract_are_counted_and_refused_when_strict(served, tmp_path):
    query = request(money=[-1.0, 1.0, None], length=[5000, 1, -3], ratio=[0.3, 0.25, None])
    raw = json.dumps(query).encode()
    response = respond(served, "POST", "/v2/models/spam-filter/infer", JSON, raw)
    assert response.status == 200
    found = [(v.column, v.check, v.count, v.row) for v in response.stats.violations]
    assert found == [("money", "min", 1, 1), ("length", "min", 1, 3), ("length", "max", 1, 1), ("ratio", "values", 1, 1)]
    assert (response.stats.model, response.stats.rows) == ("spam-filter", 3)
    strict = deployment(tmp_path, "strict", spam_filter=filter_model())
    assert ask(strict, raw) == (400, 'column "money", row 1: the value breaks "min" of the contract')
    refused = respond(strict, "POST", "/v2/models/spam-filter/infer", JSON, raw)
    assert [v.check for v in refused.stats.violations] == ["min", "min", "max", "values"]
    assert ask(strict, GOOD)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([(b"content-type", b"application/json; charset=UTF-8")], 200),
        ([(b"content-type", b"Application/JSON")], 200),
        ([(b"content-type", b"application/json; charset=latin-1")], 415),
        ([(b"content-type", b"application/octet-stream")], 415),
        ([(b"content-type", b"\xff\xfe")], 415),
        ([(b"content-type", b"application/json"), (b"content-encoding", b"gzip")], 415),
        ([(b"content-encoding", b"identity")], 200),
    ],
)
def test_content_type(served, headers, status):
    assert ask(served, GOOD, headers=headers)[0] == status


def get(deployment, path, method="GET", body=b""):
    response = respond(deployment, method, path, [], body)
    return response.status, json.loads(response.body) if response.body else None


def test_metadata(served):
    assert get(served, "/v2/health/live") == (200, {"live": True})
    assert get(served, "/v2/health/ready") == (200, {"ready": True})
    assert get(served, "/v2")[1].keys() == {"name", "version", "extensions"}
    assert get(served, "/v2/models") == (200, {"models": ["mixed", "spam-filter"]})
    status, model = get(served, "/v2/models/mixed")
    assert status == 200
    assert model["inputs"][:3] == [
        {"name": "subject", "datatype": "BYTES", "shape": [-1]},
        {"name": "urgent", "datatype": "BOOL", "shape": [-1]},
        {"name": "known", "datatype": "BOOL", "shape": [-1]},
    ]
    assert model["outputs"] == [{"name": "prediction", "datatype": "FP32", "shape": [-1]}]
    assert model["parameters"]["packed_features"] is False
    _, model = get(served, "/v2/models/spam-filter/versions/v1")
    assert model["versions"] == ["v1"]
    assert json.loads(model["parameters"]["classes"]) == ["n", "y"]
    assert model["parameters"]["artifact"] == digest_of(filter_model()[0])
    assert model["outputs"][1] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    for path in ("/v2/models/mixed/ready", "/v2/models/mixed/versions/v1/ready"):
        assert get(served, path) == (200, {"name": "mixed", "ready": True})
    index = [{"name": name, "version": "v1", "state": "READY", "reason": ""} for name in ("mixed", "spam-filter")]
    assert get(served, "/v2/repository/index", "POST") == (200, index)
    assert get(served, "/v2/repository/index", "POST", b'{"ready": true}') == (200, index)
    assert get(served, "/v2/repository/index", "POST", b"{")[0] == 400


def test_other_paths_and_methods(served):
    for path in (
        "/",
        "/v3",
        "/v2/",
        "/v2/models/",
        "/v2/models/none",
        "/v2/models/mixed/none",
        "/v2/models/mixed/versions",
        "/v2/../etc",
        "/%ff",
    ):
        status, error = get(served, path)
        assert (status, list(error)) == (404, ["error"]), path
    status, error = get(served, "/v2/models/mixed/versions/v9/infer", "POST")
    assert (status, "v1" in error["error"]) == (404, True)
    for path in ("/v2/models/mixed/infer", "/v2/repository/index"):
        assert get(served, path)[0] == 405
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/mixed"):
        assert get(served, path, "POST")[0] == 405
        assert get(served, path, "DELETE")[0] == 405
    allowed = respond(served, "OPTIONS", "/v2/models/mixed/infer", [], b"")
    assert (allowed.status, allowed.headers, allowed.body) == (204, ((b"allow", b"POST, OPTIONS"),), b"")
    head, whole = (respond(served, method, "/v2/models/mixed", [], b"") for method in ("HEAD", "GET"))
    assert (head.status, head.headers, head.body) == (200, whole.headers, b"")
    assert get(served, "/v2/models/m%69xed")[0] == 200
    assert get(served, "/v2/models/m%69xed/infer", "POST")[0] == 400


def test_without_a_deployment_nothing_is_ready():
    empty = no_deployment("prod")
    assert get(empty, "/v2/health/live")[0] == 200
    assert get(empty, "/v2/models") == (200, {"models": []})
    for path, method in (
        ("/v2/health/ready", "GET"),
        ("/v2/models/m", "GET"),
        ("/v2/models/m/infer", "POST"),
        ("/v2/models/m/ready", "GET"),
    ):
        status, error = get(empty, path, method)
        assert (status, list(error)) == (503, ["error"])


def test_integer_labels_and_a_column_called_features(tmp_path):
    onnx = graph([1.0, 1.0], labels=[0, 1])
    columns = [column("b", "number", "features", 1), column("features", "number", "features", 0)]
    query = request(b=[1.0], features=[2.0])
    model = (
        onnx,
        manifest(columns, target_type="integer", classes=[0, 1]),
        golden(onnx, query, {"features": np.array([[2, 1]], np.float32)}),
    )
    served = deployment(tmp_path, m=model)
    status, outputs = ask(served, query, "m")
    assert (status, outputs["label"]) == (200, [1])
    assert get(served, "/v2/models/m")[1]["outputs"][0]["datatype"] == "INT64"
    assert ask(served, {"inputs": [query["inputs"][1]]}, "m") == (400, 'column "b" is missing')


def test_packed_columns_are_in_contract_order(tmp_path):
    onnx = graph([1.0, 100.0], task="regression")
    columns = [column("b", "number", "features", 1), column("a", "integer", "features", 0)]
    query = request(b=[1.0], a=[2])
    model = onnx, manifest(columns, task="regression"), golden(onnx, query, {"features": np.array([[2, 1]], np.float32)})
    served = deployment(tmp_path, m=model)
    for data in ([3.0, 4.0], [3, 4]):
        packed = {"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": data}]}
        assert ask(served, packed, "m") == (200, {"prediction": [304.0]})


def test_a_number_outside_json_is_null(tmp_path):
    onnx = graph([3e38], task="regression")
    columns = [column("a", "number", "features", 0)]
    model = onnx, manifest(columns, task="regression"), golden(onnx, request(a=[9.0]), {"features": np.array([[9.0]], np.float32)})
    assert model[2]["response"]["outputs"][0]["data"] == [math.inf]
    served = deployment(tmp_path, m=model)
    assert ask(served, request(a=[9.0, 0.0]), "m") == (200, {"prediction": [None, 0.0]})


def test_the_column_that_names_a_row_is_passed_over(tmp_path):
    from leptonctl.core.codec import convert
    from leptonctl.core.frozen import replace
    from leptonctl.core.manifest import Manifest
    from leptonctl.serving.intake import compile_intake
    from leptonctl.serving.request import BadRequest, read_inputs
    from tests.serving.serving_models import filter_model

    manifest = convert(filter_model()[1], Manifest)
    named = compile_intake(replace(manifest, id="message_id"), None)
    query = request(money=[1.5], length=[10], ratio=[0.25])
    item = {"name": "message_id", "datatype": "BYTES", "shape": [1], "data": ["a"]}
    expected = read_inputs(named, query)
    assert read_inputs(named, {"inputs": [item, *query["inputs"]]}) == expected
    with pytest.raises(BadRequest, match="does not exist"):
        read_inputs(compile_intake(manifest, None), {"inputs": [item, *query["inputs"]]})
    with pytest.raises(BadRequest, match="missing"):
        read_inputs(named, {"inputs": [item]})
