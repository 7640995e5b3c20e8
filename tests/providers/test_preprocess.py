"""The bundled preprocess steps: their shipped schemas against the installed scikit-learn."""

import inspect
import subprocess
import sys

import jsonschema
import numpy as np
import pytest

from leptonctl.learning.fitting.recipe import with_defaults
from leptonctl.project.catalog import PREPROCESSORS, load_catalog

STEPS = load_catalog().preprocessors
# what differs from scikit-learn's default, and why
OURS = {
    ("one_hot", "handle_unknown"): "a served model has to answer",
    ("ordinal", "handle_unknown"): "a served model has to answer",
    ("ordinal", "unknown_value"): "a served model has to answer",
    ("select_k_best", "score_func"): "functions are not data, and f_classif is wrong for values",
}


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_a_shipped_schema_is_valid_and_accepts_its_default(name):
    step = STEPS[name]
    assert step.name == name
    assert step.description
    for param, schema in step.params.items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert {"description", "default"} <= schema.keys(), param
        jsonschema.validate(schema["default"], schema)


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_a_shipped_default_is_scikit_learns(name):
    step = STEPS[name]
    transformer = step.build(with_defaults(step.params, {}), 0)
    theirs = {p.name: p.default for p in inspect.signature(type(transformer)).parameters.values()}
    for param, schema in step.params.items():
        if (name, param) in OURS:
            assert theirs[param] != schema["default"]
            continue
        default = list(theirs[param]) if isinstance(theirs[param], tuple) else theirs[param]
        assert schema["default"] == default, param


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_every_parameter_reaches_scikit_learn(name):
    step = STEPS[name]
    values = step.build(with_defaults(step.params, {}), 41).get_params()
    for param, schema in step.params.items():
        if (name, param) != ("select_k_best", "score_func"):
            value = values[param]
            assert (list(value) if isinstance(value, tuple) else value) == schema["default"], param
    assert values.get("random_state", 41) == 41


def test_no_provider_module_has_heavy_imports():
    modules = [f"leptonctl.providers.preprocess.{name}" for name in PREPROCESSORS]
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "sklearn", "scipy", "onnx", "skl2onnx", "onnxruntime", "polars"} & set(loaded)


@pytest.mark.parametrize("params", [{"sublinear_tf": True}, {"analyzer": "char"}, {"analyzer": "char_wb"}])
def test_text_weights_that_cannot_be_exported_are_refused_at_plan_time(params):
    assert STEPS["tfidf"].refuse(params)
    assert STEPS["tfidf"].refuse(with_defaults(STEPS["tfidf"].params, {})) is None


def test_select_k_best_scores_by_the_kind_of_target():
    from sklearn.feature_selection import f_classif, f_regression

    draw = np.random.RandomState(0)
    features = draw.randn(60, 5).astype(np.float32)
    values, classes = features[:, 2] + draw.randn(60), draw.randint(0, 3, 60)
    for target, judge in ((values, f_regression), (classes, f_classif), (np.array(["a", "b", "c"])[classes], f_classif)):
        selector = STEPS["select_k_best"].build(with_defaults(STEPS["select_k_best"].params, {"k": 2}), 0).fit(features, target)
        assert np.array_equal(selector.scores_, judge(features, target)[0])
