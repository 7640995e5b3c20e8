"""docs/formats.md is current and complete, and its examples are valid records."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leptonctl.core import deployment, manifest, result, state
from leptonctl.core.codec import Record, decode, encode
from leptonctl.views.format_examples import RECORDS, RecordDescription
from leptonctl.views.formats import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def test_the_page_is_current() -> None:
    """If it is not: python -m leptonctl.views.formats > docs/formats.md."""
    assert PAGE.read_text(encoding="utf-8") == page()
    written = subprocess.run([sys.executable, "-m", "leptonctl.views.formats"], capture_output=True, text=True, check=True).stdout
    assert written == page()


def test_every_record_with_a_file_is_described() -> None:
    files = {
        kind
        for module in (state, deployment, result, manifest)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Record) and kind.__struct_config__.tag_field == "format_version"
    }
    described = {cls for record in RECORDS for cls in record.kind.__mro__}
    assert files <= described


def test_every_field_has_a_meaning() -> None:
    rows = [line for line in page().splitlines() if re.match(r"\| `[a-z_]+` \| .* \|$", line) and line.count("|") >= 5]
    assert len(rows) > 150
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.title)
def test_every_example_is_a_valid_record(record: RecordDescription) -> None:
    data = encode(record.example)
    assert decode(data, record.kind) == record.example
    shown = page().split(f"## {record.title}\n")[1].split("```json\n")[1].split("\n```")[0]
    assert json.loads(shown) == json.loads(data)
    assert json.loads(data)["format_version"] == "1"


def test_the_page_does_not_refer_to_the_design() -> None:
    assert not re.search(r"protocols \d|law \d", page())
