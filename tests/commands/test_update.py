"""`update`: the versions that a person would write for new data, or nothing at all."""

import json
from pathlib import Path

import pytest

from leptonctl.kinds.model.next_name import next_name
from tests import projects
from tests.test_output_schemas import problems

DATA = """\
kind: Dataset
name: points
target: side   # what is to be predicted
columns:
  x: {type: number, min: 0}
versions:
  # measured by hand
  2024-06: {source: data/points.csv, delimiter: ","}   # the first
"""
MODEL = """\
# tells sides
kind: Model
name: line
dataset: points@2024-06
task: classification
algorithm: sgd
versions:
  v1: {}
  v2:
    description: A stronger penalty
    params: {alpha: 0.01}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = projects.tiny_project(tmp_path, {}, {})
    (root / "data.yaml").write_text(DATA, encoding="utf-8")
    (root / "model.yaml").write_text(MODEL, encoding="utf-8")
    (root / "data" / "new.csv").write_text(projects.points(40, 2), encoding="utf-8")
    return root


def files(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in root.glob("*.yaml")}


def test_it_writes_what_a_person_would_and_plans_it(root: Path) -> None:
    result = projects.run("update", "line", "--data", "data/new.csv", "--dataset-version", "2024-09", "--warm-start", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    text = (root / "data.yaml").read_text(encoding="utf-8")
    assert text.startswith(DATA)
    added = text.removeprefix(DATA)
    assert added.startswith('  2024-09: {delimiter: ",", source: data/new.csv, digest: "sha256:')
    assert (root / "model.yaml").read_text(encoding="utf-8") == (
        MODEL + "  v3: {warm_start: v2, params: {alpha: 0.01}, dataset: points@2024-09}\n"
    )
    assert "+  v3: {warm_start: v2, params: {alpha: 0.01}, dataset: points@2024-09}" in result.stdout
    assert "Written: points@2024-09 (30 rows to train on, 10 to test on) and line@v3." in result.stdout
    assert "+ model/line@v3  new" in result.stdout
    assert "model/line@v1" not in result.stdout
    assert projects.run("validate", cwd=root).returncode == 0


def refused(root: Path, *more: str, code: int = 3) -> str:
    before = files(root)
    result = projects.run("update", "line", "--data", "data/new.csv", *more, cwd=root)
    assert result.returncode == code
    assert files(root) == before
    return result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--append",),
        ("--append", "--like", "v1"),
        ("--warm-start",),
        ("--like", "v1", "--version", "v7", "--dataset-version", "2024-09"),
    ],
    ids=" ".join,
)
def test_a_second_call_writes_no_twin(root: Path, options: tuple[str, ...]) -> None:
    """A copy of the file has the same bytes (brother)."""
    first = json.loads(projects.run("update", "line", "--data", "data/new.csv", *options, "--json", cwd=root).stdout)
    assert first["known"] == []
    before = files(root)
    copy = root / "data" / "copy.csv"
    copy.write_bytes((root / "data" / "new.csv").read_bytes())
    result = projects.run(
        "update", "line", "--data", "data/new.csv" if "--append" in options else "data/copy.csv", *options, "--json", cwd=root
    )
    again = json.loads(result.stdout)
    assert problems("update", again) == []
    assert again["known"] == [f"dataset/points@{first['dataset_version']}", f"model/line@{first['version']}"]
    assert (again["version"], again["rows"], again["diff"], again["files"]) == (first["version"], first["rows"], "", [])
    assert files(root) == before


def test_other_settings_learn_from_the_rows_that_are_declared(root: Path) -> None:
    options = ("--data", "data/new.csv", "--dataset-version", "more", "--like")
    projects.run("update", "line", *options, "v1", cwd=root)
    result = projects.run("update", "line", *options, "v2", cwd=root)
    assert "Written: line@v4, which learns from points@more (30 rows to train on" in result.stdout, result.stdout + result.stderr
    assert (root / "data.yaml").read_text(encoding="utf-8").count("data/new.csv") == 1
    assert "declared already: nothing was written" in projects.run("update", "line", *options, "v2", cwd=root).stdout
    (root / "data" / "new.csv").write_text(projects.points(41, 2), encoding="utf-8")
    assert "error[usage]" in projects.run("update", "line", *options, "v2", cwd=root).stderr, "other bytes are another version"


def test_a_learner_that_cannot_go_on_is_refused_before_the_file_is_prepared(root: Path) -> None:
    """It took seconds, and pointed at a line of the edit that was not made."""
    (root / "model.yaml").write_text(MODEL.replace("sgd", "decision_tree").replace("{alpha: 0.01}", "{max_depth: 2}"), encoding="utf-8")
    (root / "data" / "new.csv").write_text("no table of these columns\n", encoding="utf-8")
    text = refused(root, "--warm-start")
    assert "error[cannot-continue]" in text
    assert "hint: leave out `--warm-start`" in text
    assert "-->" not in text


def test_a_failure_of_the_edit_names_no_line_that_is_not_there(root: Path) -> None:
    """A brother: a file that the version before reads already."""
    (root / "data.yaml").write_text(DATA.replace("data/points.csv", "data/new.csv"), encoding="utf-8")
    text = refused(root, "--append")
    assert "error[repeated-file]" in text
    assert "-->" not in text


def test_a_place_in_the_data_is_named_once(root: Path) -> None:
    """Of one bad cell among several files, and (brothers) of broken rules, and where the sentence has the line."""
    new, data = root / "data" / "new.csv", root / "data.yaml"
    rows = len(new.read_text(encoding="utf-8").splitlines())
    new.write_text(f"{new.read_text(encoding='utf-8')}1.0,word,above\n", encoding="utf-8")
    assert refused(root, "--append", code=1).count("new.csv") == 1
    assert refused(root, code=1).count(f"{rows + 1}") == 1
    data.write_text(DATA.replace("columns:", "checks: [{rule: x < 0}]\ncolumns:"), encoding="utf-8")
    new.write_text("x,y,side\n1.0,1.0,above\n", encoding="utf-8")
    text = refused(root, code=1)
    assert "error[row-check]" in text and text.count("line 2") + text.count("csv:2") == 1, text


def test_new_rows_of_another_format_cannot_be_appended(root: Path) -> None:
    """It was read as text of the other format: `A byte in line 1 of new.parquet cannot be read as utf-8`."""
    lines = [json.dumps({"x": 1.0, "y": 2.0, "side": "left"}), json.dumps({"x": 2.0, "y": 1.0, "side": "right"})]
    (root / "data" / "new.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = projects.run("update", "line", "--data", "data/new.jsonl", "--append", cwd=root)
    assert result.returncode == 3
    assert "error[mixed-formats]" in result.stderr
    assert "data/points.csv is csv and data/new.jsonl is jsonl" in result.stderr


def test_the_new_rows_may_follow_those_before(root: Path) -> None:
    result = projects.run("update", "line", "--data", "data/new.csv", "--append", "--like", "v1", "--version", "next", "--json", cwd=root)
    written = json.loads(result.stdout)
    assert not list(problems("update", written))
    assert not list(problems("plan", written["plan"]))
    assert written["rows"] == {"train": 90, "test": 30}
    assert written["files"] == ["data.yaml", "model.yaml"]
    assert "append: [{version: 2024-06}, {file: data/new.csv}], digest: " in (root / "data.yaml").read_text(encoding="utf-8")
    assert f"  next: {{dataset: points@{written['dataset_version']}}}\n" in (root / "model.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cells", "id", "message"),
    [
        ("-1.0,2.0,above", "data-contract", "data/new.csv:42"),
        ("much,2.0,above", "data-contract", "data/new.csv:42"),
        ("1.0,2.0,above,4", "", "data/new.csv"),
        ("1.0,2.0,abvoe", "split-impossible", '1 of 3 classes has only one row: "abvoe" (data/new.csv:42)'),
    ],
)
def test_data_that_break_the_contract_leave_every_file_as_it_was(root: Path, cells: str, id: str, message: str) -> None:
    before = files(root)
    with (root / "data" / "new.csv").open("a", encoding="utf-8") as file:
        file.write(cells + "\n")
    result = projects.run("update", "line", "--data", "data/new.csv", cwd=root)
    assert result.returncode == 1
    assert id in result.stderr
    assert message in result.stderr or message.replace(":42", " line 42") in result.stderr or "line 42" in result.stderr, result.stderr
    assert files(root) == before


def test_the_place_of_a_cell_is_said_once(root: Path) -> None:
    """Of one file and of several."""
    with (root / "data" / "new.csv").open("a", encoding="utf-8") as file:
        file.write("much,2.0,above\n")
    for more in ((), ("--append",)):
        stderr = projects.run("update", "line", "--data", "data/new.csv", *more, cwd=root).stderr
        assert ("error[data-contract]" in stderr, stderr.count("42")) == (True, 1), stderr


def test_a_column_that_the_version_before_reads_has_to_be_there(root: Path) -> None:
    before = files(root)
    lines = (root / "data" / "new.csv").read_text(encoding="utf-8").splitlines()
    (root / "data" / "new.csv").write_text("\n".join(line.replace("y", "other", 1) if not n else line for n, line in enumerate(lines)))
    result = projects.run("update", "line", "--data", "data/new.csv", cwd=root)
    assert result.returncode == 1
    assert "error[data-contract]" in result.stderr
    assert "the column y, which the version before learned, is not in the data" in result.stderr
    assert files(root) == before


def test_what_cannot_go_on_is_refused_before_anything_is_written(root: Path) -> None:
    projects.edit(root / "model.yaml", "algorithm: sgd", "algorithm: knn")
    projects.edit(root / "model.yaml", "alpha: 0.01", "n_neighbors: 3")
    before = files(root)
    result = projects.run("update", "line", "--data", "data/new.csv", "--warm-start", cwd=root)
    assert result.returncode == 3
    assert "error[cannot-continue]" in result.stderr
    assert files(root) == before


@pytest.mark.parametrize(
    ("arguments", "id"),
    [
        (["nothing", "--data", "data/new.csv"], "unknown-model"),
        (["line", "--data", "data/nothing.csv"], "missing-file"),
        (["line", "--data", "data/new.csv", "--version", "v1"], "usage"),
        (["line", "--data", "data/new.csv", "--dataset-version", "2024-06"], "usage"),
        (["line", "--data", "data/new.csv", "--like", "v9"], "unknown-version"),
        (["line", "--data", "../outside.csv"], "outside-project"),
        (["line", "--data", "data/new.xlsx"], "unknown-format"),
        (["line", "--data", "data/new.csv", "--version", "No Name"], "bad-name"),
    ],
)
def test_wrong_usage_is_told_in_one_line(root: Path, arguments: list[str], id: str) -> None:
    (root.parent / "outside.csv").write_text("x,y,side\n", encoding="utf-8")
    (root / "data" / "new.xlsx").write_text("x,y,side\n", encoding="utf-8")
    before = files(root)
    result = projects.run("update", *arguments, "--json", cwd=root)
    assert [one["id"] for one in json.loads(result.stdout)["diagnostics"]] == [id]
    assert files(root) == before


@pytest.mark.parametrize(
    ("last", "known", "expected"),
    [
        ("v3", ["v1", "v3"], "v4"),
        ("v3", ["v4", "v3"], "v5"),
        ("release-09", [], "release-10"),
        ("2024-06", ["2024-06"], "2026-01"),
        ("2024-06-30", [], "2026-01-31"),
        ("20240630", [], "20260131"),
        ("2024", [], "2026"),
        ("2026-01", ["2026-01"], "2026-01-2"),
        ("2026-01-2", ["2026-01", "2026-01-2"], "2026-01-3"),
        ("first", ["first"], "first-2"),
        ("first", ["first", "first-2"], "first-3"),
        ("7", ["7"], "8"),
    ],
)
def test_the_next_name_is_the_one_that_a_person_would_take(last: str, known: list[str], expected: str) -> None:
    assert next_name(last, known, "2026-01-31") == expected


def german(text: str, delimiter: str = ";") -> bytes:
    """The table as a German Excel writes it."""
    head, *rows = text.splitlines()
    cells = [row.split(",") for row in rows]
    lines = [
        delimiter.join([f"{float(x) + 0.5:.1f}".replace(".", ","), f"{float(y) + 0.25:.2f}".replace(".", ","), side])
        for x, y, side in cells
    ]
    return "\n".join([head.replace(",", delimiter), *lines, ""]).replace("above", "über").encode("cp1252")


def test_a_file_in_another_writing_is_read_as_the_hints_say(root: Path) -> None:
    """Each refusal names the option that gets further; the last call writes them beside the file."""
    (root / "data" / "new.csv").write_bytes(german(projects.points(40, 2)))
    projects.edit(root / "data.yaml", "columns:\n  x: {type: number, min: 0}\n", "")
    projects.edit(root / "data.yaml", ', delimiter: ","', "")
    words, before = ["update", "line", "--data", "data/new.csv"], files(root)
    for option in ("--encoding cp1252", "--decimal ,"):
        refused = projects.run(*words, cwd=root)
        assert (refused.returncode, files(root)) == (1, before), refused.stderr
        assert option in refused.stderr.replace('"', "").replace("'", ""), refused.stderr
        words += option.split()
    result = projects.run(*words, cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '{encoding: cp1252, decimal: ",", source: data/new.csv, digest:' in (root / "data.yaml").read_text(encoding="utf-8")
    # the brother: rows that are appended are read as those before them
    assert "leave out `--append`" in projects.run(*words, "--append", cwd=root).stderr
