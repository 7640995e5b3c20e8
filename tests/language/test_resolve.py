"""Versions as overrides of the base block: the laws of merging, and the place of every field in the text."""

import json
import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.values import Json, Path, Span, value_at
from leptonctl.kinds.model.inheritance import inherit
from leptonctl.language.resolve import Declared, Inherit, everything, resolve, versions, whole
from tests.language.known import KINDS, load

keys = st.text(string.ascii_lowercase, min_size=1, max_size=2).filter(lambda key: key not in ("y", "n", "on", "no"))
texts = st.text(string.ascii_letters + " ", max_size=5)
leaf = st.booleans() | st.integers(-999, 999) | st.floats(-999, 999) | texts
plain = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6)
blocks = st.dictionaries(keys, plain, max_size=4)
overriding = st.recursive(
    st.none() | leaf, lambda inner: st.lists(leaf, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
overrides = st.dictionaries(keys, overriding, max_size=4)


def source(base: dict[str, Json], *override: dict[str, Json] | None) -> str:
    """A document of JSON in YAML, every value of it on a line of its own."""
    named = {f"v{i + 1}": value for i, value in enumerate(override)}
    return json.dumps({"kind": "Model", "name": "toy", **base, "versions": named}, indent=1)


def declared(text: str, inherit: Inherit = everything) -> tuple[Declared, ...]:
    (_, document), problems = load({"leptonctl.yaml": "kind: Project\nname: toys\n", "toy.yaml": text})
    assert not problems
    return versions(document, inherit)


def parts(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every part of a value below the top, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key), item
        yield from parts(item, (*path, key))


def at(text: str, span: Span) -> str:
    return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]


def without_nulls(value: Json) -> Json:
    return {k: without_nulls(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value


@given(blocks, overrides)
def test_null_removes_maps_merge_everything_else_replaces(base: dict[str, Json], override: dict[str, Json]) -> None:
    (version,) = declared(source(base, override))

    def check(old: Json, new: Json, merged: Json) -> None:
        if not (isinstance(old, dict) and isinstance(new, dict)):
            assert merged == without_nulls(new)
            return
        assert isinstance(merged, dict)
        assert set(merged) == {key for key in {*old, *new} if new.get(key, old.get(key)) is not None}
        for key in merged:
            check(old.get(key), new[key], merged[key]) if key in new else check(None, old[key], merged[key])

    check(base, override, version.fields)


@given(blocks)
def test_without_overrides_a_version_is_the_base_block(base: dict[str, Json]) -> None:
    for version in declared(source(base, None, {})):
        assert version.fields == base


@given(blocks, overrides)
def test_an_override_with_the_same_value_changes_nothing(base: dict[str, Json], override: dict[str, Json]) -> None:
    (once,) = declared(source(base, override))
    (again,) = declared(source(once.fields, override))
    assert again.fields == once.fields


@given(blocks, overrides)
def test_every_field_knows_where_it_is_written(base: dict[str, Json], override: dict[str, Json]) -> None:
    text = source(base, override)
    (version,) = declared(text)
    found = dict(parts(version.fields))
    assert set(found) == set(version.origins)
    for path, value in found.items():
        if not isinstance(value, dict | list):
            assert json.loads(at(text, version.origins[path])) == value
        if isinstance(path[-1], str):
            assert json.loads(at(text, version.keys[path])) == path[-1]


@given(blocks, overrides, overrides)
def test_versions_are_independent(base: dict[str, Json], one: dict[str, Json], two: dict[str, Json]) -> None:
    first, second = declared(source(base, one, two))
    assert first.fields == declared(source(base, one))[0].fields
    assert second.fields == declared(source(base, two))[0].fields


def test_a_kind_says_what_its_versions_inherit() -> None:
    documents, _ = load({"a.yaml": "kind: Project\nname: p\n---\n" + source({"x": 1, "y": 2}, {}, {"x": 3}, {"y": 4})})
    rules: dict[str, Inherit] = {"Model": lambda base, override: {k: v for k, v in base.items() if k == "x" or "x" not in override}}
    project = resolve(documents, "Project", rules)
    assert [dict(one.fields) for one in project.versions(project.of("Model")["toy"])] == [{"x": 1, "y": 2}, {"x": 3}, {"x": 1, "y": 4}]
    # where a field is written is that of what is left
    without = project.by_version(project.of("Model")["toy"])["v2"]
    assert without.at("y") == without.span
    # another kind, or no rule, inherits everything
    (_, plain_, _) = versions(project.of("Model")["toy"])
    assert plain_.fields == {"x": 3, "y": 2}


@pytest.mark.parametrize("key", ["algorithm", "import", "command"])
def test_another_way_of_training_starts_without_parameters(key: str) -> None:
    base: dict[str, Json] = {"algorithm": "a", "params": {"C": 1.0}, "seed": 1}
    again, other, own = declared(source(base, {"seed": 2}, {key: "b"}, {key: "b", "params": {"depth": 2}}), inherit)
    assert again.fields["params"] == {"C": 1.0}
    assert "params" not in other.fields
    assert own.fields["params"] == {"depth": 2}


def test_a_null_in_the_base_block_stays() -> None:
    """`columns: {x:}` names a column without a contract; in a version it removes the column's contract."""
    base: dict[str, Json] = {"columns": {"x": None, "y": {"min": 1}}}
    plain_, overridden = declared(source(base, {}, {"columns": {"y": None}}))
    assert plain_.fields == base
    assert overridden.fields == {"columns": {"x": None}}


def test_an_absent_field_is_reported_where_it_belongs() -> None:
    text = source({"params": {"a": 1}, "list": [1, 2]}, {})
    (version,) = declared(text)
    assert at(text, version.at("params", "b")) == at(text, version.at("params"))
    assert version.at("nothing") == version.span
    assert at(text, version.key_at("params")) == '"params"'
    assert at(text, version.at("list", 1)) == "2"
    assert at(text, version.span) == '"v1"'


def test_names_of_versions_are_strings() -> None:
    (document, *_), _ = load({"a.yaml": "kind: Dataset\nname: d\nversions:\n  1991: {}\n  010: {}\n  no: {}\n  2024-06: {}\n"})
    assert [d.version for d in versions(document)] == ["1991", "010", "no", "2024-06"]


def test_documents_by_kind() -> None:
    text = (
        "kind: Project\nname: p\nroots: [/data]\n---\nkind: Dataset\nname: d\n---\nkind: Model\nname: m\n---\nkind: Environment\nname: e\n"
    )
    documents, _ = load({"a.yaml": text})
    project = resolve(documents, "Project", {})
    assert (project.name, project.roots) == ("p", ("/data",))
    # the project is not listed among the documents of a kind
    assert project.document.kind == "Project"
    assert {kind: list(project.of(kind)) for kind in KINDS} == {"Project": [], "Dataset": ["d"], "Model": ["m"], "Environment": ["e"]}
    assert project.of("Pod") == {}
    assert whole(project.of("Environment")["e"]).fields == {}


def test_versions_are_merged_once() -> None:
    documents, _ = load({"a.yaml": "kind: Project\nname: p\n---\nkind: Model\nname: m\nseed: 1\nversions: {v1: {}, v2: {seed: 2}}\n"})
    project = resolve(documents, "Project", {})
    model = project.of("Model")["m"]
    assert project.versions(model) is project.versions(model)
    assert project.versions(model) == versions(model)


def test_value_at() -> None:
    value: Json = {"a": [{"b": 1}]}
    assert value_at(value, ("a", 0, "b")) == 1
    assert value_at(value, ()) == value
    assert value_at(value, ("a", 1)) is None
    assert value_at(value, ("a", "b")) is None
    assert value_at(value, ("a", 0, "b", "c")) is None
