"""Keys of which only one would be used, and limits that nothing meets, are refused where they are written."""

import json

import pytest

from tests import projects

PROJECT = """kind: Project
name: conflicts
format: 1
---
kind: Dataset
name: d
target: t
versions:
  v1: {source: d.csv, OPTIONS}
---
kind: Model
name: m
dataset: d@v1
task: classification
algorithm: naive_bayes
versions: {v1: {}}
---
kind: Environment
name: e
platform: {type: server, run: elsewhere}
models: {m: v1}
gates: {f1: {GATE}}
"""


@pytest.mark.parametrize(
    ("options", "gate", "found"),
    [
        ("split: {test: 0.5, time: a, by: b}", "min: 0.5", [("split-conflict", 9, "`time` and `by`")]),
        ("test: {source: d.csv}, split: {test: 0.5}", "min: 0.5", [("split-conflict", 9, "`test` names")]),
        ("test: {source: d.csv}, split: null", "min: 0.5", []),
        ("split: {test: 0.5}", "min: 0.5, max: 0.4", [("impossible-limit", 22, "at least 0.5 and at most 0.4")]),
        ("split: {test: 0.5}", "min: 0.5, max: 0.5", []),
    ],
)
def test_contradictory_declarations_are_errors(tmp_path, options, gate, found):
    (tmp_path / "d.csv").write_text("a,b,t\n" + "1,2,y\n3,4,n\n" * 8, encoding="utf-8")
    (tmp_path / "leptonctl.yaml").write_text(PROJECT.replace("OPTIONS", options).replace("GATE", gate), encoding="utf-8")
    done = projects.run("validate", "--json", cwd=tmp_path)
    errors = [one for one in json.loads(done.stdout)["diagnostics"] if one["severity"] == "error"]
    assert [(one["id"], one["line"]) for one in errors] == [(id_, line) for id_, line, _ in found], done.stdout
    assert all(text in one["detail"] for one, (_, _, text) in zip(errors, found, strict=True))


@pytest.mark.parametrize(
    ("split", "target", "found"),
    [
        ("split: {test: 0.25, stratify: true}", "", [("split-impossible", 9, "names no `target`")]),
        ("split: {stratify: false}", "", []),
        ("split: {stratify: true}", "target: t", []),
        ("{}", "", [("split-impossible", 6, "names no `target`")]),
    ],
)
def test_stratify_without_a_target_is_an_error_at_its_key(tmp_path, split, target, found):
    """In a version, and in the base block, which every version of it has."""
    base = "split: {stratify: true}" if split == "{}" else "description: rows"
    (tmp_path / "d.csv").write_text("a,b,t\n" + "1,2,y\n3,4,n\n" * 8, encoding="utf-8")
    text = f"kind: Project\nname: p\n---\nkind: Dataset\nname: d\n{base}\n{target or 'header: true'}\nversions:\n  v1: {{source: d.csv, SPLIT}}\n"
    (tmp_path / "leptonctl.yaml").write_text(text.replace(", SPLIT", "" if split == "{}" else f", {split}"), encoding="utf-8")
    done = projects.run("validate", "--json", cwd=tmp_path)
    errors = [one for one in json.loads(done.stdout)["diagnostics"] if one["severity"] == "error"]
    assert [(one["id"], one["line"]) for one in errors] == [(id_, line) for id_, line, _ in found], done.stdout
    assert all(text in one["detail"] and one["hint"] for one, (_, _, text) in zip(errors, found, strict=True))
