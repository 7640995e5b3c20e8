"""docs/how-to/groups-and-outliers.md, followed from top to bottom."""

import csv
from pathlib import Path

from tests import projects
from tests.how_to.reader import Reader


def test_groups_and_outliers(tmp_path: Path) -> None:
    root = tmp_path / "visits"
    root.mkdir()
    reader = Reader(root, {"8080": str(projects.free_port())})
    try:
        reader.follow("docs/how-to/groups-and-outliers.md")
    finally:
        projects.stop_servers(tmp_path)
    rows, groups, odd = (_rows(root / name) for name in ("data/visits.csv", "groups.csv", "odd.csv"))
    assert all((float(row["score"]) < 0) == (row["label"] == "outlier") for row in odd)
    lowest = sorted(range(len(odd)), key=lambda place: float(odd[place]["score"]))[:2]
    assert {rows[place]["minutes"] for place in lowest} == {"90", "2"}, "the two odd rows of the page are found"
    assert {row["label"] for row in groups} == {"0", "1", "2"}


def _rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
