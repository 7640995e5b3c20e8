"""The file formats, against the standard library's own parsers, and every fault with its file and line."""

import csv
import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.contract import MISSING_MARKERS
from leptonctl.core.frozen import replace
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.providers.sources.parquet import SOURCE as PARQUET
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

PLAIN = SourceOptions()


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


def cells(source: Source, path: Path, options: SourceOptions = PLAIN) -> list[list[str | None]]:
    frame = source.read(path, options)
    assert source.columns(path, options) == frame.columns
    return [list(row) for row in frame.rows()]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\n1,2\n", [["1", "2"]]),
        ("a;b\n1,5;2\n", [["1,5", "2"]]),
        ("a\tb\nx, y\tz\n", [["x, y", "z"]]),
        ("a|b\n1|2\n", [["1", "2"]]),
        ("a,b\r\n1,2\r\n3,4", [["1", "2"], ["3", "4"]]),
        ("a,b\r1,2\r", [["1", "2"]]),
        ("\ufeffa,b\n1,2\n", [["1", "2"]]),
        ("\n\na,b\n\n1,2\n\n\n3,\n", [["1", "2"], ["3", None]]),
        ('a,b\n"x\ny","say ""hi"""\n', [["x\ny", 'say "hi"']]),
        ('a,b\n"",2\n', [[None, "2"]]),
        ('"a;b",c\n1,2\n', [["1", "2"]]),
        ("only\n1\n2\n", [["1"], ["2"]]),
        ('only\n1\n""\n2\n', [["1"], [None], ["2"]]),
        ("a,b\n 1 ,NA\n", [[" 1 ", "NA"]]),
        ("größe,名前\n1,日本\n", [["1", "日本"]]),
    ],
)
def test_csv_dialects(tmp_path: Path, content: str, rows: list[list[str | None]]) -> None:
    assert cells(CSV, write(tmp_path, "t.csv", content)) == rows
    assert cells(CSV, write(tmp_path, "t.csv.gz", content)) == rows


def test_csv_bom_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    assert CSV.columns(write(tmp_path, "t.csv", "\ufeffa,b\n1,2\n"), PLAIN) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig", "shift_jis"])
def test_csv_encodings(tmp_path: Path, encoding: str) -> None:
    word = "日本" if encoding == "shift_jis" else "größe"
    path = write(tmp_path, "t.csv", f"{word},b\n1,{word}\n".encode(encoding))
    options = SourceOptions(encoding=encoding)
    assert cells(CSV, path, options) == [["1", word]]
    assert CSV.columns(path, options) == [word, "b"]


def test_tsv_prefers_tabs_and_a_declared_delimiter_wins(tmp_path: Path) -> None:
    assert CSV.columns(write(tmp_path, "t.tsv", "a,b\tc,d\n1,2\t3,4\n"), PLAIN) == ["a,b", "c,d"]
    assert CSV.columns(write(tmp_path, "t.csv", "a;b,c\n1;2,3\n"), SourceOptions(delimiter=";")) == ["a", "b,c"]


def test_missing_values_hold_for_every_column(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n?,x\n1,-\n,NA\n")
    assert cells(CSV, path, SourceOptions(missing_values=["?", "-"])) == [[None, "x"], ["1", None], [None, "NA"]]


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, delimiter: str, ending: str, quoting: int) -> None:
    width = data.draw(st.integers(2, 4))
    # csv.writer of Python 3.11 and 3.12 leaves a lone \r unquoted, and what it writes then can be read in two ways
    excluded = "\0\ufeff" + "\r" * (quoting == csv.QUOTE_MINIMAL)
    cell = st.text(st.characters(exclude_characters=excluded, exclude_categories=["Cs"]), max_size=8)
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow([f"c{i}" for i in range(width)])
    writer.writerows(rows)
    path = write(tmp_path_factory.mktemp("csv"), "t.csv", out.getvalue())
    options = SourceOptions(delimiter=delimiter)
    assert cells(CSV, path, options) == [[c or None for c in row] for row in rows]
    # where each row starts, counted the slow way
    starts, line = [], 2
    for row in rows:
        starts.append(line)
        one = io.StringIO(newline="")
        csv.writer(one, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerow(row)
        line += len(list(io.StringIO(one.getvalue(), newline="")))
    assert CSV.line_of(path, options, list(range(len(rows)))) == starts


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(allow_nan=False), st.sampled_from(["a", "b,c", 'd"e', "", "f;g"])), min_size=1, max_size=20),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_the_delimiter_is_found(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["number", "text", "more"])
    writer.writerows([*row, "x"] for row in rows)
    path = write(tmp_path_factory.mktemp("csv"), "t.csv", out.getvalue())
    assert CSV.columns(path, PLAIN) == ["number", "text", "more"]
    assert cells(CSV, path) == [[repr(number), text or None, "x"] for number, text in rows]


def test_line_of_counts_quoted_breaks_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", 'a,b\n\n1,"x\ny\nz"\n2,b\n\n3,c\n')
    assert CSV.line_of(path, PLAIN, [2, 0, 1]) == [8, 3, 6]


def test_a_file_longer_than_a_slice(tmp_path: Path) -> None:
    count = 45_001
    path = write(tmp_path, "t.csv.gz", "a,b\n" + "".join(f"{i},x{i}\n" for i in range(count)))
    frame = CSV.read(path, PLAIN)
    assert frame.height == count
    assert frame.row(count - 1) == (str(count - 1), f"x{count - 1}")
    assert CSV.line_of(path, PLAIN, [count - 1]) == [count + 1]


def test_a_cell_longer_than_the_sample(tmp_path: Path) -> None:
    long = "x" * 200_000
    assert cells(CSV, write(tmp_path, "t.csv", f'a;b\n"{long}\n";1\n')) == [[long + "\n", "1"]]


NAMES = SourceOptions(header=["index", "x", "y"], skip_rows=1)
OTHERS = [
    ("swapped below an index", NAMES, ",y,x\n1,2,3\n", "header-order"),
    ("moved by one", NAMES, "x,y,z\n1,2,3\n", "header-order"),
    ("units below", replace(NAMES, skip_rows=2), ",y,x\n,m,kg\n1,2,3\n", "header-order"),
    ("as written", NAMES, ",x,y\n1,2,3\n", None),
    ("other names", NAMES, "x,a,b\n1,2,3\n", None),
    ("UTF-8 as cp1252", SourceOptions(encoding="cp1252"), "a,b\n1,é\n", "bad-encoding"),
    ("UTF-8 as ISO 8859-15", SourceOptions(encoding="ISO-8859-15"), "a,b\n1,€\n", "bad-encoding"),
    ("ASCII as cp1252", SourceOptions(encoding="cp1252"), "a,b\n1,e\n", None),
    ("both", SourceOptions(encoding="cp1252"), "a,b\n1,é\n2,".encode() + b"\xe9\n", None),
]


@pytest.mark.parametrize(("options", "content", "problem"), [case[1:] for case in OTHERS], ids=[case[0] for case in OTHERS])
def test_files_unlike_the_one_that_the_options_were_written_for(
    tmp_path: Path, options: SourceOptions, content: str | bytes, problem: str | None
) -> None:
    path = write(tmp_path, "other.csv", content)
    if problem is None:
        assert CSV.read(path, options).height
        return
    with pytest.raises(ProviderError) as caught:
        CSV.read(path, options)
    assert caught.value.id == problem


def test_json_lines_in_utf_8_read_as_latin_1(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", '{"a": "e"}\n{"a": "é"}\n')
    with pytest.raises(ProviderError) as caught:
        JSONL.read(path, SourceOptions(encoding="latin-1"))
    assert (caught.value.id, caught.value.line) == ("bad-encoding", 2)


BAD_CSV = [
    ("ragged-row", "a,b\n1,2\n3\n", 3),
    ("ragged-row", 'a,b\n"1\n",2\n1,2,3\n', 4),
    ("bad-quotes", 'a,b\n1,2\n"3,4\n', 3),
    ("bad-quotes", 'a,b\n"1"x,2\n', 2),
    ("duplicate-column", "a,b,a\n1,2,3\n", 1),
    ("empty-column-name", "a,,b\n1,2,3\n", 1),
    ("empty-column-name", "\n\n ,b\n1,2\n", 3),
    ("empty-data", "", 1),
    ("empty-data", "\n\n\n", 1),
    ("empty-data", "a,b\n", 1),
    ("bad-encoding", b"a,b\n1,2\n\xff,3\n", 3),
    ("bad-encoding", "a,b\n1,2\n".encode("utf-16-le"), 1),
]


@pytest.mark.parametrize(("problem", "content", "line"), BAD_CSV)
def test_bad_csv(tmp_path: Path, problem: str, content: str | bytes, line: int) -> None:
    path = write(tmp_path, "bad.csv", content)
    with pytest.raises(ProviderError) as caught:
        CSV.read(path, PLAIN)
    error = caught.value
    assert (error.id, error.line, error.file) == (problem, line, str(path))
    assert error.detail
    assert error.hint


def test_bad_byte_far_into_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "bad.csv.gz", b"a,b\n" + b"1,2\n" * 50_000 + b"1,\xe9\n")
    with pytest.raises(ProviderError) as caught:
        CSV.read(path, PLAIN)
    assert (caught.value.id, caught.value.line) == ("bad-encoding", 50_002)


@pytest.mark.parametrize(
    ("problem", "options"),
    [
        ("unknown-encoding", SourceOptions(encoding="klingon")),
        ("unknown-encoding", SourceOptions(encoding="base64")),
        ("bad-delimiter", SourceOptions(delimiter="::")),
    ],
)
def test_bad_options(tmp_path: Path, problem: str, options: SourceOptions) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n")
    for use in (CSV.read, CSV.columns):
        with pytest.raises(ProviderError) as caught:
            use(path, options)
        assert caught.value.id == problem


@pytest.mark.parametrize("content", [b"no gzip at all", gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0)[:-20]])
def test_damaged_gzip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)
    with pytest.raises(ProviderError) as caught:
        CSV.read(path, PLAIN)
    assert caught.value.id == "unreadable-file"


def test_jsonl_keys_in_first_seen_order_and_types_as_written(tmp_path: Path) -> None:
    lines = ['{"b": 1.50, "a": "x"}', "", '{"a": null, "c": true}', '{"b": 123456789012345678901234567890, "a": "\u2028", "c": false}']
    path = write(tmp_path, "t.jsonl", "\r\n".join(lines))
    assert JSONL.columns(path, PLAIN) == ["b", "a", "c"]
    frame = JSONL.read(path, PLAIN)
    assert frame.dtypes == [pl.Float64, pl.String, pl.Boolean]
    assert [list(row) for row in frame.rows()] == [
        [1.5, "x", None],
        [None, None, True],
        [123456789012345678901234567890.0, "\u2028", False],
    ]
    assert JSONL.line_of(path, PLAIN, [2, 0, 1]) == [4, 1, 3]
    assert JSONL.read(write(tmp_path, "t.jsonl.gz", path.read_bytes()), PLAIN).equals(frame)


@pytest.mark.parametrize(
    ("written", "dtype", "read"),
    [
        ('1, "NA", 3, ""', pl.Int64, [1, None, 3, None]),
        ('1, "?", 3', pl.String, ["1", "?", "3"]),
        ('"1", "01", "2"', pl.String, ["1", "01", "2"]),
        ('true, "n/a", false', pl.Boolean, [True, None, False]),
        ("true, 1", pl.String, ["true", "1"]),
        ('1.50, "x", 2', pl.String, ["1.50", "x", "2"]),
        ('"NA", null', pl.String, ["NA", None]),
        ("null, null", pl.Null, [None, None]),
        ("9007199254740993, 1", pl.Int64, [9007199254740993, 1]),
        ("123456789012345678901, 1", pl.Decimal, ["123456789012345678901", "1"]),
        ("-0, 1e2", pl.Float64, [0.0, 100.0]),
    ],
)
def test_jsonl_columns_have_the_type_of_their_cells(tmp_path: Path, written: str, dtype: type[pl.DataType], read: list[object]) -> None:
    """A string stays a string, whatever it looks like. Only markers of missing cells do not make numbers strings."""
    path = write(tmp_path, "t.jsonl", "".join(f'{{"a": {cell}}}\n' for cell in written.split(", ")))
    cells = JSONL.read(path, PLAIN)["a"]
    assert cells.dtype == dtype
    assert (cells.cast(pl.String) if dtype == pl.Decimal else cells).to_list() == read


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).filter(str.strip),
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=["Cs"]))),
            min_size=1,
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_jsonl_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]) -> None:
    path = write(tmp_path_factory.mktemp("jsonl"), "t.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    names = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value: object, kinds: set[type]) -> object:
        if value == "" or value is None or (value in MISSING_MARKERS and kinds in ({str, bool}, {str, int})):
            return None
        return value if len(kinds) < 2 or isinstance(value, str) else json.dumps(value)

    assert JSONL.columns(path, PLAIN) == names
    for name, series in JSONL.read(path, PLAIN).to_dict(as_series=False).items():
        column, values = series, [row.get(name) for row in rows]
        kinds = {type(v) for v in values if v not in (None, "")}
        if str in kinds and {v for v in values if isinstance(v, str)} <= {"", *MISSING_MARKERS} and len(kinds) == 2:
            kinds -= {str}
            values = [None if isinstance(v, str) else v for v in values]
        if kinds == {int} and any(abs(v) >= 2**63 for v in values if isinstance(v, int)):
            column, values = [float(v) if v is not None else None for v in column], [float(v) if v else v for v in values]  # type: ignore[arg-type]
        assert column == [cell(value, kinds) for value in values]


BAD_JSONL = [
    ("bad-json-line", '{"a": 1}\n{"a": \n', 2),
    ("bad-json-line", '{"a": 1}\n[1]\n', 2),
    ("bad-json-line", '{"a": 1}\n3\n', 2),
    ("bad-json-line", '{"a": 1, "a": 2}\n', 1),
    ("bad-json-line", '{"a": NaN}\n', 1),
    ("bad-json-line", '{"a": "\\ud800"}\n', 1),
    ("bad-json-line", '{"a": ' + "[" * 100_000 + "\n", 1),
    ("empty-column-name", '{"": 1}\n', 1),
    ("empty-data", "", 1),
    ("empty-data", "{}\n", 1),
    ("bad-encoding", b'{"a": 1}\n{"a": "\xff"}\n', 2),
]


@pytest.mark.parametrize(("problem", "content", "line"), BAD_JSONL)
def test_bad_jsonl(tmp_path: Path, problem: str, content: str | bytes, line: int) -> None:
    path = write(tmp_path, "bad.jsonl", content)
    for use in (JSONL.read, JSONL.columns):
        with pytest.raises(ProviderError) as caught:
            use(path, PLAIN)
        assert (caught.value.id, caught.value.line, caught.value.file) == (problem, line, str(path))


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"i": [1, None], "f": [0.5, 1.0], "s": ["07", ""], "b": [True, None]})
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    table_read = PARQUET.read(path, PLAIN)
    assert PARQUET.columns(path, PLAIN) == ["i", "f", "s", "b"]
    assert table_read.equals(frame.with_columns(s=pl.Series(["07", None])))
    assert PARQUET.line_of(path, PLAIN, [0, 4]) == [1, 5]
    assert PARQUET.typed


@pytest.mark.parametrize("zone", ["+05:30", "Mars/1"])
def test_parquet_times_of_a_zone_that_no_table_has_are_in_utc(tmp_path: Path, zone: str, capfd: pytest.CaptureFixture[str]) -> None:
    """pandas writes the offset of Kolkata as it is. polars panics at it, and prints that even where the panic is caught."""
    path, moment = tmp_path / "t.parquet", datetime(2024, 1, 11, 4, 30, tzinfo=UTC)
    pl.DataFrame({"t": pl.Series([moment], dtype=pl.Datetime("us", "Israel")), "x": [1.0]}).write_parquet(path)
    content = re.sub(
        rb"[A-Za-z0-9+/=]{200,}", lambda coded: b64encode(b64decode(coded[0]).replace(b"Israel", zone.encode())), path.read_bytes()
    )
    assert content != path.read_bytes()
    path.write_bytes(content)
    before = dict(os.environ)
    assert PARQUET.columns(path, PLAIN) == ["t", "x"]
    for table in (PARQUET.read(path, PLAIN), next(PARQUET.batches(path, PLAIN, 9)) if PARQUET.batches else None):
        assert table is not None
        assert (table["t"].dtype, table["t"].to_list()) == (pl.Datetime("us", "UTC"), [moment])
    assert dict(os.environ) == before
    assert capfd.readouterr().err == ""


def test_a_parquet_file_with_duplicate_names_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"aa": [1], "ab": [2]}).write_parquet(path)
    content = re.sub(rb"[A-Za-z0-9+/=]{200,}", lambda coded: b64encode(b64decode(coded[0]).replace(b"ab", b"aa")), path.read_bytes())
    path.write_bytes(content.replace(b"ab", b"aa"))
    with pytest.raises(ProviderError) as caught:
        PARQUET.read(path, PLAIN)
    assert (caught.value.id, "more than one" in caught.value.detail) == ("unreadable-file", True)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_parquet(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, "t.parquet", content)
    for use in (PARQUET.read, PARQUET.columns):
        with pytest.raises(ProviderError) as caught:
            use(path, PLAIN)
        assert caught.value.id == "unreadable-file"


def test_any_damage_to_a_parquet_header_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": list(range(200)), "s": [f"täxt{i % 50}" for i in range(200)]}).write_parquet(path)
    whole, reports = path.read_bytes(), 0
    for seed in range(200):
        chance, damaged = random.Random(seed), bytearray(whole)
        for _ in range(3):
            damaged[-chance.randrange(1, 600)] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            PARQUET.columns(path, PLAIN)
        except ProviderError as error:
            assert error.id in ("unreadable-file", "empty-column-name", "duplicate-column")
            reports += 1
    assert reports > 100


def test_parquet_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}).write_parquet(path)
    with pytest.raises(ProviderError) as caught:
        PARQUET.read(path, PLAIN)
    assert caught.value.id == "empty-data"


def test_headers_are_read_without_a_table_reader(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "a,b\n1,2\n")
    write(tmp_path, "t.jsonl", '{"a": 1}\n')
    script = """
import sys
import time
from pathlib import Path
from leptonctl.spi.learning import SourceOptions
from leptonctl.providers.sources import csv, jsonl, parquet
assert csv.SOURCE.columns(Path("t.csv"), SourceOptions()) == ["a", "b"]
assert jsonl.SOURCE.columns(Path("t.jsonl"), SourceOptions()) == ["a"]
heavy = {"polars", "numpy", "sklearn", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "content", "id"),
    [
        ("wide.csv", b",".join(b"c%d" % i for i in range(300_000)) + b"\n" + b"1," * 299_999 + b"1\n", "too-many-columns"),
        ("name.csv", b"a" * 2_000 + b",b\n1,2\n", "too-many-columns"),
        ("wide.jsonl", b"{" + b", ".join(b'"c%d": 1' % i for i in range(30_000)) + b"}\n", "too-many-columns"),
        ("header.csv", b"a" * 5_000_000, "line-too-long"),
        ("line.jsonl", b" " * 5_000_000, "line-too-long"),
    ],
)
@pytest.mark.parametrize("verb", ["columns", "read"])
def test_a_file_that_is_not_a_table_is_refused_soon(tmp_path: Path, name: str, content: bytes, id: str, verb: str) -> None:
    path = write(tmp_path, name, content)
    source = JSONL if name.endswith("jsonl") else CSV
    started = time.process_time()
    with pytest.raises(ProviderError) as refused:
        getattr(source, verb)(path, SourceOptions())
    assert refused.value.id == id
    assert time.process_time() - started < 3
