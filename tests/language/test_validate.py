"""Every mistake of a document at once, at its place, as a sentence."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.kinds.not_yet import uses_of
from leptonctl.kinds.registry import KINDS
from leptonctl.kinds.schema import BASE
from leptonctl.language.fits import fits
from leptonctl.language.validate import check_value, validate
from leptonctl.project.compiled import compiled_checks
from leptonctl.views.diagnostics import render
from tests.kinds.declared import check
from tests.language.known import load

PROJECT = "kind: Project\nname: p\nformat: 1\n"
HEAD = {
    "Model": "kind: Model\nname: m\nversions: {v1: {}}\n",
    "Dataset": "kind: Dataset\nname: d\nversions: {v1: {source: a.csv}}\n",
    "Environment": "kind: Environment\nname: e\n",
    "Project": "kind: Project\nname: p\n",
}


def problems(kind: str, line: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a good document and one more line (its fourth, or third)."""
    documents, wrong = load({"leptonctl.yaml": PROJECT, "x/a.yaml": HEAD[kind] + line + "\n"})
    assert [w.id for w in wrong] == (["duplicate-project"] if kind == "Project" else [])
    return check([documents[1]])


@pytest.mark.parametrize(
    ("kind", "line", "id_", "column", "detail", "hint"),
    [
        ("Model", "taks: x", "unknown-key", 1, "Model has no key `taks`", 'did you mean "task"?'),
        ("Model", "task: classificaton", "not-allowed", 7, "`task` must be one of classification, regression, clustering, anomaly, not classificaton", 'did you mean "classification"?'),
        ("Model", "task: x", "not-allowed", 7, "`task` must be one of classification, regression, clustering, anomaly, not x", "write one of classification, regression, clustering, anomaly"),
        ("Model", "command: {run: python t2.py, files: [t2.py]}", "wrong-type", 16, "`run` must be a list of strings, not a string", "write a list: [python, t2.py]"),
        ("Model", """command: {run: "Rscript 'my train.R' --fast", files: [a]}""", "wrong-type", 16, "`run` must be a list of strings, not a string", 'write a list: [Rscript, "my train.R", "--fast"]'),
        ("Model", "threshold: {recall: 0.95}", "wrong-type", 21, "`recall` must be a mapping, not 0.95", "write {min: 0.95}"),
        ("Environment", "gates: {f1: 0.9}", "wrong-type", 13, "`f1` must be a mapping, not 0.9", "write {min: 0.9}"),
        ("Dataset", "split: {train: 0.8}", "unknown-key", 9, "`split` has no key `train`", "write `test: 0.2`"),
        ("Dataset", "split: {test_size: 0.3}", "unknown-key", 9, "`split` has no key `test_size`", "write `test: 0.3`"),
        ("Model", "seed: -1", "out-of-range", 7, "`seed` must be an integer from 0 to 4294967295, not -1", "the default is 0"),
        ("Model", "seed: '7'", "wrong-type", 7, "`seed` must be an integer from 0 to 4294967295, not a string", "remove the quotes: 7"),
        ("Model", "seed: 7.0", "wrong-type", 7, "`seed` must be an integer from 0 to 4294967295, not 7.0", "write 7"),
        ("Model", "seed: true", "wrong-type", 7, "`seed` must be an integer from 0 to 4294967295, not true", "the default is 0"),
        ("Model", "description: 5", "wrong-type", 14, "`description` must be a string, not 5", 'quote it: "5"'),
        ("Model", "description:", "wrong-type", 13, "`description` has no value", "give it a value, or remove the key"),
        ("Model", "params: [C]", "wrong-type", 9, "`params` must be a mapping, not a list", "write a mapping"),
        ("Model", "features: a", "wrong-type", 11, "`features` must be a list of strings, not a string", "write a list: [a]"),
        ("Model", "features: [a, b, a]", "duplicate-item", 18, "`features` contains this twice", "remove one of the two"),
        ("Model", "features: []", "wrong-length", 11, "`features` must have at least 1 item", "add an item, or remove the key"),
        ("Model", "preprocess: [{columns: numerc, use: x}]", "wrong-type", 24, "`columns` must be one of numeric, categorical, all or a list of strings, not `numerc`", 'did you mean "numeric"?'),
        ("Model", "preprocess: [{columns: all}]", "missing-key", 14, "each item of `preprocess` needs `use`", "add `use:` (name of the step)"),
        ("Model", "evaluate: {average: makro}", "not-allowed", 21, "`average` must be one of binary, macro, micro, weighted, not makro", 'did you mean "macro"?'),
        ("Model", "export: {opset: 22}", "out-of-range", 17, "`opset` must be an integer from 17 to 21, not 22", "the default is 18"),
        ("Model", "dataset: a@b@c", "bad-format", 10, "`dataset` cannot be `a@b@c`", "for example mail@2024-06"),
        ("Dataset", "split: {by: id, seed: 7}", "exclusive-keys", 17, "`seed` cannot be combined with `by`", "remove one of the two"),
        ("Dataset", "split: {test: 1}", "out-of-range", 15, "`test` must be a number between 0 and 1, not 1", "the default is 0.25"),
        ("Dataset", "columns: {a: {nullable: yes}}", "wrong-type", 25, "`nullable` must be true or false, not a string", "write true: YAML 1.2 reads `yes` as a string"),
        ("Dataset", "columns: {a: {typ: x}}", "unknown-key", 15, "`a` has no key `typ`", 'did you mean "type"?'),
        ("Dataset", "privacy: {hash: [a], key_id: k}", "missing-key", 1, "`privacy` needs `key`", "add `key:` (the key of the hash)"),
        ("Dataset", "privacy: {key: s3cret}", "plain-secret", 16, "`key` must say where the secret is", "write `{secret: {env: NAME}}` or `{secret: {file: PATH}}`"),
        ("Dataset", "target: {secret: {env: A}}", "misplaced-secret", 9, "`target` does not take a secret", "write the value itself"),
        ("Dataset", "digest: sha256:abc", "bad-digest", 9, "a digest is `sha256:` and 64 hex digits", "remove it, then let `leptonctl pin` write it"),
        ("Dataset", "delimiter: ab", "wrong-length", 12, "`delimiter` must have at most 1 character", "remove a character"),
        ("Environment", "models: {m: 1991}", "wrong-type", 13, "`m` must be a string or a mapping, not 1991", 'quote it: "1991"'),
        ("Environment", "models: {M x: v1}", "bad-name", 10, "a name is 1 to 63 lower-case letters, digits, `.`, `_`, `-`, and begins with a letter or digit", "write m-x"),
        ("Environment", "models: {m: {versoin: v1, version: v1}}", "unknown-key", 14, "`m` has no key `versoin`", 'did you mean "version"?'),
        ("Environment", "gates: {f1: {mn: 1}}", "unknown-key", 14, "`f1` has no key `mn`", 'did you mean "min"?'),
        ("Environment", "gates: {f1: {}}", "wrong-length", 13, "`f1` must have at least 1 entry", "for example {min: 0.85}"),
        ("Environment", "gates: [{models: '*', f1: {min: x}}]", "wrong-type", 33, "`min` must be a number, not a string", "write a number"),
        ("Environment", "gates: 5", "wrong-type", 8, "`gates` must be a mapping or a list of values, not 5", "write a list: [5]"),
        ("Environment", "switch: apart", "not-allowed", 9, "`switch` must be together, not apart", "write together"),
        ("Project", "format: 2", "not-allowed", 9, "`format` must be 1, not 2", "write 1"),
        ("Project", "vars: {a: {secret: {env: B}}}", "misplaced-secret", 11, "variables get into plans and digests, where a secret must not appear", "write the secret at the field that takes one, for example `privacy.key` of a Dataset"),
    ],
)  # fmt: skip
def test_mistakes_are_reported(kind: str, line: str, id_: str, column: int, detail: str, hint: str) -> None:
    (problem,) = problems(kind, line)
    assert problem.span is not None
    assert (problem.id, problem.detail, problem.hint) == (id_, detail, hint)
    assert (problem.span.file, problem.span.line, problem.span.column) == ("x/a.yaml", HEAD[kind].count("\n") + 1, column)


@pytest.mark.parametrize(
    ("kind", "line", "column"),
    [
        ("Model", "explain: {importance: true}", 1),
        ("Environment", "models: {m: {version: v1, canary: {version: v2, percent: 10}}}", 27),
        ("Environment", "models: {m: {version: v1, shadow: v2}}", 27),
    ],
)
def test_what_is_not_implemented_is_refused(kind: str, line: str, column: int) -> None:
    (problem,) = problems(kind, line)
    assert problem.id == "not-available"
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (HEAD[kind].count("\n") + 1, column)
    assert problem.hint


def test_what_is_not_implemented_is_refused_in_a_version() -> None:
    documents, _ = load(
        {"leptonctl.yaml": PROJECT, "a.yaml": "kind: Model\nname: m\nversions:\n  v1: {explain: {importance: true}, import: null}\n  v2:\n"}
    )
    assert [(p.span.line, p.span.column) for p in uses_of(documents[0], KINDS["Model"].not_yet) if p.span] == [(4, 8)]


def test_all_mistakes_are_reported_together_and_rendered() -> None:
    text = "kind: Model\nnam: m\nseed: x\nversions:\n  V1: {descripton: a, params: {C: null}, seed: null}\n  v2: 5\n  v3:\n"
    files = {"leptonctl.yaml": PROJECT, "m.yaml": text}
    shown = render(check(load(files)[0]), files, color=False)
    assert (
        shown
        == """\
error[missing-key]: A required key is missing
  --> m.yaml:1:7
  1 | kind: Model
    |       ^^^^^ Model needs `name`
  hint: add `name:` (name of the model)

error[unknown-key]: A key is not known
  --> m.yaml:2:1
  2 | nam: m
    | ^^^ Model has no key `nam`
  hint: did you mean "name"?

error[wrong-type]: A value has the wrong type
  --> m.yaml:3:7
  3 | seed: x
    |       ^ `seed` must be an integer from 0 to 4294967295, not a string
  hint: the default is 0

error[bad-name]: A name has characters that are not allowed
  --> m.yaml:5:3
  5 |   V1: {descripton: a, params: {C: null}, seed: null}
    |   ^^ a name is 1 to 63 lower-case letters, digits, `.`, `_`, `-`, and begins with a letter or digit
  hint: write v1

error[unknown-key]: A key is not known
  --> m.yaml:5:8
  5 |   V1: {descripton: a, params: {C: null}, seed: null}
    |        ^^^^^^^^^^ a version of a Model has no key `descripton`
  hint: did you mean "description"?

error[wrong-type]: A value has the wrong type
  --> m.yaml:6:7
  6 |   v2: 5
    |       ^ `v2` must be a mapping, not 5
  hint: write a mapping

6 errors
"""
    )


PARAMS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "C": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "d"},
        "max_iter": {"type": "integer", "minimum": 1, "default": 100, "description": "d"},
        "penalty": {"enum": ["l2", None], "default": "l2", "description": "d"},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "default": [100], "description": "d"},
        "gamma": {
            "anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "exclusiveMinimum": 0}],
            "default": "scale",
            "description": "d",
        },
    },
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("{C: 2, max_iter: 5, penalty: null, sizes: [3], gamma: auto}", []),
        ("{c: 2}", [("unknown-parameter", 10, "algorithm svm has no parameter `c`", 'did you mean "C"?')]),
        ("{max_itr: 2}", [("unknown-parameter", 10, "algorithm svm has no parameter `max_itr`", 'did you mean "max_iter"?')]),
        ("{max_iter: many}", [("wrong-type", 20, "`max_iter` must be an integer of at least 1, not a string", "the default is 100")]),
        ("{C: 0}", [("out-of-range", 13, "`C` must be a number greater than 0, not 0", "the default is 1.0")]),
        ("{penalty: l3}", [("not-allowed", 19, "`penalty` must be l2, not l3", "the default is l2")]),
        (
            "{sizes: [3, 0]}",
            [("out-of-range", 21, "each item of `sizes` must be an integer of at least 1, not 0", "write an integer of at least 1")],
        ),
        ("{gamma: -1}", [("out-of-range", 17, "`gamma` must be a number greater than 0, not -1", "write a number greater than 0")]),
        (
            "{gamma: scal}",
            [("wrong-type", 17, "`gamma` must be one of scale, auto or a number greater than 0, not `scal`", 'did you mean "scale"?')],
        ),
        ("5", [("wrong-type", 9, "the value must be a mapping, not 5", "write a mapping")]),
    ],
)
def test_parameters(params: str, expected: list[tuple[str, int, str, str]]) -> None:
    documents, _ = load({"leptonctl.yaml": PROJECT, "m.yaml": f"kind: Model\nname: m\nparams: {params}\n"})
    found = check_value(documents[1].value["params"], PARAMS, documents[1], ("params",), what="algorithm svm")
    assert [(p.id, p.span.column, p.detail, p.hint) for p in found if p.span] == expected


def test_a_valid_value_imports_no_schema_library() -> None:
    code = (
        "import sys\n"
        "from leptonctl.kinds.schema import BASE\n"
        "from leptonctl.language.load import load\n"
        "from leptonctl.language.validate import check_value, validate\n"
        f"documents, problems = load({{'a.yaml': {PROJECT!r}, 'b.yaml': {HEAD['Model']!r}, 'c.yaml': {HEAD['Dataset']!r}}}, list(BASE))\n"
        "assert not problems and len(documents) == 3 and not validate(documents, BASE)\n"
        "assert not check_value({}, {'type': 'object'}, documents[0], (), what='x')\n"
        "assert not {'jsonschema', 'fastjsonschema', 'jinja2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.25, 1.0, -1.0])
    | st.sampled_from(["l2", "scale", "v1", "V 1", "", "a\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PARAMS["properties"], "x"]), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(value=values)
def test_the_quick_check_agrees_with_the_slow_one(value: Any) -> None:
    documents, _ = load({"leptonctl.yaml": PROJECT})
    assert fits(value, PARAMS) == (_slow(value, PARAMS) == 0)
    wrong = check_value(value, PARAMS, documents[0], (), what="x")
    assert (not wrong) == fits(value, PARAMS)


def _slow(value: Any, schema: dict[str, Any]) -> int:
    from leptonctl.language.validate import _validator_class

    return len(list(_validator_class()(schema).iter_errors(value)))


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    """The checks that a build of the package writes."""
    module: dict[str, Any] = {}
    exec(compiled_checks(Path(__file__).parents[2]), module)
    return module["CHECKS"]


KEYS = {kind: list(schema["properties"]) for kind, schema in BASE.items()}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_compiled_check_agrees_with_both(compiled: dict[str, Any], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(BASE)))
    value: dict[str, Any] = {"kind": kind, "name": "n", "versions": {"v1": {}}}
    if kind in {"Project", "Environment"}:
        del value["versions"]
    value |= data.draw(st.dictionaries(st.sampled_from([*KEYS[kind], "x"]), values, max_size=2))
    right = compiled[kind](value)
    assert right == (_slow(value, BASE[kind]) == 0)
    assert right == fits(value, BASE[kind])


def test_validation_without_compiled_checks_reports_the_same(compiled: dict[str, Any]) -> None:
    text = "kind: Model\nname: m\nseed: x\nversions: {}\n"
    documents, _ = load({"leptonctl.yaml": PROJECT, "m.yaml": text})
    assert validate(documents, BASE) == validate(documents, BASE, compiled)
    assert len(validate(documents, BASE)) == 2
