"""What is evaluated and compared is the package: graph and manifest. Versions with the same graph are distinguished from the data file on."""

import csv
import json

import pytest

from leptonctl.core.codec import decode, encode
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Manifest, package_digest
from leptonctl.core.result import Result
from leptonctl.learning.needs import read_package
from leptonctl.learning.reports.flips import flips
from leptonctl.learning.steps import compare, evaluate, export, prepare, train
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench

KEY = {"secret": {"env": "LEPTON_TEST_PACKAGE_KEY"}}


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["f", "g", "who", "y"], *rows])


@pytest.fixture
def project(tmp_path):
    """f and g are equal in training; in the test file f tells the target and g tells its opposite."""
    write(tmp_path / "train.csv", [[i % 10, i % 10, f"a{i % 3}", "yes" if i % 10 > 4 else "no"] for i in range(60)])
    write(tmp_path / "test.csv", [[i % 10, 9 - i % 10, f"a{i % 3}", "yes" if i % 10 > 4 else "no"] for i in range(40)])
    return tmp_path


def build(project, shelf, *features, columns=None, preprocess=(), privacy=None, algorithm="decision_tree"):
    """All results of one version, by role."""
    recipe = {
        "task": "classification",
        "target": "y",
        "algorithm": algorithm,
        "seed": 1,
        "features": [*features],
        "preprocess": [*preprocess],
    }
    source = {"format": "csv", "options": {}}
    rows = {
        "source": {**source, "path": "train.csv"}, "test_source": {**source, "path": "test.csv"}, "target": "y",
        "columns": columns or {}, "privacy": privacy, "split": {"method": "source"},
    }  # fmt: skip
    needs = {}
    for op, run, inputs in (
        ("prepare", prepare.run, rows),
        ("train", train.run, recipe),
        ("export", export.run, {"train": recipe, "privacy": privacy}),
        ("evaluate", evaluate.run, {"task": "classification", "metrics": ["accuracy"]}),
    ):
        result = run(json.loads(json.dumps(inputs)), needs, bench(shelf, project))
        needs[op] = Result(key=op, op=op, artifacts=result.artifacts, outputs=result.outputs)
    return needs


def onnx(version):
    return version["export"].artifacts["model.onnx"]


def package(version):
    return version["export"].outputs["package"]


def test_two_versions_of_one_graph_have_packages_and_evaluations_of_their_own(project):
    shelf = Shelf()
    f, g = build(project, shelf, "f"), build(project, shelf, "g")
    assert onnx(f) == onnx(g), "equal in training: one tree, one ONNX"
    assert package(f) != package(g)
    assert [v["evaluate"].outputs["metrics"]["accuracy"] for v in (f, g)] == [1.0, 0.0]
    assert [v["evaluate"].outputs["package"] for v in (f, g)] == [package(f), package(g)]


def test_they_are_compared_as_two_packages(project):
    shelf = Shelf()
    f, g = build(project, shelf, "f"), build(project, shelf, "g")
    needs = {"prepare": g["prepare"], "export": g["export"], "bound_prepare": f["prepare"], "bound_export": f["export"]}
    out = compare.run({"task": "classification", "metrics": ["accuracy"]}, needs, bench(shelf, project)).outputs
    assert out["metrics"] == {"accuracy": {"a": 1.0, "b": 0.0}}
    assert out["flips"] == {"rows": out["n"], "changed": out["n"], "share": 1.0}
    assert flips(shelf, project, needs, {"task": "classification"}) == out["flips"]
    itself = needs | {"export": f["export"]}
    assert flips(shelf, project, itself, {"task": "classification"})["changed"] == 0


def test_the_same_recipe_has_the_same_package(project):
    assert package(build(project, Shelf(), "f")) == package(build(project, Shelf(), "f"))


def test_a_fill_value_is_part_of_the_package_and_a_check_is_not(project):
    shelf = Shelf()
    plain = build(project, shelf, "f")
    checked = build(project, shelf, "f", columns={"f": {"min": 0, "max": 9}})
    filled = build(project, shelf, "f", columns={"f": {"missing": 3}})
    assert onnx(plain) == onnx(checked) == onnx(filled)
    assert package(plain) == package(checked)
    assert package(plain) != package(filled)
    assert plain["export"].artifacts["manifest.json"] != checked["export"].artifacts["manifest.json"]


def test_a_hashing_key_is_part_of_the_package_if_a_column_is_hashed(project, monkeypatch):
    shelf = Shelf()
    monkeypatch.setenv("LEPTON_TEST_PACKAGE_KEY", "k")

    def version(key_id, *features):
        privacy = {"drop": [], "hash": ["who"], "key": KEY, "key_id": key_id}
        return build(project, shelf, *features, preprocess=[{"use": "one_hot", "columns": "categorical"}], privacy=privacy)

    assert onnx(version("k1", "f", "who")) == onnx(version("k2", "f", "who"))
    assert package(version("k1", "f", "who")) != package(version("k2", "f", "who"))
    assert package(version("k1", "f")) == package(version("k2", "f"))


def test_a_manifest_that_was_exchanged_is_refused(project):
    shelf = Shelf()
    f, g = build(project, shelf, "f"), build(project, shelf, "g")
    swapped = replace(f["export"], artifacts={**f["export"].artifacts, "manifest.json": g["export"].artifacts["manifest.json"]})
    with pytest.raises(ProviderError) as refused:
        read_package(swapped, shelf)
    assert refused.value.id == "wrong-package"
    manifest = decode(shelf[f["export"].artifacts["manifest.json"]], Manifest)
    assert read_package(f["export"], shelf).digest == package_digest(onnx(f), manifest)
    broken = shelf.put_artifact(encode(manifest).replace(b'"integer"', b'"numeral"'))
    with pytest.raises(ProviderError) as refused:
        read_package(replace(f["export"], artifacts={**f["export"].artifacts, "manifest.json": broken}), shelf)
    assert refused.value.id == "bad-step-inputs"
    assert "$.columns[0].type" in refused.value.detail
