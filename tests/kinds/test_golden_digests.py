"""Digests and step keys of fixed declarations. If one changes, all users' models are built again: only a new `format` or epoch may do that.

When a change is intended: `python -m tests.kinds.test_golden_digests`, and a line under *Rebuilds* in CHANGELOG.md.
"""

import json
from pathlib import Path

import pytest

from leptonctl.core.canonical import digest
from leptonctl.core.observed import SourceFacts
from leptonctl.kinds.kind import PROJECT, declare
from leptonctl.kinds.registry import KINDS
from leptonctl.language.load import load
from leptonctl.language.resolve import resolve
from leptonctl.language.template import render
from leptonctl.project.catalog import EXTRAS, TRAINERS, load_catalog

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GOLDEN = CHECKOUT / "tests" / "golden_digests.json"
EXAMPLES = sorted(folder.name for folder in (CHECKOUT / "examples").iterdir() if (folder / "leptonctl.yaml").exists())
DATA = "kind: Dataset\nname: d\ntarget: y\nversions:\n  a: {source: rows.csv}\n---\n"


def yaml_files(example: str) -> dict[str, str]:
    """The YAML of an example."""
    folder = CHECKOUT / "examples" / example
    return {str(f.relative_to(folder)): f.read_text(encoding="utf-8") for f in sorted(folder.rglob("*.y*ml"))}


def every_algorithm() -> dict[str, str]:
    """A model of every bundled algorithm with its defaults."""
    models = [
        f"kind: Model\nname: {task}-{name.replace('_', '-')}\ndataset: d@a\ntask: {task}\nalgorithm: {name}\nversions: {{v1: {{}}}}\n"
        for table in (TRAINERS, EXTRAS)
        for task, names in table.items()
        for name in names
    ]
    return {"leptonctl.yaml": "kind: Project\nname: all\nformat: 1\n---\n" + DATA + "---\n".join(models)}


def digests(sources: dict[str, str]) -> dict[str, dict[str, str]]:
    """Address -> its digest and the keys of its steps, computed from declarations alone: a file's content is its path."""
    documents, _ = load(sources, tuple(KINDS))
    documents, _ = render(documents, PROJECT)
    project = resolve(documents, PROJECT, {kind.name: kind.inherit for kind in KINDS.values()})
    facts = {key: SourceFacts(digest=digest(key[0])) for kind in KINDS.values() for key in kind.files(project)}
    declarations, problems = declare(KINDS.values(), project, load_catalog(), facts)
    assert not problems
    nodes = declarations.built.values()
    return {
        node.address: {"digest": node.digest} | {step.name: step.key or f"declared {step.spec}" for step in node.steps} for node in nodes
    }


def everything() -> dict[str, dict[str, dict[str, str]]]:
    return {name: digests(yaml_files(name)) for name in EXAMPLES} | {"every algorithm": digests(every_algorithm())}


@pytest.mark.parametrize("name", [*EXAMPLES, "every algorithm"])
def test_no_digest_changes(name: str) -> None:
    sources = every_algorithm() if name == "every algorithm" else yaml_files(name)
    assert digests(sources) == json.loads(GOLDEN.read_text(encoding="utf-8"))[name]


def test_every_step_of_a_recipe_has_a_key() -> None:
    kept = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for steps in kept["every algorithm"].values():
        assert all(key.startswith("sha256:") for op, key in steps.items() if op in {"digest", "prepare", "train", "export"})
    assert len(kept["every algorithm"]) == 1 + sum(map(len, [*TRAINERS.values(), *EXTRAS.values()]))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(everything(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
