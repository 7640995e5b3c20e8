"""Delimited text against the standard library's own parser, and every fault with its file and line."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.frozen import replace
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.spi.learning import ProviderError, SourceOptions
from tests.providers.files import PLAIN, cells, write


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
