"""Tables as people write them, through YAML and the command line: a German export with a title line, and a file without header."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests import projects

GERMAN = """\
kind: Dataset
name: points
target: seite
encoding: cp1252
decimal: ","
thousands: "."
skip_rows: 1
missing_values: ["k.A."]
columns: {x: {type: number, missing: 0}, größe: {type: number, missing: 0}}
versions:
  first: {source: data/points.csv}
  bare: {source: data/bare.csv, encoding: null, skip_rows: null, header: [x, größe, seite]}
"""
MODELS = """\
kind: Model
name: line
dataset: points@first
task: classification
algorithm: logistic_regression
versions:
  v1: {}
  v2: {dataset: points@bare}
"""


def rows(place: int) -> tuple[str, str, str]:
    return f"1.{place:03},{place % 7}", "k.A." if place % 9 == 0 else f"{place % 7},5", "süd" if place % 7 < 3 else "nord"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("german")
    (folder / "data").mkdir()
    (folder / "leptonctl.yaml").write_text("kind: Project\nname: german\nformat: 1\n", encoding="utf-8")
    (folder / "data.yaml").write_text(GERMAN, encoding="utf-8")
    (folder / "model.yaml").write_text(MODELS, encoding="utf-8")
    text = "".join(";".join(rows(place)) + "\r\n" for place in range(80))
    (folder / "data" / "points.csv").write_bytes(('Auszug "Mai\r\nx;größe;seite\r\n' + text).encode("cp1252"))
    (folder / "data" / "bare.csv").write_text(text, encoding="utf-8")
    done = projects.run("apply", "--yes", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def predicted(root: Path, target: str, file: Path, *options: str) -> list[dict]:
    done = projects.run("predict", target, "--input", str(file), *options, "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["predictions"]


def test_one_table_in_two_writings_gives_one_model(root: Path) -> None:
    """A header in the file and one in the YAML, two encodings: the rows are the same, so the second version is trained only once."""
    results = projects.state_of(root)["current"]
    first, second = (results[f"model/line@{version}"] for version in ("v1", "v2"))
    assert first["package"] == second["package"]


def test_predict_reads_a_file_as_the_dataset_was_read(root: Path, tmp_path: Path) -> None:
    """C1's brothers: every option; flags override; a file without header may lack the target."""
    answers = predicted(root, "line@v1", root / "data" / "points.csv")
    assert {answer["label"] for answer in answers} == {"süd", "nord"}
    assert predicted(root, "line@v2", root / "data" / "bare.csv") == answers
    features = tmp_path / "features.csv"
    features.write_text("".join(";".join(rows(place)[:2]) + "\n" for place in range(80)), encoding="utf-8")
    assert predicted(root, "line@v2", features) == answers
    english = tmp_path / "english.csv"
    cells = ("".join(",".join(c.replace(".", "").replace(",", ".").replace("kA", "") for c in rows(i)) + "\n") for i in range(80))
    english.write_text("x,größe,seite\n" + "".join(cells), encoding="utf-8")
    flags = ["--encoding", "utf-8", "--decimal", ".", "--thousands", ",", "--skip-rows", "0"]
    assert predicted(root, "line@v1", english, *flags) == answers
    assert predicted(root, "line@v2", english, "--decimal", ".", "--thousands", ",", "--header") == answers
    wide = tmp_path / "wide.csv"
    wide.write_text("1;2;3;4\n", encoding="utf-8")
    refused = projects.run("predict", "line@v2", "--input", str(wide), cwd=root)
    assert refused.returncode == 1
    assert "error[header-width]" in refused.stderr
    assert "--header" in refused.stderr


def test_names_by_position_and_a_header_in_another_order(root: Path, tmp_path: Path) -> None:
    """A file with swapped columns and right names was predicted with each in the other's place, and appended without a word."""
    file = tmp_path / "swapped.csv"
    lines = "".join(f"{size};{x};{side}\n" for x, size, side in map(rows, range(20)))
    file.write_text("größe;x;seite\n" + lines, encoding="utf-8")
    refused = projects.run("predict", "line@v2", "--input", str(file), "--skip-rows", "1", cwd=root)
    assert refused.returncode == 1
    assert "error[header-order]" in refused.stderr
    assert '"x" is column 2 and not 1' in refused.stderr
    assert len(predicted(root, "line@v2", file, "--header")) == 20


def test_a_file_in_utf_8_is_not_read_as_another_encoding(root: Path, tmp_path: Path) -> None:
    """Each byte is a letter of cp1252: `süd` became `sÃ¼d`, a class of its own."""
    file = tmp_path / "utf8.csv"
    file.write_text("title\nx;g;seite\n1;2;nord\n1,5;2;süd\n", encoding="utf-8")
    refused = projects.run("predict", "line@v1", "--input", str(file), cwd=root)
    assert refused.returncode == 1
    assert "error[bad-encoding]" in refused.stderr
    assert "line 4" in refused.stderr
    assert "`--encoding utf-8` is likely" in refused.stderr


def test_an_option_of_predict_is_never_half_of_another_writing(root: Path, tmp_path: Path) -> None:
    """The dataset's thousands separator does not count where the input has it as decimal separator; two equal ones are refused, as in YAML."""
    english = tmp_path / "english.csv"
    english.write_text("x,größe\n1003.5,2.5\n1.5,6.25\n", encoding="utf-8")
    flags = ["--encoding", "utf-8", "--skip-rows", "0", "--delimiter", ",", "--decimal", "."]
    right = predicted(root, "line@v1", english, *flags, "--thousands", ",")
    assert predicted(root, "line@v1", english, *flags) == right
    german = tmp_path / "german.csv"
    german.write_text("x;größe\n1003,5;2,5\n1,5;6,25\n", encoding="utf-8")
    assert predicted(root, "line@v1", german, *flags[:4]) == right
    for more in (["--thousands", ","], ["--decimal", ".", "--thousands", "."]):
        refused = projects.run("predict", "line@v1", "--input", str(german), *flags[:4], *more, cwd=root)
        assert (refused.returncode, "error[same-separator]" in refused.stderr, "--" in refused.stderr.partition("hint:")[2]) == (
            1,
            True,
            True,
        )


def test_what_means_missing_is_missing_in_every_format(root: Path, tmp_path: Path) -> None:
    cells = {"x": [1003.5, 1.5], "größe": ["k.A.", "k.A."]}
    (tmp_path / "t.csv").write_bytes("title\nx;größe\n1003,5;k.A.\n1,5;k.A.\n".encode("cp1252"))
    pl.DataFrame(cells).write_ndjson(tmp_path / "t.jsonl")
    pl.DataFrame({**cells, "größe": [-999.0, -999.0]}).write_parquet(tmp_path / "t.parquet")
    right = predicted(root, "line@v1", tmp_path / "t.csv")
    assert predicted(root, "line@v1", tmp_path / "t.jsonl") == right
    assert predicted(root, "line@v1", tmp_path / "t.parquet", "--missing-value", "-999") == right
    assert predicted(root, "line@v1", tmp_path / "t.parquet") != right, "it is a number where nothing says otherwise"


def test_an_input_without_header_where_the_dataset_has_one(root: Path, tmp_path: Path) -> None:
    answers = predicted(root, "line@v1", root / "data" / "points.csv")
    bare = (root / "data" / "bare.csv").read_text(encoding="utf-8")
    for name, text in (("whole", bare), ("features", "\n".join(line.rpartition(";")[0] for line in bare.splitlines()))):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        flags = ["--no-header", "--skip-rows", "0", "--encoding", "utf-8"]
        assert predicted(root, "line@v1", tmp_path / f"{name}.csv", *flags) == answers, name
    (tmp_path / "wide.csv").write_text("1;2;3;4\n", encoding="utf-8")
    refused = projects.run("predict", "line@v1", "--input", str(tmp_path / "wide.csv"), "--no-header", "--skip-rows", "0", cwd=root)
    assert (refused.returncode, "the training file has 3" in refused.stderr) == (1, True), refused.stderr


def test_another_writing_of_the_same_rows_trains_nothing(root: Path) -> None:
    """C9: blank lines, other line ends, another encoding and a bare number for a grouped one are prepared again, and adopted."""
    file = root / "data" / "points.csv"
    before = file.read_bytes()
    text = before.decode("cp1252").replace("\r\n", "\n\n").replace('"Mai\n\n', '"Mai\n').replace("1.001,1", "1001,1")
    file.write_bytes(text.encode("cp1252"))
    try:
        finished = projects.finished(projects.run("apply", "--yes", "--json", cwd=root))
        plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    finally:
        file.write_bytes(before)
    assert (finished["prepared"], finished["trained"], finished["exported"], finished["failed"]) == (1, 0, 0, 0)
    assert plan["summary"]["train"] == 0


@pytest.mark.parametrize(
    ("old", "new", "problem", "line"),
    [
        ('thousands: "."', 'thousands: ","', "same-separator", 6),
        ('decimal: ","\n', "", "same-separator", 5),
        ("encoding: cp1252", "encoding: base64", "unknown-encoding", 4),
        ("encoding: cp1252", "encoding: klingon", "unknown-encoding", 4),
        ('decimal: ","', 'decimal: ";"', "not-allowed", 5),
        ("skip_rows: 1", "skip_rows: -1", "out-of-range", 7),
        ('missing_values: ["k.A."]', "missing_values: {only: x}", "wrong-type", 8),
        ("header: [x, größe, seite]", "header: []", None, 12),
    ],
)
def test_options_that_cannot_be_are_refused_at_their_line(root: Path, tmp_path: Path, old: str, new: str, problem: str, line: int) -> None:
    (tmp_path / "data").mkdir()
    for name in ("leptonctl.yaml", "data.yaml", "data/points.csv", "data/bare.csv"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    projects.edit(tmp_path / "data.yaml", old, new)
    done = projects.run("validate", "--json", cwd=tmp_path)
    assert done.returncode == 3
    found = {(d["id"], d["line"]) for d in json.loads(done.stdout)["diagnostics"] if d["severity"] == "error"}
    assert (problem, line) in found or (problem is None and line in {at for _, at in found}), found


def test_a_file_that_does_not_fit_its_options_is_named_with_its_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("leptonctl.yaml", "data.yaml", "data/points.csv", "data/bare.csv"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "data.yaml").write_text(GERMAN.replace("encoding: cp1252\n", ""), encoding="utf-8")
    (tmp_path / "model.yaml").write_text(MODELS, encoding="utf-8")
    done = projects.run("build", "points@first", cwd=tmp_path)
    assert done.returncode == 1
    for part in ("error[bad-encoding]", "line 2 of points.csv", "`encoding: cp1252`"):
        assert part in done.stdout + done.stderr
    pl.DataFrame({"x": [1.0], "größe": [2.0], "seite": ["süd"]}).write_parquet(tmp_path / "rows.parquet")
    assert predicted(root, "line@v1", tmp_path / "rows.parquet")[0]["label"] in ("süd", "nord"), "another format has no use for the options"


def test_a_text_is_the_same_number_in_every_format(root: Path, tmp_path: Path) -> None:
    """`1.003` is a thousand and three in the dataset, so it is in JSON Lines and Parquet; their numbers are numbers."""
    (tmp_path / "rows.csv").write_text("Mai\nx;größe;seite\n1.003;2,5;süd\n1.003,0;2,5;süd\n", encoding="cp1252")
    wanted = predicted(root, "line@v1", tmp_path / "rows.csv")
    # brother: a number of JSON stays one where other cells of its column are text
    lines = ['{"x": "1.003", "größe": "2,5"}', '{"x": 1003.0, "größe": 2.5}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pl.DataFrame({"x": ["1.003", "1.003,0"], "größe": [2.5, 2.5]}).write_parquet(tmp_path / "rows.parquet")
    for name in ("rows.jsonl", "rows.parquet"):
        assert predicted(root, "line@v1", tmp_path / name) == wanted, name
    done = projects.run("predict", "line@v1", "--input", str(tmp_path / "rows.parquet"), "--decimal", ".", cwd=root)
    assert done.returncode == 1, "`1.003,0` is not a number with a decimal point"
