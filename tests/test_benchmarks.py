"""The benchmarks, which no test runs, call only what the package has."""

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
# a name that was renamed, a parameter that is gone, a module that moved
STALE = re.compile(r"\[(attr-defined|name-defined|call-arg|import-not-found)\]$")


def stale(folder: Path) -> list[str]:
    # in the cache of the other check of types, which has the package already
    command = [sys.executable, "-m", "mypy", "--config-file", str(CHECKOUT / "pyproject.toml"), "--explicit-package-bases", str(folder)]
    checked = subprocess.run(command, cwd=CHECKOUT, env={"MYPYPATH": str(folder)}, capture_output=True, text=True, timeout=200, check=False)
    assert "source file" in checked.stdout, checked.stdout + checked.stderr
    return [line for line in checked.stdout.splitlines() if STALE.search(line)]


def test_they_use_what_the_package_has() -> None:
    assert stale(CHECKOUT / "benchmarks") == []


def test_a_name_that_is_gone_is_found(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(
        "from leptonctl.core.state import State\n\nprint(State(lineage='l', project='p').moved({}))\n", "utf-8"
    )
    assert len(stale(tmp_path)) == 1
