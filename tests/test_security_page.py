"""Every test that docs/security.md names exists, and so does every diagnostic."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)`", PAGE))))
def test_a_test_that_the_page_names_exists(path: str) -> None:
    assert (CHECKOUT / path).is_file()


@pytest.mark.parametrize("id", ["outside-project", "odd-file", "not-a-file", "plain-secret", "open-to-network"])
def test_an_error_that_the_page_names_is_documented(id: str) -> None:
    assert f"`{id}`" in PAGE
    assert f"## `{id}`" in (CHECKOUT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
