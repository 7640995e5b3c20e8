"""JSON Lines against the standard library's own parser, and every fault with its file and line."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.contract import MISSING_MARKERS
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.spi.learning import ProviderError, SourceOptions
from tests.providers.files import PLAIN, write


def test_json_lines_in_utf_8_read_as_latin_1(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", '{"a": "e"}\n{"a": "é"}\n')
    with pytest.raises(ProviderError) as caught:
        JSONL.read(path, SourceOptions(encoding="latin-1"))
    assert (caught.value.id, caught.value.line) == ("bad-encoding", 2)


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
