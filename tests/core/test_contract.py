"""Type inference, cells against columns, and the JSON form."""

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.codec import BadRecord, convert, decode, encode, plain
from leptonctl.core.contract import (
    Cells,
    Column,
    Contract,
    hash_text,
    infer_type,
    key_mark,
    missing_columns,
    share,
    violations,
)
from leptonctl.core.values import Json

# the largest number that a float of 32 bits holds
LARGEST = 2**128 - 2**104


@pytest.mark.parametrize(
    ("present", "integers", "numbers", "booleans", "expected"),
    [
        (10, 10, 10, 0, "integer"),
        (10, 9, 10, 0, "number"),
        (10, 0, 0, 10, "boolean"),
        (10, 0, 0, 9, "string"),
        (0, 0, 0, 0, "number"),
        (100, 95, 95, 0, "integer"),
        (100, 50, 95, 0, "number"),
        (100, 94, 94, 0, "string"),
        (20, 19, 19, 0, "integer"),
        (19, 18, 18, 0, "string"),
    ],
)
def test_infer_type(present: int, integers: int, numbers: int, booleans: int, expected: str) -> None:
    assert infer_type(Cells(present=present, integers=integers, numbers=numbers, booleans=booleans)) == expected


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (Column(name="a", type="number"), 1, None),
        (Column(name="a", type="number"), 1.5, None),
        (Column(name="a", type="number"), "1.5", "is not a number"),
        (Column(name="a", type="number"), True, "is not a number"),
        (Column(name="a", type="number"), float("inf"), "is not a number"),
        (Column(name="a", type="number"), 1e39, "is not a number"),
        (Column(name="a", type="number"), 10**400, "is not a number"),
        (Column(name="a", type="integer"), 2.0, None),
        (Column(name="a", type="integer"), 2.5, "is not an integer"),
        (Column(name="a", type="boolean"), False, None),
        (Column(name="a", type="boolean"), 0, "is not a boolean"),
        (Column(name="a", type="string"), 3, "is not a string"),
        (Column(name="a", type="number", min=0, max=5), -0.1, "is below the minimum 0"),
        (Column(name="a", type="number", min=0, max=5), 5, None),
        (Column(name="a", type="number", min=0, max=5), 5.1, "is above the maximum 5"),
        (Column(name="a", type="string", values=("y", "n")), "n", None),
        (Column(name="a", type="string", values=("y", "n")), "N", "is not one of the allowed values"),
        (Column(name="a", type="integer", values=(1, 2)), 2.0, None),
        (Column(name="a", type="number", nullable=False), None, "is missing, which the contract does not allow"),
        (Column(name="a", type="number", nullable=False), float("nan"), "is missing, which the contract does not allow"),
        (Column(name="a", type="string", nullable=False), "", "is missing, which the contract does not allow"),
        (Column(name="a", type="number", nullable=False, fill=0.0), None, None),
        (Column(name="a", type="number", nullable=True, min=1), None, None),
    ],
)
def test_violations_of_a_cell(column: Column, value: object, expected: str | None) -> None:
    assert violations(column, value) == expected


def test_a_violation_never_names_the_value() -> None:
    column = Column(name="a", type="string", values=("y",))
    assert "secret" not in (violations(column, "secret") or "")


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.integers())
    )
)
def test_any_json_value_can_be_checked(value: object) -> None:
    is_number = type(value) in (int, float) and -LARGEST <= value <= LARGEST
    good = {
        "number": is_number,
        "integer": is_number and value % 1 == 0,
        "boolean": value is True or value is False,
        "string": type(value) is str and len(value) > 0,
    }
    for kind, fits in good.items():
        assert (violations(Column(name="a", type=kind, nullable=False), value) is None) == fits, kind


def test_a_contract_reads_back_as_it_was_written() -> None:
    contract = Contract(
        target="y",
        target_type="string",
        classes=("n", "y"),
        columns=(
            Column(name="money", type="number", nullable=False, fill=0.0, min=0.5, declared=True),
            Column(name="wörd", type="string", values=("a", "b")),
            Column(name="count", type="integer", fill=0, values=(0, 1)),
            Column(name="who", type="string", hash=True),
        ),
    )
    again = decode(encode(contract), Contract)
    assert again == contract == convert(plain(contract), Contract)
    assert [type(column.fill) for column in again.columns] == [float, type(None), int, type(None)]


@pytest.mark.parametrize(
    ("column", "where"),
    [
        ({"type": "number"}, "$.columns[0]"),
        ({"name": "a", "type": "float"}, "$.columns[0].type"),
        ({"name": "a", "type": "number", "min": "0"}, "$.columns[0].min"),
        ({"name": "a", "type": "number", "values": [[1]]}, "$.columns[0].values[0]"),
    ],
)
def test_an_invalid_contract_names_the_place(column: Json, where: str) -> None:
    with pytest.raises(BadRecord, match=re.escape(f"`{where}`")):
        convert({"target": "y", "target_type": "number", "classes": None, "columns": [column]}, Contract)


def test_checks_as_declared_now_replace_recorded_ones_but_not_on_private_columns() -> None:
    contract = Contract(
        target="y",
        target_type="number",
        classes=None,
        columns=(Column(name="a", type="number", min=0), Column(name="b", type="string", hash=True)),
    )
    now = contract.with_checks({"a": {"max": 3, "nullable": False}, "b": {"values": ["x"]}})
    assert (now.columns[0].min, now.columns[0].max, now.columns[0].nullable) == (None, 3, False)
    assert now.columns[1] == contract.columns[1]


def test_hash_and_mark_are_plain_hmac() -> None:
    assert hash_text(b"k", "Jürgen") == hmac.new(b"k", "Jürgen".encode(), hashlib.sha256).hexdigest()
    assert key_mark(b"k", "k1") == hmac.new(b"k", b"leptonctl key check k1", hashlib.sha256).hexdigest()
    assert key_mark(b"k", "k1") != key_mark(b"other", "k1")


@given(st.text())
def test_share_is_in_the_unit_interval(text: str) -> None:
    assert 0 <= share(text) < 1


def test_share_values_are_fixed() -> None:
    assert share("message-1") == int(hashlib.sha256(b"message-1").hexdigest()[:12], 16) / 2**48


def test_missing_columns_keep_their_order() -> None:
    assert missing_columns(["c", "a", "c", "b"], ["b"]) == ["c", "a"]
