"""From a record to what is served: packages are recomputed, routes and checks validated, invalid manifests refused."""

import json

import pytest

from leptonctl.core.codec import encode
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import GraphInput, Manifest, Threshold, package_digest
from leptonctl.serving.deployment import Refused, prepare
from leptonctl.serving.manifest import BadModel, read_manifest
from leptonctl.serving.respond import respond
from tests.serving.serving_models import Shop, a_follower, column, filter_model, manifest, mixed_model, request, versions
from tests.serving.test_requests import GOOD, ask, get, supply


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "store")


def served(shop, routes, number=1, **more):
    shop.record(number, number, {"m": routes}, **more)
    return prepare(shop.store.deployment("prod", number), supply(shop))


def test_a_package_that_is_not_the_one_of_its_files_is_refused(shop):
    route = shop.put_model("v1", filter_model())
    other = shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    with pytest.raises(
        Refused, match=f"^m: its graph and manifest make the package {route.package}, but the deployment record says {other.package}"
    ):
        served(shop, replace(route, package=other.package))
    # the graph and the golden rows agree, a fill value does not: an answer would differ
    onnx, described, rows = filter_model()
    refilled = replace(described, columns=(replace(described.columns[0], fill=0.75), *described.columns[1:]))
    files = {**route.files, "manifest.json": shop.put(refilled)}
    with pytest.raises(Refused, match=r"^m: its graph and manifest make the package "):
        served(shop, replace(route, files=files), 2)
    # even if the files are loaded already
    loaded = served(shop, route, 3)
    shop.record(4, 4, {"m": replace(route, package=other.package)})
    with pytest.raises(Refused, match=r"^m: its graph and manifest make the package "):
        prepare(shop.store.deployment("prod", 4), supply(shop, loaded=loaded.loaded))
    assert package_digest(route.artifact, described) == route.package
    assert onnx
    assert rows


def test_two_names_for_the_graph_are_refused(shop):
    route, other = shop.put_model("v1", filter_model()), shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    with pytest.raises(Refused, match=r"^m: the deployment record names two graphs"):
        served(shop, replace(route, artifact=other.artifact, package=other.package))


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json", "golden.json"])
@pytest.mark.parametrize("digest", [None, "", "sha256:", "md5:00", "sha256:../../x"])
def test_a_file_without_a_digest_is_refused(shop, file, digest):
    route = shop.put_model("v1", filter_model())
    files = {name: found for name, found in route.files.items() if name != file} | ({} if digest is None else {file: digest})
    with pytest.raises(Refused, match=f"^m: the deployment record names (no {file}|two graphs)"):
        served(shop, replace(route, files=files))


def test_metadata_contain_the_package(shop):
    route = shop.put_model("v1", filter_model())
    parameters = get(served(shop, route), "/v2/models/m")[1]["parameters"]
    assert (parameters["package"], parameters["digest"], parameters["artifact"]) == (route.package, route.digest, route.artifact)


def test_main_answers_and_other_routes_are_reported_once(shop):
    main, other = shop.put_model("v1", filter_model()), shop.put_model("v2", filter_model((1.0, 0.0, 0.0)))
    routes = (replace(other, role="shadow"), replace(main, share=0.9), replace(other, version="v3", role="canary", share=0.1))
    shop.deploy(1, 1, {"m": routes})
    lines = []
    follower = a_follower(shop, log=lines)
    follower.step()
    shop.deploy(2, 2, {"m": routes})
    follower.step()
    assert (follower.current().number, versions(follower)) == (2, {"m": "v1"})
    assert follower.status().models.keys() == {"m"}
    assert [line for line in lines if "main routes only" in line] == [
        "m@v2 (shadow) is recorded but not served; this release serves main routes only",
        "m@v3 (canary) is recorded but not served; this release serves main routes only",
    ]


def test_invalid_routes_are_refused(shop):
    main = shop.put_model("v1", filter_model())
    canary = replace(main, version="v2", role="canary", share=0.5)
    for number, (routes, why) in enumerate(
        (
            ((), "has 0 main routes"),
            ((canary,), "has 0 main routes"),
            ((main, main), "has 2 main routes"),
            ((main, replace(canary, share=1.5)), "has the share 1.5 for version v2"),
            ((main, replace(canary, share=-0.1)), "has the share -0.1 for version v2"),
        ),
        1,
    ):
        with pytest.raises(Refused, match=f"^m: the deployment record {why}"):
            served(shop, routes, number)


BELOW = json.dumps(request(money=[-1.0], length=[10], ratio=[0.25])).encode()


def violations(deployment, body=BELOW):
    return [(v.column, v.check) for v in respond(deployment, "POST", "/v2/models/m/infer", [], body).stats.violations]


def test_current_checks_replace_those_of_the_build(shop):
    route = shop.put_model("v1", filter_model())
    built = served(shop, route)
    assert violations(built) == [("money", "min")]
    checks = shop.put(encode({"money": {"min": -5}, "length": {"max": 9, "nullable": True}, "ratio": {"values": [0.5]}}))
    checked = served(shop, replace(route, checks=checks), 2)
    assert violations(checked) == [("length", "max"), ("ratio", "values")]
    missing = request(money=[1.0], length=[None], ratio=[0.5])
    assert (ask(built, missing, "m")[0], ask(checked, missing, "m")[0]) == (400, 200)
    # a fill value is part of the package: checks do not change it
    assert ask(checked, request(money=[None], length=[1], ratio=[0.5]), "m")[0] == 200
    nothing = served(shop, replace(route, checks=shop.put(b"{}")), 3)
    assert violations(nothing) == []
    strict = served(shop, replace(route, checks=checks), 4, requests="strict")
    assert ask(strict, GOOD, "m") == (400, 'column "length", row 1: the value breaks "max" of the contract')


def test_an_edit_of_a_check_loads_no_session(shop):
    route = shop.put_model("v1", filter_model())
    built = served(shop, route)
    shop.record(2, 2, {"m": replace(route, checks=shop.put(b'{"money": {"min": -5}}'))})
    checked = prepare(shop.store.deployment("prod", 2), supply(shop, loaded=built.loaded))
    assert checked.models["m"].model.session is built.models["m"].model.session
    assert (violations(built), violations(checked)) == ([("money", "min")], [])
    shop.record(3, 3, {"m": route})
    again = prepare(shop.store.deployment("prod", 3), supply(shop, loaded=checked.loaded))
    assert again.models["m"].model.session is built.models["m"].model.session
    assert violations(again) == [("money", "min")]


def test_checks_replace_each_other_and_keep_what_was_built(shop):
    route = shop.put_model("v1", filter_model())
    missing = request(money=[1.0], length=[None], ratio=[0.5])
    nullable = served(shop, replace(route, checks=shop.put(b'{"length": {"nullable": true}}')))
    shop.record(2, 2, {"m": replace(route, checks=shop.put(b'{"length": {"max": 5}}'))})
    after = prepare(shop.store.deployment("prod", 2), supply(shop, loaded=nullable.loaded))
    assert (ask(nullable, missing, "m")[0], ask(after, missing, "m")[0]) == (200, 400)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "checks.json is not readable: Expected `object`, got `array`"),
        (b'{"money": {"min": "low"}}', "checks.json is not readable: Expected `float | null`, got `str` - at `$[...].min`"),
        (b'{"money": {"values": ["a"]}}', 'checks.json: column "money", values: not all are of type number'),
        (b"{", "checks.json is not readable: "),
    ],
)
def test_malformed_checks_are_refused(shop, data, why):
    route = replace(shop.put_model("v1", filter_model()), checks=shop.put(data))
    with pytest.raises(Refused) as refused:
        served(shop, route)
    assert str(refused.value).startswith(f"m: {why}")


def test_checks_that_are_not_in_the_store_are_refused(shop):
    digest = "sha256:" + "0" * 64
    with pytest.raises(Refused, match=f"^m: checks.json \\({digest}\\) is not in the store"):
        served(shop, replace(shop.put_model("v1", filter_model()), checks=digest))


NUMBER, TEXT = column("a", "number", "features", 0), column("b", "string", "s0")

BAD_MANIFESTS = {
    "a column twice": (manifest([NUMBER, replace(NUMBER, graph=GraphInput(input="features", index=1))]), 'columns names "a" twice'),
    "a place left out": (manifest([replace(NUMBER, graph=GraphInput(input="features", index=1))]), "graph.features is 1, but the columns have the places [1]"),
    "an input left out": (manifest([NUMBER, TEXT]), "graph.strings is [], but the columns have the inputs ['s0']"),
    "a text among numbers": (manifest([replace(TEXT, graph=NUMBER.graph)]), 'column "b", graph: a string needs an input of its own'),
    "a number as text": (manifest([replace(NUMBER, graph=TEXT.graph)], strings=["s0"]), 'column "a", graph: a string needs an input of its own'),
    "no index": (manifest([replace(NUMBER, graph=GraphInput(input="features"))]), 'column "a", graph: only a column of "features" has an index'),
    "an index too many": (manifest([replace(TEXT, graph=GraphInput(input="s0", index=0))], strings=["s0"]), 'column "b", graph: only a column of'),
    "a fill of another type": (manifest([replace(NUMBER, fill="x")]), 'column "a", fill: is not a number'),
    "a fill beyond FP32": (manifest([replace(NUMBER, fill=1e300)]), 'column "a", fill: is not a number'),
    "values of another type": (manifest([replace(NUMBER, values=(1, "x"))]), 'column "a", values: not all are of type number'),
    "a threshold of no class": (replace(manifest([NUMBER]), threshold=Threshold(value=0.5, positive="x")), "threshold is about a class"),
    "no classes": (replace(manifest([NUMBER]), classes=None), "classes is empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_an_invalid_manifest_is_refused_with_the_field(case):
    described, why = BAD_MANIFESTS[case]
    with pytest.raises(BadModel) as refused:
        read_manifest(encode(described))
    assert str(refused.value).startswith(f"manifest.json: {why}")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"type":"number"', b'"type":"complex"', "`$.columns[0].type`"),
        (b'"nullable":false', b'"nullable":null', "`$.columns[0].nullable`"),
        (b'"features":3', b'"features":"3"', "`$.graph.features`"),
        (b'"index":0', b'"index":[]', "`$.columns[0].graph.index`"),
        (b'"task":"classification",', b"", "`task`"),
        (b'"format_version":"1"', b'"format_version":"7"', "it has format 7, this release reads format 1"),
    ],
)
def test_an_unreadable_manifest_is_refused_with_the_field(old, new, field):
    data = encode(filter_model()[1])
    assert old in data
    with pytest.raises(BadModel) as refused:
        read_manifest(data.replace(old, new))
    assert str(refused.value).startswith("manifest.json is not readable: ")
    assert field in str(refused.value)


@pytest.mark.parametrize("model", [filter_model, mixed_model])
def test_good_manifests_are_read_as_they_are(model):
    described = model()[1]
    assert read_manifest(encode(described)) == described
    assert isinstance(described, Manifest)
