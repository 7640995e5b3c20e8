"""The two readers of delimited text agree on every cell and every mistake, and both read what people write or refuse it."""

import gzip
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.providers.sources import compressed, csv_blocks
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.csv import strict_batches
from leptonctl.providers.sources.delimiters import delimiter_of
from leptonctl.providers.sources.encodings import likely_encodings
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.providers.sources.parquet import SOURCE as PARQUET
from leptonctl.spi.learning import OnlyMissing, ProviderError, SourceOptions

CELLS = ["a", "1.5", "", " ", "é", "日本", "5' 3\"", '"x"', '"x,;y"', '"l\nm"', '"l\r\nm"', '"a""b"', '""', '""""', ' "q"', 'x"y', '"\n\n"']


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def outcome(path: Path, options: SourceOptions, *, strict: bool) -> object:
    """All rows, or the id and line of the mistake."""
    try:
        table = pl.concat(strict_batches(path, options, sys.maxsize)) if strict else CSV.read(path, options)
    except ProviderError as problem:
        return None if problem.id == "empty-data" else (problem.id, problem.line)
    except ValueError:  # no rows
        return None
    return table.columns, table.rows()


@settings(max_examples=300, deadline=None)
@given(data=st.data(), block=st.sampled_from([7, 40, 4 << 20]))
def test_both_readers_agree(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, block: int) -> None:
    width, delimiter = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([",", ";", "\t"]))
    ending = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    usual = data.draw(st.booleans())
    cell = st.sampled_from(CELLS[:9] if usual else [*CELLS, "\r", "\0", delimiter])
    row = st.lists(cell, min_size=width, max_size=width) if usual else st.lists(cell, max_size=width + 1)
    rows = data.draw(st.lists(row.map(delimiter.join), max_size=6))
    text = ending.join([delimiter.join(f"h{place}" for place in range(width)), *rows]) + ending * data.draw(st.integers(0, 2))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1"]))
    content = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) * (encoding == "utf-8") + text.encode(encoding, "replace")
    content += data.draw(st.sampled_from([b"", b"", b"\xff"]))
    header: bool | list[str] = data.draw(st.sampled_from([True, False, [*"pqr"[:width]]]))
    options = SourceOptions(encoding=encoding, delimiter=delimiter, header=header, skip_rows=data.draw(st.integers(0, 2)))
    path = write(tmp_path_factory.mktemp("csv"), "t.csv", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "BLOCK", block)
        assert outcome(path, options, strict=False) == outcome(path, options, strict=True)


def test_text_that_is_written_as_usual_is_read_fast(tmp_path: Path) -> None:
    """Otherwise the two readers would agree because only one is used."""
    for content in ('a,b\n1,"x\ny"\n\n', "a,b\r\n1,2\r\n\r\n3,é\r\n", '\ufeffa,b\n"say ""hi""",\n'):
        path = write(tmp_path, "t.csv", content)
        assert (
            sum(block.height for block in csv_blocks.blocks(path, SourceOptions(), ",", ["a", "b"])) == content.count("\n") // 2 or content
        )
    with pytest.raises(csv_blocks.Irregular):
        [*csv_blocks.blocks(write(tmp_path, "t.csv", "a,b\n1\n"), SourceOptions(), ",", ["a", "b"])]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ('first,last,address\nJohn,Doe,"120 any st., Anytown, WW"\n', [("John", "Doe", "120 any st., Anytown, WW")]),
        ('a,b,c\n1,"",""\n2,3,4\n', [("1", None, None), ("2", "3", "4")]),
        ('a,b\n1,"ha ""ha"" ha"\n3,4\n', [("1", 'ha "ha" ha'), ("3", "4")]),
        ('key,val\n1,"{""type"": ""Point""}"\n', [("1", '{"type": "Point"}')]),
        ('a,b\r\n1,"Once upon \r\na time"\r\n', [("1", "Once upon \r\na time")]),
        ('a,b\n1,"ha \n""ha"" \nha"', [("1", 'ha \n"ha" \nha')]),
        ("a,b\n1,2\n\n\n", [("1", "2")]),
        ("a,b\r1,2\r3,4", [("1", "2"), ("3", "4")]),
        ('a,b\n5" pipe,x\n', [('5" pipe', "x")]),
        ("a,b\n,\n,\n", [(None, None), (None, None)]),
        ('"a","b"\n"1","2"\n', [("1", "2")]),
        ('a,b\n" ""x""",2\n', [(' "x"', "2")]),
        ("a,b\n1\n", ("ragged-row", 2)),
        ("a,b\n1,2,3\n", ("ragged-row", 2)),
        ("a,b\n1,2\n \n", ("ragged-row", 3)),
        ('a,b\n1, "x, y"\n', ("bad-quotes", 2)),
        ('a,b\n1,2\n3, "x"\n', ("bad-quotes", 3)),
        ('a,b\n"x"y,2\n', ("bad-quotes", 2)),
        ('a,b\n1,"2\n3,4\n', ("bad-quotes", 2)),
        ("a,b\n1,2\nx\0,3\n", ("bad-encoding", 3)),
        ("a,a\n1,2\n", ("duplicate-column", 1)),
    ],
)
def test_quotes_line_ends_and_blank_lines_are_read_right_or_refused(tmp_path: Path, content: str, read: object) -> None:
    path = write(tmp_path, "t.csv", content)
    result = outcome(path, SourceOptions(delimiter=","), strict=False)
    assert result[1] == read if isinstance(read, list) else result == read  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "options", "names", "rows"),
    [
        ("1,2\n3,4\n", SourceOptions(header=False), ["column_1", "column_2"], [("1", "2"), ("3", "4")]),
        ("1,2\n3,4\n", SourceOptions(header=["a", "b"]), ["a", "b"], [("1", "2"), ("3", "4")]),
        ('Report "of, May\n\na;b\n1;2\n', SourceOptions(skip_rows=1, delimiter=";"), ["a", "b"], [("1", "2")]),
        ("kg,cm\na,b\n1,2\n", SourceOptions(skip_rows=1), ["a", "b"], [("1", "2")]),
        ("a,b\n1,2\n", SourceOptions(header=["x", "y"], skip_rows=1), ["x", "y"], [("1", "2")]),
        ("a;b\n1,5;2,25\n", SourceOptions(decimal=","), ["a", "b"], [("1,5", "2,25")]),
        ('a,b\n"1,5",2\n', SourceOptions(decimal=","), ["a", "b"], [("1,5", "2")]),
        ("a;b;c\n1,234;2,345;x\n", SourceOptions(thousands=","), ["a", "b", "c"], [("1,234", "2,345", "x")]),
    ],
)
def test_headers_skipped_lines_and_delimiters(
    tmp_path: Path, content: str, options: SourceOptions, names: list[str], rows: list[tuple[str, ...]]
) -> None:
    path = write(tmp_path, "t.csv", content)
    table = CSV.read(path, options)
    assert (table.columns, table.rows(), CSV.columns(path, options)) == (names, rows, names)
    first = len(content.splitlines()) - len(rows) + 1
    assert CSV.line_of(path, options, range(len(rows))) == [*range(first, first + len(rows))]


def test_a_header_of_another_width_names_both(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        CSV.columns(write(tmp_path, "t.csv", "x\n1,2\n"), SourceOptions(header=["a"], skip_rows=1))
    assert (caught.value.id, caught.value.line) == ("header-width", 2)
    assert "1 names" in caught.value.detail
    assert "2 cells" in caught.value.detail
    with pytest.raises(ProviderError) as caught:
        CSV.columns(write(tmp_path, "t.csv", "x\n"), SourceOptions(skip_rows=3))
    assert caught.value.id == "empty-data"


def test_too_many_skipped_lines_are_reported_with_skip_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "kg,cm\na,b\n")
    for options, id_ in (
        (SourceOptions(skip_rows=3), "empty-data"),
        (SourceOptions(skip_rows=2), "empty-data"),
        (SourceOptions(skip_rows=1), "empty-data"),
        (SourceOptions(skip_rows=1, header=["a", "b", "c"]), "header-width"),
    ):
        with pytest.raises(ProviderError) as caught:
            CSV.read(path, options)
        assert caught.value.id == id_
        assert f"after the {options.skip_rows} line" in caught.value.detail
        assert "`skip_rows`" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("größe,Straße", "latin-1", "cp1252"),
        ("prix €,naïve", "cp1252", "cp1252"),
        ("Größe,über Öl", "cp850", "cp850"),
        ("日本語,表計算", "shift_jis", "shift_jis"),
        ("Москва,улица", "cp1251", "cp1251"),
        ("c,d", "utf-16", "utf-16"),
    ],
)
def test_a_bad_byte_is_named_with_its_line_and_likely_encodings(tmp_path: Path, text: str, encoding: str, named: str) -> None:
    """Also far into a file that is read in blocks, and in a compressed one."""
    head = "a,b\n" + "1,2\n" * 3
    content = (head + text + "\n").encode(encoding)
    for name, data in (("t.csv", content), ("t.csv.gz", gzip.compress(content))):
        with pytest.raises(ProviderError) as caught:
            CSV.read(write(tmp_path, name, data), SourceOptions())
        assert (caught.value.id, caught.value.line) == ("bad-encoding", 1 if encoding == "utf-16" else 5)
        assert f"`encoding: {named}`" in caught.value.hint
    assert CSV.read(tmp_path / "t.csv", SourceOptions(encoding=named)).height == 4
    assert likely_encodings(b"plain") == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("word", ["Oslo", "Łódź", "Köln"])
def test_utf16_without_a_byte_order_mark_is_named_with_its_byte_order(tmp_path: Path, encoding: str, word: str) -> None:
    """Also where every byte is ASCII, so that only its zero bytes are wrong in UTF-8. The hint works."""
    text = "town,x\n" + "".join(f"{word if i > 5000 else 'Rom'},{i}\n" for i in range(6000))
    path = write(tmp_path, "t.csv", text.encode(encoding))
    for options in (SourceOptions(), SourceOptions(encoding="utf-16")) if word != "Oslo" else (SourceOptions(),):
        with pytest.raises(ProviderError) as caught:
            CSV.read(path, options)
        assert (caught.value.id, f"`encoding: {encoding}`" in caught.value.hint) == ("bad-encoding", True), caught.value.hint
    assert CSV.layout is not None
    assert CSV.layout(path, None, None).options.encoding == encoding
    assert CSV.read(path, SourceOptions(encoding=encoding))["town"][-1] == word


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("cp1252", ["1.669,67 €;rot", "Preis (€)", "it’s “good” – yes", "no €5", "5\xa0000,00 €", "20 °C", "5 m²;§ 5", "¿Qué?", "à la carte; où", "£5", "São Paulo", "GRÖSSE"]),
        ("cp850", ["Größe,über Öl", "Köln", "café;thé", "Málaga;A Coruña", "Malmö;Åre", "élevé", "GRÖSSE;MÜNCHEN"]),
        ("cp1250", ["Łódź;Kraków", "zażółć gęślą jaźń"]),
        ("mac_roman", ["Müller,Weiß", "café", "it’s “good”"]),
    ],
)  # fmt: skip
def test_the_code_page_is_the_one_with_signs_outside_words(page: str, texts: list[str]) -> None:
    assert {text: likely_encodings(text.encode(page))[0] for text in texts} == dict.fromkeys(texts, page)


@pytest.mark.parametrize("between", ["m|x", "m|x|g|x|kg"])
def test_a_ragged_line_between_two_lines_of_a_header_is_left_to_the_reader(tmp_path: Path, between: str) -> None:
    """`init` then looks at the first line only, and the reader reports the ragged one."""
    path = write(tmp_path, "t.csv", f"a|b|c\n{between}\ncm|kg|s\n1|2|3\n4|5|6\n7|8|9\n")
    assert CSV.layout is not None
    options = CSV.layout(path, None, None).options
    assert (options.skip_rows, options.header) == (0, True)
    with pytest.raises(ProviderError) as caught:
        CSV.read(path, options)
    assert (caught.value.id, caught.value.line) == ("ragged-row", 2)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "gb18030"])
def test_any_text_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    path = write(tmp_path, "t.csv", f"{mark}größe,b\n1,ü\n".encode(encoding))
    assert CSV.read(path, SourceOptions(encoding=encoding, delimiter=",")).rows() == [("1", "ü")]
    assert CSV.columns(path, SourceOptions(encoding=encoding, delimiter=",")) == ["größe", "b"]


def frame_of(*blocks: tuple[int, bytes, int]) -> bytes:
    """A Zstandard frame of (kind, content, size) blocks."""
    head = (0xFD2FB528).to_bytes(4, "little") + b"\0" + b"\x58"
    last = len(blocks) - 1
    return head + b"".join(
        (size << 3 | kind << 1 | (place == last)).to_bytes(3, "little") + content for place, (kind, content, size) in enumerate(blocks)
    )


def test_text_compressed_with_zstandard_is_read(tmp_path: Path) -> None:
    text = 'a,b\r\n1,"x\r\ny\x01"\r\n3,é\r\n'.encode()
    data = frame_of((0, text[:9], 9), (0, text[9:], len(text) - 9))
    skippable = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    for content in (data, skippable + data, frame_of((0, text[:9], 9)) + frame_of((0, text[9:], len(text) - 9))):
        path = write(tmp_path, "t.csv.zst", content)
        assert CSV.read(path, SourceOptions()).rows() == [("1", "x\r\ny\x01"), ("3", "é")]
        assert CSV.columns(path, SourceOptions()) == ["a", "b"]
        assert CSV.line_of(path, SourceOptions(), [1]) == [4]
    lines = b'{"a": 1}\n{"a": 2}\n'
    assert JSONL.read(write(tmp_path, "t.jsonl.zst", frame_of((0, lines, len(lines)))), SourceOptions())["a"].to_list() == [1, 2]
    pl.DataFrame({"a": range(5000)}).write_csv(tmp_path / "real.csv.zst", compression="zstd")
    assert CSV.read(tmp_path / "real.csv.zst", SourceOptions())["a"].to_list() == [str(i) for i in range(5000)]
    for bad, problem in ((data[:-3], "unreadable-file"), (b"no frame", "unreadable-file"), (b"", "unreadable-file"), (
        frame_of((0, b"a,b\n1,\xe9\n", 8)), "bad-encoding"), (frame_of((0, b"a,b\n\0,1\n", 8)), "bad-encoding"),
    ):  # fmt: skip
        with pytest.raises(ProviderError) as caught:
            CSV.read(write(tmp_path, "bad.csv.zst", bad), SourceOptions())
        assert caught.value.id == problem


def test_a_file_that_unpacks_out_of_all_proportion_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of Zstandard is known from its block headers; gzip is counted while it is read."""
    bomb = frame_of(*[(1, b"0", 1 << 17)] * 4000)
    with pytest.raises(ProviderError) as caught:
        CSV.read(write(tmp_path, "bomb.csv.zst", bomb), SourceOptions())
    assert caught.value.id == "too-compressed"
    monkeypatch.setattr(compressed, "LARGE", 1 << 20)
    path = write(tmp_path, "bomb.csv.gz", gzip.compress(b"a,b\n" + b"0,0\n" * (1 << 20)))
    for use in (CSV.read, JSONL.read):
        with pytest.raises(ProviderError) as caught:
            use(path, SourceOptions())
        assert caught.value.id in ("too-compressed", "bad-json-line")
    monkeypatch.undo()
    assert CSV.read(path, SourceOptions()).height == 1 << 20, "a small table may be as regular as it likes"


def test_missing_values_hold_for_every_format(tmp_path: Path) -> None:
    """They are added to the built-in markers or, with `only`, take their place, also in formats that have numbers."""
    pl.DataFrame({"n": [1, -999], "s": pl.Series(["?", "x"], dtype=pl.Categorical)}).write_parquet(tmp_path / "t.parquet")
    write(tmp_path, "t.jsonl", '{"n": 1, "s": "?"}\n{"n": -999, "s": "x"}\n')
    write(tmp_path, "t.csv", "n,s\n1,?\n-999,x\n")
    for source, name in ((PARQUET, "t.parquet"), (JSONL, "t.jsonl"), (CSV, "t.csv")):
        for missing in (["?", "-999"], OnlyMissing(only=["?", "-999"])):
            table = source.read(tmp_path / name, SourceOptions(missing_values=missing))
            assert [table["n"].is_null().to_list(), table["s"].to_list()] == [[False, True], [None, "x"]]


@pytest.mark.parametrize(
    ("name", "cells", "read"),
    [
        ("arrow.bool8", pl.Series([1, 0, None], dtype=pl.Int8), pl.Series([True, False, None])),
        ("arrow.json", pl.Series(["{}", None, "[1]"]), pl.Series(["{}", None, "[1]"])),
        ("pandas.period", pl.Series([624, None, 625]), pl.Series([624, None, 625])),
    ],
)
def test_a_type_that_extends_one_of_arrow_is_read_as_it_is_stored(tmp_path: Path, name: str, cells: pl.Series, read: pl.Series) -> None:
    pl.DataFrame({"m": cells.ext.to(pl.Extension(name, cells.dtype, None))}).write_parquet(tmp_path / "t.parquet")
    for frame in (PARQUET.read(tmp_path / "t.parquet", SourceOptions()), *PARQUET.batches(tmp_path / "t.parquet", SourceOptions(), 9)):
        assert frame["m"].equals(read.alias("m"), check_dtypes=True)


def test_nested_values_are_read_as_such(tmp_path: Path) -> None:
    """They distinguish rows, and the type names the first key."""
    lines = [
        '{"a": {"b": 1}, "x": 1}',
        '{"x": 2}',
        '{"a": {"b": 1.0}, "x": 3}',
        '{"a": "c", "x": 4}',
        '{"a": {}, "x": [{"y": null}, true]}',
    ]
    path = write(tmp_path, "t.jsonl", "\n".join(lines) + "\n")
    read = JSONL.read(path, SourceOptions())
    assert read.schema == {"a": pl.Struct({"b": pl.String}), "x": pl.List(pl.String)}
    assert [cell and cell["b"] for cell in read["a"]] == ['{"b": 1}', None, '{"b": 1.0}', "c", "{}"]
    assert read["x"].to_list() == [["1"], ["2"], ["3"], ["4"], ['[{"y": null}, true]']]
    assert [part["x"].dtype for part in JSONL.batches(path, SourceOptions(), 4)] == [pl.Int64, pl.List(pl.String)]


def test_impossible_delimiters_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n")
    for mark in ('"', "\n", "\0"):
        with pytest.raises(ProviderError) as caught:
            delimiter_of(path, SourceOptions(delimiter=mark))
        assert caught.value.id == "bad-delimiter"
    assert CSV.read(write(tmp_path, "t.csv", "a§b\n1§2\n"), SourceOptions(delimiter="§")).rows() == [("1", "2")]


@pytest.mark.parametrize(("again", "line"), [("k,x\n", 3), ("\ufeffk,x\n", 3), ('"k","x"\n', 3), ("k,y\n", None), ("x,k\n", None)])
def test_a_header_inside_the_file_is_refused_with_its_line(tmp_path: Path, again: str, line: int | None) -> None:
    """`cat a.csv b.csv`: by both readers, also where the second file has a byte order mark."""
    path = write(tmp_path, "t.csv", f"k,x\n1,2\n{again}3,4\n")
    for strict in (False, True):
        result = outcome(path, SourceOptions(), strict=strict)
        assert (result == ("repeated-header", line)) is (line is not None), result
    assert isinstance(outcome(path, SourceOptions(header=False), strict=False), tuple)


def test_a_word_that_equals_the_name_of_its_column_is_a_row(tmp_path: Path) -> None:
    """In a file of one column, and in a file without header whose first line occurs again."""
    assert outcome(write(tmp_path, "t.csv", "word\na\nword\n"), SourceOptions(), strict=False) == (["word"], [("a",), ("word",)])
    path = write(tmp_path, "u.csv", "red,small\nblue,large\nred,small\n")
    assert CSV.read(path, SourceOptions(header=False)).height == 3
