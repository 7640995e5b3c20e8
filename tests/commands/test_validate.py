"""E3: `validate` finds all that needs no state, and independent mistakes of all stages at once."""

import json
from pathlib import Path

import pytest

from tests import projects

PROD = "protected: true\nmodels: {line: v1}"


def problems(root: Path) -> list[tuple[str, str, int]]:
    done = projects.run("validate", "--json", cwd=root)
    found = json.loads(done.stdout)["diagnostics"]
    assert done.returncode == (3 if any(p["severity"] == "error" for p in found) else 0)
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
