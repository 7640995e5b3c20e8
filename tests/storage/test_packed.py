"""The file of a state: small, one address a line, and nothing is lost in it."""

import hashlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.codec import BadRecord, encode
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.state import Pointer, State, StepPointer

AT = "2026-11-25T12:00:00.000+00:00"


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def version(number: int) -> tuple[str, Pointer]:
    """One of ten is a version of a dataset, the others of models with three or four steps alternately."""
    if number % 10 == 0:
        steps = {"prepare": StepPointer(op="prepare", key=digest(f"prepare {number}"))}
        return f"dataset/customers-2026@v{number:05d}", Pointer(
            digest=digest(f"d{number}"), declaration=digest(f"r{number}"), steps=steps, at=AT
        )
    names = ("train", "export", "evaluate", "cross_validate")[: 3 + number % 2]
    return f"model/spam-filter@v{number:05d}", Pointer(
        digest=digest(f"d{number}"), declaration=digest(f"r{number}"), artifact=digest(f"a{number}"), package=digest(f"p{number}"),
        steps={name: StepPointer(op=name, key=digest(f"{name} {number}")) for name in names}, at=AT,
    )  # fmt: skip


def test_ten_thousand_versions_take_at_most_six_megabytes() -> None:
    state = State(lineage="a" * 32, project="p", revision=3, write="w", serial=2, current=dict(map(version, range(10_000))))
    started = time.process_time()
    data = encode_state(state)
    encoded = time.process_time()
    assert decode_state(data) == state
    decoded = time.process_time()
    print(f"\n10,000 versions: {len(data) / 1e6:.2f} MB, plain {len(encode(state)) / 1e6:.2f} MB;", end=" ")
    print(f"written in {(encoded - started) * 1e3:.0f} ms, read in {(decoded - encoded) * 1e3:.0f} ms")
    assert len(data) <= 6_000_000
    all_models = dict(version(number) for number in range(1, 10_000) if number % 10)
    assert len(encode_state(State(lineage="a", project="p", current=all_models))) / len(all_models) <= 600


def test_an_address_is_a_line() -> None:
    current = dict(version(number) for number in (3, 1, 2))
    lines = encode_state(State(lineage="L", project="p", current=current)).decode().splitlines()
    assert [json.loads("{" + line.rstrip(",") + "}").popitem()[0] for line in lines[1:-1]] == sorted(current)


def test_equal_states_have_equal_bytes() -> None:
    pointers = [version(number) for number in range(1, 9)]
    one, two = (State(lineage="L", project="p", current=dict(order)) for order in (pointers, reversed(pointers)))
    assert encode_state(one) == encode_state(two)


TEXTS = st.one_of(
    st.text(max_size=40),
    st.binary(min_size=32, max_size=32).map(lambda data: f"sha256:{data.hex()}"),
    st.text("0123456789abcdefXYZ ", min_size=64, max_size=64).map(lambda text: f"sha256:{text}"),
    st.text("\0\1a", min_size=30, max_size=34),
    st.text("0123456789abcdefA", min_size=64, max_size=64).map(lambda text: f"sha256:{text}"),
)
POINTERS = st.builds(
    Pointer,
    digest=TEXTS,
    declaration=TEXTS,
    artifact=st.none() | TEXTS,
    package=st.none() | TEXTS,
    steps=st.dictionaries(
        st.sampled_from(["train", "slice"]), st.builds(StepPointer, op=st.sampled_from(["train", "evaluate"]), key=TEXTS)
    ),
    version=st.none() | st.text(max_size=3),
    deployment=st.none() | st.integers(0, 9),
    effect=st.booleans(),
    at=st.just("") | st.just(AT),
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.text(max_size=20), POINTERS, max_size=3))
def test_every_pointer_is_read_back(current: dict[str, Pointer]) -> None:
    state = State(lineage="L", project="p", current=current)
    assert decode_state(encode_state(state)) == state


@pytest.mark.parametrize(
    "broken",
    [b"", b"{}", b'{"format_version":"1"}', b'{"format_version":"1","lineage":"L","project":"p","current":{"a":{"digest":"not base64!"}}}',
     b'{"format_version":"1","lineage":"L","project":"p","current":{"a":{"digest":7}}}',
     b'{"format_version":"1","lineage":"L","project":"p","current":{"a":{"digest":"AA==","steps":{"train":[]}}}}'],
)  # fmt: skip
def test_what_is_not_a_state_is_reported(broken: bytes) -> None:
    with pytest.raises(BadRecord):
        decode_state(broken)
