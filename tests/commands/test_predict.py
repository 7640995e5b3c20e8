"""E15: `predict` as records, into a file of the form that its ending says, in parts, and never half a file. C1: the dataset's reading options."""

import csv
import json
import os
from pathlib import Path

import polars as pl
import pytest

from leptonctl.learning.scoring.predict import ROWS_AT_ONCE
from tests import projects
from tests.test_output_schemas import problems

HEAD = "x,y,color\n"


def rows_file(folder: Path, rows: int = 7, bad: int | None = None) -> Path:
    file = folder / "rows.csv"
    file.write_text(HEAD + "".join(f"{'oops' if i == bad else i % 10},{(i * 7) % 10},red\n" for i in range(rows)), encoding="utf-8")
    return file


def predict(root: Path, file: Path, *arguments: str, target: str = "line@v3") -> dict:
    result = projects.run("predict", target, "--input", str(file), *arguments, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def test_json_has_a_record_for_each_row(looking: Path, tmp_path: Path) -> None:
    file = rows_file(tmp_path)
    answer = predict(looking, file)
    assert (answer["rows"], answer["output"], answer["format"], answer["classes"]) == (7, None, "records", ["above", "below"])
    assert "text" not in answer
    for record in answer["predictions"]:
        assert set(record) == {"label", "probabilities"}
        assert record["label"] == max(record["probabilities"], key=record["probabilities"].get)
        assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    text = projects.run("predict", "line@v3", "--input", str(file), cwd=looking).stdout
    assert [row["label"] for row in csv.DictReader(text.splitlines())] == [r["label"] for r in answer["predictions"]]
    assert predict(looking, file, "--format", "csv")["text"] == text


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "OUT.PQ", "out.ndjson"])
def test_the_ending_says_the_form(looking: Path, tmp_path: Path, name: str) -> None:
    file = rows_file(tmp_path)
    labels = [r["label"] for r in predict(looking, file)["predictions"]]
    answer = predict(looking, file, "--output", str(tmp_path / name))
    assert (answer["rows"], answer["output"]) == (7, str(tmp_path / name))
    assert "predictions" not in answer
    written = tmp_path / name
    if name.lower().endswith((".parquet", ".pq")):
        frame = pl.read_parquet(written)
        assert (frame.columns, frame["label"].to_list()) == (["label", "probability_above", "probability_below"], labels)
        assert frame["probability_above"].dtype == pl.Float32
    elif name.endswith(".csv"):
        assert [row["label"] for row in csv.DictReader(written.read_text().splitlines())] == labels
    else:
        assert [json.loads(line)["label"] for line in written.read_text().splitlines()] == labels


def test_an_ending_that_says_nothing(looking: Path, tmp_path: Path) -> None:
    file = rows_file(tmp_path)
    result = projects.run("predict", "line@v3", "--input", str(file), "--output", str(tmp_path / "out.xls"), cwd=looking)
    assert (result.returncode, "error[unknown-format]" in result.stderr) == (1, True)
    assert predict(looking, file, "--output", str(tmp_path / "out.xls"), "--format", "csv")["format"] == "csv"
    result = projects.run("predict", "line@v3", "--input", str(file), "--format", "parquet", cwd=looking)
    assert (result.returncode, "error[usage]" in result.stderr) == (1, True)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_failure_in_the_last_part_leaves_the_old_file(looking: Path, tmp_path: Path, name: str) -> None:
    """The bad cell is in the second part: the first one is predicted already when it is reached."""
    file = rows_file(tmp_path, ROWS_AT_ONCE + 10, bad=ROWS_AT_ONCE + 5)
    target = tmp_path / "results" / name
    target.parent.mkdir()
    target.write_text("what was there before", encoding="utf-8")
    result = projects.run("predict", "line@v3", "--input", str(file), "--output", str(target), cwd=looking)
    assert result.returncode == 1
    assert f"line {ROWS_AT_ONCE + 7}" in result.stderr or f":{ROWS_AT_ONCE + 7}" in result.stderr
    assert target.read_text(encoding="utf-8") == "what was there before"
    assert os.listdir(target.parent) == [name]
    printed = projects.run("predict", "line@v3", "--input", str(file), cwd=looking)
    assert (printed.returncode, printed.stdout) == (1, "")


def test_parts_are_put_together_in_order(looking: Path, tmp_path: Path) -> None:
    rows = ROWS_AT_ONCE + 10
    answer = predict(looking, rows_file(tmp_path, rows), "--output", str(tmp_path / "o.csv"))
    assert answer["rows"] == rows
    lines = (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()
    assert (len(lines), sum(line.startswith("label") for line in lines)) == (rows + 1, 1)
    assert lines[1:11] == lines[ROWS_AT_ONCE + 1 :], "the rows repeat every ten"


def test_paths_are_relative_to_the_folder_of_minus_c(looking: Path, tmp_path: Path) -> None:
    """E13: as git and make do; also where -C comes after the command."""
    file = rows_file(looking.parent)
    for arguments in (["-C", "project", "predict", "line@v3"], ["predict", "-C", "project", "line@v3"]):
        result = projects.run(*arguments, "--input", "../rows.csv", "--output", f"../out{len(arguments[0])}.csv", cwd=looking.parent)
        assert result.returncode == 0, result.stderr
        assert (looking.parent / f"out{len(arguments[0])}.csv").exists()
    absolute = projects.run("-C", str(looking), "predict", "line@v3", "--input", str(file), cwd=tmp_path)
    assert absolute.returncode == 0


def test_the_reading_options_of_the_dataset_are_used(tmp_path: Path) -> None:
    """C1: the training file itself, with its encoding, delimiter and missing marker; flags override."""
    root = projects.tiny_project(tmp_path, models={"line": {"v1": "{}"}}, environments={})
    table = "x;y;größe;side\n" + "".join(f"{i % 9};{'?' if i % 8 == 0 else i % 7};{i % 3};{'ä' if i % 9 < 4 else 'b'}\n" for i in range(80))
    (root / "data" / "points.csv").write_bytes(table.encode("latin-1"))
    projects.edit(
        root / "data.yaml",
        "target: side\n",
        'target: side\nencoding: latin-1\ndelimiter: ";"\nmissing_values: ["?"]\ncolumns: {y: {type: number, missing: 0}}\n',
    )
    assert projects.run("build", cwd=root).returncode == 0
    answer = predict(root, root / "data" / "points.csv", target="line@v1")
    assert {r["label"] for r in answer["predictions"]} == {"ä", "b"}
    plain = root / "plain.csv"
    plain.write_text(table.replace(";", ",").replace("?", ""), encoding="utf-8")
    refused = projects.run("predict", "line@v1", "--input", str(plain), cwd=root)
    assert refused.returncode == 1
    other = predict(root, plain, "--encoding", "utf-8", "--delimiter", ",", target="line@v1")
    assert other["predictions"] == answer["predictions"]
    parquet = root / "plain.parquet"
    pl.read_csv(plain).write_parquet(parquet)
    assert predict(root, parquet, target="line@v1")["predictions"] == answer["predictions"], "another format has no use for them"


def test_what_is_declared_but_not_bound_is_not_predicted(looking: Path, tmp_path: Path) -> None:
    file = rows_file(tmp_path)
    unbound = projects.run("predict", "dev/line", "--input", str(file), cwd=looking)
    assert unbound.returncode == 1
    assert unbound.stdout == ""
    assert "error[not-bound]" in unbound.stderr
    assert "leptonctl predict line@v2" in unbound.stderr
    whole = projects.run("predict", "dev", "--input", str(file), cwd=looking)
    assert whole.returncode != 0
    assert "name one: dev/line" in whole.stderr


def test_an_input_written_otherwise_has_the_option_in_the_hint(looking: Path, tmp_path: Path) -> None:
    """Numbers with a decimal comma where the version learned points."""
    file = tmp_path / "comma.csv"
    file.write_text(HEAD.replace(",", ";") + "1,5;2,25;red\n3,5;4,25;red\n", encoding="utf-8")
    refused = projects.run("predict", "line@v3", "--input", str(file), "--delimiter", ";", cwd=looking)
    assert (refused.returncode, '`--decimal ","`; or correct the rows' in refused.stderr) == (1, True), refused.stderr


def test_hints_about_the_input_name_options_not_yaml(looking: Path, tmp_path: Path) -> None:
    """C1's brother: no YAML is about the input file."""
    files = {
        "bad-encoding": HEAD.encode() + b"1,2,r\xe9d\n",
        "data-contract": (HEAD + "1,2,red\n?,2,red\n").encode(),
        "empty-data": b"",
    }
    hints = {"bad-encoding": "--encoding", "data-contract": "--missing-value", "empty-data": "complete"}
    for name, data in files.items():
        file = tmp_path / f"{name}.csv"
        file.write_bytes(data)
        refused = projects.run("predict", "line@v3", "--input", str(file), cwd=looking)
        assert refused.returncode == 1
        assert f"error[{name}]" in refused.stderr
        hint = next(line for line in refused.stderr.splitlines() if "hint:" in line)
        assert hints[name] in hint
        assert "under `" not in hint
        assert "`source`" not in hint
        assert refused.stderr.count("line 3") <= 1
        assert ("(line 3)" in refused.stderr) <= (f"{file.name}:3" not in refused.stderr)


def test_consent_is_asked_for_as_it_can_be_given(looking: Path) -> None:
    """A saved plan is a consent for `apply` alone."""
    assert "plan --out" in projects.run("apply", cwd=looking).stderr
    adopted = projects.run("state", "adopt", "--copy", cwd=looking)
    for result in (projects.run("purge", "points@first", cwd=looking), adopted):
        assert "plan --out" not in result.stderr


def test_the_id_leads_every_form_of_the_output(tmp_path: Path) -> None:
    """And (brother) a file without the id column is predicted as before."""
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{features: [x, y]}"}}, {})
    lines = projects.points().splitlines()
    rows = [f"p{number},{line}" for number, line in enumerate(lines[1:])]
    (root / "data" / "points.csv").write_text("\n".join([f"person,{lines[0]}", *rows]) + "\n", encoding="utf-8")
    projects.edit(root / "data.yaml", "target: side\n", "target: side\nid: person\ncolumns: {x: {type: number, max: 9}}\n")
    refused = projects.run("build", cwd=root)
    assert "data-contract" in refused.stdout + refused.stderr, "the range is the data's too"
    projects.edit(root / "data.yaml", "max: 9", "max: 10")
    assert projects.run("build", cwd=root).returncode == 0
    file = tmp_path / "new.csv"
    file.write_text("y,person,x\n1,ann,2\n2,bob,12\n3,,-4\n4,007,11\n", encoding="utf-8")
    answer = predict(root, file, target="line@v1")
    assert [next(iter(record.items())) for record in answer["predictions"]] == [("id", i) for i in ("ann", "bob", None, "007")]
    assert answer["outside"] == {"x": 2}
    assert problems("predict", answer) == []
    result = projects.run("predict", "line@v1", "--input", str(file), cwd=root)
    assert result.stdout.splitlines()[0] == "person,label,probability_above,probability_below"
    assert [line.split(",")[0] for line in result.stdout.splitlines()[1:]] == ["ann", "bob", "", "007"]
    assert "2 of 4 rows are outside the declared range of x" in result.stderr
    for name in ("out.parquet", "out.jsonl"):
        predict(root, file, "--output", str(tmp_path / name), target="line@v1")
    frame = pl.read_parquet(tmp_path / "out.parquet")
    assert (frame.columns[0], frame["person"].to_list()) == ("person", ["ann", "bob", None, "007"])
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()] == frame[
        "person"
    ].to_list()
    file.write_text("y,x\n1,2\n", encoding="utf-8")
    (record,) = predict(root, file, target="line@v1")["predictions"]
    assert set(record) == {"label", "probabilities"}


def test_the_output_is_never_what_is_read(looking: Path, tmp_path: Path) -> None:
    """Law 4: the input, declared data, the configuration, the state and the store, under any name of theirs."""
    file = rows_file(tmp_path)
    link, hard = tmp_path / "link.csv", tmp_path / "hard.csv"
    link.symlink_to(file)
    os.link(file, hard)
    data, config = looking / "points.csv", looking / "leptonctl.yaml"
    (looking / "config.csv").symlink_to(config)
    artifact = next(path for path in (looking / ".leptonctl").rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in (file, data, config, artifact)}
    for output in (file, link, hard, data, looking / "config.csv", looking / ".leptonctl" / "new.csv", artifact, config):
        result = projects.run("predict", "line@v3", "--input", str(file), "--output", str(output), "--format", "csv", "--json", cwd=looking)
        assert result.returncode == 1, output
        assert json.loads(result.stdout)["diagnostics"][0]["id"] == "overwrites-input", output
    for output in (data, config):
        result = projects.run("plan", "--out", str(output), "--json", cwd=looking)
        assert json.loads(result.stdout)["diagnostics"][0]["id"] == "overwrites-input", output
    assert {path: path.read_bytes() for path in before} == before
    (looking / "config.csv").unlink()
    (tmp_path / "out.csv").write_text("old", encoding="utf-8")
    assert predict(looking, file, "--output", str(tmp_path / "out.csv"))["rows"] == 7, "what is not read may be replaced"


def test_an_environment_that_binds_one_model_answers_by_its_name(looking: Path, tmp_path: Path) -> None:
    root, file = projects.copy_of(looking, tmp_path / "copy"), rows_file(tmp_path)
    yaml = root / "leptonctl.yaml"
    projects.edit(yaml, "{type: server, host", "{type: server, run: elsewhere, host")
    projects.edit(yaml, "gates: {log_loss: {max: 0.9}, accuracy: {min: 0.999}, f1: {max_drop: 0.2}, flips: {max: 0.5}}\n", "")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    answer = predict(root, file, target="dev")
    assert answer["predictions"] == predict(root, file, target="dev/line")["predictions"]
    # the brother: of two models, one has to be named
    model = yaml.read_text(encoding="utf-8").split("---\n")[2].replace("name: line", "name: twin")
    projects.edit(yaml, "{line: v2}", "{line: v2, twin: v2}")
    yaml.write_text(yaml.read_text(encoding="utf-8") + "---\n" + model, encoding="utf-8")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    refused = projects.run("predict", "dev", "--input", str(file), cwd=root)
    assert (refused.returncode, "name one: dev/line or dev/twin" in refused.stderr) == (1, True), refused.stderr


def test_a_cell_that_is_missing_is_to_be_filled(looking: Path, tmp_path: Path) -> None:
    """No text means missing there: the cell is empty. Text that is not a number is something else."""
    for cell, hint in (("", "fill the cells; or predict with a version"), ("oops", "--missing-value TEXT")):
        file = tmp_path / "rows.csv"
        file.write_text(f"{HEAD}1,2,red\n{cell},2,red\n", encoding="utf-8")
        refused = projects.run("predict", "line@v3", "--input", str(file), cwd=looking)
        assert (refused.returncode, hint in refused.stderr) == (1, True), refused.stderr
