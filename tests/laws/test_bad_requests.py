"""Requests that a real server cannot answer: the right status, an `error` that names what is wrong, and the server keeps running."""

import http.client
import json
from pathlib import Path

import pytest

from tests import projects

INFER = "/v2/models/line/infer"


def tensor(name: str, data: object, shape: object = None, datatype: str = "FP32") -> dict:
    return {"name": name, "shape": [1] if shape is None else shape, "datatype": datatype, "data": data}


X, Y = tensor("x", [1.0]), tensor("y", [2.0])
GOOD = {"inputs": [X, Y]}
CASES = [
    ("no JSON", "POST", INFER, b"{", 400, "JSON"),
    ("no text", "POST", INFER, b"\xff\xfe\x00", 400, ""),
    ("nothing", "POST", INFER, b"", 400, ""),
    ("a list", "POST", INFER, [], 400, "object"),
    ("no inputs", "POST", INFER, {}, 400, "inputs"),
    ("inputs without one", "POST", INFER, {"inputs": []}, 400, "one input per column"),
    ("inputs that are a number", "POST", INFER, {"inputs": 3}, 400, "inputs"),
    ("an input that is a text", "POST", INFER, {"inputs": ["x"]}, 400, ""),
    ("a column too few", "POST", INFER, {"inputs": [X]}, 400, "y"),
    ("a column too many", "POST", INFER, {"inputs": [X, Y, tensor("z", [1.0])]}, 400, "z"),
    ("a column twice", "POST", INFER, {"inputs": [X, X, Y]}, 400, "x"),
    ("an input without a name", "POST", INFER, {"inputs": [{"shape": [1], "datatype": "FP32", "data": [1]}, Y]}, 400, "name"),
    ("an input without data", "POST", INFER, {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}, Y]}, 400, "data"),
    ("text for a number", "POST", INFER, {"inputs": [tensor("x", ["one"]), Y]}, 400, "x"),
    ("text by its datatype", "POST", INFER, {"inputs": [tensor("x", ["1"], datatype="BYTES"), Y]}, 400, "x"),
    ("an unknown datatype", "POST", INFER, {"inputs": [tensor("x", [1.0], datatype="FP99"), Y]}, 400, "FP99"),
    ("a missing cell", "POST", INFER, {"inputs": [tensor("x", [None]), Y]}, 400, "x"),
    ("a number beyond 32 bits", "POST", INFER, {"inputs": [tensor("x", [1e300]), Y]}, 400, "x"),
    ("a shape that does not fit", "POST", INFER, {"inputs": [tensor("x", [1.0], [3]), Y]}, 400, "x"),
    ("a shape that is a text", "POST", INFER, {"inputs": [tensor("x", [1.0], "1"), Y]}, 400, "shape"),
    ("a shape below zero", "POST", INFER, {"inputs": [tensor("x", [1.0], [-1]), Y]}, 400, "x"),
    ("columns of two lengths", "POST", INFER, {"inputs": [tensor("x", [1.0, 2.0], [2]), Y]}, 400, ""),
    ("an unknown output", "POST", INFER, {**GOOD, "outputs": [{"name": "score"}]}, 400, "score"),
    ("an id that is a number", "POST", INFER, {**GOOD, "id": 3}, 400, "id"),
    ("an unknown model", "POST", "/v2/models/lime/infer", GOOD, 404, "/v2/models lists"),
    ("an unknown version", "POST", "/v2/models/line/versions/v9/infer", GOOD, 404, '"v2"'),
    ("metadata of an unknown model", "GET", "/v2/models/lime", None, 404, "/v2/models lists"),
    ("an unknown path", "GET", "/v3", None, 404, ""),
    ("a path with a NUL", "GET", "/v2/models/%00", None, 404, ""),
    ("another method", "GET", INFER, None, 405, ""),
]  # fmt: skip


def ask(url: str, method: str, path: str, body: object) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, path, body if isinstance(body, bytes) or body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def url(applied: Path) -> str:
    return str(projects.served(applied, "dev")["url"])


@pytest.mark.parametrize(("method", "path", "body", "status", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_bad_request_is_refused_with_the_reason(url: str, method: str, path: str, body: object, status: int, message: str) -> None:
    got, content = ask(url, method, path, body)
    assert got == status, content
    answer = json.loads(content)
    assert set(answer) == {"error"}
    assert answer["error"]
    assert message in answer["error"]
    assert "Traceback" not in answer["error"]
    assert ask(url, "POST", INFER, GOOD)[0] == 200
