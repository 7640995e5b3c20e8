"""Text in any encoding and compression: files are read, or refused with what their encoding may be."""

from pathlib import Path

import polars as pl
import pytest

from leptonctl.providers.sources import compressed
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.encodings import likely_encodings
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.spi.learning import ProviderError, SourceOptions
from tests.providers.files import write


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
    for name, data in (("t.csv", content), ("t.csv.gz", content)):
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
    path = write(tmp_path, "bomb.csv.gz", b"a,b\n" + b"0,0\n" * (1 << 20))
    for use in (CSV.read, JSONL.read):
        with pytest.raises(ProviderError) as caught:
            use(path, SourceOptions())
        assert caught.value.id in ("too-compressed", "bad-json-line")
    monkeypatch.undo()
    assert CSV.read(path, SourceOptions()).height == 1 << 20, "a small table may be as regular as it likes"
