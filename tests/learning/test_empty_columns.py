"""Columns without a value, and unscaled columns: trained as a scikit-learn pipeline is, exported exactly, and nothing silent."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.fitted_model import quiet as no_warnings
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.onnx.parity import run_graph
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.steps.export import export
from leptonctl.spi.learning import ProviderError
from tests.learning.model_rows import halves, quiet, recipe

NUMBERS = ("year", "empty", "gaps", "km")
IMPUTER, SCALER = ("imputer", "numeric", {}), ("standard_scaler", "numeric", {})


def cars(**columns):
    draw = np.random.RandomState(5)
    year, km, gaps = draw.randint(1990, 2025, 160), draw.uniform(0, 3e5, 160), draw.randn(160)
    gaps[::7] = np.nan
    table = {"year": year, "empty": np.full(160, np.nan), "gaps": gaps, "km": km, **columns}
    return {name: np.asarray(values, dtype=np.float32) for name, values in table.items()}, 3e3 * (year - 1980.0) - km / 10


def built(algorithm, *steps, params=None, features=None):
    columns, target = cars()
    seen, unseen = halves({name: columns[name] for name in features or NUMBERS}, target)
    inputs = recipe("regression", algorithm, *steps, params=params)
    fitted = load_native(dump_native(fit(inputs, seen.columns, seen.y, quiet)), inputs)
    result = export(fitted, seen, unseen)
    answers = run_graph(open_session(result.onnx), fitted, unseen.columns)
    return seen, unseen, np.asarray(answers.values).reshape(-1), result, fit(inputs, seen.columns, seen.y, quiet).warnings


def stack(rows):
    return np.column_stack(list(rows.columns.values()))


@pytest.mark.parametrize(
    ("algorithm", "steps", "plain"),
    [
        ("ridge", [IMPUTER], make_pipeline(SimpleImputer(), Ridge())),
        ("ridge", [("imputer", "numeric", {"strategy": "constant"})], make_pipeline(SimpleImputer(strategy="constant"), Ridge())),
        ("ridge", [("imputer", "numeric", {"keep_empty_features": True})], make_pipeline(SimpleImputer(keep_empty_features=True), Ridge())),
        ("ridge", [IMPUTER, SCALER], make_pipeline(SimpleImputer(), StandardScaler(), Ridge())),
        (
            "ridge",
            [("imputer", ["empty"], {}), IMPUTER, SCALER],
            make_pipeline(ColumnTransformer([("drop", "drop", [1])], remainder="passthrough"), SimpleImputer(), StandardScaler(), Ridge()),
        ),
        ("decision_tree", [IMPUTER], make_pipeline(SimpleImputer(), DecisionTreeRegressor(random_state=0))),
    ],
    ids=str,
)
def test_a_column_without_values_is_left_out_as_by_scikit_learn(algorithm, steps, plain):
    """B7: and the steps after the imputer still find the other columns by name."""
    seen, unseen, answers, _, warned = built(algorithm, *steps)
    with no_warnings():
        expected = plain.fit(stack(seen), seen.y).predict(stack(unseen))
    assert answers == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(np.std(seen.y)))
    keeps = any(params.get("keep_empty_features") for _, _, params in steps)
    assert any("leaves out empty" in text for text in warned) is not keeps


def test_an_algorithm_that_cannot_take_such_a_column_names_it():
    columns, target = cars()
    seen, _ = halves({name: columns[name] for name in NUMBERS}, target)
    with pytest.raises(ProviderError) as refused:
        fit(recipe("regression", "hist_gradient_boosting"), seen.columns, seen.y, quiet)
    assert (refused.value.id, refused.value.column) == ("training-failed", "empty")
    assert "features:" in refused.value.hint


@pytest.mark.parametrize(
    ("algorithm", "params", "plain"),
    [
        ("linear", {"fit_intercept": False}, LinearRegression(fit_intercept=False)),
        ("ridge", {"fit_intercept": False}, Ridge(fit_intercept=False)),
        ("ridge", {}, Ridge()),
        ("linear", {}, LinearRegression()),
    ],
    ids=str,
)
@pytest.mark.parametrize("features", [("year",), ("km", "year")])
def test_unscaled_columns_are_exported_exactly(algorithm, params, plain, features):
    """B8 and B12: years and kilometres as they are, with and without an intercept; the graph is as near as float64 is."""
    seen, unseen, answers, result, _ = built(algorithm, params=params, features=features)
    expected = plain.fit(stack(seen).astype(np.float64), seen.y).predict(stack(unseen).astype(np.float64))
    assert answers == pytest.approx(expected, rel=1e-3, abs=2e-3 * float(np.std(seen.y)))
    assert result.parity.max_value_diff <= result.parity.tolerance
