"""Numbers as people write them, text that stays text, and tables that are held as numbers: equal to what their text says (C2, C3, C7, C11)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.contract import TYPES
from leptonctl.kinds.notices import WORDS
from leptonctl.learning.tables import table as tables
from leptonctl.learning.tables.cells import as_text, type_column
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.several import join_tables
from leptonctl.learning.tables.table import Table, read_table
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.providers.sources.parquet import SOURCE as PARQUET
from leptonctl.spi.learning import OnlyMissing, ProviderError, SourceOptions
from tests.learning.exported import list_rows
from tests.learning.test_prepare import Prepared, prepare

OTHER_NOTICES = ("tells_target", "dates_as_text")
GERMAN = {"decimal": ",", "thousands": "."}


def column(folder: Path, cells: Sequence[str], options: dict[str, Any] | None = None, **more: Any) -> Prepared:
    """A column `x` prepared from a file with these cells, beside a target."""
    rows = "".join(f"{cell}|{'ab'[place % 2]}\n" for place, cell in enumerate(cells))
    (folder / "t.csv").write_text("x|y\n" + rows, encoding="utf-8")
    return prepare(
        folder, "t.csv", options={"delimiter": "|", **(options or {})}, split={"method": "random", "test": 0.5, "seed": 1}, **more
    )


def cells_of(made: Prepared) -> set[Any]:
    return {cell for side in ("train", "test") for cell in made.frame(side)["x"].to_list()}


@pytest.mark.parametrize(
    ("cells", "options", "kind", "numbers"),
    [
        (["12,8", "3", "-0,5"], {"decimal": ","}, "number", {12.8, 3, -0.5}),
        (["1.234,5", "1234,5", "-1.234"], GERMAN, "number", {1234.5, -1234}),
        (["1.234", "12"], GERMAN, "integer", {1234, 12}),
        (["37,036.80", "1,200"], {"thousands": ","}, "number", {37036.8, 1200}),
        (["1 234,5", "12\u00a0345", "1\u202f000"], {"decimal": ",", "thousands": " "}, "number", {1234.5, 12345, 1000}),
        (["1'234.5", "12\u2019345"], {"thousands": "'"}, "number", {1234.5, 12345}),
        (["1_000", "2"], {"thousands": "_"}, "integer", {1000, 2}),
        (["1,5e3", ",5", "+7,"], {"decimal": ","}, "number", {1500, 0.5, 7}),
        ([" 1,5 ", "NA", ""], {"decimal": ","}, "number", {1.5, None}),
        ([" ? ", "1", "?"], {"missing_values": ["?"]}, "integer", {1, None}),
        ([" ? ", "x", "?"], {"missing_values": ["?"]}, "string", {" ? ", "x", None}),
        ([" - ", "true", "-"], {"missing_values": {"only": ["-"]}}, "boolean", {True, None}),
        (["12.03.2024", "01.02.2023"], GERMAN, "string", {"12.03.2024", "01.02.2023"}),
        (["007", "1.500"], GERMAN, "string", {"007", "1.500"}),
        (["1.5", "2.25"], {"decimal": ","}, "string", {"1.5", "2.25"}),
    ],
)
def test_numbers_are_read_as_declared(tmp_path: Path, cells: list[str], options: dict[str, Any], kind: str, numbers: set[Any]) -> None:
    result = column(tmp_path, cells * 4, options)
    assert result.columns["x"].type == kind
    expected = {pl.Series([n], dtype=pl.Float32)[0] if isinstance(n, int | float) else n for n in numbers}
    assert cells_of(result) == expected


@pytest.mark.parametrize("cell", ["12.34,5", "0.5", "1.23", "1.2345", "1,2,3", ".500", "1234.567"])
def test_malformed_groups_are_errors(tmp_path: Path, cell: str) -> None:
    """Not a number, and no reason to read the column as text either."""
    for more in ({}, {"columns": {"x": {"type": "number"}}}):
        with pytest.raises(ProviderError) as caught:
            column(tmp_path, ["1.234,5", "2", cell, "3,25"], GERMAN, **more)
        assert (caught.value.id, caught.value.line, caught.value.column) == ("data-contract", 4, "x")


def test_a_number_target_is_read_as_declared_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x;y\n" + "".join(f"{i};1.{i:03},5\n" for i in range(100, 140)), encoding="utf-8")
    result = prepare(tmp_path, "t.csv", options=GERMAN, split={"method": "random", "test": 0.5, "seed": 1})
    assert result.contract.target_type == "number"
    assert sorted([*result.train.y, *result.test.y])[:2] == [1100.5, 1101.5]


@pytest.mark.parametrize(
    ("cells", "check", "detail"),
    [
        (["12,8", "3,25", "7"], "other_numbers", '`decimal: ","`'),
        (["37,036.80", "1,200.00"], "other_numbers", '`thousands: ","`'),
        (["1.234,5", "2,5", "-1.234"], "other_numbers", '`decimal: ","` and `thousands: "."`'),
        (["1,234", "2,345"], "other_numbers", '`decimal: ","`, or `thousands: ","` (which make 1.5 or 1500 of 1,500)'),
        (["(1,234)", "17", "2,000"], "signed_numbers", "a pair of parentheses for a negative number"),
        (["\u22121", "\u22122.5", "3"], "signed_numbers", "the minus sign U+2212 in place of a hyphen"),
        (["5-", "1,234-", "7"], "signed_numbers", "a minus sign at the end"),
        (["1 234", "5 678,5"], "other_numbers", '`decimal: ","` and `thousands: " "`'),
        (["1.234.567", "2.000.000"], "other_numbers", '`decimal: ","` and `thousands: "."`'),
        (["12.5%", "3 %"], "signed_numbers", "a percent sign"),
        (["$5.00", "7 EUR", "R$ 1.234,56"], "signed_numbers", "a currency"),
        (["1", "2", "?"], "markers", '"?"'),
        (["007", "012"], "padded", ""),
        (["red", "blue7"], None, None),
        (["12.03.2024", "01.02.2023"], None, None),
        (["10.0.0.1", "10.0.0.2"], None, None),
    ],
)
def test_text_that_looks_like_numbers_is_a_warning(tmp_path: Path, cells: list[str], check: str | None, detail: str | None) -> None:
    """C3: with count and lines, and the key that reads it; C2: zeros that would be lost."""
    result = column(tmp_path, cells * 10)
    assert result.columns["x"].type == "string"
    found = [(n["check"], n["detail"]) for n in result.outputs["checks"] if n["column"] == "x" and n["check"] not in OTHER_NOTICES]
    assert found == ([] if check is None else [(check, detail)])
    if check is not None:
        notice = result.outputs["checks"][0]
        odd = [
            2 + place for place, cell in enumerate(cells * 10) if not cell.lstrip("-").replace(".", "", 1).isdigit() or cell.startswith("0")
        ]
        assert (notice["count"], list(notice["lines"])) == (len(odd), odd[:10])
        assert check in WORDS
    declared = column(tmp_path, cells * 10, columns={"x": {"type": "string"}})
    assert not [n for n in declared.outputs["checks"] if n["column"] == "x" and n["check"] not in OTHER_NOTICES], (
        "it is text by declaration"
    )


def test_a_point_beside_a_decimal_comma_may_group_digits_or_not(tmp_path: Path) -> None:
    result = column(tmp_path, ["1.500", "2.250", "-3.125"] * 8, {"decimal": ","})
    (notice,) = [n for n in result.outputs["checks"] if n["check"] == "other_numbers"]
    assert notice["detail"] == '`thousands: "."`, or `decimal: "."` (which make 1500 or 1.5 of 1.500)'
    for options, first in (({"decimal": ",", "thousands": "."}, 1500), ({"decimal": "."}, 1.5)):
        assert first in cells_of(column(tmp_path, ["1.500", "2.250", "-3.125"] * 8, options)), "each key does what the notice says"


def test_bytes_in_a_parquet_file_are_called_binary(tmp_path: Path) -> None:
    pl.DataFrame({"x": [b"a", b"b"] * 8, "n": range(16), "y": ["a", "b"] * 8}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "t.parquet", format="parquet")
    assert (caught.value.id, caught.value.column) == ("binary-value", "x")
    prepare(tmp_path, "t.parquet", format="parquet", columns={"x": {"ignore": True}})


def test_strings_of_typed_formats_stay_strings(tmp_path: Path) -> None:
    """C2's brothers: a JSON string, a Parquet string, a dictionary; numbers beside them are numbers."""
    names = ["01", "02", "3"] * 8
    frame = pl.DataFrame({"x": names, "n": range(24), "y": ["a", "b"] * 12})
    frame.write_ndjson(tmp_path / "t.jsonl")
    frame.with_columns(pl.col("x").cast(pl.Categorical)).write_parquet(tmp_path / "t.parquet")
    for form in ("jsonl", "parquet"):
        result = prepare(tmp_path, f"t.{form}", format=form)
        assert [(result.columns[n].type) for n in ("x", "n")] == ["string", "integer"]
        assert cells_of(result) == {"01", "02", "3"}
        assert not result.outputs["checks"]


def test_typed_numbers_and_nested_columns_of_parquet(tmp_path: Path) -> None:
    """Decimals are numbers, or integers without a fraction; nested values are refused with the way to them, unless the column is dropped."""
    frame = pl.DataFrame(
        {
            "d": pl.Series(["1.50", None, "2.25"] * 8).cast(pl.Decimal(10, 2)),
            "i": pl.Series(["1", "2", "3"] * 8).cast(pl.Decimal(10, 0)),
            "k": pl.Series([1, None, 3] * 8, dtype=pl.UInt8),
            "z": [{"street": {"no": 1}}] * 24,
            "y": ["a", "b"] * 12,
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "t.parquet", format="parquet")
    assert (caught.value.id, caught.value.column) == ("nested-value", "z")
    assert "`z.street.no`" in caught.value.detail
    result = prepare(tmp_path, "t.parquet", format="parquet", privacy={"drop": ["z"]})
    assert [result.columns[n].type for n in "dik"] == ["number", "integer", "integer"]
    assert {cell for side in ("train", "test") for cell in result.frame(side)["d"].to_list()} == {1.5, 2.25, None}


CELL = st.sampled_from(
    [
        "0",
        "1",
        "-2",
        "+3",
        "1.5",
        "1e3",
        "007",
        "0.5",
        "-0",
        " 4 ",
        "",
        "NA",
        "?",
        "inf",
        "nan",
        "x",
        "true",
        "9007199254740993",
        "1,5",
        "1.234",
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    cells=st.lists(CELL, min_size=1, max_size=12),
    options=st.sampled_from(
        [
            SourceOptions(),
            SourceOptions(missing_values=["?"]),
            SourceOptions(missing_values=OnlyMissing(only=["?"])),
            SourceOptions(**GERMAN),
        ]
    ),
    part=st.sampled_from([1, 3, 1 << 18]),
)
def test_a_table_of_numbers_is_what_its_text_says(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], options: SourceOptions, part: int
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("x|y\n" + "".join(f"{cell}|{place}\n" for place, cell in enumerate(cells)), encoding="utf-8")
    options = SourceOptions(**{**{f: getattr(options, f) for f in options.__struct_fields__}, "delimiter": "|"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROWS_AT_ONCE", part)
        compact = read_table(path, CSV, options)
    text = Table(name="t.csv", path=path, source=CSV, options=options, frame=CSV.read(path, options))
    joined = join_tables("both", [compact, text])
    assert infer([compact], "x") == infer([text], "x") == infer([joined], "x")
    assert as_text(compact, "x").to_list() == as_text(text, "x").to_list()
    for kind in TYPES:
        found, expected, twice = (type_column(one, "x", kind) for one in (compact, text, joined))
        assert found[0].to_list() == expected[0].to_list(), kind
        assert twice[0].to_list() == expected[0].to_list() * 2, kind
        faults = [[(fault.check, fault.rows.to_list()) for fault in one[1]] for one in (found, expected)]
        assert faults[0] == faults[1], kind
    assert joined.places([0, len(cells)]) == [("t.csv", 2), ("t.csv", 2)]


def test_rows_are_known_by_their_cells_before_options(tmp_path: Path) -> None:
    """A header given by name, skipped lines, other separators and missing values leave a row what it is."""
    (tmp_path / "a.csv").write_text("x,y\n1,a\n?,b\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text('made in May\n"1";"a"\n\n?;b\n', encoding="utf-8")
    lists = []
    for name, options in (
        ("a.csv", SourceOptions()),
        ("b.csv", SourceOptions(skip_rows=1, header=["x", "y"], missing_values=["?"], **GERMAN)),
    ):
        parts: list[pl.DataFrame] = []
        read_table(tmp_path / name, CSV, options, each=parts.append)
        rows, marks = list_rows(pl.concat(parts), "csv")
        lists.append((rows, marks.records.tolist()))
    assert lists[0] == lists[1]


def test_cells_of_a_record_have_ends() -> None:
    """The control characters that end cells may be in cells too."""
    odd = ["", "\x1f", "\x1e", "\x1e0", "\x1e1", "a\x1fb", None]
    pairs = [(a, b) for a in odd for b in odd]
    _, marks = list_rows(
        pl.DataFrame({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}, schema={"a": pl.String, "b": pl.String}), "csv"
    )
    assert len(set(marks.records.tolist())) == len(pairs)
    # a row has one record, whatever other rows its file has
    _, alone = list_rows(pl.DataFrame({"a": ["x"], "b": ["y"]}), "csv")
    _, among = list_rows(pl.DataFrame({"a": ["x", "\x1f"], "b": ["y", None]}), "csv")
    assert alone.records.tolist()[0] == among.records.tolist()[0]


def test_large_integers_are_told_apart() -> None:
    """float64 does not; and a row with a small one has the record that it has in a column of floats."""
    whole = list_rows(pl.DataFrame({"n": pl.Series([2**53, 2**53 + 1, 5, None], dtype=pl.Int64)}), "parquet")[1].records.tolist()
    part = list_rows(pl.DataFrame({"n": pl.Series([5.0, float("nan")])}), "parquet")[1].records.tolist()
    assert len(set(whole)) == 4
    assert whole[2:] == part
    unsigned = list_rows(pl.DataFrame({"n": pl.Series([2**53, 2**53 + 1, 2**63, 2**64 - 1, 5, None], dtype=pl.UInt64)}), "parquet")[1]
    assert len(set(unsigned.records.tolist())) == 6
    assert unsigned.records.tolist()[:2] == whole[:2], "whatever the type that holds a number"


def test_types_of_mixed_formats(tmp_path: Path) -> None:
    """C11: over all files, whatever their formats."""
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"x": 1.5, "y": "a"}\n', encoding="utf-8")
    pl.DataFrame({"x": ["1"], "y": ["a"]}).write_parquet(tmp_path / "c.parquet")
    read = {n: read_table(tmp_path / n, s, SourceOptions()) for n, s in (("a.csv", CSV), ("b.jsonl", JSONL), ("c.parquet", PARQUET))}
    assert infer([read["a.csv"]], "x") == "integer"
    assert infer([read["a.csv"], read["b.jsonl"]], "x") == "number"
    assert infer([*read.values()], "x") == "string"
