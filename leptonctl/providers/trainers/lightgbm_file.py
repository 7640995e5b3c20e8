"""Models that LightGBM saved, to be imported. Read without the library; trusts nothing in them."""

import re
from functools import partial
from typing import TYPE_CHECKING

from leptonctl.providers.trainers.boosted_check import DAMAGES, check_boosted, damage_error
from leptonctl.providers.trainers.boosted_graph import ModelFileError, file_to_onnx
from leptonctl.providers.trainers.lightgbm_graph import read_trees
from leptonctl.providers.trainers.lightgbm_model import LIGHTGBM, brief_errors, silent
from leptonctl.spi.model_files import FileForm, FileModel

if TYPE_CHECKING:
    import numpy as np

CLASSIFIERS = ("binary", "multiclass")
NUMBERED = re.compile(r"Column_\d+")


def _recognizes(data: bytes) -> bool:
    return data.startswith((b"tree\n", b"tree\r\n"))


def _text(data: bytes) -> str:
    return data.decode("utf-8").replace("\r\n", "\n")


def _predict(data: bytes, features: "np.ndarray") -> "np.ndarray":
    import numpy as np

    with brief_errors(ValueError):
        booster = silent().Booster(model_str=_text(data))
        answers: np.ndarray = booster.predict(features, num_threads=1)
    is_binary = "\nobjective=binary " in _text(data)
    return np.column_stack([1 - answers, answers]) if is_binary else answers


def read(data: bytes) -> FileModel:
    """The model in LightGBM's text. ValueError for what is damaged or has no exact graph."""
    try:
        text = _text(data)
        fields = dict(line.partition("=")[::2] for line in text.partition("\nTree=")[0].splitlines())
        scores, trees = int(fields["num_tree_per_iteration"]), text.partition("\nend of trees")[0].count("\nTree=")
        if not 1 <= scores <= trees or trees % scores:
            msg = f"it has {trees} trees, {scores} a round"
            raise ModelFileError(msg)
        boosted, width = read_trees(text), int(fields["max_feature_idx"]) + 1
        objective = fields["objective"].split()[0]
    except DAMAGES as problem:
        raise damage_error("LightGBM", problem) from problem
    classes = max(2, scores) if objective in CLASSIFIERS else None
    check_boosted(boosted, width, classes)
    names = tuple(fields.get("feature_names", "").split(" "))
    return FileModel(
        task="regression" if classes is None else "classification", objective=objective, width=width,
        names=() if len(names) != width or all(map(NUMBERED.fullmatch, names)) else names, classes=classes,
        # LightGBM writes no rounds after the best one
        unused=0, to_onnx=partial(file_to_onnx, boosted, classes),
    )  # fmt: skip


FORM = FileForm(library=LIGHTGBM, recognizes=_recognizes, is_binary=lambda _: False, plain=lambda data: data, read=read, predict=_predict)
