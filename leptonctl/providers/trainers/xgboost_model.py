"""A model of XGBoost with its classes: fits, answers, and is kept as XGBoost's own JSON. Knows no parameters of a trainer."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.boosted_fit import Rounds
from leptonctl.providers.trainers.boosted_graph import boosted_model
from leptonctl.providers.trainers.held_out import held_out
from leptonctl.providers.trainers.xgboost_graph import boosted_of
from leptonctl.spi.learning import Checkpoint, Conversion, Library, Progress, ProviderError

if TYPE_CHECKING:
    import numpy as np
    import onnx

XGBOOST = Library(module="xgboost", extra="xgboost", title="XGBoost")
CLASSES = "leptonctl.classes"
"""The attribute of XGBoost's file that holds the classes."""
DRAWN = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
"""Shares that are drawn at random where they are below 1."""


class XGBoost:
    """An XGBoost model. `booster` is XGBoost's own object, None before the fit; `classes_` is None for a regression.

    settings: XGBoost's parameters, without rounds and early stopping. rounds: boosting rounds. patience: rounds without a better loss on
    the held-out `share` of the rows after which it stops; None: it never does.
    """

    def __init__(self, *, settings: Mapping[str, Any], rounds: int, patience: int | None = None, share: float = 0.1, seed: int = 0) -> None:
        self.settings, self.rounds, self.patience, self.share, self.seed = dict(settings), rounds, patience, share, seed
        self.booster: Any = None
        self.classes_: np.ndarray | None = None

    def predict_proba(self, features: "np.ndarray") -> "np.ndarray":
        """Probabilities float32 [N,C]."""
        import numpy as np

        answers = self._answers(features)
        return answers if answers.ndim == 2 else np.column_stack([np.float32(1) - answers, answers])  # noqa: PLR2004

    def predict(self, features: "np.ndarray") -> "np.ndarray":
        """Labels [N], or values float32 [N]."""
        import numpy as np

        if self.classes_ is None:
            return self._answers(features)
        labels: np.ndarray = self.classes_[np.argmax(self.predict_proba(features), axis=1)]
        return labels

    def _answers(self, features: "np.ndarray") -> "np.ndarray":
        import xgboost

        with brief_errors(ValueError):
            answers: np.ndarray = self.booster.predict(xgboost.DMatrix(features, nthread=1))
        return answers


def fit_xgboost(
    model: XGBoost, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> XGBoost:
    """Fit the model, on top of the trees that it has. `target` are class numbers from 0 where `classes_` is set, else values.

    Raises ProviderError.
    """
    return fit_xgboost_from(model, features, target, progress, None, weights)


def fit_xgboost_from(
    model: XGBoost,
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,
    checkpoint: Checkpoint | None,
    weights: "np.ndarray | None" = None,
) -> XGBoost:
    """As `fit_xgboost`, with a checkpoint where no round draws random numbers: XGBoost cannot go on drawing where it was."""
    import numpy as np
    import xgboost

    def rows(places: "np.ndarray") -> Any:
        weight = None if weights is None else weights[places]
        return xgboost.DMatrix(features[places], label=target[places], weight=weight, nthread=1)

    everywhere = np.arange(len(target))
    with brief_errors(ProviderError), xgboost.config_context(verbosity=0):
        rounds = Rounds(
            of=model.rounds, patience=model.patience, progress=progress, checkpoint=None if _draws(model.settings) else checkpoint
        )
        if model.patience is None:
            learn = rows(everywhere)
            watch = [(learn, "rows")]
        else:
            places, judge = held_out(target, model.share, model.seed, by_class=model.classes_ is not None)
            learn = rows(places)
            watch = [(rows(judge), "held_out")]
        begin = 0 if model.booster is None else model.booster.num_boosted_rounds()
        model.booster = xgboost.train(
            model.settings,
            learn,
            model.rounds - len(rounds.losses),
            evals=watch,
            callbacks=[_reporter(rounds)],
            verbose_eval=False,
            xgb_model=model.booster if rounds.trees is None else _booster(rounds.trees),
        )
        if model.patience is not None:
            model.booster = model.booster[: begin + rounds.best + 1]
    return model


def _draws(settings: Mapping[str, Any]) -> bool:
    """Whether the rounds draw rows, features or trees."""
    return settings["booster"] != "gbtree" or any(settings[name] < 1 for name in DRAWN)


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
        if kind is ValueError:
            raise ValueError(text) from problem
        raise ProviderError(
            "The library refused these parameters or this data",
            detail=f"xgboost: {text}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def to_onnx(model: XGBoost, conversion: Conversion) -> "onnx.ModelProto":
    return boosted_model(boosted_of(_raw(model)), model.classes_, conversion)


def dump(model: XGBoost) -> bytes:
    """XGBoost's own file. The classes are an attribute of it, which XGBoost keeps and passes over."""
    classes = None if model.classes_ is None else json.dumps(model.classes_.tolist(), ensure_ascii=False)
    attributes: dict[str, str | None] = dict.fromkeys(model.booster.attributes())
    model.booster.set_attr(**{**attributes, CLASSES: classes})
    return _raw(model)


def load(data: bytes) -> XGBoost:
    """The model in XGBoost's file. ValueError when it is none."""
    import numpy as np

    content = json.loads(data)
    try:
        written = content["learner"]["attributes"].get(CLASSES)
        boosted_of(data)
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        msg = f"is not a model of XGBoost: {problem!r}"
        raise ValueError(msg) from problem
    model = XGBoost(settings={}, rounds=0)
    with brief_errors(ValueError):
        model.booster = _booster(data)
    model.classes_ = None if written is None else np.array(json.loads(written))
    return model


def _booster(data: bytes) -> Any:
    import xgboost

    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    booster.load_model(bytearray(data))
    return booster


def _raw(model: XGBoost) -> bytes:
    return bytes(model.booster.save_raw("json"))
