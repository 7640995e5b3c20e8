"""Digests: equal for equal values whatever the order of keys, different for different values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.canonical import digest, encode
from leptonctl.core.values import Json

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4))


def with_reversed_keys(value: Json) -> Json:
    """The same value with the keys of every mapping in reverse order."""
    if isinstance(value, dict):
        return {key: with_reversed_keys(value[key]) for key in reversed(value)}
    return [with_reversed_keys(item) for item in value] if isinstance(value, list) else value


def same(left: Json, right: Json) -> bool:
    """Equal in value and in type, at every depth."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return type(left) is type(right) and left == right


@given(values)
def test_the_order_of_keys_does_not_matter(value: Json) -> None:
    assert digest(with_reversed_keys(value)) == digest(value)


@given(values, values)
def test_only_the_same_value_has_the_same_encoding(left: Json, right: Json) -> None:
    assert (encode(left) == encode(right)) == same(left, right)


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_adjacent_strings_are_not_confused(left: list[str], right: list[str]) -> None:
    assert (digest([*left]) == digest([*right])) == (left == right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0), (1, True), (1, "1"), (0, False), (None, "null"), (None, {}), ([], {}), ([[]], []), ("", None), (0.0, -0.0),
        (["ab", "c"], ["a", "bc"]), (["a,b"], ["a", "b"]), (['a","b'], ["a", "b"]), ({"a": {"b": 1}}, {"a": 1, "b": 1}),
        ({"a": None}, {}), (2**53, 2**53 + 1), (0.1 + 0.2, 0.3), ("e\u0301", "\u00e9"), ("\ud800", "\\ud800"),
    ],
)  # fmt: skip
def test_similar_values_are_distinguished(left: Json, right: Json) -> None:
    assert digest(left) != digest(right)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}])
def test_nan_and_infinity_have_no_digest(value: Json) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_values_outside_json_have_no_digest(value: object) -> None:
    with pytest.raises(TypeError):
        digest(value)  # type: ignore[arg-type]


def test_digests_of_recorded_results_are_fixed() -> None:
    """A change here would make every existing store useless."""
    value: Json = {"op": "train", "b": [1, 1.0, True, None, 0.1], "a": {"ä": 'é\n"\\'}, "seed": 7}
    assert encode(value) == b'{"a":{"\\u00e4":"\\u00e9\\n\\"\\\\"},"b":[1,1.0,true,null,0.1],"op":"train","seed":7}'
    assert digest(value) == "sha256:23a7e361db3699210df4392c8d3726efbd7f84eb8807978d6823eef82a09a1e9"
