"""docs/how-to/python.md: its scripts, run in order as programs, against the project that `init` writes."""

import subprocess
import sys

import pytest

from tests import projects
from tests.how_to.reader import BLOCK, Reader
from tests.test_docs import page

NAME = "docs/how-to/python.md"


def test_the_page(reader: Reader) -> None:
    def program(body: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", body],
            cwd=reader.root,
            env=projects.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        reader.printed = done.stdout

    reader.follow(NAME, own={"python": program})


@pytest.mark.parametrize("script", [block["body"] for block in BLOCK.finditer(page(NAME)) if block["language"] == "python"])
def test_a_script_is_about_a_dozen_lines(script: str) -> None:
    assert len([line for line in script.splitlines() if line.strip()]) <= 14
