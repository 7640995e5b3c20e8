"""Leakage is noticed when rows are prepared, with counts and the first rows, and sound tables raise no alarm."""

import json
import random

import pytest

from tests import projects

YAML = "kind: Project\nname: leaks\nexecutor: {parallelism: 1}\n---\nkind: Dataset\nname: d\ntarget: y\nversions:\n"


def rows(count: int, seed: int = 1) -> list[dict[str, str]]:
    generator = random.Random(seed)
    return [
        {
            "key": f"k{seed}-{n}",
            "day": f"2024-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}",
            "a": f"{generator.random():.5f}",
            "kind": generator.choice("uvwx"),
            "y": generator.choice("np"),
        }
        for n in range(count)
    ]


def csv_of(table: list[dict[str, str]]) -> str:
    return "\n".join([",".join(table[0]), *(",".join(row.values()) for row in table)]) + "\n"


def versions() -> dict[str, tuple[str, dict[str, str]]]:
    """Name -> its YAML and files: those with a leak, and their sound brothers."""
    plain, other = rows(200), rows(60, seed=2)
    copies = [{**row, "key": f"copy{n}"} for n, row in enumerate(plain[:40])]
    revealed = [{**row, "kind": {"n": "uv", "p": "wx"}[row["y"]][n % 2]} for n, row in enumerate(plain)]
    almost = [revealed[0] | {"y": "p" if revealed[0]["y"] == "n" else "n"}, *revealed[1:]]
    shuffled = random.Random(5).sample(plain, len(plain))
    few = [{"key": row["key"], "kind": row["kind"], "y": row["y"]} for row in plain]
    date = "columns: {day: {type: date, parts: [month]}}, id: key"
    as_json = "".join(json.dumps({**row, "a": float(row["a"])}) + "\n" for row in [*other[:30], *plain[:12]])
    return {
        "copies": ("id: key", {"copies.csv": csv_of(plain + copies)}),
        "several": ("id: key", {"in-several/a.csv": csv_of(plain), "in-several/b.csv": csv_of(copies)}),
        "distinct": ("id: key", {"distinct.csv": csv_of(plain + other)}),
        "few": ("id: key", {"few.csv": csv_of(few)}),
        "repeats": (
            "test: {source: repeats.jsonl}, columns: {key: {ignore: true}}",
            {"repeats.csv": csv_of(plain), "repeats.jsonl": as_json},
        ),
        "revealed": ("id: key", {"revealed.csv": csv_of(revealed)}),
        "almost": ("id: key", {"almost.csv": csv_of(almost)}),
        "ordered": (date, {"ordered.csv": csv_of(plain)}),
        "shuffled": (date, {"shuffled.csv": csv_of(shuffled)}),
        "timed": (f"{date}, split: {{test: 0.2, time: day}}", {"timed.csv": csv_of(plain)}),
    }


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict]]:
    """Version -> the notices of its preparation by id, without those about columns of text."""
    root = tmp_path_factory.mktemp("leaks")
    text = YAML
    for name, (more, files) in versions().items():
        for path, content in files.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        first = next(iter(files))
        text += f"  {name}: {{source: {first if '/' not in first else first.partition('/')[0]}, {more}}}\n"
    (root / "leptonctl.yaml").write_text(text, encoding="utf-8")
    done = projects.run("build", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    finished = [event for event in projects.events(done.stdout) if event["type"] == "step_finished"]
    return {e["address"].partition("@")[2]: {n["id"]: n for n in e["notices"] if n["id"] != "dates-as-text"} for e in finished}


def test_rows_that_differ_in_their_id_only_are_the_same(noticed: dict[str, dict[str, dict]]) -> None:
    found = noticed["copies"]["learned-test-rows"]
    assert found["severity"] == "warning"
    assert "test rows occur among the training rows (line " in found["detail"]
    several = noticed["several"]["learned-test-rows"]["detail"]
    assert "in-several/" in several
    assert ".csv:" in several
    # brothers without a leak: other rows, and rows of so few values that they repeat each other
    assert noticed["distinct"] == {}
    assert noticed["few"] == {}


def test_a_test_file_of_another_format_that_repeats_training_rows(noticed: dict[str, dict[str, dict]]) -> None:
    assert "12 test rows occur among the training rows (line 31, 32, " in noticed["repeats"]["learned-test-rows"]["detail"]


def test_a_column_whose_values_each_go_with_one_class(noticed: dict[str, dict[str, dict]]) -> None:
    assert (
        'column "kind": each of its values goes with one value of the target, in all 200 rows'
        in noticed["revealed"]["target-leak"]["detail"]
    )
    assert noticed["almost"] == {}, "one row is enough to say otherwise"


def test_a_split_that_ignores_the_order_of_time_is_noted(noticed: dict[str, dict[str, dict]]) -> None:
    note = noticed["ordered"]["split-ignores-time"]
    assert (note["severity"], 'column "day": the 200 rows' in note["detail"]) == ("note", True)
    assert noticed["shuffled"] == {}
    assert noticed["timed"] == {}
