"""Data that breaks its contract, cannot be read or cannot be learned from: one diagnostic per step, at the line of the data or of the YAML."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests import projects

GOOD = projects.points(60)
NEEDED = "kind: Project\nname: broken\nformat: 1\n"
DATASET = """\
---
kind: Dataset
name: {name}
target: {target}
{more}versions:
  only: {{source: data/{file}}}
"""
MODEL = """\
---
kind: Model
name: {name}
dataset: {name}@only
task: {task}
algorithm: {algorithm}
{more}versions: {{v1: {{}}}}
"""


def rows(text: str = "x,y,side\n", count: int = 40, cells: str = "{i}.5,{j}.25,{side}\n") -> str:
    """A header and rows of counted numbers."""
    return text + "".join(cells.format(i=i, j=40 - i, side="below" if i % 2 else "above") for i in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One dataset and one model of it. `fails`: op and id of the step that must fail; `says`: words of the message; `at`: the place in the YAML."""

    name: str
    content: str | bytes
    fails: str
    says: tuple[str, ...]
    at: str = "data/"
    file: str = ""
    target: str = "side"
    dataset: str = ""
    task: str = "classification"
    algorithm: str = "logistic_regression"
    model: str = ""

    @property
    def path(self) -> str:
        return self.file or f"{self.name}.csv"


CASES = [
    Broken(name="ragged", content=rows() + "1,2\n", fails="prepare ragged-row", says=("line 42",)),
    Broken(name="too-many-cells", content=rows() + "1,2,above,4\n", fails="prepare ragged-row", says=("line 42",)),
    Broken(name="quote-open", content=rows() + '1,2,"above\n', fails="prepare bad-quotes", says=("line 42",)),
    Broken(name="latin", content=rows().encode() + "1,2,dürr\n".encode("latin-1"), fails="prepare bad-encoding", says=("line 42 of latin.csv", "encoding")),
    Broken(name="text-in-numbers", content=rows() + "abc,2,above\n", fails="prepare data-contract", says=("line 42", "x")),
    Broken(name="below-min", content=rows() + "-1,2,above\n", dataset="columns: {x: {min: 0}}\n", fails="prepare data-contract", says=("line 42",), at="{min: 0"),
    Broken(name="not-among", content=rows() + "1,2,beside\n", dataset="columns: {side: {values: [above, below]}}\n", fails="prepare data-contract", says=("line 42",), at="{values:"),
    Broken(name="missing-cell", content=rows() + ",2,above\n", dataset="columns: {x: {nullable: false}}\n", fails="prepare data-contract", says=("line 42",), at="{nullable:"),
    Broken(name="not-unique", content=rows() + "1.5,2,above\n", dataset="columns: {x: {unique: true}}\n", fails="prepare data-contract", says=("line 42",), at="{unique:"),
    Broken(name="missing-target", content=rows() + "1,2,\n", fails="prepare data-contract", says=("line 42", '"side"'), at="side"),
    Broken(name="same-header", content=rows("x,x,side\n"), fails="prepare duplicate-column", says=("x",)),
    Broken(name="no-header-name", content=rows("x,,side\n"), fails="prepare empty-column-name", says=("no-header-name.csv:1",)),
    Broken(name="nothing", content="", fails="prepare empty-data", says=()),
    Broken(name="header-only", content="x,y,side\n", fails="prepare empty-data", says=()),
    Broken(name="one-row", content=rows(count=1), fails="prepare split-impossible", says=()),
    Broken(name="range-of-text", content=rows() + "1,2,above\n", dataset="columns: {side: {min: 3}}\n", fails="prepare range-type", says=("side",), at="{min: 3"),
    Broken(name="json-line", content='{"x": 1, "y": 2, "side": "above"}\n{"x": 1,\n', file="json-line.jsonl", fails="prepare bad-json-line", says=("Line 2 of json-line.jsonl",)),
    Broken(name="nested", content='{"x": 1, "y": [2], "side": "above"}\n', file="nested.jsonl", fails="prepare nested-value", says=("nested.jsonl:1",)),
    Broken(name="no-gzip", content=b"not gzip", file="no-gzip.csv.gz", fails="prepare unreadable-file", says=()),
    Broken(name="half-gzip", content=gzip.compress(rows().encode())[:60], file="half-gzip.csv.gz", fails="prepare unreadable-file", says=()),
    Broken(name="no-parquet", content=b"PAR1 nothing PAR1", file="no-parquet.parquet", fails="prepare unreadable-file", says=()),
    Broken(name="part-column", content=rows("x,part,side\n"), dataset="split: {column: part}\n", fails="prepare data-contract", says=("part", "train"), at="part"),
    Broken(name="no-secret", content=rows(), dataset="privacy: {hash: [x], key: {secret: {env: LEPTON_TEST_ABSENT}}, key_id: k1}\n", fails="prepare missing-secret", says=("LEPTON_TEST_ABSENT",), at="{secret:"),
    Broken(name="no-secret-file", content=rows(), dataset="privacy: {hash: [x], key: {secret: {file: /nowhere/key}}, key_id: k1}\n", fails="prepare missing-secret", says=("/nowhere/key",), at="{secret:"),
    Broken(name="one-class", content=rows(cells="{i},{j},above\n"), fails="train one-class", says=(), at="v1"),
    Broken(name="holes", content=rows() + ",2,above\n" * 9, fails="train missing-values", says=("x",), at="v1"),
    Broken(name="words", content=rows("x,word,side\n", cells="{i},w{j},{side}\n"), fails="train unencoded-column", says=("word",), at="v1"),
    Broken(name="numbers-for-classes", content=rows("x,y,side\n", cells="{i},{j},{i}.5\n"), fails="prepare split-impossible", says=("regression",)),
    Broken(name="numbers-in-classes", content=rows("x,y,side\n", cells="{i},{j},{i}.5\n"), dataset="split: {stratify: false}\n", fails="train target-not-classes", says=(), at="side"),
    Broken(name="words-for-numbers", content=rows(), task="regression", algorithm="linear", fails="train target-not-numeric", says=("string",), at="side"),
    Broken(name="text-step-on-numbers", content=rows(), model="preprocess: [{columns: [x], use: tfidf}]\n", fails="train wrong-column-type", says=("x",), at="x]"),
    Broken(name="nothing-left", content=rows("a,side\n", cells="{i},{side}\n"), dataset="privacy: {drop: [a]}\n", fails="prepare no-features", says=("dropped",), at="side"),
    Broken(name="folds", content=rows(count=12), model="evaluate: {cross_validation: 50}\n", fails="cross_validate too-few-rows-for-folds", says=("`cross_validation: 4`",), at="50"),
    Broken(name="positive", content=rows(), model="evaluate: {positive: beside}\n", fails="evaluate unknown-class", says=("beside",), at="beside"),
    Broken(name="average", content=rows(cells="{i},{j},c{i}\n") + rows("", cells="{i},{j},c{i}\n") * 3, model="evaluate: {average: binary}\n", fails="evaluate average-needs-two-classes", says=(), at="binary"),
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], dict[str, dict]]]:
    """All of them built in one run: the lines of the YAML, and address -> the event of the step that failed."""
    root = tmp_path_factory.mktemp("broken")
    (root / "data").mkdir()
    text = NEEDED
    for case in CASES:
        content = case.content.encode() if isinstance(case.content, str) else case.content
        (root / "data" / case.path).write_bytes(content)
        text += DATASET.format(name=case.name, target=case.target, more=case.dataset, file=case.path)
        text += MODEL.format(name=case.name, task=case.task, algorithm=case.algorithm, more=case.model)
    (root / "leptonctl.yaml").write_text(text, encoding="utf-8")
    done = projects.run("build", "--json", cwd=root)
    assert done.returncode == 1, done.stdout + done.stderr
    yield text.splitlines(), {e["address"]: e for e in projects.events(done.stdout) if e["type"] == "step_failed"}
    assert projects.processes(root) == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_data_is_one_diagnostic(case: Broken, built: tuple[list[str], dict[str, dict]]) -> None:
    yaml, failed = built
    op, _, name = case.fails.partition(" ")
    address = f"dataset/{case.name}@only" if op == "prepare" else f"model/{case.name}@v1"
    event = failed[address]
    assert (event["op"], event["diagnostic"]["id"]) == (op, name)
    message = f"{event['diagnostic']['detail']} {event['diagnostic']['hint']}"
    assert [word for word in case.says if word not in message] == []
    place = yaml[event["diagnostic"]["line"] - 1][event["diagnostic"]["column"] - 1 :]
    assert event["diagnostic"]["file"] == "leptonctl.yaml"
    assert place.startswith(case.at), place
    assert event["diagnostic"]["hint"]
