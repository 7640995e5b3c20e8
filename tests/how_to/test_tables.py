"""docs/tables.md: each row of its tables is a table of its own, prepared or sent as a request, and compared with what the row says."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from leptonctl.core.contract import MISSING_MARKERS, ColumnType
from leptonctl.serving.encode import encode
from leptonctl.serving.intake import compile_intake
from leptonctl.serving.request import BadRequest
from leptonctl.spi.learning import ProviderError
from tests.learning.test_prepare import Prepared, prepare
from tests.serving.serving_models import column, manifest
from tests.test_docs import page

PAGE = page("docs/tables.md")


def rows(name: str) -> list[list[str]]:
    """The rows of the page's table with this mark, as cells."""
    (text,) = re.findall(rf"^<!-- test: {name} -->\n\n(.+?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    return [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines()[2:]]


def cells(text: str) -> list[str]:
    """What stands between backticks; two of them with nothing between are an empty cell."""
    return [found[1] or "" for found in re.finditer(r"``(?!`)|`([^`]+)`", text)]


def prepared(folder: Path, written: Sequence[str], *, target: bool = False, **fields: Any) -> Prepared:
    """A file whose test rows have these cells in the column `c`, and whose training rows do too."""
    side = ["test"] * len(written) + ["train"] * len(written)
    lines = [
        f'"{cell}",{number},{"xy"[number % 2]},{part}' for number, (cell, part) in enumerate(zip([*written, *written], side, strict=True))
    ]
    (folder / "t.csv").write_text("\n".join(["c,k,y,side", *lines]) + "\n", encoding="utf-8")
    split = {"method": "column", "column": "side"}
    return prepare(folder, "t.csv", split=split, target="c" if target else "y", **fields)


def shown(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 (NaN)
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.7g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("row", rows("types"), ids=lambda row: row[0])
def test_types(row: list[str], tmp_path: Path) -> None:
    written, kind, values = row
    found = prepared(tmp_path, cells(written))
    assert (found.columns["c"].type, ", ".join(map(shown, found.frame("test")["c"]))) == (kind, values)


def test_one_word_among_many_numbers_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "19").mkdir()
    assert prepared(tmp_path / "19", [*["1"] * 18, "x"]).columns["c"].type == "string", "94.7 % are numbers"
    with pytest.raises(ProviderError) as refused:
        prepared(tmp_path, [*["1"] * 19, "x"])
    assert (refused.value.id, refused.value.line) == ("data-contract", 21)


@pytest.mark.parametrize("row", rows("markers"), ids=lambda row: row[0])
def test_markers(row: list[str], tmp_path: Path) -> None:
    (marker,) = cells(row[0])
    kinds: tuple[tuple[ColumnType, str], ...] = (("number", "1.5"), ("integer", "1"), ("boolean", "true"))
    for kind, other in kinds:
        try:
            found = prepared(tmp_path, [other, marker], columns={"c": {"type": kind}}).frame("test")["c"][1]
        except ProviderError as problem:
            assert (problem.id, row[1]) == ("data-contract", "a fault")
        else:
            assert (found, row[1]) == (None, "missing")
    text = prepared(tmp_path, ["red", marker]).frame("test")["c"][1]
    assert (text, row[2]) == ((None, "missing") if marker == "" else (marker, "text"))


def test_all_markers_are_on_the_page(tmp_path: Path) -> None:
    assert {cells(row[0])[0] for row in rows("markers") if row[1] == "missing"} == {"", *MISSING_MARKERS}
    declared = {"missing_values": ["?", "NA"]}
    for words, kind in ((["1", "?", "NA", ""], "integer"), (["red", "?", "NA", ""], "string")):
        found = prepared(tmp_path, words, options=declared)
        assert (found.columns["c"].type, found.frame("test")["c"].null_count()) == (kind, 3)
    assert prepared(tmp_path, ["red", "null", "?"], options=declared).frame("test")["c"].to_list() == ["red", "null", None]
    assert prepared(tmp_path, ["1", "null"], options=declared, columns={"c": {"type": "number"}}).frame("test")["c"][1] is None
    with pytest.raises(ProviderError):
        prepared(tmp_path, ["1", "null"], options={"missing_values": {"only": ["?", "NA"]}}, columns={"c": {"type": "number"}})


@pytest.mark.parametrize("row", rows("classes"), ids=lambda row: row[0])
def test_classes(row: list[str], tmp_path: Path) -> None:
    written, kind, classes = row
    contract = prepared(tmp_path, cells(written), target=True).contract
    assert contract.target_type == kind
    assert classes == ("none: a regression" if contract.classes is None else ", ".join(map(str, contract.classes)))


def test_a_missing_target_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as refused:
        prepared(tmp_path, ["y", "n", ""], target=True)
    assert (refused.value.id, "missing" in refused.value.detail) == ("data-contract", True)


@pytest.mark.parametrize("row", rows("requests"), ids=lambda row: " ".join(row[:3]))
def test_requests(row: list[str]) -> None:
    kind, datatype, data, outcome = row
    numeric = kind != "string"
    place = column("c", kind, "features" if numeric else "s0", 0 if numeric else None, nullable=True)
    intake = compile_intake(manifest([place], strings=[] if numeric else ["s0"]), None)
    sent = json.loads(data.strip("`"))
    request = {"inputs": [{"name": "c", "datatype": datatype.strip("`"), "shape": [len(sent)], "data": sent}]}
    if outcome.startswith("refused: "):
        with pytest.raises(BadRequest, match=re.escape(outcome.removeprefix("refused: "))):
            encode(intake, request)
        return
    (tensor,) = encode(intake, request).feed.values()
    seen = ["missing" if cell == "" or (isinstance(cell, float) and math.isnan(cell)) else shown(cell) for cell in tensor[:, 0].tolist()]
    assert ", ".join(seen) == outcome


def test_limits(tmp_path: Path) -> None:
    """Of the table of types."""
    found = prepared(tmp_path, ["16777216", "16777217"])
    assert [notice["count"] for notice in found.outputs["checks"] if notice["check"] == "rounded"] == [2]
    assert found.frame("test")["c"].to_list() == [16777216, 16777216]
    assert np.float32(0.1) == prepared(tmp_path, ["0.1"]).frame("test")["c"][0]
    with pytest.raises(ProviderError):
        prepared(tmp_path, ["1e39"])
    found = prepared(tmp_path, ["1", "0", "true"], columns={"c": {"type": "boolean"}})
    assert found.frame("test")["c"].to_list() == [True, False, True]
    assert found.frame("test").schema["c"] == pl.Boolean
