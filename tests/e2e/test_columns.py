"""Dates, words and ignored columns as users meet them: over YAML, requests, input files, `show`, `explain` and `verify`."""

import csv
import json
import urllib.error
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from leptonctl import Failure, Project
from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.manifest import Manifest
from tests import projects
from tests.e2e import rows
from tests.test_output_schemas import problems as schema_problems

ROWS = 240
FORMAT = "%d.%m.%Y %H:%M"
YAML = """\
kind: Project
name: visits
---
kind: Dataset
name: visits
target: open
target_missing: drop
split: {{test: 0.25, time: when}}
columns:
  row: {{ignore: true}}
  when: {{type: datetime, format: "{form}", parts: [weekday, hour]}}
  member: {{type: boolean, when_true: [Ja], when_false: [Nein]}}
versions:
  first: {{source: visits.csv}}
---
kind: Model
name: opening
dataset: visits@first
task: classification
algorithm: decision_tree
versions: {{v1: {{}}, v2: {{features: [when.hour, member]}}}}
---
kind: Environment
name: dev
platform: {{type: server, port: {port}}}
models: {{opening: v1}}
"""


def cells(place: int) -> dict[str, str]:
    """One visit: the shop is open from 9 to 17 on weekdays, and for members at any time."""
    date, member = datetime(2024, 1, 1) + timedelta(hours=5 * place), place % 7 == 3
    is_open = member or (date.weekday() < 5 and 9 <= date.hour < 17)
    target = "" if place % 40 == 7 and place < ROWS else "y" if is_open else "n"
    return {"row": f"r{place}", "when": date.strftime(FORMAT), "member": "Ja" if member else "Nein", "open": target}


def write(file: Path, table: list[dict[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return file


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    root = tmp_path_factory.mktemp("visits")
    write(root / "visits.csv", [cells(place) for place in range(ROWS)])
    port = projects.free_port()
    (root / "leptonctl.yaml").write_text(YAML.format(form=FORMAT, port=port), encoding="utf-8")
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    yield SimpleNamespace(root=root, url=f"http://127.0.0.1:{port}/v2/models/opening", output=done.stdout)
    projects.stop_servers(root)


def asked(url: str, **columns: tuple[str, list]) -> dict:
    """The answer to a request, or its error."""
    inputs = [{"name": name, "datatype": kind, "shape": [len(data)], "data": data} for name, (kind, data) in columns.items()]
    try:
        return projects.ask(f"{url}/infer", {"inputs": inputs})
    except urllib.error.HTTPError as refused:
        assert refused.code == 400
        return json.loads(refused.read())


def labels(answer: dict) -> list[str]:
    return rows.outputs(json.dumps(answer).encode())["label"]


def test_requests_and_files_carry_texts(visits: SimpleNamespace) -> None:
    table = [cells(place) for place in range(ROWS, ROWS + 60)]
    when, member = [row["when"] for row in table], [row["member"] for row in table]
    answer = labels(asked(visits.url, when=("BYTES", when), member=("BYTES", [word.upper() for word in member])))
    assert answer == [row["open"] for row in table]
    booleans = [word == "Ja" for word in member]
    extra = {"row": ("BYTES", ["?"] * 60), "open": ("FP32", [0.5] * 60)}
    assert labels(asked(visits.url, member=("BOOL", booleans), **extra, when=("BYTES", when))) == answer
    # with and without the columns that nobody reads
    for name, left_out in (("whole.csv", ()), ("less.csv", ("row", "open"))):
        write(visits.root / name, [{k: v for k, v in row.items() if k not in left_out} for row in table])
        done = projects.run("predict", "dev/opening", "--input", name, "--json", cwd=visits.root)
        assert [r["label"] for r in json.loads(done.stdout)["predictions"]] == answer, done.stderr
    inputs = projects.ask(visits.url)["inputs"]
    assert [(i["name"], i["datatype"]) for i in inputs] == [("when", "BYTES"), ("member", "BOOL")]
    assert json.loads(projects.ask(visits.url)["parameters"]["formats"]) == {"when": FORMAT}
    assert json.loads(projects.ask(visits.url)["parameters"]["words"]) == {"member": {"true": ["Ja"], "false": ["Nein"]}}


def test_moments_of_python_are_read_whatever_the_format(visits: SimpleNamespace) -> None:
    """Of mappings and (brother) of a data frame; a missing one beside them stays missing."""
    table = [{**cells(place), "when": cells(place)["when"]} for place in range(ROWS, ROWS + 12)]
    typed = [{**row, "when": datetime.strptime(row["when"], FORMAT), "member": row["member"] == "Ja"} for row in table]
    project = Project.load(visits.root)
    expected = project.predict("opening@v1", table).labels
    assert project.predict("opening@v1", typed).labels == expected
    assert project.predict("opening@v1", pl.DataFrame(typed)).labels == expected
    with pytest.raises(Failure) as refused:
        project.predict("opening@v1", [typed[0], {**typed[1], "when": None}])
    assert "(row 2)" in refused.value.diagnostics[0].detail


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"when": ("BYTES", ["2024-01-01"]), "member": ("BOOL", [True])},
            'column "when", row 1: the value is not a date with a time in the',
        ),
        ({"when": ("BYTES", ["01.01.2024 10:00", None]), "member": ("BOOL", [True, True])}, 'column "when", row 2: the value is missing'),
        ({"when": ("BYTES", ["01.01.2024 10:00"]), "member": ("BYTES", ["Vielleicht"])}, 'column "member", row 1: the value is not one of'),
        (
            {"when": ("BYTES", ["01.01.2024 10:00"]), "member": ("BOOL", ["Ja"])},
            'column "member", row 1: expected a value of type boolean, not a string; its words "Ja", "Nein" have the datatype BYTES',
        ),
        ({"when": ("BYTES", ["01.01.2024 10:00"]), "member": ("BYTES", [""])}, 'column "member", row 1: the value is missing'),
        ({"when": ("FP32", [5]), "member": ("BOOL", [True])}, 'column "when" is of type string: datatype must be BYTES'),
        ({"when": ("BYTES", [5]), "member": ("BOOL", [True])}, 'column "when", row 1: the value is not a date'),
        ({"when.hour": ("FP32", [5]), "member": ("BOOL", [True])}, 'column "when.hour" does not exist; the model takes "when", "member"'),
        ({"member": ("BOOL", [True])}, 'column "when" is missing'),
    ],
)
def test_a_wrong_cell_is_named_and_not_quoted(visits: SimpleNamespace, columns: dict, message: str) -> None:
    error = asked(visits.url, **columns)["error"]
    assert error.startswith(message), error
    assert "Vielleicht" not in error


def test_an_input_file_with_a_wrong_date_names_its_line(visits: SimpleNamespace) -> None:
    table = [cells(place) for place in range(5)]
    table[3]["when"] = "31.02.2024 10:00"
    write(visits.root / "wrong.csv", table)
    done = projects.run("predict", "opening@v1", "--input", "wrong.csv", cwd=visits.root)
    assert done.returncode == 1
    assert 'column "when": 1 cell is not a date with a time in the format %d.%m.%Y %H:%M (line 5): "31.02.2024 10:00"' in done.stderr


def test_what_is_built_holds_the_texts_and_the_rule(visits: SimpleNamespace) -> None:
    shown = projects.state_of(visits.root)
    export = shown["results"][shown["current"]["model/opening@v2"]["digest"]]["artifacts"]
    manifest, golden = (projects.stored(visits.root, layout.artifact(export[n])).read_bytes() for n in ("manifest.json", "golden.json"))
    (date,) = decode(manifest, Manifest).dates
    # a model that takes one part needs no more of it
    assert (date.name, date.parts, date.format, date.zoned) == ("when", ("hour",), FORMAT, False)
    texts = json.loads(golden)["request"]["inputs"][0]
    assert texts["name"] == "when"
    assert all(datetime.strptime(text, FORMAT) for text in texts["data"])
    verified = projects.run("verify", "opening@v2", "--rebuild", cwd=visits.root)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_show_and_explain(visits: SimpleNamespace) -> None:
    assert "note[no-target]: Rows without a target are left out" in visits.output
    shown = projects.run("show", "visits@first", "--json", cwd=visits.root)
    found = json.loads(shown.stdout)
    assert schema_problems("show", found) == []
    data = found["dataset"]
    assert (data["left_out"], sum(data["rows"].values()), data["ignored"]) == (6, 234, ["row"])
    assert [(d["name"], d["parts"]) for d in data["dates"]] == [("when", ["weekday", "hour"])]
    text = projects.run("show", "visits@first", cwd=visits.root).stdout
    for words in ("6 without a target left out", "ignored   row", "when: datetime in %d.%m.%Y %H:%M, as weekday, hour", "when.hour"):
        assert words in text
    explained = projects.run("explain", "visits@first", cwd=visits.root).stdout
    assert "columns.when.parts" in explained
    assert "leptonctl.yaml:10" in explained


def test_an_edit_of_the_rule_is_another_package(visits: SimpleNamespace, tmp_path: Path) -> None:
    root = projects.copy_of(visits.root, tmp_path / "copy")
    config = root / "leptonctl.yaml"
    before = projects.run("plan", "--json", cwd=root)
    assert json.loads(before.stdout)["summary"]["keep"] == 4, before.stdout
    projects.edit(config, "when_true: [Ja]", "when_true: [Ja, Yes]")
    built = projects.run("build", "opening@v1", "--json", cwd=root)
    assert projects.finished(built)["exported"] == 1
    # a check is not part of it: nothing is built
    projects.edit(config, "when_true: [Ja, Yes]", "when_true: [Ja]")
    projects.edit(config, "parts: [weekday, hour]}", "parts: [weekday, hour], nullable: true}")
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert (plan["summary"]["prepare"], plan["summary"]["train"]) == (0, 0)
