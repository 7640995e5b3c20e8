"""Parameters and keys of scikit-learn and other tools, with what to write here instead."""

from collections.abc import Mapping
from difflib import get_close_matches

from leptonctl.core.diagnostic import LONGEST_WORD
from leptonctl.kinds.foreign_names import NEAR

_SEED = "write `seed:` in the model or the version: it seeds everything random"
_THREADS = (
    "remove it: a fit uses one thread, so that its bytes are the same everywhere; `executor: {parallelism: N}` in leptonctl.yaml "
    "builds several versions at once"
)
_SILENT = "remove it: `leptonctl build` and `apply` show the progress"
_NOT_TRAINING = "remove it: it does not change the model"
_CPU = "remove it: a fit runs on the CPU"
_CATEGORIES = "remove it, and encode categories: `preprocess: [{columns: categorical, use: one_hot}]`, or ordinal"
_STEPS = "write `preprocess:` steps, as in `preprocess: [{columns: numeric, use: standard_scaler}]`"
_EVALUATE = "write it under `evaluate:`, as in `evaluate: {metrics: [f1], cross_validation: 5}`"
_SPLIT = "write `split: {test: 0.25}` in the Dataset"
_BIND = "write the version under `models:` of an Environment"
_GATES = "write `gates:` in an Environment, as in `gates: {accuracy: {min: 0.9}}`"

PARAMETERS: Mapping[str, str] = {
    "random_state": _SEED,
    "random_seed": _SEED,
    "seed": _SEED,
    "n_jobs": _THREADS,
    "nthread": _THREADS,
    "num_threads": _THREADS,
    "thread_count": _THREADS,
    "verbose": _SILENT,
    "verbosity": _SILENT,
    "silent": _SILENT,
    "copy_X": _NOT_TRAINING,
    "copy_x": _NOT_TRAINING,
    "copy": _NOT_TRAINING,
    "cache_size": _NOT_TRAINING,
    "precompute": _NOT_TRAINING,
    "oob_score": "remove it: the metrics come from test rows; `evaluate: {cross_validation: 5}` adds folds",
    "probability": "remove it: every classifier here returns probabilities",
    "multi_class": "remove it: several classes need no parameter",
    "warm_start": "to continue from another version, write `warm_start: VERSION` in the version, beside `params`",
    "penalty": "write `l1_ratio: 1.0` for l1, `0.0` for l2, or a share between them",
    "epochs": "write `max_iter:`",
    "n_epochs": "write `max_iter:`",
    "max_epochs": "write `max_iter:`",
    "num_iterations": "write `max_iter:` or `n_estimators:`",
    "iterations": "write `max_iter:` or `n_estimators:`",
    "n_iter": "write `max_iter:`",
    "lr": "write `learning_rate_init:` (mlp) or `learning_rate:` (boosting)",
    "eta": "write `learning_rate:`",
    "hidden_units": "write `hidden_layer_sizes:`",
    "hidden_layers": "write `hidden_layer_sizes:`",
    "layers": "write `hidden_layer_sizes:`",
    "num_leaves": "write `max_leaf_nodes:`",
    "lambda": "write `alpha:` (the larger, the simpler) or `C:` (the smaller, the simpler)",
    "reg_lambda": "write `l2_regularization:`",
    "lambda_l2": "write `l2_regularization:`",
    "subsample_freq": _NOT_TRAINING,
    "sample_weight": "write `sample_weight: COLUMN` in the model or the version",
    "scoring": _EVALUATE,
    "cv": _EVALUATE,
    "monotonic_cst": "write `monotonic: {FEATURE: up}` in the model or the version",
    "scale_pos_weight": "write `class_weight: {CLASS: 5}` in the model or the version",
    "sparse_output": "remove it: the graph is dense",
    "num_class": "remove it: the classes are counted in the training rows",
    "metric": _EVALUATE,
    "eval_metric": _EVALUATE,
    "device": _CPU,
    "device_type": _CPU,
    "gpu_id": _CPU,
    "categorical_feature": _CATEGORIES,
    "categorical_features": _CATEGORIES,
    "enable_categorical": _CATEGORIES,
    "linear_tree": "remove it: trees with linear leaves cannot be exported faithfully",
    "zero_as_missing": "remove it, and name the marker of missing cells under `missing_values:` of the Dataset: such a model has no graph",
}
"""For `params:` of models and of preprocess steps."""

_ROUNDS, _RATE, _LAYERS = ("epochs", "n_estimators", "max_iter"), ("learning_rate", "learning_rate_init"), ("layers", "hidden_layer_sizes")
_LEAVES, _LEAF_ROWS, _L2 = (
    ("num_leaves", "max_leaves", "max_leaf_nodes"),
    ("min_child_samples", "min_samples_leaf"),
    ("reg_lambda", "l2_regularization"),
)
_FEATURES, _PATIENCE = ("colsample_bytree", "max_features"), ("early_stopping",)
PARAMETER_NAMES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("num_boost_round", "num_round", "num_rounds", "nrounds", "num_iterations", "iterations", "n_iter"), _ROUNDS),
    **dict.fromkeys(("epochs", "n_epochs", "max_epochs", "max_iter", "n_estimators"), _ROUNDS),
    **dict.fromkeys(("eta", "lr", "learning_rate_init", "learning_rate"), _RATE),
    **dict.fromkeys(("layers", "hidden_layer_sizes", "hidden_units", "hidden_layers"), _LAYERS),
    **dict.fromkeys(("num_leaves", "max_leaves", "max_leaf_nodes"), _LEAVES),
    **dict.fromkeys(("min_data_in_leaf", "min_child_samples", "min_samples_leaf"), _LEAF_ROWS),
    **dict.fromkeys(("lambda", "lambda_l2", "reg_lambda", "l2_regularization"), _L2),
    **dict.fromkeys(("feature_fraction", "colsample_bytree"), _FEATURES),
    **dict.fromkeys(("early_stopping_rounds", "early_stopping_round", "n_iter_no_change", "patience"), _PATIENCE),
    "lambda_l1": ("reg_alpha",),
    "bagging_fraction": ("subsample",),
    "bagging_freq": ("subsample_freq",),
    "min_split_loss": ("gamma", "min_split_gain"),
    "boosting": ("boosting_type", "booster"),
    "solver": ("optimizer",),
    "validation_split": ("validation_fraction",),
}
"""Parameter that an algorithm does not have -> names that it may have there instead; the first one that exists is meant."""

KEYS: Mapping[str, str] = {
    "random_state": _SEED,
    "random_seed": _SEED,
    "n_jobs": _THREADS,
    "verbose": _SILENT,
    "hyperparameters": "write `params:`",
    "hyperparams": "write `params:`",
    "parameters": "write `params:`",
    "args": "write `params:`",
    "kwargs": "write `params:`",
    "estimator": "write `algorithm:`",
    "trainer": "write `algorithm:`",
    "type": "write `algorithm:` in a Model, `platform: {type: …}` in an Environment",
    "model_type": "write `algorithm:`",
    "flavor": "write `algorithm:`",
    "learner": "write `algorithm:`",
    "data": "write `dataset: NAME@VERSION` in a Model, `source: PATH` in a Dataset version",
    "train_data": "write `dataset: NAME@VERSION`",
    "training_data": "write `dataset: NAME@VERSION`",
    "input": "write `dataset: NAME@VERSION`",
    "label": "write `target:` in the Dataset",
    "label_column": "write `target:` in the Dataset",
    "y": "write `target:` in the Dataset",
    "target": "the target is a key of the Dataset",
    "target_column": "write `target:` in the Dataset",
    "test_size": _SPLIT,
    "train_size": _SPLIT,
    "validation_split": _SPLIT,
    "test_split": _SPLIT,
    "stratify": "write `split: {test: 0.25, stratify: true}` in the Dataset",
    "steps": _STEPS,
    "pipeline": _STEPS,
    "transformers": _STEPS,
    "preprocessing": _STEPS,
    "scaler": _STEPS,
    "metrics": _EVALUATE,
    "cv": _EVALUATE,
    "cross_validation": _EVALUATE,
    "scoring": _EVALUATE,
    "path": "write `source: PATH` in a Dataset version",
    "file": "write `source: PATH` in a Dataset version",
    "url": "data files lie in the project: write `source: PATH`",
    "uri": "data files lie in the project: write `source: PATH`",
    "md5": "write `digest:`; `leptonctl pin` does it",
    "sha256": "write `digest:`; `leptonctl pin` does it",
    "hash": "write `digest:`; `leptonctl pin` does it",
    "schema": "write `columns:`",
    "dtypes": "write `columns: {NAME: {type: …}}`",
    "sep": "write `delimiter:`",
    "na_values": "write `missing_values:`",
    "stage": _BIND,
    "stages": _BIND,
    "deploy": _BIND,
    "endpoint": _BIND,
    "alias": _BIND,
    "aliases": _BIND,
    "thresholds": _GATES,
    "checks": _GATES,
    "tests": _GATES,
    "policy": _GATES,
    "apiVersion": "remove it: documents with `apiVersion` are those of Kubernetes",
    "metadata": "write `name:`, `description:` and `labels:` at the top",
    "spec": "write its keys at the top of the document",
    "tags": "write `labels:`",
    "depends_on": "remove it: the order follows from what documents name",
    "deps": "remove it: the order follows from what documents name",
    "outs": "remove it: results lie in the store",
    "cmd": "name an `algorithm`",
    "variables": "write `vars:`",
    "backend": "write `state:` and `store:`",
    "workspace": "write a document `kind: Environment` for each",
    "replicas": "a server is one process; start `leptonctl serve ENV` on more hosts",
    "port": "write `platform: {type: server, port: …}`",
    "host": "write `platform: {type: server, host: …}`",
}
"""For keys of documents."""

SHARES = frozenset({"test_size", "train_size", "validation_split", "test_split"})
TRAINING_SHARES = frozenset({"train_size", "train"})
"""Keys with the share of the training rows, where ours is that of the test rows."""


def misspelled_hint(key: str, known: Mapping[str, object]) -> str:
    """What to write instead of a misspelled parameter of another tool; "" when it resembles none."""
    words = {word: name for word, names in PARAMETER_NAMES.items() if (name := next((one for one in names if one in known), None))}
    near = get_close_matches(key.lower(), words, n=1, cutoff=NEAR) if len(key) <= LONGEST_WORD else []
    return f"write `{words[near[0]]}:`" if near else ""


def foreign_hint(key: str, known: Mapping[str, object], value: object = None, *, parameter: bool) -> str:
    """What to write instead of a key of another tool; "" when nothing is known. known: the keys that are allowed here."""
    is_split = not parameter and {"test", "stratify"} <= known.keys()
    if is_split and key in SHARES | TRAINING_SHARES and isinstance(value, float) and 0 < value < 1:
        return f"write `test: {round(1 - value, 12) if key in TRAINING_SHARES else value:g}`"
    if not parameter and key in SHARES and isinstance(value, float) and 0 < value < 1:
        share = value if key not in TRAINING_SHARES else round(1 - value, 12)
        return f"write `split: {{test: {share:g}}}`" + ("" if "split" in known else " in the Dataset")
    hint = (PARAMETERS if parameter else KEYS).get(key, "")
    if parameter and (name := next((name for name in PARAMETER_NAMES.get(key, ()) if name in known), None)):
        return f"write `{name}:`"
    if key == "penalty" and "l1_ratio" not in known:
        return "remove it: this algorithm has no choice of penalty" + (", `C:` is its strength" if "C" in known else "")
    return hint
