"""docs/how-to/private-columns.md and, in its project, secrets.md."""

import io
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests import projects
from tests.how_to.reader import Reader

pytestmark = pytest.mark.skipif(not shutil.which("curl") or not shutil.which("awk"), reason="no curl or awk here")


@pytest.fixture(scope="module")
def followed(shop: Reader) -> Reader:
    shop.follow("docs/how-to/private-columns.md")
    return shop


def artifacts(root: Path) -> list[bytes]:
    return [file.read_bytes() for file in (root / ".leptonctl" / "store" / "artifacts").rglob("*") if file.is_file()]


def test_private_columns(followed: Reader) -> None:
    """And no artifact has what the page says is nowhere."""
    tables = [pl.read_parquet(io.BytesIO(data)) for data in artifacts(followed.root) if data[:4] == b"PAR1"]
    assert len(tables) == 4
    for frame in tables:
        assert "email" not in frame.columns
        assert "customer" not in frame.columns
        assert frame["account"].str.contains("^[0-9a-f]{64}$").all()
        assert (frame["age"] >= 20).all(), "the other columns are as they are"
    hidden = re.compile(rb"person\d+@|\bacc-\d")
    everything = [file.read_bytes() for file in (followed.root / ".leptonctl").rglob("*") if file.is_file()]
    assert not any(hidden.search(data) for data in everything)
    predictions = (followed.root / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert (predictions[0], len(predictions)) == ("customer,label,probability_no,probability_yes", 81)


def test_secrets(followed: Reader) -> None:
    examples: list[str] = []
    followed.follow("docs/how-to/secrets.md", own={"yaml": examples.append, "ini": examples.append})
    file = followed.root / "leptonctl.yaml"
    text = file.read_text(encoding="utf-8")
    line = "  key: {secret: {file: secrets/customers-k1}}\n"
    for form in examples[0].splitlines():
        file.write_text(text.replace(line, f"  {form}\n"), encoding="utf-8")
        assert "is valid" in projects.run("validate", cwd=followed.root).stdout
        assert "Nothing to do" in projects.run("plan", cwd=followed.root).stdout, "the place of a secret is in no digest"
    file.write_text(text, encoding="utf-8")


def test_a_server_with_another_key_refuses(followed: Reader) -> None:
    """As `predict` does (in the page), and as `prepare` does."""
    secret = followed.root / "secrets" / "customers-k2"
    key = secret.read_bytes()
    secret.write_bytes(b"another")
    refused = projects.run("server", "restart", "dev", cwd=followed.root)
    assert (refused.returncode, 'is not "k2"' in refused.stderr) == (1, True), refused.stderr
    refused = projects.run("predict", "dev/churn", "--input", "data/customers.csv", cwd=followed.root)
    assert (refused.returncode, "error[wrong-key]" in refused.stderr, refused.stdout) == (1, True, "")
    secret.write_bytes(key)
    assert projects.run("server", "restart", "dev", cwd=followed.root).returncode == 0
