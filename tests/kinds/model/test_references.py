"""Mistakes in references between documents: each is reported once, at its place, with a hint that helps."""

import pytest

from leptonctl.core.observed import SourceFacts
from leptonctl.kinds.environment.kind import bindings, environments
from tests.kinds.declared import ALL, CATALOG, COLUMNS, ENVIRONMENT, MODEL, PROJECT, declared, ids, sound

GONE = {"data/first.csv": SourceFacts(problem=("missing-file", "It is gone", "data/first.csv", "put it back"))}
OUTSIDE = {"data/first.csv": SourceFacts(digest=None, problem=("outside-project", "It lies outside", "..", "move it"))}
PIN = f"digest: 'sha256:{'1' * 64}'"

# old text, new text, id, the words at the place, the words in the hint
CASES = [
    ("dataset: points@first", "dataset: pionts@first", "unknown-dataset", "pionts@first", 'did you mean "points"?'),
    ("dataset: points@first", "dataset: points@frist", "unknown-dataset-version", "points@frist", 'did you mean "first"?'),
    ("dataset: points@first", "dataset: points", "missing-dataset-version", "points", "points@second"),
    ("dataset: points@first\n", "", "missing-dataset", None, "dataset: NAME@VERSION"),
    ("algorithm: logistic_regression", "algorithm: logistic_regresion", "unknown-algorithm", "logistic_regresion", 'did you mean "logistic_regression"?'),
    ("algorithm: logistic_regression", "algorithm: ridge", "unknown-algorithm", "ridge", 'write "RidgeClassifier"'),
    ("algorithm: logistic_regression", "algorithm: NearestCentroid", "cannot-export", "NearestCentroid", "LinearDiscriminantAnalysis"),
    ("algorithm: logistic_regression", "algorithm: AdaBoostRegressor", "unknown-algorithm", "AdaBoostRegressor", "AdaBoostClassifier"),
    ("algorithm: logistic_regression", "algorithm: XGBClassifier", "unknown-algorithm", "XGBClassifier", 'write "xgboost"'),
    ("algorithm: logistic_regression", "algorithm: xgb.XGBRegressor", "unknown-algorithm", "xgb.XGBRegressor", 'write "xgboost"'),
    ("algorithm: logistic_regression", "algorithm: LGBMClassifier", "unknown-algorithm", "LGBMClassifier", 'write "lightgbm"'),
    ("algorithm: logistic_regression", "algorithm: LGBMRegressor", "unknown-algorithm", "LGBMRegressor", 'write "lightgbm"'),
    ("task: classification\nalgorithm: logistic_regression", "task: regression\nalgorithm: XGBRFRegressor", "unknown-algorithm", "XGBRFRegressor", 'write "xgboost"'),
    ("algorithm: logistic_regression", "algorithm: CatBoostClassifier", "unknown-algorithm", "CatBoostClassifier", 'write "hist_gradient_boosting"'),
    ("algorithm: logistic_regression", "algorithm: KerasClassifier", "unknown-algorithm", "KerasClassifier", 'write "mlp"'),
    ("algorithm: logistic_regression", "algorithm: Lasso", "unknown-algorithm", "Lasso", "is for regression"),
    ("algorithm: logistic_regression", "algorithm: AdaBoostClasifier", "unknown-algorithm", "AdaBoostClasifier", 'did you mean "AdaBoostClassifier"?'),
    ("task: classification\nalgorithm: logistic_regression", "algorithm: kmeans", "unknown-algorithm", "kmeans", 'write "KMeans"'),
    ("task: classification\nalgorithm: logistic_regression", "task: anomaly\nalgorithm: isolation_forest", "unknown-algorithm", "isolation_forest", 'write "IsolationForest"'),
    ("task: classification\nalgorithm: logistic_regression", "task: clustering\nalgorithm: DBSCAN", "cannot-export", "DBSCAN", "KMeans"),
    ("task: classification\nalgorithm: logistic_regression", "algorithm: KMeans\npreprocess: [{use: select_k_best, columns: [x]}]", "step-needs-target", "select_k_best", "leave it out"),
    ("target: side\n", "", "missing-target", None, "add `target: COLUMN`"),
    ("algorithm: logistic_regression", "algorithm: MaxAbsScaler", "cannot-export", "MaxAbsScaler", "under `preprocess:`"),
    ("algorithm: logistic_regression", "algorithm: AdaBoostClassifier\nparams: {n_estimator: 5}", "unknown-parameter", "n_estimator", '"n_estimators"'),
    ("algorithm: logistic_regression", "algorithm: AdaBoostClassifier\nparams: {learning_rate: 0}", "out-of-range", "0", ""),
    ("algorithm: logistic_regression", "algorithm: DummyClassifier\nparams: {strategy: uniform}", "cannot-export", "params", "change the parameter"),
    ("task: classification\nalgorithm: logistic_regression", "algorithm: SVCC", "unknown-algorithm", "SVCC", ""),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: NMF}]", "cannot-export", "NMF", "TruncatedSVD"),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: RidgeClassifier}]", "cannot-export", "RidgeClassifier", "`algorithm: RidgeClassifier`"),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: PowerTransfomer}]", "unknown-preprocessor", "PowerTransfomer", '"PowerTransformer"'),
    ("algorithm: logistic_regression", "algorithm: AdaBoostClassifier\npreprocess: [{use: QuantileTransformer}]", "cannot-export", "QuantileTransformer", "leave it out"),
    ("algorithm: logistic_regression", "algorithm: mlp\nparams: {iteratons: 5}", "unknown-parameter", "iteratons", "write `max_iter:`"),
    ("algorithm: logistic_regression", "algorithm: xgboost\nparams: {iteratons: 5}", "unknown-parameter", "iteratons", "write `n_estimators:`"),
    ("algorithm: logistic_regression", "algorithm: torch_mlp\nparams: {hidden_layer_size: [3]}", "unknown-parameter", "hidden_layer_size", "write `layers:`"),
    ("algorithm: logistic_regression", "algorithm: lightgbm\nparams: {num_leafs: 5}", "unknown-parameter", "num_leafs", '"num_leaves"'),
    ("algorithm: logistic_regression", "algorithm: baggingclassifier", "unknown-algorithm", "baggingclassifier", 'write "BaggingClassifier"'),
    ("algorithm: logistic_regression", "algorithm: XGBClasifier", "unknown-algorithm", "XGBClasifier", 'write "xgboost"'),
    ("algorithm: logistic_regression", "algorithm: SGDClasifier", "unknown-algorithm", "SGDClasifier", '"SGDClassifier"'),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {class_weight: {a: 2}}", "not-allowed", "{a: 2}", "write `class_weight: {a: 2}` in the model or the version"),
    ("algorithm: logistic_regression", "algorithm: mlp\nparams: {hidden_layer_sizes: (10)}", "wrong-type", "(10)", "in square brackets: [10]"),
    ("task: classification\nalgorithm: logistic_regression\nversions:\n  v1: {}\n", "task: clustering\nalgorithm: MiniBatchKMeans\nversions:\n  v0: {}\n  v1: {warm_start: v0}\n", "cannot-continue", "v0", "remove `warm_start`"),
    ("algorithm: logistic_regression", "algorithm: kmeans", "unknown-algorithm", "kmeans", '"KMeans" is what it is called here, and is for clustering'),
    ("algorithm: logistic_regression\n", "", "missing-algorithm", None, "algorithm: NAME"),
    ("task: classification\nalgorithm: logistic_regression", "algorithm: random_forest", "missing-task", None, "task: "),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {c: 1}", "unknown-parameter", "c", '"C"'),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {C: low}", "wrong-type", "low", ""),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {C: -1}", "out-of-range", "-1", ""),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: standart_scaler}]", "unknown-preprocessor", "standart_scaler", '"standard_scaler"'),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: standard_scaler, columns: x}]", "wrong-type", "x", "[x]"),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: standard_scaler, columns: [z]}]", "unknown-column", "z", ""),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\npreprocess: [{use: standard_scaler, columns: [side]}]", "unknown-column", "side", "x"),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nfeatures: [y]\npreprocess: [{use: standard_scaler, columns: [x]}]", "unknown-column", "x", "y"),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nfeatures: [x, citi]", "unknown-column", "citi", '"city"'),
    ("algorithm: logistic_regression", "algorithm: logistic_regression\nevaluate: {metrics: [acuracy]}", "unknown-metric", "acuracy", '"accuracy"'),
    ("target: side\n", "", "missing-target", None, "target: COLUMN"),
    ("target: side", "target: sidd", "unknown-column", "sidd", '"side"'),
    ("target: side", "target: side\ncolumns: {z: {type: number}}", "unknown-column", "z", "known:"),
    ("target: side", "target: side\nprivacy: {drop: [citty]}", "unknown-column", "citty", '"city"'),
    ("target: side", "target: side\nsplit: {by: idd}", "unknown-column", "idd", ""),
    ("{source: data/first.csv}", "{}", "missing-source", None, "source: PATH"),
    ("data/first.csv", "data/first.doc", "unknown-format", "data/first.doc", ""),
    ("models: {line: v1}", "models: {lien: v1}", "unknown-model", "lien", 'did you mean "line"?'),
    ("models: {line: v1}", "models: {line: v2}", "unknown-version", "v2", "v1"),
    ("models: {line: v1}", "models: {line: {version: v9}}", "unknown-version", "v9", "v1"),
    ("models: {line: v1}", "models: {line: v1}\ngates: {acc: {min: 1}}", "unknown-metric", "acc", ""),
    ("models: {line: v1}", "models: {line: v1}\ngates: {rmse: {max: 1}}", "unknown-metric", "rmse", ""),
    ("models: {line: v1}", "models: {line: v1}\ngates: {confusion_matrix: {min: 1}}", "no-number", "confusion_matrix", "accuracy"),
    ("models: {line: v1}", "models: {line: v1}\ngates: {flips: {min: 1}}", "unknown-rule", "min", "max"),
    ("models: {line: v1}", "models: {line: v1}\ngates: {accuracy: {mim: 1}}", "unknown-key", "mim", '"min"'),
    ("models: {line: v1}", "models: {line: v1}\ngates: [{models: 'lin', accuracy: {min: 1}}]", "unknown-model", "'lin'", '"line"'),
    ("models: {line: v1}", "models: {line: v1}\n---\nkind: Environment\nname: other\nplatform: {port: 8080}", "port-taken", "8080", "another port"),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {type: kserve}", "unknown-platform", "kserve", "server"),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {type: sever}", "unknown-platform", "sever", 'did you mean "server"?'),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {port: 70000}", "out-of-range", "70000", "the default is 8080"),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {prot: 80}", "unknown-key", "prot", 'did you mean "port"?'),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {host: {secret: {env: X}}}", "misplaced-secret", "{secret: {env: X}}", "the value itself"),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {host: [a]}", "wrong-type", "[a]", "the default is 127.0.0.1"),
    ("models: {line: v1}", "models: {line: v1}\nplatform: {port: {a: 1}}", "wrong-type", "{a: 1}", "the default is 8080"),
    ("kind: Dataset", "executor: {type: ray}\n---\nkind: Dataset", "unknown-executor", "ray", "local"),
    ("kind: Dataset", "executor: {parallelism: 0}\n---\nkind: Dataset", "out-of-range", "0", "the default is 2"),
    ("kind: Dataset", "executor: {paralelism: 2}\n---\nkind: Dataset", "unknown-key", "paralelism", 'did you mean "parallelism"?'),
    ("kind: Dataset", "state: s3://bucket/prefix\n---\nkind: Dataset", "not-available", "s3://bucket/prefix", "state: .leptonctl/state"),
    ("kind: Dataset", "state: postgresql://host/db\n---\nkind: Dataset", "not-available", "postgresql://host/db", "state: .leptonctl/state"),
    ("kind: Dataset", "store: gs://bucket/prefix\n---\nkind: Dataset", "not-available", "gs://bucket/prefix", "store: .leptonctl/store"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "id_", "word", "hint"), CASES, ids=[f"{c[2]}-{i}" for i, c in enumerate(CASES)])
def test_a_mistake_is_reported_once_at_its_place(old: str, new: str, id_: str, word: str | None, hint: str) -> None:
    assert ALL.count(old) == 1
    # what precedes the dataset belongs to the project
    text = (PROJECT.removesuffix("---\n") if old == "kind: Dataset" else PROJECT) + ALL.replace(old, new)
    found = [p for p in declared(text)[1] if p.severity == "error"]
    assert [p.id for p in found] == [id_], found
    (problem,) = found
    assert hint in problem.hint
    assert problem.summary
    assert problem.detail
    assert problem.span is not None
    if word is not None:
        line = text.splitlines()[problem.span.line - 1]
        assert line[problem.span.column - 1 : problem.span.end_column - 1] == word


def test_all_mistakes_are_reported_together() -> None:
    text = ALL.replace("points@first", "points@frist").replace("{line: v1}", "{lien: v1}").replace("target: side", "target: sidd")
    assert sorted(ids(text)) == ["unknown-column", "unknown-dataset-version", "unknown-model"]


def test_a_mistake_shared_by_two_versions_is_reported_once() -> None:
    two = ALL.replace("v1: {}", "v1: {}\n  v2: {seed: 1}")
    assert ids(two.replace("points@first", "pionts@first")) == ["unknown-dataset"]
    assert ids(two.replace("algorithm: logistic_regression", "algorithm: logistic_regression\nparams: {C: -1}")) == ["out-of-range"]
    assert ids(ALL.replace("target: side", "target: sidd")) == ["unknown-column"]


def test_columns_are_not_checked_without_the_data() -> None:
    """The header of an unreadable file is unknown; a pinned file whose bytes changed has another one."""
    text = ALL.replace("target: side", "target: sidd").replace("  second: {source: data/second.csv}\n", "")
    assert ids(text) == ["unknown-column"]
    assert ids(text, {"data/first.csv": SourceFacts(digest="sha256:" + "2" * 64)}) == []
    overwritten = {"data/first.csv": SourceFacts(digest="sha256:" + "2" * 64, columns=COLUMNS)}
    assert ids(text.replace("first.csv}", f"first.csv, {PIN}}}"), overwritten) == []


def test_missing_files() -> None:
    assert ids(ALL, GONE) == ["missing-file"]
    assert ids(ALL, OUTSIDE) == ["outside-project"]
    pinned = ALL.replace("first.csv}", f"first.csv, {PIN}}}")
    # results of a pinned version may all exist; a path that leads outside is still an error
    assert ids(pinned, GONE) == []
    assert ids(pinned, OUTSIDE) == ["outside-project"]


def test_gates_are_checked_for_each_model_they_guard_and_reported_once() -> None:
    models = MODEL + MODEL.replace("line", "curve")
    both = ALL.replace(MODEL, models).replace("{line: v1}", "{line: v1, curve: v1}")
    # each names its model, since the metrics depend on the task
    assert set(ids(both + "gates: {acc: {min: 1}}\n")) == {"unknown-metric"}
    assert ids(both + "gates: [{models: 'l*', rmse: {max: 1}}, {models: 'c*', accuracy: {min: 1}}]\n") == ["unknown-metric"]


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ("{accuracy: {min: 0.5}}", [("accuracy", "min", 0.5)]),
        ("{accuracy: {min: 0.5, max: 1}, flips: {max: 0.1}}", [("accuracy", "min", 0.5), ("accuracy", "max", 1.0), ("flips", "max", 0.1)]),
        ("[{accuracy: {min: 0.5}}, {models: '*', f1: {max_drop: 0}}]", [("accuracy", "min", 0.5), ("f1", "max_drop", 0.0)]),
        ("[{models: 'li*', accuracy: {min: 0.5}}, {models: other, f1: {min: 1}}]", [("accuracy", "min", 0.5)]),
        ("{}", []),
        ("[]", []),
    ],
)
def test_gates_of_a_binding(gates: str, expected: list) -> None:
    other = MODEL.replace("line", "other")
    (binding,) = bindings(sound(ALL.replace(MODEL, MODEL + other) + f"gates: {gates}\n")).values()
    assert [(g.metric, g.rule, g.limit) for g in binding.gates] == expected
    assert all(g.span is not None for g in binding.gates)


def test_an_environment_has_defaults() -> None:
    dev = environments(sound(ALL))["dev"]
    settings = CATALOG.platforms["server"].settings
    assert dev.platform == {"type": "server", "run": "here", **{name: schema["default"] for name, schema in settings.items()}}
    assert (dev.platform["host"], dev.platform["port"]) == ("127.0.0.1", 8080)
    assert (dev.protected, dev.require_commit, dev.requests, dev.together) == (False, False, "lenient", False)
    assert [dev.holds(a) for a in ("environment/dev", "environment/dev/line", "environment/dev2", "environment/dev2/line")] == [
        True,
        True,
        False,
        False,
    ]
    assert ENVIRONMENT in ALL
