"""Tables with something unusual in a line or a cell: `init` reads them as a colleague would, or refuses them in a line."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from leptonctl.learning.findings.findings import Wishes
from leptonctl.spi.learning import ProviderError
from tests import projects
from tests.commands.test_init_tables import dataset, found, label, number, rows

BODY = [f"{number(i)},{i * 13 % 47}.5,{label(i)}" for i in range(60)]
QUOTED = ["'ro, t'" if i % 3 else "'rot'" for i in range(60)]


@pytest.mark.parametrize("header", ["town,weight,price,label", "weight,price,label,town"])
def test_text_in_apostrophes_with_the_delimiter_in_it_is_refused(tmp_path: Path, header: str) -> None:
    first = header.startswith("town")
    lines = [f"{town},{cells}" if first else f"{cells},{town}" for town, cells in zip(QUOTED, BODY, strict=True)]
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, "\n".join([header, *lines]) + "\n")
    assert (caught.value.id, "apostrophes" in caught.value.detail) == ("bad-quotes", True)
    # apostrophes that cut nothing are text
    texts = rows("town,x,label", lambda i: ["'s Hage", "d'Or'", "'rot'"][i % 3], number, label)
    assert found(tmp_path, texts).target == "label"


@pytest.mark.parametrize("word", ["Summe", "Grand Total:", "total"])
def test_a_total_in_the_column_of_classes_is_no_class(tmp_path: Path, word: str) -> None:
    findings = found(tmp_path, "\n".join(["weight,price,label", *BODY, f",128384.05,{word}"]) + "\n")
    lines = dataset(findings)
    assert ("target_missing: drop" in lines, findings.positive, findings.stratify) == (True, None, True)
    assert any(line.startswith("missing_values: [") and word in line for line in lines)
    # a class of many rows, or of a row that is not the last, is one
    for place in (0, 30):
        lines = [*BODY[:place], f"1,2,{word}", *BODY[place:]]
        assert "missing_values" not in yaml_keys(dataset(found(tmp_path, "\n".join(["weight,price,label", *lines]) + "\n")))
    lines = [*BODY, *[f"1,2,{word}"] * 20]
    assert "missing_values" not in yaml_keys(dataset(found(tmp_path, "\n".join(["weight,price,label", *lines]) + "\n")))


def yaml_keys(lines: list[str]) -> set[str]:
    return {line.partition(":")[0] for line in lines}


def test_a_total_with_a_target_is_said(tmp_path: Path) -> None:
    """Brother: the word stands in another column and the target is a number, which no option leaves out."""
    lines = [f"{'abc'[i % 3]},{number(i)},{i * 13 % 47}.5" for i in range(60)]
    for last, is_total in (("Total,,1400.5", True), ("Total,,", False), ("c,,1400.5", False)):
        findings = found(tmp_path, "\n".join(["town,x,y", *lines, last]) + "\n")
        assert any("seems to be a total" in reason.detail for reason in findings.reasons) is is_total, last


@pytest.mark.parametrize("last", ["Summe,128384.05,", ",128384.05,", "r0,1.5,"])
def test_a_row_without_a_target_costs_no_id(tmp_path: Path, last: str) -> None:
    """A total, with its word or without; and (brother) a row whose id repeats another's, which is not a row either."""
    lines = [f"r{i * 7919 % 1000},{i * 13 % 47}.5,{label(i)}" for i in range(60)]
    findings = found(tmp_path, "\n".join(["Kd.-Nr.,price,label", *lines, last]) + "\n")
    assert 'id: "Kd.-Nr."' in " ".join(dataset(findings))
    assert "target_missing: drop" in dataset(findings)


@pytest.mark.parametrize("alone", [(6, 2), (6, 0)])
def test_rows_of_which_one_class_is_learned_from_are_refused(tmp_path: Path, alone: tuple[int, int]) -> None:
    """Eight rows, with two classes of one row each: both are test rows, or (brother) one of them is learned from."""
    classes = ["a"] * 8
    classes[alone[0]], classes[alone[1]] = "b", "c"
    text = "x,z,label\n" + "".join(f"{i * 37 % 11}.5,{i}.25,{name}\n" for i, name in enumerate(classes))
    if alone[1] == 0:
        assert found(tmp_path, text, Wishes(target="label")).target == "label"
        return
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, text, Wishes(target="label"))
    assert (caught.value.id, "would be learned from have 1 class" in caught.value.detail) == ("unsuitable-column", True)


@pytest.mark.parametrize(("marker", "values"), [("M", "MF"), ("N", "YN"), ("-", "+-"), ("a", "ab"), ("unknown", ["unknown", "x", "y"])])
def test_a_value_of_one_column_is_no_marker_of_another(tmp_path: Path, marker: str, values: str | list[str]) -> None:
    """`missing_values` holds for the whole table, so the category or the class would be gone."""
    score = [marker if i % 10 == 0 else i % 9 for i in range(80)]
    for name, other in (("group", "label"), ("label", "group")):
        lines = [f"{i * 37 % 80 / 7},{score[i]},{values[i * 7 % 13 % len(values)]},{'pq'[i * 7 % 11 > 5]}" for i in range(80)]
        findings = found(tmp_path, "\n".join([f"k,score,{name},{other}", *lines]) + "\n")
        assert "missing_values" not in yaml_keys(dataset(findings))
        assert (findings.target, findings.missing.get(name, 0)) == ("label", 0)
        assert any(reason.about == "score" and f"is a value of {name}" in reason.detail for reason in findings.reasons)


def test_a_marker_of_two_columns_of_numbers_is_one(tmp_path: Path) -> None:
    """Brother: nobody has it as a value, or words that mean missing stand among other words."""
    lines = [f"{'M' if i % 10 == 3 else i % 9},{'M' if i % 10 == 4 else i % 8},{label(i)}" for i in range(80)]
    findings = found(tmp_path, "\n".join(["x,y,label", *lines]) + "\n")
    assert (findings.options.missing_values, findings.missing) == (("M",), {"x": 8, "y": 8})
    lines = [f"{'?' if i % 10 == 3 else i % 9},{['red', 'blue', '?'][i % 3]},{label(i)}" for i in range(80)]
    assert "missing_values" in yaml_keys(dataset(found(tmp_path, "\n".join(["x,town,label", *lines]) + "\n")))


@pytest.mark.parametrize(
    ("few", "most", "delimiter", "keys"),
    [
        ('"1,234"', "{}", ",", {"thousands"}),
        ('"1,234.50"', "{}.25", ",", {"thousands"}),
        ("1.234,50", "{},25", ";", {"decimal", "thousands"}),
        ("3,5", "{}", ";", {"decimal"}),
        ("3%", "{}.5", ",", set[str]()),
        ("(3.5)", "{}.5", ",", set[str]()),
    ],
)
def test_a_number_in_another_writing_is_no_marker(tmp_path: Path, few: str, most: str, delimiter: str, keys: set[str]) -> None:
    """Two cells of eighty are the largest of the column, or what tells how all its numbers are written."""
    lines = [f"{few if i in (5, 45) else most.format(i * 37 % 97 + 1)}{delimiter}{label(i)}" for i in range(80)]
    header = f"x{delimiter}label"
    findings = found(tmp_path, "\n".join([header, *lines]) + "\n") if keys else None
    if findings is not None:
        assert yaml_keys(dataset(findings)) & {"decimal", "thousands", "missing_values"} == keys
        assert findings.missing == {}
    else:
        text = "\n".join([f"k{delimiter}{header}", *(f"{i * 37 % 80}{delimiter}{line}" for i, line in enumerate(lines))]) + "\n"
        assert "missing_values" not in yaml_keys(dataset(found(tmp_path, text)))


@pytest.mark.parametrize("texts", [True, False])
def test_a_header_inside_the_table_is_refused(tmp_path: Path, texts: bool) -> None:
    """Also (brother) where all columns are words, so that the header might look like a row."""
    lines = [f"{'abc'[i % 3] if texts else number(i)},{'pq'[i % 2]},{label(i)}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["k,x,label", *lines[:30], "k,x,label", *lines[30:]]) + "\n", encoding="utf-8")
    result = projects.run("init", "--from", "t.csv", cwd=tmp_path)
    assert (result.returncode, "error[repeated-header]" in result.stderr, "Line 32 of t.csv" in result.stderr) == (1, True, True), (
        result.stderr
    )
    assert "pass `--no-header`" in result.stderr


@pytest.mark.parametrize(
    ("delimiter", "pop", "said"),
    [
        (";", lambda i: f"{i * 777 + 1234:,}".replace(",", "."), True),
        ("\t", lambda i: str(i + 1) if i % 4 else f"{i * 3 + 1234:,}".replace(",", "."), True),
        (",", lambda i: f"{i * 777 + 1234:,}".replace(",", "."), False),
        (";", lambda i: f"{i * 37 % 80 + 1}.25", False),
    ],
)
def test_numbers_of_two_readings_are_said(tmp_path: Path, delimiter: str, pop: Callable[[int], str], said: bool) -> None:
    """`29.491` inhabitants among whole numbers, or (brother) beside `734`: read as fractions, which the lines say."""
    findings = found(tmp_path, rows("k,pop,label".replace(",", delimiter), lambda i: i * 37 % 80, pop, label, delimiter=delimiter))
    assert findings.options.thousands is None
    assert any(reason.about == "pop" and 'thousands: "."' in reason.detail for reason in findings.reasons) is said


def test_an_object_in_json_lines_is_left_out(tmp_path: Path) -> None:
    """And (brother) a column that is one in a single row."""
    for count in (60, 1):
        lines = [f'{{"x": {number(i)}, "nest": {{"a": {i}}}, "label": "{label(i)}"}}' for i in range(60)]
        lines[count:] = [line.replace(f'{{"a": {i}}}', str(i)) for i, line in enumerate(lines[count:], count)]
        findings = found(tmp_path, "\n".join(lines), name="t.jsonl")
        assert (findings.ignored, findings.target) == (("nest",), "label")
        assert "left out: its values are objects or arrays" in [reason.detail for reason in findings.reasons]


@pytest.mark.parametrize(
    ("header", "index", "names"),
    [
        (",m,m,c,y\n,k,price,cat,label", True, ["k", "price", "cat", "label"]),
        (",mean,mean,std,label\n,x,y,x,", True, ["mean x", "mean y", "std x", "label"]),
        (",mean,mean,std,label\n,x,y,x,\nrow_id,,,,", True, ["mean x", "mean y", "std x", "label"]),
        ("mean,mean,std,label\nx,y,x,", False, ["mean x", "mean y", "std x", "label"]),
        ("m,m,c,y\nk,price,cat,label", False, ["k", "price", "cat", "label"]),
        (",k,price,cat,label\n,kg,EUR,,", True, ["k", "price", "cat", "label"]),
    ],
)
def test_the_line_of_names_that_differ_is_the_header(tmp_path: Path, header: str, index: bool, names: list[str]) -> None:
    """Columns of several levels of pandas with an index, with its name, and (brothers) without one, or with units."""
    lines = [f"{f'{i},' if index else ''}{number(i)},{i % 9},{'xyz'[i % 3]},{label(i)}" for i in range(60)]
    findings = found(tmp_path, "\n".join([header, *lines]) + "\n")
    assert ([*findings.columns][index:], findings.rows, findings.target) == (names, 60, "label")
    assert len(findings.declared) + (findings.id is not None) == index


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_strings_that_are_fractions_are_numbers(tmp_path: Path, name: str) -> None:
    """`"0,53"` and `"1.234,5"`; digits alone may be names, and (brothers) zeros before them or a word say that they are."""
    cells = [
        {
            "k": f"{i * 37 % 80 / 7:.3f}".replace(".", ","), "big": f"{i + 1},000.5".translate(str.maketrans(",.", ".,")),
            "plz": str(10000 + i % 7), "nr": ["007", "1,5", "2,5"][i % 3], "size": ["1,5", "2", "large"][i % 3], "label": label(i),
        } for i in range(60)
    ]  # fmt: skip
    if name == "t.parquet":
        pl.DataFrame(cells).write_parquet(tmp_path / name)
    else:
        (tmp_path / name).write_text("\n".join(map(json.dumps, cells)), encoding="utf-8")
    findings = found(tmp_path, (tmp_path / name).read_bytes(), name=name)
    assert (findings.options.decimal, findings.options.thousands) == (",", ".")
    assert {column.name for column in findings.declared if column.type == "number"} == {"k", "big"}
    assert findings.columns == {"k": "number", "big": "number", "plz": "string", "nr": "string", "size": "string", "label": "string"}
    target = found(tmp_path, (tmp_path / name).read_bytes(), Wishes(target="k"), name=name)
    assert (target.task, target.declared[0].type) == ("regression", "number")


@pytest.mark.parametrize("drawn", ["+----+-------+", "+-------+", "----+-------", "|----|:-----:|", "+====+=======+"])
def test_a_table_drawn_with_lines_is_refused(tmp_path: Path, drawn: str) -> None:
    """As mysql, psql and (brother) Markdown show one; a minus sign alone is a missing cell."""
    lines = [f"| {i:2} | {label(i):5} |" for i in range(60)]
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, "\n".join(["| x  | label |", drawn, *lines]) + "\n", name="t.txt")
    assert (caught.value.id, caught.value.line) == ("drawn-table", 2)
    assert found(tmp_path, rows("x,y,label", lambda i: "-" if i == 0 else number(i), lambda i: "--" if i == 0 else i, label)).rows == 60


def test_an_archive_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, b"PK\x03\x04" + bytes(range(256)) * 9)
    assert (caught.value.id, ".xlsx" in caught.value.detail) == ("unreadable-file", True)


@pytest.mark.parametrize(("sign", "said"), [("%", "a percent sign"), (" EUR", "a currency"), ("", "")])
def test_numbers_with_a_sign_are_said_to_be_categories(tmp_path: Path, sign: str, said: str) -> None:
    """Few of them were read as categories in silence."""
    text = rows("rate,x,label", lambda i: f"{i % 7 * 5}{sign}", number, label)
    reasons = {reason.about: reason.detail for reason in found(tmp_path, text).reasons}
    assert reasons.get("rate", "").partition(", which")[0] == (f"its numbers have {said}" if said else "")


@pytest.mark.parametrize("marked", ["<5", "11.7*", "n.d.", "12.1 (est.)"])
def test_a_first_row_with_marks_at_its_numbers_is_a_row(tmp_path: Path, marked: str) -> None:
    lines = [f"{marked},p,{marked},{label(0)}", *[f"{number(i)},{'pq'[i % 2]},{i * 13 % 47}.5,{label(i)}" for i in range(60)]]
    assert found(tmp_path, "\n".join(["a,b,x,label", *lines]) + "\n", Wishes(target="label")).rows == 61
    # brother: a line of units is not a row
    lines[0] = "kg,,m/s,"
    assert found(tmp_path, "\n".join(["a,b,x,label", *lines]) + "\n", Wishes(target="label")).rows == 60


def test_a_header_with_a_mark_of_its_own_is_repeated(tmp_path: Path) -> None:
    """Two files of a spreadsheet in UTF-8, one after the other."""
    half = "s,t,y\n" + "".join(f"{'ab'[i % 2]},{'pqr'[i % 3]},{label(i)}\n" for i in range(40))
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, f"\ufeff{half}\ufeff{half}", Wishes(target="y"))
    assert (caught.value.id, caught.value.line) == ("repeated-header", 42)
