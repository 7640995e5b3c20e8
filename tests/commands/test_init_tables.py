"""C1 to C8 and C12: `init` reads a table as a colleague would, and writes only what changes the rows that are read."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from leptonctl.commands.editing.init_yaml import FirstProject, first_yaml, gate
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Failure
from leptonctl.kinds.dataset.version import datasets
from leptonctl.learning.findings.findings import Findings, Wishes
from leptonctl.learning.findings.observe import observe
from leptonctl.learning.steps import prepare
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench
from tests import projects
from tests.learning.test_prepare import Shelf
from tests.test_output_schemas import problems

Cell = Callable[[int], object]
COUNT = 60


def number(i: int) -> str:
    return f"{(i * 37 % 101) / 4 + 1}"


def label(i: int) -> str:
    return "no" if i * 37 % 101 < 45 + i % 7 else "yes"


def rows(header: str, *cells: Cell, delimiter: str = ",", count: int = COUNT) -> str:
    lines = [delimiter.join(str(cell(i)) for cell in cells) for i in range(count)]
    return "\n".join([*([header] if header else []), *lines]) + "\n"


def found(folder: Path, content: str | bytes, wishes: Wishes | None = None, name: str = "t.csv") -> Findings:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    source = load_catalog().source_for(name)
    assert source is not None
    return observe(folder / name, source, wishes or Wishes())


def yaml_of(findings: Findings, name: str = "t.csv") -> str:
    return first_yaml(findings, FirstProject(name="t", path=name, port=1, gate=gate(findings)))


def dataset(findings: Findings) -> list[str]:
    """The lines of the Dataset between target and versions, without comments."""
    text = yaml_of(findings)
    block = text[text.index("target: ") : text.index("versions:")]
    return [re.sub(r"\s+# .*", "", line) for line in block.splitlines()]


READ: dict[str, tuple[str | bytes, list[str]]] = {
    "plain": (rows("x,y", number, label), []),
    "Latin-1": (rows("größe;y", number, label, delimiter=";").encode("latin-1"), ["encoding: cp1252"]),
    "a euro sign of Windows": (
        rows("preis;x;y", lambda i: f"{i},25 €", number, label, delimiter=";").encode("cp1252"),
        ["encoding: cp1252", "columns:", "  preis: {ignore: true}"],
    ),
    "DOS": (rows("größe;ort;y", number, lambda i: ("Köln", "Fürth")[i % 2], label, delimiter=";").encode("cp850"), ["encoding: cp850"]),
    "UTF-16": (rows("größe,y", number, label).encode("utf-16"), ["encoding: utf-16"]),
    "Cyrillic": (rows("размер,цвет,y", number, lambda i: ("красный", "синий")[i % 2], label).encode("cp1251"), ["encoding: cp1251"]),
    "decimal comma": (rows("x;y", lambda i: f"{i % 17},5", label, delimiter=";"), ['decimal: ","']),
    "a decimal comma in each row, and a header without": (
        rows("am;x;y", lambda i: f"{i % 17},25", lambda i: f"{i % 19},5", lambda i: f"{i * 37 % 101},5", delimiter=";", count=600),
        ['decimal: ","'],
    ),
    "German groups": (rows("x;y", lambda i: f"{i + 1}.250,5", label, delimiter=";"), ['decimal: ","', 'thousands: "."']),
    "German groups alone": (
        rows("am;x;y", lambda i: f"{i % 28 + 1:02}.03.2024", lambda i: f"{i + 1}.250", label, delimiter=";"),
        ['decimal: ","', 'thousands: "."', "columns:", '  am: {type: date, format: "%d.%m.%Y", parts: [weekday]}'],
    ),
    "German groups from five digits on": (
        rows("x;y", lambda i: f"{i}.250" if i > 9 else f"{i + 1}250", label, delimiter=";"), ['decimal: ","', 'thousands: "."'],
    ),
    "fractions of three digits": (rows("x;y", lambda i: f"{i + 1}.250", label, delimiter=";"), []),
    "French groups": (rows("x;y", lambda i: f"{i + 1}\u00a0250,5", label, delimiter=";"), ['decimal: ","', 'thousands: " "']),
    "US groups": (rows("x,y", lambda i: f'"{i + 1},250"', label), ['thousands: ","']),
    "US groups and a fraction": (rows("x,y", lambda i: f'"{i + 1},250.5"', label), ['thousands: ","']),
    "Swiss groups": (rows("x;y", lambda i: f"{i + 1}'250.5", label, delimiter=";"), ["thousands: \"'\""]),
    "no header": (rows("", number, label), ["header: false"]),
    "no header, only words": (rows("", lambda i: ("red", "blue")[i % 2], label), ["header: false"]),
    "pandas without names": (rows("0,1", number, label), []),
    "years as names": (rows("land,1990,1991,y", lambda i: "ab"[i % 2], number, lambda i: i % 9, label), []),
    "years as names after an index": (
        rows(",land,1990,1991,y", lambda i: i, lambda i: "ab"[i % 2], number, lambda i: i % 9, label),
        ['header: ["index", "land", "1990", "1991", "y"]', "skip_rows: 1", "columns:", "  index: {ignore: true}"],
    ),
    "a title": (rows("Report\n\nof the year\nx,z,y", number, number, label), ["skip_rows: 3"]),
    "a padded title": (rows("Report,,\nx,z,y", number, number, label), ["skip_rows: 1"]),
    "units below the header": (rows("x,z,y\nkg,cm,", number, lambda i: i % 7, label), ['header: ["x", "z", "y"]', "skip_rows: 2"]),
    "two levels": (rows("Body,,Class\nx,z,y", number, lambda i: i % 7, label), ["skip_rows: 1"]),
    "a name twice": (rows("x,x,y", number, lambda i: i % 7, label), ['header: ["x", "x_2", "y"]', "skip_rows: 1"]),
    "pandas index": (
        rows(",x,y", lambda i: i, number, label),
        ['header: ["index", "x", "y"]', "skip_rows: 1", "columns:", "  index: {ignore: true}"],
    ),
    "pandas index read again": (rows("Unnamed: 0,x,y", lambda i: i, number, label), ["columns:", '  "Unnamed: 0": {ignore: true}']),
    "names of rows without a name": (
        rows("x,z,y", lambda i: i + 1, number, lambda i: i % 7, label),
        ['header: ["index", "x", "z", "y"]', "skip_rows: 1", "columns:", "  index: {ignore: true}"],
    ),
    "names of rows that are words": (
        rows("x,z,y", lambda i: f"car {i}", number, lambda i: i % 7, label),
        ['header: ["index", "x", "z", "y"]', "skip_rows: 1", "columns:", "  index: {ignore: true}"],
    ),
    "a delimiter at the end of each row": (
        rows("x,z,y", number, lambda i: i % 7, label, lambda i: ""),
        ['header: ["x", "z", "y", "column_4"]', "skip_rows: 1", "columns:", "  column_4: {ignore: true}"],
    ),
    "ids": (
        rows("RowNumber,CustomerId,Surname,x,y", lambda i: i + 1, lambda i: 156 + i * 37 % 101, lambda i: f"N{i % 58}", number, label),
        ["id: CustomerId", "columns:", "  RowNumber: {ignore: true}", "  Surname: {ignore: true}"],
    ),
    "an id by another name": (rows("Kunden-Nr.,x,y", lambda i: f"K{i:03}", number, label), ['id: "Kunden-Nr."']),
    "a count of rows": (rows("lauf,x,y", lambda i: i + 1, number, label), ["columns:", "  lauf: {ignore: true}"]),
    "times in order are no ids": (rows("year,x,y", lambda i: i + 1960, number, label), []),
    "question marks beside numbers": (rows("x,y", lambda i: "?" if i % 9 == 0 else number(i), label), ['missing_values: ["?"]']),
    "words for missing": (rows("x,y", lambda i: "k.A." if i % 9 == 0 else number(i), label), ['missing_values: ["k.A."]']),
    "spreadsheet errors": (rows("x,y", lambda i: "#DIV/0!" if i % 9 == 0 else number(i), label), ['missing_values: ["#DIV/0!"]']),
    "built-in markers need nothing": (rows("x,y", lambda i: "#N/A" if i % 9 == 0 else number(i), label), []),
    "a typing error": (rows("x,y", lambda i: "about 5" if i == 7 else number(i), label), ['missing_values: ["about 5"]']),
    "dashes among dates": (
        rows("am,x,y", lambda i: "-" if i % 9 == 0 else f"2024-03-{i % 28 + 1:02}", number, label),
        ['missing_values: ["-"]', "columns:", "  am: {type: date, parts: [weekday]}"],
    ),
    "days of eight digits": (
        rows("am,x,y", lambda i: f"2024{i % 12 + 1:02}{i % 28 + 1:02}", number, label),
        ["columns:", '  am: {type: date, format: "%Y%m%d", parts: [month, weekday]}'],
    ),
    "eight digits that are no days": (rows("am,x,y", lambda i: 20240100 + i * 37, number, label), []),
    "days of eight digits are no target": (
        rows("x,y,am", number, label, lambda i: f"2024{i % 12 + 1:02}{i % 28 + 1:02}"),
        ["columns:", '  am: {type: date, format: "%Y%m%d", parts: [month, weekday]}'],
    ),
    "rows without target": (rows("x,y", number, lambda i: "" if i % 9 == 0 else label(i)), ["target_missing: drop"]),
    "a target that is NA": (
        rows("x,y", number, lambda i: "NA" if i % 9 == 0 else label(i)),
        ["target_missing: drop", 'missing_values: ["NA"]'],
    ),
    "usual words": (rows("a,x,y", lambda i: ("Yes", "No")[i % 3 == 0], number, label), ["columns:", "  a: {type: boolean}"]),
    "German words": (
        rows("a,x,y", lambda i: ("Ja", "Nein")[i % 3 == 0], number, label),
        ["columns:", '  a: {when_true: ["Ja"], when_false: ["Nein"]}'],
    ),
    "two other words": (rows("a,x,y", lambda i: ("red", "blue")[i % 3 == 0], number, label), []),
    "a date of two readings": (
        rows("d,x,y", lambda i: f"{i % 12 + 1:02}/{i * 5 % 12 + 1:02}/2024", number, label),
        ["columns:", '  d: {type: date, format: "%m/%d/%Y", parts: [month, weekday]}'],
    ),
    "another column tells the order": (
        rows("d,e,x,y", lambda i: f"{i % 12 + 1:02}/{i * 5 % 12 + 1:02}/2024", lambda i: f"{i % 28 + 1:02}/03/2024", number, label),
        ["columns:", '  d: {type: date, format: "%d/%m/%Y", parts: [month, weekday]}', '  e: {type: date, format: "%d/%m/%Y", parts: [weekday]}'],
    ),
    "one value, and none": (rows("a,b,x,y", lambda _: 7, lambda _: "", number, label), ["columns:", "  a: {ignore: true}", "  b: {ignore: true}"]),
    "cells that only rows without target lack": (
        rows("x,z,y", lambda i: "" if i % 9 == 0 else number(i), lambda i: i % 7, lambda i: "" if i % 9 == 0 else label(i)),
        ["target_missing: drop", "columns:", "  x: {nullable: true}"],
    ),
    "a class of one row": (rows("x,y", number, lambda i: "one" if i == 5 else label(i)), ["split: {stratify: false}"]),
    "more classes than test rows": ("colour,y\nred,1\nblue,0\ngreen,1\nred,0\n", ["split: {stratify: false}"]),
    "numbers beyond 32 bits": (rows("a,x,y", lambda i: f"{i}e300", number, label), ["columns:", "  a: {ignore: true}"]),
    "percents": (rows("p,x,y", lambda i: f"{number(i)}%", number, label, count=150), ["columns:", "  p: {ignore: true}"]),
    "zip codes": (rows("zip,x,y", lambda i: f"0{1060 + i % 9}", number, label), []),
    "a leak": (rows("code,x,y", lambda i: int(label(i) == "yes"), number, label), ["columns:", "  code: {ignore: true}"]),
    "a leak in other units": (
        rows("eur,x,usd", number, lambda i: i * 37 % 11, lambda i: float(number(i)) * 1.5),
        ["columns:", "  eur: {ignore: true}"],
    ),
    "classes as pandas writes them beside a gap": (
        rows("x,y", number, lambda i: "" if i == 3 else float(label(i) == "yes")),
        ["target_missing: drop", "columns:", "  y: {type: integer}"],
    ),
    "names that YAML could misread": (
        rows('"a: b","#c",null,y', lambda i: ("Yes", "No")[i % 3 == 0], lambda _: 7, number, label),
        ["columns:", '  "a: b": {type: boolean}', '  "#c": {ignore: true}'],
    ),
}  # fmt: skip


def rows_of(root: Path, task: str) -> object:
    """What `prepare` makes of the project's dataset: the contract and the rows; or why it fails."""
    try:
        (one,) = datasets(Session.open(root).declarations).values()
        inputs = json.loads(json.dumps(one.prepare(stratify=task == "classification").inputs))
        bench = Bench(project=root, artifacts=Shelf(), progress=lambda **_: None, check_key=lambda *_: True)
        outputs = prepare.run(inputs, {}, bench).outputs
    except (Failure, ProviderError) as problem:
        return type(problem).__name__
    return outputs["contract"], outputs["rows_digest"]


@pytest.mark.parametrize("name", READ)
def test_what_is_written_and_only_that(tmp_path: Path, name: str) -> None:
    """These lines are written; and, a property: without one of them other rows are read, or none."""
    content, lines = READ[name]
    findings = found(tmp_path, content)
    _, *written = dataset(findings)
    assert [line.replace('  "y": ', "  y: ") for line in written] == lines
    text, config = yaml_of(findings), tmp_path / "leptonctl.yaml"
    config.write_text(text, encoding="utf-8")
    whole = rows_of(tmp_path, findings.task)
    assert isinstance(whole, tuple)
    block = text[text.index("target: ") : text.index("versions:")].splitlines()
    for line in (line for line in block if not line.startswith(("target: ", "columns:"))):
        config.write_text(re.sub(r"columns:\n(?!  )", "", text.replace(f"{line}\n", "", 1)), encoding="utf-8")
        assert rows_of(tmp_path, findings.task) != whole, line


def test_its_options_and_files_of_other_kinds(tmp_path: Path) -> None:
    table = rows("k,x,z,y", lambda i: f"k{i}", number, lambda i: i % 7, label)
    assert dataset(found(tmp_path, table, Wishes(id="k", drop=("z",))))[1:] == ["id: k", "columns:", "  z: {ignore: true}"]
    assert dataset(found(tmp_path, rows("1,no", number, label), Wishes(header=False)))[1:] == ["header: false"]
    assert found(tmp_path, rows("x,target,z", number, label, lambda i: i % 7)).target == "target"
    assert found(tmp_path, rows("x,z,note", number, label, lambda i: f"a note of more than thirty letters {i}")).target == "z"
    assert dataset(found(tmp_path, gzip.compress(rows("x;y", lambda i: f"{i},5", label, delimiter=";").encode()), name="t.csv.gz"))[1:] == [
        'decimal: ","'
    ]
    pl.DataFrame(
        {"x": [float(number(i)) for i in range(COUNT)], "list": [[1, 2]] * COUNT, "y": [label(i) for i in range(COUNT)],
         "__index_level_0__": range(COUNT)}
    ).write_parquet(tmp_path / "p.parquet")  # fmt: skip
    parquet = dataset(found(tmp_path, (tmp_path / "p.parquet").read_bytes(), name="p.parquet"))
    assert parquet[1:] == ["columns:", "  list: {ignore: true}", "  __index_level_0__: {ignore: true}"]
    objects = "".join(
        json.dumps({"id": i, "x": float(number(i)), "d": f"2024-01-{i % 28 + 1:02}", "y": label(i)}) + "\n" for i in range(COUNT)
    )
    assert dataset(found(tmp_path, objects, name="t.jsonl"))[1:] == ["id: id", "columns:", "  d: {type: date, parts: [weekday]}"]


@pytest.mark.parametrize(
    ("table", "wishes", "id_", "says"),
    [
        (rows("k,x,y", lambda i: f"k{i}", number, label), Wishes(target="k"), "unsuitable-column", "60 different texts"),
        (rows("x,y", number, lambda _: "a"), Wishes(target="y"), "unsuitable-column", "all its cells are equal"),
        (rows("x,y", number, lambda i: "b" if i == 5 else "a"), Wishes(target="y"), "unsuitable-column", "all its cells but one"),
        (rows("k,x,y", lambda i: f"k{i % 3}", number, label), Wishes(id="k"), "unsuitable-column", "57 of its cells repeat"),
        (rows("x,y", number, label), Wishes(target="y", drop=("y",)), "unsuitable-column", "--drop"),
        (rows("x,y", number, label), Wishes(drop=("z",)), "unknown-column", "--drop z"),
        (rows("id,y", lambda i: i, label), Wishes(), "no-features", "id"),
        (rows("y", label), Wishes(), "no-features", "no other"),
        (rows("p,y", lambda i: f"{number(i)}%", label, count=150), Wishes(), "no-features", "percent sign"),
        ("x,y\n", Wishes(), "empty-data", "no rows"),
    ],
)
def test_refusals(tmp_path: Path, table: str, wishes: Wishes, id_: str, says: str) -> None:
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, table, wishes)
    assert caught.value.id == id_
    assert says in caught.value.detail
    assert "\n" not in caught.value.detail


def test_integers_of_more_than_64_bits_are_told_apart(tmp_path: Path) -> None:
    """As numbers, all of them would be equal: a target with two was left out, and an id as well."""
    classes = found(tmp_path, rows("x,y,label", number, number, lambda i: 2**63 + i % 2))
    assert (classes.target, classes.task, [(c.name, c.type) for c in classes.declared]) == (
        "label",
        "classification",
        [("label", "string")],
    )
    ids = found(tmp_path, rows("customer_id,h,x,y", lambda i: 2**64 + i, lambda i: 2**70 + i, number, label))
    assert (ids.id, {c.name: (c.type, c.ignore) for c in ids.declared}) == (
        "customer_id",
        {"customer_id": ("string", False), "h": (None, True)},
    )
    assert "too large for 64 bits" in next(reason.detail for reason in ids.reasons if reason.about == "h")
    floats = found(tmp_path, rows("h,x,y", lambda i: "1e400" if i % 4 else 3, number, label))
    assert (floats.missing, "infinite" in floats.declared[0].why) == ({}, True)


@pytest.mark.parametrize("second", ["no", "4.5", "2"])
@pytest.mark.parametrize("wishes", [Wishes(), Wishes(target="y")])
def test_two_rows_are_too_few(tmp_path: Path, second: str, wishes: Wishes) -> None:
    """One is learned from and the other one tested on: a project for them could not be built."""
    with pytest.raises(ProviderError) as caught:
        found(tmp_path, f"x,z,y\n1.5,2,3\n2.5,3,{second}\n", wishes)
    assert (caught.value.id, "too few" in caught.value.detail) == ("unsuitable-column", True)


def test_what_parquet_holds_is_judged_by_its_values(tmp_path: Path) -> None:
    """Unsigned integers, bytes and infinite numbers, with the project built by its own command."""
    table = pl.DataFrame(
        {
            "user_id": pl.Series([2**63 + i for i in range(COUNT)], dtype=pl.UInt64),
            "h": pl.Series([2**63 + i % 3 for i in range(COUNT)], dtype=pl.UInt64),
            "s": [b"\xff"] * COUNT,
            "inf": [float("inf") if i % 9 == 0 else i * 37 % 101 / 4 for i in range(COUNT)],
            "x": [float(number(i)) for i in range(COUNT)],
            "y": [label(i) for i in range(COUNT)],
        }
    )
    table.write_parquet(tmp_path / "t.parquet")
    output = projects.run("init", "--from", "t.parquet", "--json", cwd=tmp_path)
    inferred = json.loads(output.stdout)["inferred"]
    assert (inferred["id"], inferred["left_out"], inferred["missing"]) == ("user_id", ["h", "s", "inf"], {})
    built = projects.run("build", cwd=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr


def test_the_class_to_look_for_and_the_gate(tmp_path: Path) -> None:
    german = found(tmp_path, rows("x,y", number, lambda i: "Ja" if label(i) == "yes" else "Nein"))
    assert (german.positive, german.gate[0]) == ("Ja", "accuracy")
    assert found(tmp_path, rows("x,y", number, label)).positive is None, "yes is the last class"
    assert found(tmp_path, rows("x,y", number, lambda i: "rare" if i % 9 == 0 else "usual")).gate[0] == "balanced_accuracy"
    assert found(tmp_path, rows("x,z", number, lambda i: i * 37 % 101)).gate[0] == "r2"


def test_the_commands(tmp_path: Path) -> None:
    """C1, C12 and brothers: what `init` writes is valid and applies, and its own gate lets its first version in, also without any signal."""
    folder = tmp_path / "new"
    folder.mkdir()
    table = rows(";alter;eintritt;aktiv;y", lambda i: i, lambda i: f"{i % 9},5", lambda i: f"{i % 28 + 1:02}.03.2024",
                 lambda i: ("Ja", "Nein")[i % 3 == 0], lambda i: f"{i * 37 % 101},25", delimiter=";")  # fmt: skip
    (folder / "t.csv").write_bytes(table.replace("alter", "größe").encode("cp1252"))
    output = projects.run("-C", "new", "init", "--from", "t.csv", "--json", cwd=tmp_path)
    assert output.returncode == 0, output.stderr
    report = json.loads(output.stdout)
    assert problems("init", report) == []
    assert report["inferred"]["reading"]["encoding"] == "cp1252"
    assert report["inferred"]["booleans"] == ["aktiv"]
    config = folder / "leptonctl.yaml"
    config.write_text(re.sub(r"port: \d+", f"port: {projects.free_port()}", config.read_text(encoding="utf-8")), encoding="utf-8")
    try:
        applied = projects.run("apply", "--yes", cwd=folder)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        predicted = projects.run("predict", "dev/model", "--input", "t.csv", "--json", cwd=folder)
        assert json.loads(predicted.stdout)["rows"] == COUNT
    finally:
        projects.run("destroy", "--yes", cwd=folder)


def test_it_says_why_in_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(rows(",x,y", lambda i: i, lambda i: "?" if i % 9 == 0 else number(i), label))
    output = projects.run("init", "--from", "t.csv", cwd=tmp_path).stdout
    assert "  target: y: the last column; `--target COL` picks another\n" in output
    assert "  index: left out: an index: it only counts or names the rows\n" in output
    assert "  missing_values: ? in x\n" in output
    refused = projects.run("-C", str(tmp_path / "b"), "init", "--encoding", "latin-1", cwd=tmp_path)
    assert (refused.returncode, "add --from FILE" in refused.stderr) == (1, True)
