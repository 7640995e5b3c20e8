"""`diff` of two dataset versions and the profile in `show`: rows by id or record, contracts, distances. No model is trained."""

import json
import random
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.profile import Profile
from leptonctl.views.style import text_width
from tests import projects
from tests.test_output_schemas import problems

YAML = """\
kind: Project
name: apart
executor: {parallelism: 1}
---
kind: Dataset
name: d
target: y
id: person
split: {test: 0.25, by: person}
privacy: {hash: [account], key: {secret: {env: KEY}}, key_id: k}
columns: {a: {min: -10}}
versions:
  one: {source: one.csv}
  two: {source: two.csv, columns: {a: {min: -20, missing: 0}}}
  again: {source: one.csv, split: {test: 0.5, seed: 3}}
---
kind: Dataset
name: plain
target: y
split: {test: 0.25, seed: 1}
versions:
  one: {source: plain.csv}
  two: {source: plain2.csv}
  lines: {source: plain.jsonl}
  strict:
    source: plain.csv
    columns: {b: {max_missing: 0.5, unique: false}, y: {min_share: 0.01, values: [y, n]}}
    checks: [{rule: b >= 0}, {rule: "y in ['n', 'y']", severity: warn}]
  stricter:
    source: plain.csv
    columns: {b: {max_missing: 0.5, min: 0}, y: {min_share: 0.02, values: [n, y]}}
    checks: [{rule: b >= 0, severity: warn}]
"""
ROWS = 400


def row(number: int, *, far: float = 0.0) -> dict[str, str]:
    generator = random.Random(number)
    return {
        "person": f"p{number}",
        "account": f"secret-{number}",
        "a": "" if number % 40 == 0 else f"{generator.gauss(0, 1) + far:.4f}",
        "b": f"{generator.random():.4f}",
        "text": " ".join(generator.choice(["red", "green", "blue"]) for _ in range(generator.randrange(3, 20))) + f" {number}",
        "y": generator.choice(["n", "y"]),
    }


def csv_of(rows: list[dict[str, str]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(r.values()) for r in rows)]) + "\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("apart") / "project"
    root.mkdir()
    (root / "leptonctl.yaml").write_text(YAML, encoding="utf-8")
    first = [row(number) for number in range(ROWS)]
    # 30 are gone, 50 are added, 20 of those in both have another b, and every a has moved
    second = [{**row(number, far=0.8), "a": row(number, far=0.8)["a"]} for number in range(30, ROWS + 50)]
    (root / "one.csv").write_text(csv_of(first), encoding="utf-8")
    (root / "two.csv").write_text(csv_of(second), encoding="utf-8")
    plain = [{name: cell for name, cell in r.items() if name in ("b", "y")} for r in first]
    (root / "plain.csv").write_text(csv_of([*plain, *plain[:5]]), encoding="utf-8")
    (root / "plain2.csv").write_text(csv_of([*plain[10:], *plain[10:12]]), encoding="utf-8")
    (root / "plain.jsonl").write_text("".join(json.dumps({**r, "b": float(r["b"])}) + "\n" for r in plain), encoding="utf-8")
    (root / "new.csv").write_text(csv_of(first[:100]), encoding="utf-8")
    assert_fine("build", root=root)
    projects.edit(root / "leptonctl.yaml", "  again: ", "  new: {source: new.csv}\n  again: ")
    return root


def assert_fine(*words: str, root: Path) -> str:
    result = projects.run(*words, cwd=root, KEY="k3y", COLUMNS="80")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def difference(root: Path, a: str, b: str) -> dict:
    shown = json.loads(assert_fine("diff", a, b, "--json", root=root))
    assert problems("diff", shown) == []
    return shown["dataset"]


def column(of: dict, name: str) -> dict:
    return next(c for c in of["columns"] if c["name"] == name)


def test_rows_are_told_apart_by_id(root: Path) -> None:
    found = difference(root, "d@one", "d@two")
    rows = {name: found["rows"][name] for name in ("a", "b", "by", "added", "gone", "common")}
    assert rows == {"a": ROWS, "b": ROWS + 20, "by": "id", "added": 50, "gone": 30, "common": ROWS - 30}
    assert found["rows"]["changed"] == sum(number % 40 != 0 for number in range(30, ROWS)), "an empty cell is not moved"
    back = difference(root, "d@two", "d@one")["rows"]
    assert (back["added"], back["gone"]) == (30, 50)
    # brother: another split of the same rows
    assert {k: v for k, v in difference(root, "d@one", "d@again")["rows"].items() if k in ("added", "gone", "changed")} == {
        "added": 0, "gone": 0, "changed": 0
    }  # fmt: skip


def test_rows_without_an_id_are_told_apart_by_their_records(root: Path) -> None:
    """Rows that occur twice count twice."""
    rows = difference(root, "plain@one", "plain@two")["rows"]
    assert (rows["by"], rows["added"], rows["gone"], rows["common"], rows["changed"]) == ("record", 2, 15, ROWS - 10, None)
    rows = difference(root, "plain@one", "plain@lines")["rows"]
    assert (rows["by"], rows["added"]) == (None, None)
    assert "different formats" in rows["reason"]
    assert "`id` column" in rows["reason"]


def test_columns_have_distances_that_chance_does_not_explain(root: Path) -> None:
    found = difference(root, "d@one", "d@two")
    assert [c["name"] for c in found["columns"]] == ["account", "a", "b", "text", "y"]
    far, near = column(found, "a")["distance"], column(found, "b")["distance"]
    assert far["value"] > 3 * far["chance"]
    assert 0 <= near["value"] < near["chance"]
    assert column(found, "text")["distance"]["of"] == "lengths"
    assert column(found, "account")["distance"] is None, "a private column"
    assert column(found, "account")["lowest"] == {"a": None, "b": None}
    assert [(f["path"], f["a"], f["b"]) for f in column(found, "a")["contract"]] == [
        ("nullable", True, False), ("fill", None, 0), ("min", -10, -20)
    ]  # fmt: skip
    assert column(found, "a")["change"] == "changed"
    same = difference(root, "d@one", "d@one")
    assert [(c["change"], (c["distance"] or {}).get("value", 0)) for c in same["columns"]] == [("same", 0)] * 5


def test_checks_of_columns_and_rules_about_rows_are_in_it(root: Path) -> None:
    """They were left out, and the same values in another order were a difference."""
    found = difference(root, "plain@one", "plain@strict")
    assert [(f["path"], f["a"], f["b"]) for f in column(found, "b")["contract"]] == [("max_missing", None, 0.5)]
    assert [(f["path"], f["a"], f["b"]) for f in column(found, "y")["contract"]] == [("min_share", None, 0.01)]
    assert found["rules"] == {"b >= 0": {"a": None, "b": "fail"}, "y in ['n', 'y']": {"a": None, "b": "warn"}}
    found = difference(root, "plain@strict", "plain@stricter")
    assert [(f["path"], f["a"], f["b"]) for f in column(found, "y")["contract"]] == [("min_share", 0.01, 0.02)]
    assert found["rules"] == {"b >= 0": {"a": "fail", "b": "warn"}, "y in ['n', 'y']": {"a": "warn", "b": None}}
    text = assert_fine("diff", "plain@strict", "plain@stricter", root=root)
    assert "rule: fail → warn" in text
    assert "min_share: 0.01 → 0.02" in text


def test_other_columns_and_what_is_not_prepared(root: Path) -> None:
    found = difference(root, "d@one", "plain@one")
    assert {c["name"]: c["change"] for c in found["columns"]} == {"b": "same", "y": "same", "account": "gone", "a": "gone", "text": "gone"}
    assert "different keys" in found["rows"]["reason"]
    unread = difference(root, "d@one", "d@new")
    assert (unread["columns"], unread["rows"]["b"], unread["rows"]["by"]) == ([], None, None)
    assert "leptonctl build" in assert_fine("diff", "d@one", "d@new", root=root)


def test_the_screens_fit_80_columns(root: Path) -> None:
    for words in (("diff", "d@one", "d@two"), ("diff", "plain@one", "plain@two"), ("show", "d@one")):
        text = assert_fine(*words, root=root)
        assert [line for line in text.splitlines() if text_width(line) > 80 and "sha256:" not in line and " by " not in line] == []
    text = assert_fine("diff", "d@one", "d@two", root=root)
    assert "By their id, 50 were added and 30 are gone; 370 are in both" in " ".join(text.split())
    assert "missing becomes: none → 0" in text


def test_show_draws_the_profile_of_the_training_rows(root: Path) -> None:
    text = assert_fine("show", "d@one", root=root)
    assert "secret-" not in text
    shown = json.loads(assert_fine("show", "d@one", "--json", root=root))
    assert problems("show", shown) == []
    dataset = shown["dataset"]
    artifact = projects.stored(root, layout.artifact(dataset["profile"]["digest"]))
    profile = decode(artifact.read_bytes(), Profile)
    assert dataset["profile"]["rows"] == profile.rows == dataset["rows"]["train"]
    bins = column(dataset, "a")["distribution"]
    assert sum(bins["bins"]["counts"]) + bins["missing"] == profile.rows
    assert column(dataset, "account")["distribution"] is None
    assert "account" not in [c.name for c in profile.columns]
    assert b"secret-" not in artifact.read_bytes()
    line = next(line for line in text.splitlines() if line.strip().startswith("a "))
    assert any(height in line for height in "▁▂▃▄▅▆▇█")
    unread = json.loads(assert_fine("show", "d@new", "--json", root=root))
    assert problems("show", unread) == []
    assert (unread["dataset"]["profile"], unread["dataset"]["columns"][0]["distribution"]) == (None, None)
