"""What holds for several formats: headers are cheap to read, and files that are not tables are refused soon."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.spi.learning import ProviderError, SourceOptions
from tests.providers.files import write


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
