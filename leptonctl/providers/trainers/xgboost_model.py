"""A model of XGBoost: how it is fitted, answers, and is stored as XGBoost's own JSON. Knows no parameters of a trainer."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.boosted_graph import trees_to_onnx
from leptonctl.providers.trainers.boosted_model import BoostedModel, brief_error
from leptonctl.providers.trainers.boosted_rounds import Rounds, rounds_of, rows_of
from leptonctl.providers.trainers.xgboost_graph import read_trees
from leptonctl.spi.learning import Conversion, Library, ProviderError, Training

if TYPE_CHECKING:
    import numpy as np
    import onnx

XGBOOST = Library(module="xgboost", extra="xgboost", title="XGBoost")
CLASSES = "leptonctl.classes"
"""The attribute of XGBoost's file that holds the classes."""
RANDOM_SHARES = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
"""Shares that each round draws at random where they are below 1."""


class XGBoost(BoostedModel):
    """An XGBoost model: its `booster` is an `xgboost.Booster`, its answers are float32."""

    library, binary, multiclass = "xgboost", "binary:logistic", "multi:softprob"

    def learn(self, training: Training) -> None:
        import xgboost

        with brief_errors(ProviderError), xgboost.config_context(verbosity=0):
            rounds = rounds_of(self, training, is_random=_is_random(self.settings))
            places, judge = rows_of(self, training.target)
            learn = _matrix(training, places)
            before = 0 if self.booster is None else self.booster.num_boosted_rounds()
            self.booster = xgboost.train(
                self.settings,
                learn,
                self.rounds - len(rounds.losses),
                evals=[(learn, "rows") if judge is None else (_matrix(training, judge), "held_out")],
                callbacks=[_reporter(rounds)],
                verbose_eval=False,
                xgb_model=self.booster if rounds.trees is None else booster_of(rounds.trees),
            )
            if self.patience is not None:
                self.booster = self.booster[: before + rounds.best + 1]

    def answers(self, features: "np.ndarray") -> "np.ndarray":
        return answers_of(self.booster, features)


def answers_of(booster: Any, features: "np.ndarray") -> "np.ndarray":
    """What XGBoost answers. Raises ValueError."""
    import xgboost

    with brief_errors(ValueError):
        answers: np.ndarray = booster.predict(xgboost.DMatrix(features, nthread=1))
    return answers


def _matrix(training: Training, rows: "np.ndarray") -> Any:
    """Some rows in XGBoost's form."""
    import xgboost

    weights = None if training.weights is None else training.weights[rows]
    return xgboost.DMatrix(training.features[rows], label=training.target[rows], weight=weights, nthread=1)


def _is_random(settings: Mapping[str, Any]) -> bool:
    """Whether the rounds draw rows, features or trees."""
    return settings["booster"] != "gbtree" or any(settings[name] < 1 for name in RANDOM_SHARES)


def _reporter(rounds: Rounds) -> Any:
    """A callback of XGBoost that notes each round with its loss."""
    import xgboost

    class Reporter(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, _epoch: int, evals_log: Mapping[str, Mapping[str, list[float]]]) -> bool:
            (losses,) = evals_log.values()
            rounds.add(float([*losses.values()][-1][-1]))
            if not rounds.is_over:
                rounds.save_if_due(lambda: bytes(model.save_raw("ubj")))
            return rounds.is_over

    return Reporter()


@contextmanager
def brief_errors(kind: type[ProviderError | ValueError]) -> Iterator[None]:
    """Turn XGBoost's errors, which are pages long, into one line."""
    import xgboost

    try:
        yield
    except xgboost.core.XGBoostError as problem:
        text = str(problem).partition("Stack trace:")[0]
        text = " ".join(re.sub(r"^\[[\d:]+\] \S+?:\d+: ", "", text.strip()).split())[:300]
        raise brief_error(kind, XGBoost.library, text) from problem


def to_onnx(model: XGBoost, conversion: Conversion) -> "onnx.ModelProto":
    return trees_to_onnx(read_trees(_raw(model)), model.classes_, conversion)


def dump(model: XGBoost) -> bytes:
    """XGBoost's own file. The classes are an attribute in it, which XGBoost keeps and ignores."""
    classes = None if model.classes_ is None else json.dumps(model.classes_.tolist(), ensure_ascii=False)
    attributes: dict[str, str | None] = dict.fromkeys(model.booster.attributes())
    model.booster.set_attr(**{**attributes, CLASSES: classes})
    return _raw(model)


def load(data: bytes) -> XGBoost:
    """The model in XGBoost's file. ValueError when it is not one."""
    import numpy as np

    content = json.loads(data)
    try:
        written = content["learner"]["attributes"].get(CLASSES)
        read_trees(data)
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        msg = f"is not a model of XGBoost: {problem!r}"
        raise ValueError(msg) from problem
    model = XGBoost(settings={}, rounds=0)
    with brief_errors(ValueError):
        model.booster = booster_of(data)
    model.classes_ = None if written is None else np.array(json.loads(written))
    return model


def booster_of(data: bytes) -> Any:
    """XGBoost's own object, from its file in any form."""
    import xgboost

    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    booster.load_model(bytearray(data))
    return booster


def _raw(model: XGBoost) -> bytes:
    return bytes(model.booster.save_raw("json"))
