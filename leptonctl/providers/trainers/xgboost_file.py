"""Models that XGBoost saved, to be imported: JSON is read without the library, UBJSON by the library. Trusts nothing in them."""

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from leptonctl.providers.trainers.boosted_check import DAMAGES, check_boosted, damage_error
from leptonctl.providers.trainers.boosted_graph import ModelFileError, file_to_onnx
from leptonctl.providers.trainers.xgboost_graph import model_of, read_trees
from leptonctl.providers.trainers.xgboost_model import XGBOOST, answers_of, booster_of, brief_errors
from leptonctl.spi.model_files import FileForm, FileModel

if TYPE_CHECKING:
    import numpy as np

CLASSIFIERS = ("binary:logistic", "multi:softprob")
LIKE_SOFTPROB = "multi:softmax"
NUMBERED = re.compile(r"f\d+")
MOST_CLASSES = 10_000


class _Tree(msgspec.Struct):
    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[bool | int]
    split_type: list[int] = []


class _Trees(msgspec.Struct):
    trees: list[_Tree]
    tree_info: list[int]


class _Params(msgspec.Struct):
    base_score: str
    num_class: str
    num_feature: str
    num_target: str = "1"


def _recognizes(data: bytes) -> bool:
    return data[:64].lstrip()[:1] == b"{"


def _is_binary(data: bytes) -> bool:
    # UBJSON gives the length of a key as `L` and eight bytes
    return data[:2] == b"{L"


def _plain(data: bytes) -> bytes:
    return bytes(_booster(data).save_raw("json"))


def _predict(data: bytes, features: "np.ndarray") -> "np.ndarray":
    """The answers. The order of the columns counts, not their names in the file."""
    import numpy as np

    booster = _booster(data)
    booster.feature_names = booster.feature_types = None
    answers = answers_of(booster, features)
    is_binary = json.loads(booster.save_config())["learner"]["objective"]["name"] == "binary:logistic"
    return np.column_stack([np.float32(1) - answers, answers]) if is_binary else answers


def _booster(data: bytes) -> Any:
    with brief_errors(ValueError):
        return booster_of(data)


def read(data: bytes) -> FileModel:
    """The model in XGBoost's JSON. ValueError for what is damaged or has no exact graph."""
    try:
        learner = json.loads(data)["learner"]
        objective = str(learner["objective"]["name"])
        params = msgspec.convert(learner["learner_model_param"], _Params)
    except DAMAGES as problem:
        msg = "it is JSON, but not a whole model of XGBoost"
        raise ValueError(msg) from problem
    if objective == LIKE_SOFTPROB:
        msg = "the objective multi:softmax gives no probabilities: save it after `set_param({'objective': 'multi:softprob'})`"
        raise ValueError(msg)
    try:
        _check_counts(learner, params)
        width, classes = int(params.num_feature), max(2, int(params.num_class)) if objective in CLASSIFIERS else None
        boosted = read_trees(data)
        names = tuple(msgspec.convert(learner.get("feature_names") or [], list[str]))
    except DAMAGES as problem:
        raise damage_error("XGBoost", problem) from problem
    check_boosted(boosted, width, classes)
    return FileModel(
        task="regression" if classes is None else "classification", objective=objective, width=width, names=_own_names(names, width),
        classes=classes, unused=_count_unused(learner, len(boosted.trees), len(boosted.start)),
        to_onnx=partial(file_to_onnx, boosted, classes),
    )  # fmt: skip


def _check_counts(learner: Any, params: _Params) -> None:
    """Raises ModelFileError where counts contradict the trees, before an array gets as large as the file claims."""
    model = model_of(learner)
    if model is None:
        return
    trees = msgspec.convert(model, _Trees)
    count = max(int(params.num_class), int(params.num_target))
    if len(trees.trees) != len(trees.tree_info) or not 0 <= count <= min(MOST_CLASSES, max(1, len(trees.trees))):
        msg = f"it has {len(trees.trees)} trees, {len(trees.tree_info)} numbers for them, and {count} classes"
        raise ModelFileError(msg)
    if any(int(tree["tree_param"].get("size_leaf_vector", 1)) > 1 for tree in model["trees"]):
        msg = "leaves of several values have no graph: train with `multi_strategy: one_output_per_tree`"
        raise ModelFileError(msg)


def _own_names(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The names of the columns, unless XGBoost made them up."""
    return names if len(names) == width and not all(map(NUMBERED.fullmatch, names)) else ()


def _count_unused(learner: Any, trees: int, scores: int) -> int:
    """Rounds after the best one of early stopping, which scikit-learn's interface leaves out and the library itself does not."""
    try:
        best = int(learner["attributes"]["best_iteration"])
        model = model_of(learner)
        rounds = trees // (scores * max(1, int(model["gbtree_model_param"].get("num_parallel_tree", 1))))
    except DAMAGES:
        return 0
    return max(0, rounds - best - 1)


FORM = FileForm(library=XGBOOST, recognizes=_recognizes, is_binary=_is_binary, plain=_plain, read=read, predict=_predict)
