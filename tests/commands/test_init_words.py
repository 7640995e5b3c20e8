"""Words that mean missing in one column and are values of another: `missing_values` holds for the whole table."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.commands.test_init_tables import dataset, found, label, number, rows
from tests.commands.test_init_unusual import yaml_keys


def day(i: int) -> str:
    return "NA" if i % 10 == 0 else str(date(2022, 1, 1) + timedelta(days=i * 37 % 80 * 3))


@pytest.mark.parametrize(("word", "values"), [("NA", "DE FR NA"), ("-", "- + o")])
def test_what_is_frequent_among_words_is_a_value(tmp_path: Path, word: str, values: str) -> None:
    """NA is Namibia, or (brother) `-` a grade: a third of the cells has it, and dates have it where they are missing."""
    text = rows("d,country,x,label", lambda i: day(i).replace("NA", word), lambda i: values.split()[i * 7 % 13 % 3], number, label)
    findings = found(tmp_path, text)
    assert "missing_values" not in yaml_keys(dataset(findings))
    assert findings.missing == {}
    assert any(reason.about == "d" and f"{word} among its cells is a value of country" in reason.detail for reason in findings.reasons)


def test_what_is_rare_among_words_means_missing_there_too(tmp_path: Path) -> None:
    """Brother: R writes NA in every column, the target included."""
    country = lambda i: "NA" if i % 12 == 5 else ["DE", "FR", "ES"][i % 3]  # noqa: E731
    findings = found(tmp_path, rows("d,country,x,label", day, country, number, label))
    assert (findings.options.missing_values, findings.missing) == (("NA",), {"d": 6, "country": 5})
    findings = found(tmp_path, rows("d,x,label", day, number, lambda i: "NA" if i % 3 == 0 else label(i)))
    assert (findings.options.missing_values, findings.missing["label"], findings.positive) == (("NA",), 20, None)


def test_a_class_that_means_missing_among_numbers_stays_a_class(tmp_path: Path) -> None:
    findings = found(
        tmp_path,
        rows("k,q,label", number, lambda i: "none" if i % 10 == 0 else i % 9, lambda i: ["none", "mild", "severe"][i * 7 % 11 % 3]),
    )
    assert (yaml_keys(dataset(findings)) & {"missing_values", "target_missing"}, findings.missing) == (set(), {})


@pytest.mark.parametrize("word", [" ", "   ", "None", "NA", "?"])
def test_what_stands_for_a_missing_date_is_declared(tmp_path: Path, word: str) -> None:
    """SPSS writes a space, Python None; and (brother) two of them in one column."""
    text = rows("d,x,label", lambda i: day(i).replace("NA", word if i % 20 else "N/A"), number, label)
    findings = found(tmp_path, text)
    assert (findings.options.missing_values, findings.missing) == (tuple(sorted({"N/A", word})), {"d": 6})
    assert next(column for column in findings.declared if column.name == "d").date is not None
    # among words it is one of them
    words = found(tmp_path, rows("c,x,label", lambda i: "None" if i % 9 == 0 else ["DE", "FR", "ES"][i % 3], number, label))
    assert words.options.missing_values is None


@pytest.mark.parametrize(("number_", "other", "said"), [(-9999, 50, True), (9999, 50, True), (-99, 50, False), (-9999, 5000, False)])
def test_a_number_that_may_mean_missing_is_said(tmp_path: Path, number_: int, other: int, said: bool) -> None:
    """A logger's -9999 beside 99,999; not (brother) where others are as far from zero on its side, and a single one."""
    largest = 99_999 if number_ < 0 else 90
    for often in (True, False):
        x = lambda i, often=often: number_ if i % 9 == 3 and (often or i == 3) else [-other, largest, 3][i % 3] + i  # noqa: E731
        reasons = found(tmp_path, rows("x,y,label", x, number, label)).reasons
        assert any(f'missing_values: ["{number_}"]' in reason.detail for reason in reasons) is (said and often)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (lambda i: "-" if i % 3 else i * 7 % 50 / 4, "40 of its 60 cells are -, the others are numbers"),
        (lambda i: "M" if i % 6 == 0 else number(i), "10 of its 60 cells are M, the others are numbers"),
        (lambda i: "M" if i % 6 == 0 else day(i).replace("NA", "2021-05-06"), "10 of its 60 cells are M, the others are dates"),
    ],
)
def test_a_word_that_makes_numbers_text_is_said_with_what_to_declare(tmp_path: Path, cell: Callable[[int], object], kind: str) -> None:
    """Where most cells are that word; and (brothers) where it is not a usual marker, and among dates."""
    findings = found(tmp_path, rows("k,x,label", lambda i: "?" if i % 20 == 0 else number(i), cell, label))
    word = kind.partition(", ")[0][-1]
    detail = next(reason.detail for reason in findings.reasons if reason.about == "x")
    assert kind in detail and f'`missing_values: ["?", "{word}"]`' in detail


@pytest.mark.parametrize(
    "cell", [lambda i: ["M", "007", "012"][i % 3], lambda i: ["M", "W", 3, 4][i % 4], lambda i: ["A", "B1", "C2"][i % 3]]
)
def test_of_names_and_words_nothing_is_said(tmp_path: Path, cell: Callable[[int], object]) -> None:
    reasons = found(tmp_path, rows("k,x,label", number, cell, label)).reasons
    assert not any("missing" in reason.detail for reason in reasons)


def test_a_column_of_one_word_does_not_make_it_a_value(tmp_path: Path) -> None:
    """Years that are not in yet: all cells are `-`, which is missing among the numbers of the other years."""
    lines = [f"{i % 7},{'-' if i % 10 == 3 else i % 9},-,{'ab'[i * 7 % 11 > 5]}" for i in range(80)]
    findings = found(tmp_path, "\n".join(["k,y2011,y2012,label", *lines]) + "\n")
    assert (findings.options.missing_values, findings.missing["y2011"], findings.columns["y2011"]) == (("-",), 8, "integer")
