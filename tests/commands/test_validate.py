"""E3: `validate` finds all that needs no state, and independent mistakes of all stages at once."""

import json
import sys
from pathlib import Path
from types import FrameType

import pytest

from leptonctl.commands.session import Session
from leptonctl.commands.validate import validate
from tests import projects

PROD = "protected: true\nmodels: {line: v1}"


def problems(root: Path) -> list[tuple[str, str, int]]:
    result = projects.run("validate", "--json", cwd=root)
    found = json.loads(result.stdout)["diagnostics"]
    assert result.returncode == (3 if any(p["severity"] == "error" for p in found) else 0)
    return sorted((p["id"], p["file"], p["line"]) for p in found)


def test_unpinned_data_in_a_protected_environment(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, environments={"prod": PROD, "dev": "models: {line: v2}"})
    assert problems(root) == [("unpinned-data", "environment-prod.yaml", 5)]
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)["diagnostics"]
    assert [p["id"] for p in planned] == ["unpinned-data"], "as in a plan"
    assert projects.run("pin", cwd=root).returncode == 0
    assert problems(root) == []
    assert projects.run("plan", cwd=root).returncode == 0


def test_mistakes_of_all_stages_come_at_once(tmp_path: Path) -> None:
    """A wrong key, a template, a reference, and data that are not pinned, each in a document of its own."""
    models = {
        "line": {"v1": "{}"},
        "key": {"v1": "{colour: red}"},
        "template": {"v1": '{seed: "{{ vars.nothing }}"}'},
        "named": {"v1": "{dataset: nowhere@1}"},
    }
    root = projects.tiny_project(tmp_path, models=models, environments={"prod": PROD})
    assert problems(root) == [
        ("unknown-dataset", "model-named.yaml", 8),
        ("unknown-key", "model-key.yaml", 8),
        ("unknown-var", "model-template.yaml", 8),
        ("unpinned-data", "environment-prod.yaml", 5),
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("data.yaml", "target: side", "targt: side", ["unknown-key"]),
        ("model-line.yaml", "task: classification", "task: guessing", ["unknown-value"]),
        ("model-line.yaml", "task: classification", "task: [", ["yaml-syntax"]),
    ],
    ids=["dataset", "model", "syntax"],
)
def test_nothing_is_said_of_what_only_follows(tmp_path: Path, file: str, old: str, new: str, expected: list[str]) -> None:
    """A model that names a broken dataset, an environment that names a broken model, and a file that cannot be read."""
    root = projects.tiny_project(tmp_path, environments={"prod": PROD})
    projects.edit(root / file, old, new)
    found = [id_ for id_, *_ in problems(root)]
    assert len(found) >= 1
    assert not {"unknown-dataset", "unknown-model", "unknown-version"} & set(found), found
    if expected[0] in {"unknown-key", "yaml-syntax"}:
        assert set(expected) <= set(found)


def test_a_document_without_a_project_file_is_still_refused(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, environments={})
    projects.edit(root / "leptonctl.yaml", "name: tiny", "nam: tiny")
    assert problems(root)


DATASET = "kind: Dataset\nname: d{0}\ntarget: side\n{1}versions: {{first: {{source: data/points.csv}}}}\n---\n"
NAMING = (
    "kind: Model\nname: m{0}\ndataset: {1}{0}@first\ntask: classification\nalgorithm: logistic_regression\nversions: {{v1: {{}}}}\n---\n"
)
BOUND = "kind: Environment\nname: e{0}\nplatform: {{type: server, port: {1}}}\nmodels: {{m{0}: v1}}\n---\n"
DOCUMENTS = {
    "sound": lambda n: DATASET.format(n, "") + NAMING.format(n, "d") + BOUND.format(n, 1024 + n),
    "an unknown name each": lambda n: DATASET.format(n, "") + NAMING.format(n, "e"),
    "the name of a document that is left out": lambda n: DATASET.format(n, "colour: red\n") + NAMING.format(n, "e"),
}


def calls(root: Path) -> int:
    """How many Python functions a validation calls."""
    number = 0

    def count(_frame: FrameType, event: str, _value: object) -> None:
        nonlocal number
        number += event == "call"

    session = Session.open(root)
    sys.setprofile(count)
    try:
        validate(session)
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_work_grows_with_the_documents(kind: str, tmp_path: Path) -> None:
    """Counted, not timed: as many more documents, as much more work, also where each of them has a name to suggest another for."""
    root = projects.tiny_project(tmp_path, {}, {})
    # below a few hundred names a word is compared with all of them; the first run also imports
    sizes = (30, 60, 90) if kind == "sound" else (257, 317, 377)
    counted = []
    for size in (5, *sizes):
        (root / "many.yaml").write_text("".join(DOCUMENTS[kind](n) for n in range(size)), encoding="utf-8")
        counted.append(calls(root))
    _, small, middle, large = counted
    assert large - middle < 1.1 * (middle - small), counted
