"""C4 and C6: `init` declares dates with their parts and leaves out rows without a target, and its project applies."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from leptonctl.learning.tables.date_like import column_of, guess_dates
from tests import projects
from tests.test_output_schemas import problems


def table(form: str, count: int = 60) -> str:
    days = [datetime(2023, 1, 1) + timedelta(days=11 * i, hours=5 * i) for i in range(count)]
    rows = [f"{day.strftime(form)},{i},{'' if i % 12 == 5 else 'open' if day.weekday() < 5 else 'closed'}" for i, day in enumerate(days)]
    return "\n".join(["when,x,state", *rows]) + "\n"


def cells(form: str) -> pl.Series:
    return pl.Series([None, *((datetime(2023, 1, 1) + timedelta(days=11 * i, hours=5 * i)).strftime(form) for i in range(60))])


def inferred(root: Path, text: str) -> dict:
    (root / "t.csv").write_text(text, encoding="utf-8")
    result = projects.run("init", "--from", "t.csv", "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert problems("init", report) == []
    return report["inferred"]


def test_the_project_applies_at_once(tmp_path: Path) -> None:
    found = inferred(tmp_path, table("%d.%m.%Y %H:%M"))
    assert found["dates"] == {"when": {"type": "datetime", "format": "%d.%m.%Y %H:%M", "parts": ["year", "month", "weekday", "hour"]}}
    assert found["missing"] == {"state": 5}
    assert "when" not in found["left_out"]
    written = (tmp_path / "leptonctl.yaml").read_text()
    assert "target_missing: drop" in written
    built = projects.run("build", "--json", cwd=tmp_path)
    assert projects.finished(built)["ok"], built.stdout
    # each of the two lines is needed
    projects.edit(tmp_path / "leptonctl.yaml", "target_missing: drop", "description: x")
    assert projects.run("build", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("form", "format_", "parts"),
    [
        ("%Y-%m-%d", None, ["year", "month", "weekday"]),
        ("%m/%d/%Y", "%m/%d/%Y", ["year", "month", "weekday"]),
        ("%Y-%m-%dT%H:%M:%SZ", None, ["year", "month", "weekday", "hour"]),
        ("%b %d, %Y", "%b %d, %Y", ["year", "month", "weekday"]),
        ("2023-05-%d", None, ["weekday"]),
        ("%Y-%m", "%Y-%m", ["year", "month"]),
        ("%b %d %Y", "%b %d %Y", ["year", "month", "weekday"]),
        ("%d%b%Y", "%d%b%Y", ["year", "month", "weekday"]),
        ("%d%b%Y:%H:%M:%S", "%d%b%Y:%H:%M:%S", ["year", "month", "weekday", "hour"]),
        ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S", ["year", "month", "weekday", "hour"]),
        ("%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S", ["year", "month", "weekday", "hour"]),
        ("%a, %d %b %Y %H:%M:%S +0100", "%a, %d %b %Y %H:%M:%S %z", ["year", "month", "weekday", "hour"]),
        ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S UTC", ["year", "month", "weekday", "hour"]),
    ],
)
def test_ways_to_write_dates(form: str, format_: str | None, parts: list[str]) -> None:
    guess = guess_dates(cells(form))
    assert guess is not None
    column = column_of("when", guess, cells(form))
    assert column is not None
    assert (column.format, list(column.parts)) == (format_, parts)


@pytest.mark.parametrize("form", ["day %d", "%d/%m/2023 or so", "05/%m/%Y", "%Y", "1.5", "%Y-%j"])
def test_what_is_no_date_or_may_be_two(form: str) -> None:
    guess = guess_dates(cells(form))
    assert guess is None or guess.other is not None or column_of("when", guess, cells(form)) is None


def test_dates_that_are_not_declared_are_a_warning(tmp_path: Path) -> None:
    inferred(tmp_path, table("%d.%m.%Y"))
    config = tmp_path / "leptonctl.yaml"
    text = config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("  when:"))

    def warned() -> list[dict]:
        events = projects.events(projects.run("build", "data@first", "--json", cwd=tmp_path).stdout)
        return [n for e in events if e["type"] == "step_finished" for n in e["notices"] if n["id"] == "dates-as-text"]

    assert warned() == []
    config.write_text(text.replace(line, "  x: {type: number}"))
    (notice,) = warned()
    assert "its cells are dates in the format %d.%m.%Y" in notice["detail"]
    assert "2023" not in notice["detail"]
    config.write_text(text.replace(line, "  when: {type: string}"))
    assert warned() == []
