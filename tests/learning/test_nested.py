"""Columns of JSON Lines with objects and arrays: refused where their cells are needed, and passed over where they are not."""

from pathlib import Path

import pytest

from leptonctl.project.digests import digest_of
from leptonctl.spi.learning import ProviderError
from tests.learning.test_prepare import prepare


@pytest.mark.parametrize("nested", ['{"street": 1}', "[]", '[{"a": null}]'])
def test_a_nested_column_of_json_lines_blocks_nothing_where_it_is_left_out(tmp_path: Path, nested: str) -> None:
    """As in Parquet: refused with its line where its cells are needed."""
    lines = [f'{{"x": {i}, "z": {nested if i % 3 else "null"}, "y": "{"ab"[i % 2]}"}}' for i in range(24)]
    (tmp_path / "t.jsonl").write_text("\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "t.jsonl", format="jsonl")
    assert (caught.value.id, caught.value.column, caught.value.file, caught.value.line) == ("nested-value", "z", "t.jsonl", 3)
    for fields in ({"privacy": {"drop": ["z"]}}, {"columns": {"z": {"ignore": True}}}):
        assert list(prepare(tmp_path, "t.jsonl", format="jsonl", **fields).columns) == ["x"]
    for kind in ("string", "number", "boolean", "integer", "date"):
        with pytest.raises(ProviderError) as caught:
            prepare(tmp_path, "t.jsonl", format="jsonl", columns={"z": {"type": kind, **({"parts": ["year"]} if kind == "date" else {})}})
        assert caught.value.id == "nested-value", "also (brother) where the column has a type"


def test_nested_columns_of_several_files_may_differ(tmp_path: Path) -> None:
    """Brother: an object with other keys in each file, and a number in the last."""
    parts = []
    for place, nested in enumerate(('{"a": 1}', '{"b": [1]}', "[]", "3")):
        lines = [f'{{"x": {i}, "z": {nested}, "y": "{"ab"[i % 2]}"}}\n' for i in range(8)]
        (tmp_path / f"{place}.jsonl").write_text("".join(lines), encoding="utf-8")
        parts.append({"path": f"{place}.jsonl", "digest": digest_of(tmp_path / f"{place}.jsonl")})
    source = {"path": "*.jsonl", "format": "jsonl", "digest": None, "options": {}, "parts": parts}
    assert list(prepare(tmp_path, "0.jsonl", source=source, columns={"z": {"ignore": True}}).columns) == ["x"]
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "0.jsonl", source=source)
    assert (caught.value.id, caught.value.column) == ("nested-value", "z")
