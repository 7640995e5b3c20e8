"""Rules about rows: what they may say, where a mistake is, and that none can be large."""

import pytest

from leptonctl.core.row_rules import BadRule, Kind, check_types, parse

COLUMNS: dict[str, Kind] = {"a": "number", "b": "number", "t": "text", "ok": "boolean", "day": "date", "end": "date", "a b": "number"}


@pytest.mark.parametrize(
    "text",
    [
        "a <= b", "a<=b and not ok", "`a b` * 2 + -a < (b - 1) / 3", "t in ['x', \"y\"]", "t not in ['x']", "a is missing or b is not missing",
        "0 <= a <= b < 1e3", "ok == true", "ok", "not ok or ok", "day <= end", "day >= '2024-01-31'", "'2024-01-31T10:00' < end", "day in ['2024-01-01']",
        "unknown == 3", "unknown == 'x'", "when.year > 2000", "((((a)))) != 1", "t < 'm'", "größe >= 0",
    ],
)  # fmt: skip
def test_a_rule_is_read(text: str) -> None:
    check_types(parse(text), COLUMNS)


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        ("a = b", "=", "`==`"),
        ("a <", " ", "comparison"),
        ("a + b", "a + b", "comparison"),
        ("a < t", "a < t", "own type"),
        ("a in ['x']", "a in ['x']", "own type"),
        ("t + 1 > 2", "t", ""),
        ("a and b < 1", "a", ""),
        ("ok < true", "ok < true", "`==`"),
        ("day < 3", "day < 3", "own type"),
        ("day < 'soon'", "'soon'", "2024-12-31"),
        ("day + 1 < end", "day", ""),
        ("a b < 1", "b", "backquotes"),
        ("a < 5 AND b > 0", "AND", "write `and`"),
        ("a IS missing", "IS", "write `is`"),
        ("len(t) > 3", "(", ""),
        ("a in [b]", "b", "`or`"),
        ("a is nothing", "nothing", ""),
        ("a not b", "b", ""),
        ("t == 'x", "'", "quotes"),
        ("a < 1; b", ";", ""),
        ("a < 1)", ")", ""),
        ("", " ", "comparison"),
    ],
)
def test_a_mistake_has_its_place(text: str, part: str, hint: str) -> None:
    with pytest.raises(BadRule) as caught:
        check_types(parse(text), COLUMNS)
    assert (text + " ")[caught.value.start : caught.value.end] == part
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "a" + ")" * 90,
        "-" * 480 + "a",
        "not " * 120 + "ok",
        "a < 1 and " * 60 + "a < 1",
        "a" * 501,
        "a < 1 " + "and a < 1 " * 49,
    ],
)
def test_a_rule_is_bounded(text: str) -> None:
    """Either it is refused, or it is small."""
    try:
        check_types(parse(text), COLUMNS)
    except BadRule:
        return
    assert len(text) <= 500


def test_a_number_may_begin_or_end_with_its_point() -> None:
    """As in data; brother: a point within a name is part of it."""
    for text, value in (("a > .5", 0.5), ("a > 5.", 5.0), ("a > .5e1", 5.0), ("when.year > 0.5", 0.5)):
        assert parse(text).parts[1].value == value
