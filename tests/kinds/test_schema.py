"""The schemas: complete, described, draft 7, and equal to the committed files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from leptonctl.kinds.schema import base_schemas, build_schemas
from leptonctl.project.catalog import load_catalog
from leptonctl.project.files import read_project
from leptonctl.project.schemas import derived_files, load_schema
from tests.kinds.declared import check
from tests.language.known import load

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog()
SCHEMAS = build_schemas(CATALOG)
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/leptonctl.yaml"))


def test_committed_schemas_are_current() -> None:
    for name, text in derived_files(CATALOG).items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name}: run python -m leptonctl.project.schemas"


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_schemas_are_draft_7_and_shipped(kind: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[kind])
    assert load_schema(kind, {}) == SCHEMAS[kind]
    assert SCHEMAS[kind]["$id"] == f"urn:leptonctl:schemas/v1/{kind.lower()}.schema.json"
    assert SCHEMAS[kind]["additionalProperties"] is False


def test_a_kind_of_another_package_has_its_own_schema() -> None:
    assert load_schema("Pod", {"type": "object"}) == {"type": "object"}


def properties(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        for item in schema:
            yield from properties(item, at)
    elif isinstance(schema, dict):
        for key, value in schema.get("properties", {}).items():
            yield f"{at}.{key}", value
            yield from properties(value, f"{at}.{key}")
        for word, value in schema.items():
            if word not in {"properties", "if", "then", "dependencies", "examples", "default", "allOf"}:
                yield from properties(value, at)


def test_every_key_is_described_and_every_mapping_closed() -> None:
    for kind, schema in SCHEMAS.items():
        seen = dict(properties(schema, kind))
        assert len(seen) > 8
        for place, value in seen.items():
            assert value.get("description"), place
            free = place.split(".")[-1] in {"params", "vars"}
            if "properties" in value and not free:
                assert _is_closed(value), place


def _is_closed(schema: dict[str, Any]) -> bool:
    """Only its own keys are allowed; for a value of several types, in each of them."""
    types = schema.get("allOf", ())
    return "additionalProperties" in schema or (bool(types) and all("additionalProperties" in rule["then"] for rule in types))


def test_every_default_and_example_is_valid() -> None:
    for kind, schema in SCHEMAS.items():
        for place, value in properties(schema, kind):
            good = [*value.get("examples", []), *([value["default"]] if "default" in value else [])]
            for example in good:
                local = {word: rule for word, rule in value.items() if word != "allOf"} | {"definitions": schema.get("definitions", {})}
                assert not list(Draft7Validator(local).iter_errors(example)), (place, example)


def test_every_provider_has_its_parameters() -> None:
    definitions = SCHEMAS["Model"]["definitions"]
    assert {name for name in definitions if not name.startswith("preprocess.")} == {f"{task}.{name}" for task, name in CATALOG.trainers}
    assert {name for name in definitions if name.startswith("preprocess.")} == {f"preprocess.{name}" for name in CATALOG.preprocessors}


@pytest.mark.parametrize(
    ("block", "good"),
    [
        ({"task": "classification", "algorithm": "logistic_regression", "params": {"C": 1.0}}, True),
        ({"task": "classification", "algorithm": "logistic_regression", "params": {"c": 1.0}}, False),
        ({"task": "classification", "algorithm": "logistic_regression", "params": {"max_iter": "x"}}, False),
        ({"task": "regression", "algorithm": "ridge", "params": {"alpha": 1.0}}, True),
        ({"task": "regression", "algorithm": "ridge", "params": {"C": 1.0}}, False),
        ({"task": "regression", "algorithm": "from_another_package", "params": {"anything": 1.0}}, True),
        ({"preprocess": [{"use": "pca", "columns": "all", "params": {"n_components": 2}}]}, True),
        ({"preprocess": [{"use": "pca", "columns": "all", "params": {"components": 2}}]}, False),
        ({"params": None, "seed": None}, False),
    ],
)
def test_parameters_follow_the_algorithm(block: dict[str, Any], good: bool) -> None:
    validator = Draft7Validator(SCHEMAS["Model"])
    model = {"kind": "Model", "name": "m", "versions": {"v1": None}}
    assert validator.is_valid({**model, **block}) is good


def test_a_version_may_remove_keys_and_has_its_own_parameters() -> None:
    validator = Draft7Validator(SCHEMAS["Model"])

    def fits(version: dict[str, Any]) -> bool:
        return validator.is_valid({"kind": "Model", "name": "m", "task": "classification", "versions": {"v1": version}})

    assert fits({"seed": None, "params": {"C": None}, "evaluate": {"positive": None}, "preprocess": None, "features": None})
    assert fits({"algorithm": "mlp", "params": {"hidden_layer_sizes": [10], "max_iter": None}})
    assert not fits({"algorithm": "mlp", "params": {"C": 1}})
    assert not fits({"name": "other"})
    assert not fits({"versions": {}})


def test_a_dataset_version_may_remove_keys_at_every_depth() -> None:
    dataset = Draft7Validator(base_schemas()["Dataset"])
    versions = {
        "v1": {"source": "a.csv", "split": {"by": None}, "columns": {"a": None, "b": {"min": None}}, "privacy": {"key": None}, "test": None}
    }
    assert dataset.is_valid({"kind": "Dataset", "name": "d", "versions": versions})
    plain = {"v1": {"privacy": {"key": {"secret": None}}}}
    assert not dataset.is_valid({"kind": "Dataset", "name": "d", "versions": plain})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_examples_fit(folder: Path) -> None:
    read = read_project(folder)
    files, problems = read.texts, read.problems
    documents, wrong = load(files)
    assert (problems, wrong, check(documents)) == ((), (), ())
    for document in documents:
        assert not list(Draft7Validator(SCHEMAS[document.kind]).iter_errors(document.value))


def test_an_editor_completes_classes_of_scikit_learn_and_no_name_is_refused() -> None:
    """Of algorithms and of steps, in the base block and in a version."""
    model = SCHEMAS["Model"]["properties"]
    version = model["versions"]["additionalProperties"]["properties"]
    for block in (model, version):
        algorithm, use = block["algorithm"], block["preprocess"]["items"]["properties"]["use"]
        for schema, known, foreign in ((algorithm, "BayesianRidge", "StandardScaler"), (use, "QuantileTransformer", "BayesianRidge")):
            offered = {name for option in schema["anyOf"] for name in option.get("enum", ())}
            assert (known in offered, foreign in offered) == (True, False)
            assert Draft7Validator({"anyOf": schema["anyOf"]}).is_valid("third_party")
    assert "[a class of scikit-learn](algorithms.md)" in (ROOT / "docs" / "yaml-reference.md").read_text(encoding="utf-8")
