"""Whatever the bytes, the answer is a documented one: never a 5xx, never an exception, always JSON, always the same."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leptonctl.serving.respond import respond
from tests.serving.serving_models import filter_model, mixed_model, request
from tests.serving.test_requests import deployment

COLUMNS = ["money", "length", "ratio", "subject", "urgent", "known", "size", "account", "features", "nothing"]
DATATYPES = ["FP16", "FP32", "FP64", "INT8", "INT64", "UINT8", "UINT64", "BOOL", "BYTES", "fp32", ""]

numbers = st.one_of(st.integers(-3, 3), st.integers(), st.floats(), st.integers(10**300, 10**320))
cells = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), st.text(alphabet="\ud800\udfff\0é", max_size=3))
anything = st.recursive(
    cells,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "shape", "data", "datatype", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
shapes = st.lists(st.integers(-1, 3) | anything, max_size=3) | anything
inputs = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(COLUMNS) | anything,
        "shape": shapes,
        "datatype": st.sampled_from(DATATYPES) | anything,
        "data": st.lists(cells, max_size=6) | st.lists(st.lists(cells, max_size=3), max_size=3) | anything,
        "parameters": anything,
    },
)
loose = st.fixed_dictionaries(
    {"inputs": st.lists(inputs, max_size=6) | anything}, optional={"id": anything, "outputs": anything, "parameters": anything}
)
good = {
    "spam-filter": request(money=[1.5, 2.0], length=[10, 20], ratio=[0.25, None]),
    "mixed": request(subject=["a", "b"], urgent=[True, False], known=[True, False], size=[1.0, None], account=["c", None]),
}


@st.composite
def almost_good(draw):
    """A valid request with a few fields replaced."""
    model = draw(st.sampled_from(sorted(good)))
    query = json.loads(json.dumps(good[model]))
    for _ in range(draw(st.integers(0, 3))):
        item = draw(st.sampled_from(query["inputs"]))
        field = draw(st.sampled_from(["name", "shape", "datatype", "data", "cell"]))
        if field == "cell" and isinstance(item["data"], list) and item["data"]:
            item["data"][draw(st.integers(0, len(item["data"]) - 1))] = draw(cells)
        elif field != "cell":
            item[field] = draw(inputs).get(field)
    return model, query


@pytest.fixture(scope="module", params=["lenient", "strict"])
def served(request, tmp_path_factory):
    return deployment(tmp_path_factory.mktemp("store"), request.param, spam_filter=filter_model(), mixed=mixed_model())


def check(served, model, body):
    response = respond(served, "POST", f"/v2/models/{model}/infer", [(b"content-type", b"application/json")], body)
    assert response.status in (200, 400)
    value = json.loads(response.body, parse_constant=lambda name: pytest.fail(f"{name} in an answer"))
    assert list(value) == (
        ["error"] if response.status == 400 else ["model_name", "model_version", *(["id"] if "id" in value else []), "outputs"]
    )
    assert respond(served, "POST", f"/v2/models/{model}/infer", [], body) == response
    return response.status


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@fuzz
@given(case=almost_good())
def test_almost_valid_requests(served, case):
    model, query = case
    check(served, model, json.dumps(query).encode())


@fuzz
@given(query=loose, model=st.sampled_from(sorted(good)))
def test_loose_requests(served, query, model):
    check(served, model, json.dumps(query).encode())


@fuzz
@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]",:.-+eE0123456789nulltrufasNI\\ud8', max_size=60).map(str.encode))
def test_raw_bytes(served, body):
    assert check(served, "mixed", body) == 400


@fuzz
@given(
    model=st.sampled_from(sorted(good)),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5), st.binary(max_size=4)), min_size=1, max_size=3),
)
def test_damaged_requests(served, model, cuts):
    body = json.dumps(good[model]).encode()
    for place, length, put in cuts:
        body = body[:place] + put + body[place + length :]
    check(served, model, body)


@fuzz
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "BREW"]),
    parts=st.lists(st.sampled_from(["v2", "models", "mixed", "versions", "v1", "infer", "ready", "health", "live", "", ".", "..", "%2e", "%"])
                   | st.text(alphabet=string.printable, max_size=6), max_size=7),
    body=st.binary(max_size=10),
)  # fmt: skip
def test_any_path_and_method(served, method, parts, body):
    response = respond(served, method, "/" + "/".join(parts), [], body)
    assert response.status in (200, 204, 400, 404, 405)
    assert dict(response.headers).get(b"content-length", b"0") == b"%d" % len(response.body) or method == "HEAD"
