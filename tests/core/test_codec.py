"""The codec: records are read back as written and have one encoding; errors name the place in the record."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.codec import (
    BadRecord,
    Record,
    convert,
    decode,
    decode_message,
    encode,
    encode_line,
    encode_message,
    plain,
    with_checksum,
)
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State, StepPointer
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json
from tests.core.records import RECORDS, WITH_FORMAT, jsons, records, texts

HEX = "sha256:" + "0" * 64
few = settings(max_examples=20)
"""Enough for each of the record types: together they are many."""


def test_every_record_type_is_tested() -> None:
    assert {"State", "Pointer", "Pending", "HistoryRecord", "Deployment", "Head", "ServerRecord", "Manifest", "Result", "Order"} <= {
        kind.__qualname__ for kind in RECORDS
    }
    assert {
        "State",
        "HistoryRecord",
        "Deployment",
        "Head",
        "ServerRecord",
        "Manifest",
        "Result",
        "Recipe",
        "OwnerRecord",
        "StoreIdentity",
    } <= {kind.__qualname__ for kind in WITH_FORMAT}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__qualname__)
@few
@given(data=st.data())
def test_records_are_read_back_as_written(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(records(kind))
    written = encode(record)
    assert decode(written, kind) == record
    assert convert(json.loads(written), kind) == record
    message = encode_message(record)
    assert decode_message(message, kind) == record
    assert json.loads(json.dumps(plain(record))) == json.loads(message)
    assert encode_line(record) == message + b"\n"
    assert b"\n" not in written
    # one value has one encoding, whatever the order of its mappings
    assert encode(decode_message(with_reversed_members(written), kind)) == written


def with_reversed_members(data: bytes) -> bytes:
    """The same JSON with the members of every object in reverse order."""

    def turn(value: Json) -> Json:
        if isinstance(value, dict):
            return {key: turn(value[key]) for key in reversed(value)}
        return [turn(item) for item in value] if isinstance(value, list) else value

    return json.dumps(turn(json.loads(data))).encode()


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__qualname__)
@few
@given(data=st.data())
def test_unknown_fields_are_ignored(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(records(kind))
    later = {**plain(record), "added_later": data.draw(jsons)}
    assert decode(sealed(later, kind), kind) == record
    assert decode_message(json.dumps(later).encode(), kind) == record


def sealed(record: Mapping[str, Json], kind: type[Record]) -> bytes:
    """A record as another release would write it: with the checksum that its type has."""
    data = json.dumps(record).encode()
    return with_checksum(data) if kind in CHECKED else data


CHECKED = [kind for kind in WITH_FORMAT if kind.checksum]


def test_what_a_store_holds_is_checked() -> None:
    assert {kind.__qualname__ for kind in WITH_FORMAT} - {kind.__qualname__ for kind in CHECKED} == {"State", "Manifest"}


@pytest.mark.parametrize("kind", CHECKED, ids=lambda kind: kind.__qualname__)
@few
@given(data=st.data())
def test_no_byte_of_a_record_can_change_unnoticed(kind: type[Record], data: st.DataObject) -> None:
    written = encode(data.draw(records(kind)))
    position, bit = data.draw(st.integers(0, len(written) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(written)
    changed[position] ^= 1 << bit
    length = data.draw(st.integers(0, len(written) - 1))
    for damaged in (bytes(changed), written[:length], written[:position] + written[position + 1 :], written + b" "):
        with pytest.raises(BadRecord) as caught:
            decode(damaged, kind)
        assert not caught.value.newer


@pytest.mark.parametrize("kind", CHECKED, ids=lambda kind: kind.__qualname__)
@few
@given(data=st.data())
def test_a_record_without_its_checksum_is_refused(kind: type[Record], data: st.DataObject) -> None:
    with pytest.raises(BadRecord, match="does not end with its checksum"):
        decode(encode_message(data.draw(records(kind))), kind)


def test_an_edited_record_is_reported_as_changed() -> None:
    written = encode(Result(key="k", op="evaluate", outputs={"metrics": {"accuracy": 0.91}}))
    with pytest.raises(BadRecord, match="a byte was changed"):
        decode(written.replace(b"0.91", b"0.99"), Result)


@pytest.mark.parametrize("kind", WITH_FORMAT, ids=lambda kind: kind.__qualname__)
@few
@given(data=st.data())
def test_a_newer_format_is_reported_as_newer(kind: type[Record], data: st.DataObject) -> None:
    """Even if its fields have other types than in this release."""
    newer = {**dict.fromkeys(plain(data.draw(records(kind))), 7), "format_version": "2"}
    with pytest.raises(BadRecord, match=r"it has format 2, this release reads format 1") as caught:
        decode(json.dumps(newer).encode(), kind)
    assert caught.value.newer


@pytest.mark.parametrize("kind", WITH_FORMAT, ids=lambda kind: kind.__qualname__)
@settings(max_examples=2)
@given(data=st.data())
def test_the_format_is_written_first(kind: type[Record], data: st.DataObject) -> None:
    """A person or another release that opens the file sees its format at once."""
    assert encode(data.draw(records(kind))).startswith(b'{"format_version":"1"')


@pytest.mark.parametrize("kind", WITH_FORMAT, ids=lambda kind: kind.__qualname__)
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"1", b'"text"', b"null", b"\xff\xfe", b'{"a":"\xff"}', b"[" * 100_000, b"{}{}"],
    ids=["nothing", "half", "list", "number", "text", "null", "utf-16", "no text", "deep", "two"],
)
def test_input_that_is_not_a_json_object_is_refused(kind: type[Record], data: bytes) -> None:
    with pytest.raises(BadRecord) as caught:
        decode(data, kind)
    assert str(caught.value)
    assert not caught.value.newer


@pytest.mark.parametrize(
    ("part", "value", "place"),
    [
        ("lineage", None, "$.lineage"),
        ("serial", "1", "$.serial"),
        ("revision", True, "$.revision"),
        ("revision", 1.5, "$.revision"),
        ("current", None, "$.current"),
        ("current", [], "$.current"),
        ("current", {"a": "text"}, "$.current"),
        ("current", {"a": {}}, "`digest`"),
        ("current", {"a": {"digest": 1}}, "digest"),
        ("current", {"a": {"digest": "d", "steps": []}}, "steps"),
        ("current", {"a": {"digest": "d", "steps": {"write": "key"}}}, "steps"),
        ("locks", {"prod": 1}, "$.locks"),
        ("pending", {"prod": {"deployment": 1}}, "$.pending"),
    ],
)
def test_a_field_of_the_wrong_type_is_reported_with_its_place(part: str, value: Json, place: str) -> None:
    record = {**plain(State(lineage="l", project="p")), part: value}
    for read in (lambda: decode(json.dumps(record).encode(), State), lambda: convert(record, State)):
        with pytest.raises(BadRecord) as caught:
            read()
        assert place in str(caught.value)


def test_a_missing_required_field_is_named() -> None:
    record = {name: value for name, value in plain(State(lineage="l", project="p")).items() if name != "project"}
    with pytest.raises(BadRecord, match="project"):
        decode(json.dumps(record).encode(), State)


def test_an_unknown_literal_is_refused() -> None:
    route = plain(Route(version="v1", digest="d", package="p", artifact="a", files={}))
    with pytest.raises(BadRecord, match="role"):
        convert({**route, "role": "understudy"}, Route)


def test_fields_at_their_default_are_not_written() -> None:
    pointer = Pointer(digest="d", steps={"write": StepPointer(op="write", key="k")})
    assert plain(pointer) == {"digest": "d", "steps": {"write": {"op": "write", "key": "k"}}}
    assert plain(Result(key="k", op="write")) == {"format_version": "1", "key": "k", "op": "write"}


def test_records_cannot_be_changed_only_replaced() -> None:
    pointer = Pointer(digest="d")
    with pytest.raises(AttributeError):
        pointer.digest = "e"  # type: ignore[misc]
    assert replace(pointer, digest="e") == Pointer(digest="e")
    with pytest.raises(TypeError):
        Pointer("d")  # type: ignore[misc]


def test_defaults_are_not_shared_between_records() -> None:
    one, two = Pointer(digest="d"), Pointer(digest="d")
    assert one.steps is not two.steps


@given(st.dictionaries(texts, jsons, max_size=3))
def test_json_inside_a_record_is_unchanged(recipe: Mapping[str, Json]) -> None:
    """Digests distinguish 1 from 1.0 and true from 1, so records must too."""
    read = decode(encode(Recipe(address="a", recipe=recipe)), Recipe).recipe
    assert json.dumps(read, sort_keys=True) == json.dumps(recipe, sort_keys=True)


def test_deep_json_is_refused() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(BadRecord, match="nested too deeply"):
        decode(b'{"format_version":"1","address":"a","recipe":{"deep":%s}}' % deep, Recipe)


def test_numbers_outside_json_are_refused() -> None:
    assert decode(encode(Result(key="k", op="o", outputs={"x": float("nan")})), Result).outputs == {"x": None}


def test_the_bytes_of_a_deployment_record() -> None:
    route = Route(version="v1", digest=HEX, package=HEX, artifact=HEX, files={"model.onnx": HEX})
    deployment = Deployment(
        lineage="l", environment="prod", deployment=1, incarnation=1, serial=3, previous=None, at="2026-01-01T00:00:00Z", by="me", commit=None,
        url=None, requests="lenient", models={"spam": (route,)},
    )  # fmt: skip
    assert deployment.main("spam") == route
    assert deployment.main("ham") is None
    # fields in the order of the type, mappings by key
    assert encode_message(deployment) == (
        b'{"format_version":"1","lineage":"l","environment":"prod","deployment":1,"incarnation":1,"serial":3,"previous":null,'
        b'"at":"2026-01-01T00:00:00Z","by":"me","commit":null,"url":null,"requests":"lenient","models":{"spam":[{"version":"v1",'
        b'"digest":"%s","package":"%s","artifact":"%s","files":{"model.onnx":"%s"}}]}}' % ((HEX.encode(),) * 4)
    )
