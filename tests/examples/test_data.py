"""The example tables are what their scripts make and what their pages say."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("car-mileage", "own-code", "spam-filter", "text", "two-ten-two", "two-ten-two-torch")
LICENCES = {
    "car-mileage": "MIT",
    "own-code": "CC0 1.0",
    "spam-filter": "PDDL 1.0",
    "text": "CC0 1.0",
    "two-ten-two": "CC0 1.0",
    "two-ten-two-torch": "CC0 1.0",
}


def table(path: str) -> tuple[list[str], list[list[str]]]:
    with (EXAMPLES / path).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def documents(name: str) -> list[dict[str, Any]]:
    files = sorted((EXAMPLES / name).rglob("*.yaml"))
    return [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", ["text", "two-ten-two"])
def test_script_makes_the_committed_bytes(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    shutil.copytree(EXAMPLES / name, copy)
    tables = sorted((copy / "data").glob("*.csv"))
    for path in tables:
        path.write_bytes(b"")
    subprocess.run([sys.executable, "make_data.py"], cwd=copy, check=True, env={"PYTHONHASHSEED": "3"})
    assert [path.read_bytes() for path in tables] == [(EXAMPLES / name / "data" / path.name).read_bytes() for path in tables]


@pytest.mark.parametrize("name", NAMES)
def test_source_and_licence_are_named(name: str) -> None:
    assert LICENCES[name] in (EXAMPLES / name / "data" / "SOURCE.md").read_text(encoding="utf-8")
    assert LICENCES[name] in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_pinned_by_its_bytes(name: str) -> None:
    pins = {}
    for dataset in (d for d in documents(name) if d["kind"] == "Dataset"):
        for version in dataset["versions"].values():
            for part in (version, version.get("test", {})):
                if part:
                    pins[part["source"]] = part["digest"]
    tables = sorted((EXAMPLES / name / "data").glob("*.csv"))
    assert pins == {f"data/{t.name}": "sha256:" + hashlib.sha256(t.read_bytes()).hexdigest() for t in tables}
    assert all(t.stat().st_size < 1_500_000 for t in tables)


def test_ports_are_distinct_and_below_the_ephemeral_range() -> None:
    ports = [d["platform"]["port"] for name in NAMES for d in documents(name) if d["kind"] == "Environment"]
    assert sorted(ports) == [*range(18080, 18087)]


@pytest.mark.parametrize(
    ("file", "last_month", "labels"),
    [("mail-2002-07.csv", 7, {"n": 765, "y": 975}), ("mail-2002-09.csv", 9, {"n": 3308, "y": 1567})],
)
def test_mail_holds_numbers_only(file: str, last_month: int, labels: dict[str, int]) -> None:
    header, rows = table(f"spam-filter/data/{file}")
    assert (len(header), header[0], header[-1]) == (54, "month", "is_spam")
    assert Counter(row[-1] for row in rows) == labels
    assert {int(row[0]) for row in rows} <= set(range(1, last_month + 1))
    assert all(re.fullmatch(r"\d+(\.\d+)?", cell) for row in rows for cell in row[:-1])


def test_mail_of_july_is_the_beginning_of_mail_of_september() -> None:
    data = EXAMPLES / "spam-filter" / "data"
    assert (data / "mail-2002-09.csv").read_bytes().startswith((data / "mail-2002-07.csv").read_bytes())


def test_mail_is_measured_without_its_headers_and_tags(tmp_path: Path) -> None:
    mail = (
        b"From: list@example.org\nDate: Tue, 9 Jul 2002 10:00:00 +0000\nSubject: [friends] Re: FREE money!\n"
        b"Content-Type: text/html\n\n<html><b>CLICK</b> here <a href='http://example.org'>now</a>&excl;</html>\n"
    )
    corpus, example = tmp_path / "corpus", tmp_path / "spam-filter"
    for folder in ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"):
        (corpus / folder).mkdir(parents=True)
    (corpus / "spam-1" / "1.txt").write_bytes(mail)
    (corpus / "spam-2" / "2.txt").write_bytes(mail.replace(b"From: list", b"From: other"))
    (corpus / "easy-ham-1" / "3.txt").write_bytes(mail.replace(b"2002", b"2001"))
    (example / "data").mkdir(parents=True)
    shutil.copy(EXAMPLES / "spam-filter" / "make_table.py", example)
    subprocess.run([sys.executable, "make_table.py", str(corpus)], cwd=example, check=True, stdout=subprocess.PIPE)
    with (example / "data" / "mail-2002-07.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "list" not in "".join(row)
    # words: free money click here now
    assert (row["month"], row["words"], row["word_free"], row["links"], row["is_spam"]) == ("7", "5", "20", "1", "y")
    # FREE and CLICK; the tags hold none
    assert (row["crl_total"], row["crl_longest"], row["crl_average"]) == ("9", "5", "4.5")


def test_mail_figures_of_the_page_are_those_of_scikit_learn() -> None:
    done = subprocess.run([sys.executable, "check_with_sklearn.py"], cwd=EXAMPLES / "spam-filter", check=True, capture_output=True)
    assert done.stderr == b""
    page = (EXAMPLES / "spam-filter" / "README.md").read_text(encoding="utf-8")
    for version, metrics in json.loads(done.stdout).items():
        assert f"| {version} | " + " | ".join(f"{value:.4f}" for value in metrics.values()) + " |" in page


def test_moons_are_balanced() -> None:
    assert Counter(row[2] for row in table("two-ten-two/data/train.csv")[1]) == {"upper": 50, "lower": 50}
    assert Counter(row[2] for row in table("two-ten-two/data/test.csv")[1]) == {"upper": 25, "lower": 25}


def test_cars_have_gaps_and_categories_but_always_a_target() -> None:
    header, rows = table("car-mileage/data/cars.csv")
    cars = [dict(zip(header, row, strict=True)) for row in rows]
    assert len(cars) == 398
    assert all(float(car["mpg"]) > 0 for car in cars)
    assert sum(car["horsepower"] == "" for car in cars) == 6
    assert Counter(car["origin"] for car in cars) == {"USA": 249, "Japan": 79, "Europe": 70}


def test_messages_are_different_balanced_and_in_five_scripts() -> None:
    _, rows = table("text/data/messages.csv")
    assert Counter(topic for _, topic in rows) == {"account": 160, "delivery": 160, "payment": 160}
    assert len({message for message, _ in rows}) == 480
    scripts = {"Latin": "[a-zA-Z]", "Cyrillic": "[а-я]", "Greek": "[α-ω]", "Arabic": "[ء-ي]", "Han": "[一-鿿]"}
    found = Counter(next(name for name, letters in reversed(scripts.items()) if re.search(letters, message)) for message, _ in rows)
    assert found == {"Latin": 240, "Cyrillic": 60, "Greek": 60, "Arabic": 60, "Han": 60}
