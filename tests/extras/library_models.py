"""Writes `tests/providers/library_models.json`: small models in the libraries' own files, with hard rows and the libraries' answers.

`python -m tests.extras.library_models`, after a change of what the libraries write.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "providers" / "library_models.json"
XGBOOST = [
    {"objective": "binary:logistic"}, {"objective": "multi:softprob", "num_class": 3}, {"objective": "reg:squarederror"},
    {"objective": "reg:logistic"}, {"objective": "count:poisson", "booster": "dart", "rate_drop": 0.5},
    {"objective": "reg:gamma", "num_parallel_tree": 2, "subsample": 0.7, "base_score": 2.0},
]  # fmt: skip
FOREST = {"boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1}
LIGHTGBM = [
    {"objective": "binary"}, {"objective": "multiclass", "num_class": 3}, {"objective": "regression"}, {"objective": "regression", "reg_sqrt": True},
    {"objective": "cross_entropy"}, {"objective": "cross_entropy_lambda"}, {"objective": "tweedie"}, {"objective": "gamma", **FOREST},
]  # fmt: skip


def table():
    """Training rows around zero, some without a value, and a positive target."""
    draw = np.random.RandomState(0)
    features = draw.randn(120, 3).astype(np.float32)
    features[draw.rand(120, 3) < 0.1] = np.nan
    features[:, 2] = np.nan_to_num(features[:, 2])
    return features, np.exp(np.nan_to_num(features).sum(axis=1) / 2)


def target_of(objective, target):
    if objective in ("binary:logistic", "binary"):
        return (target > 1).astype(int)
    if objective in ("multi:softprob", "multiclass"):
        return np.digitize(target, [0.7, 1.4])
    if objective in ("reg:logistic", "cross_entropy", "cross_entropy_lambda"):
        return target / target.max()
    return target


def hard_rows(features, thresholds):
    """Some of the rows, each with one cell at or next to a threshold, close to zero, or empty."""
    zero = np.float32(1e-35)
    values = [np.nan, 0, zero, -zero, *(np.nextafter(sign * zero, side) for sign in (1, -1) for side in (np.float32(-1), np.float32(1)))]
    cells = [(column, value) for column in range(3) for value in values]
    for column, threshold in thresholds:
        near = np.float32(threshold)
        cells += [(column, near), (column, np.nextafter(near, np.float32(-9))), (column, np.nextafter(near, np.float32(9)))]
    rows = features[np.arange(len(cells)) % 40].copy()
    for row, (column, value) in zip(rows, cells, strict=True):
        row[column] = value
    return np.concatenate([features[:10], rows])


def models():
    """(library, name, parameters, text of the model, answers to rows) of each."""
    import lightgbm
    import xgboost

    features, target = table()
    for params in XGBOOST:
        data = xgboost.DMatrix(features, label=target_of(params["objective"], target), nthread=1)
        booster = xgboost.train({**params, "max_depth": 2, "nthread": 1, "seed": 0, "verbosity": 0}, data, 3)
        yield (
            "xgboost",
            params,
            booster.save_raw("json").decode(),
            lambda rows, booster=booster: booster.predict(xgboost.DMatrix(rows, nthread=1)),
        )
    for params in LIGHTGBM:
        data = lightgbm.Dataset(features, label=target_of(params["objective"], target))
        settings = {**params, "num_leaves": 4, "num_threads": 1, "seed": 0, "deterministic": True, "force_row_wise": True, "verbosity": -1}
        booster = lightgbm.train(settings, data, 3)
        text = booster.model_to_string().partition("\nparameters:")[0] + "\n"
        yield "lightgbm", params, text, lambda rows, booster=booster: booster.predict(rows, num_threads=1)


def content():
    from leptonctl.providers.trainers import lightgbm_graph

    trained = [*models()]
    (text,) = (text for library, params, text, _ in trained if library == "lightgbm" and params == {"objective": "regression"})
    thresholds = sorted(
        {
            (int(f), float(t))
            for tree in lightgbm_graph.read_trees(text).trees
            for f, t, left in zip(tree.features, tree.thresholds, tree.left, strict=True)
            if left >= 0
        }
    )
    rows = hard_rows(table()[0], thresholds)
    cases = []
    for library, params, text, predict in trained:
        answers = predict(rows)
        binary = params["objective"] in ("binary:logistic", "binary")
        answers = np.column_stack([1 - answers, answers]) if binary else answers
        classes = [0, 1] if binary else ["a", "b", "c"] if "num_class" in params else None
        rest = "".join(f" {value}" for name, value in params.items() if name not in ("objective", "num_class"))
        cases.append(
            {
                "library": library,
                "name": params["objective"] + rest,
                "classes": classes,
                "model": text,
                "answers": np.asarray(answers, dtype=np.float64).tolist(),
            }
        )
    return {"rows": [[None if np.isnan(cell) else float(cell) for cell in row] for row in rows], "cases": cases}


if __name__ == "__main__":
    FILE.write_text(json.dumps(content()) + "\n", encoding="utf-8")
