"""Tensors in binary form give the answers that JSON gives, and what is malformed is refused; `respond` on real models, without a socket."""

import json
import math
import struct

import numpy as np
import pytest

from leptonctl.serving.respond import respond
from tests.serving.serving_models import filter_model, mixed_model, request
from tests.serving.test_requests import JSON, deployment

DTYPES = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "UINT16": "<u2", "INT8": "i1", "INT64": "<i8", "BOOL": "?"}
STREAM = (b"content-type", b"application/octet-stream")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return deployment(tmp_path_factory.mktemp("store"), spam_filter=filter_model(), mixed=mixed_model())


def packed(item):
    """An input with its values as bytes, and those bytes."""
    if item["datatype"] == "BYTES":
        cells = [(cell or "").encode() for cell in item["data"]]
        data = b"".join(struct.pack("<I", len(cell)) + cell for cell in cells)
    else:
        data = np.array([math.nan if cell is None else cell for cell in item["data"]], DTYPES[item["datatype"]]).tobytes()
    return {**{key: item[key] for key in ("name", "shape", "datatype")}, "parameters": {"binary_data_size": len(data)}}, data


def sent(deployment, query, tail, model="spam-filter", headers=(STREAM,), length=None):
    """Status, the JSON of the answer, and the bytes after it."""
    head = json.dumps(query).encode()
    size = (b"inference-header-content-length", b"%d" % len(head) if length is None else length)
    response = respond(deployment, "POST", f"/v2/models/{model}/infer", [*headers, size], head + tail)
    fields = dict(response.headers)
    assert fields[b"content-length"] == b"%d" % len(response.body)
    end = int(fields.get(b"inference-header-content-length", len(response.body)))
    assert (fields[b"content-type"] == STREAM[1]) == (b"inference-header-content-length" in fields)
    return response.status, json.loads(response.body[:end]), response.body[end:]


def as_json(deployment, query, model="spam-filter"):
    return json.loads(respond(deployment, "POST", f"/v2/models/{model}/infer", JSON, json.dumps(query).encode()).body)


def numbers(*kinds):
    query = request(money=[1.5, None, 2.0], length=[10, 20, 3], ratio=[0.25, 0.5, 1.0])
    for item, kind in zip(query["inputs"], kinds, strict=True):
        item["datatype"] = kind
    return query


def mixed():
    query = request(subject=["привет", "", "unseen"], urgent=[True, False, True], known=[True, True, False], size=[None, 2.0, 1e3])
    query["inputs"].append({"name": "account", "shape": [3], "datatype": "BYTES", "data": ["alice", None, "bob"]})
    return query


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("spam-filter", numbers("FP32", "FP32", "FP32")), ("spam-filter", numbers("FP64", "INT8", "FP16")),
        ("spam-filter", numbers("FP32", "UINT16", "FP64")), ("spam-filter", numbers("FP32", "INT64", "FP32")), ("mixed", mixed()),
        ("spam-filter", {"inputs": [{"name": "features", "shape": [2, 3], "datatype": "FP32", "data": [1.5, 10, 0.25, 2, 3, 1]}]}),
    ],
)  # fmt: skip
def test_both_forms_give_one_answer(served, model, query):
    parts = [packed(item) for item in query["inputs"]]
    answer = as_json(served, query, model)
    assert "outputs" in answer
    status, found, rest = sent(served, {"inputs": [item for item, _ in parts]}, b"".join(data for _, data in parts), model)
    assert (status, found, rest) == (200, answer, b"")
    # one in binary form, the others as JSON; and a form that JSON's own content type announces
    (first, data), others = parts[0], query["inputs"][1:]
    status, found, rest = sent(served, {"inputs": [*others, first]}, data, model, headers=JSON)
    assert (status, found, rest) == (200, answer, b"")


def test_outputs_in_binary_form(served):
    query = numbers("FP32", "FP32", "FP32")
    answer = {output["name"]: output for output in as_json(served, query)["outputs"]}
    labels = b"".join(struct.pack("<I", len(label)) + label.encode() for label in answer["label"]["data"])
    status, found, rest = sent(served, {**query, "id": "7", "parameters": {"binary_data_output": True}}, b"")
    assert (status, found["id"]) == (200, "7")
    label, probabilities = found["outputs"]
    assert label == {"name": "label", "shape": [3], "datatype": "BYTES", "parameters": {"binary_data_size": len(labels)}}
    assert probabilities == {"name": "probabilities", "shape": [3, 2], "datatype": "FP32", "parameters": {"binary_data_size": 24}}
    assert rest[: len(labels)] == labels
    assert np.frombuffer(rest[len(labels) :], "<f4").tolist() == pytest.approx(answer["probabilities"]["data"], abs=1e-9)
    one = [{"name": "probabilities", "parameters": {"binary_data": True}}, {"name": "label"}]
    status, found, rest = sent(served, {**query, "outputs": one}, b"")
    assert [sorted(output) for output in found["outputs"]] == [
        ["datatype", "name", "parameters", "shape"],
        ["data", "datatype", "name", "shape"],
    ]
    assert len(rest) == 24
    none = [{"name": "label", "parameters": {"binary_data": False}}]
    status, found, rest = sent(served, {**query, "outputs": none, "parameters": {"binary_data_output": True}}, b"")
    assert (found["outputs"], rest) == ([answer["label"]], b"")


def test_a_request_in_json_may_ask_for_a_binary_answer(served):
    query = {**numbers("FP32", "FP32", "FP32"), "parameters": {"binary_data_output": True}}
    response = respond(served, "POST", "/v2/models/spam-filter/infer", JSON, json.dumps(query).encode())
    assert dict(response.headers)[b"inference-header-content-length"] == b"%d" % (response.body.index(b"]}") + 2)


ONE, NINE = struct.pack("<f", 1), b"123456789"


@pytest.mark.parametrize(
    ("fields", "tail", "says"),
    [
        ({"parameters": {"binary_data_size": 4}}, b"", "must be the number of its bytes"),
        ({"parameters": {"binary_data_size": -4}}, ONE, "must be the number of its bytes"),
        ({"parameters": {"binary_data_size": True}}, ONE, "must be the number of its bytes"),
        ({"parameters": {"binary_data_size": "4"}}, ONE, "must be the number of its bytes"),
        ({"parameters": {"binary_data_size": 4}, "data": [1]}, ONE, "must be the number of its bytes"),
        ({"parameters": {"binary_data_size": 4}}, ONE + b"x", "1 bytes after the JSON belong to no input"),
        ({"data": [1.0]}, ONE, "4 bytes after the JSON belong to no input"),
        ({"parameters": {"binary_data_size": 3}}, b"123", "3 bytes are not values of its datatype"),
        ({"parameters": {"binary_data_size": 8}}, ONE * 2, "has the shape [1] but 2 values"),
        ({"parameters": {"binary_data_size": 4}, "datatype": "FP8"}, ONE, "4 bytes are not values of its datatype"),
        ({"parameters": {"binary_data_size": 4}, "datatype": "BYTES"}, b"\xff\xff\xff\xff", "value 1 is longer than what was sent"),
        ({"parameters": {"binary_data_size": 3}, "datatype": "BYTES"}, b"\0\0\0", "value 1 is longer than what was sent"),
        ({"parameters": {"binary_data_size": 5}, "datatype": "BYTES"}, b"\x01\0\0\0\xff", "value 1 is not UTF-8"),
        ({"parameters": {"binary_data_size": 5}, "datatype": "BYTES"}, b"\x01\0\0\0x", "datatype must be FP32"),
    ],
)
def test_what_is_malformed_is_refused(served, fields, tail, says):
    query = numbers("FP32", "FP32", "FP32")
    inputs = [{**item, "shape": [1], "data": item["data"][:1]} for item in query["inputs"]]
    del inputs[0]["data"]
    status, found, _ = sent(served, {"inputs": [{**inputs[0], **fields}, *inputs[1:]]}, tail)
    assert (status, says in found["error"]) == (400, True), found


@pytest.mark.parametrize("length", [b"", b"-1", b"x", b"99999999", b"1e3", b"9" * 5000, b"\xb2"])
def test_the_header_must_be_the_length_of_the_json(served, length):
    status, found, _ = sent(served, numbers("FP32", "FP32", "FP32"), b"", length=length)
    assert (status, "Inference-Header-Content-Length" in found["error"]) == (400, True)


def test_bytes_are_binary_only_with_the_header(served):
    body = json.dumps(numbers("FP32", "FP32", "FP32")).encode()
    assert respond(served, "POST", "/v2/models/spam-filter/infer", [STREAM], body).status == 415
    form = [(b"content-type", b"text/plain"), (b"inference-header-content-length", b"%d" % len(body))]
    assert respond(served, "POST", "/v2/models/spam-filter/infer", form, body).status == 415
