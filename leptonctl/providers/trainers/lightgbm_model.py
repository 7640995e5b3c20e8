"""A model of LightGBM: how it is fitted, answers, and is stored as LightGBM's own text. Knows no parameters of a trainer."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.boosted_graph import trees_to_onnx
from leptonctl.providers.trainers.boosted_model import BoostedModel, brief_error
from leptonctl.providers.trainers.boosted_rounds import Rounds, rounds_of, rows_of
from leptonctl.providers.trainers.lightgbm_graph import read_trees
from leptonctl.spi.learning import Conversion, Library, Options, ProviderError, Training

if TYPE_CHECKING:
    import numpy as np
    import onnx

LIGHTGBM = Library(module="lightgbm", extra="lightgbm", title="LightGBM")
CLASSES = "\nleptonctl_classes:"
"""How the line with the classes begins, after LightGBM's own lines."""


class LightGBM(BoostedModel):
    """A LightGBM model: its `booster` is a `lightgbm.Booster`, its answers are float64."""

    library, binary, multiclass = "lightgbm", "binary", "multiclass"

    def learn(self, training: Training) -> None:
        lightgbm = silent()
        places, judge = rows_of(self, training.target)
        with brief_errors(ProviderError):
            learn = lightgbm.Dataset(**_rows(training, places), params=self.settings, free_raw_data=False)
            watch = learn if judge is None else learn.create_valid(**_rows(training, judge))
            rounds = rounds_of(self, training, is_random=_is_random(self.settings))
            before = self.booster if rounds.trees is None else lightgbm.Booster(model_str=rounds.trees.decode())
            # the file has the number of rounds, so it is the whole number even where some rounds are over
            booster = lightgbm.train(
                self.settings, learn, self.rounds,
                valid_sets=[watch], valid_names=["rows"], callbacks=[_reporter(rounds)], init_model=before,
            )  # fmt: skip
            best = None if self.patience is None else booster.best_iteration
            self.booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))

    def answers(self, features: "np.ndarray") -> "np.ndarray":
        with brief_errors(ValueError):
            answers: np.ndarray = self.booster.predict(features, num_threads=1)
        return answers


def _rows(training: Training, rows: "np.ndarray") -> Options:
    """Some rows as arguments of LightGBM."""
    weights = None if training.weights is None else training.weights[rows]
    return {"data": training.features[rows], "label": training.target[rows], "weight": weights}


def _is_random(settings: Mapping[str, Any]) -> bool:
    """Whether the rounds draw rows, features, thresholds or trees."""
    rows = settings["subsample"] < 1 and settings["subsample_freq"] > 0
    features = settings["colsample_bytree"] < 1 or settings["colsample_bynode"] < 1 or settings["extra_trees"]
    return bool(settings["boosting_type"] != "gbdt" or settings["data_sample_strategy"] != "bagging" or rows or features)


def _reporter(rounds: Rounds) -> Any:
    """A callback of LightGBM that notes each round with its loss, and ends the fit as LightGBM's own early stopping does."""
    from lightgbm.callback import EarlyStopException

    before = len(rounds.losses)

    def report(round_: Any) -> None:
        rounds.add(float(round_.evaluation_result_list[0][2]))
        if not rounds.is_over:
            rounds.save_if_due(lambda: round_.model.model_to_string(num_iteration=-1).encode())
            return
        first, last = round_.begin_iteration - before, len(rounds.losses) - 1
        if before or rounds.patience is not None:
            raise EarlyStopException(first + (last if rounds.patience is None else rounds.best), round_.evaluation_result_list)

    return report


def silent() -> ModuleType:
    """The module of LightGBM, which prints nothing."""
    import lightgbm

    lightgbm.register_logger(_Silence())
    module: ModuleType = lightgbm
    return module


class _Silence:
    """A logger that drops everything: errors are raised as well."""

    def info(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass


@contextmanager
def brief_errors(kind: type[ProviderError | ValueError]) -> Iterator[None]:
    """Turn LightGBM's errors into one line."""
    import lightgbm

    try:
        yield
    except lightgbm.basic.LightGBMError as problem:
        text = " ".join(str(problem).split())[:300]
        raise brief_error(kind, LightGBM.library, text) from problem


def to_onnx(model: LightGBM, conversion: Conversion) -> "onnx.ModelProto":
    return trees_to_onnx(read_trees(model.booster.model_to_string()), model.classes_, conversion)


def dump(model: LightGBM) -> bytes:
    """LightGBM's own file, and after it a line with the classes, which LightGBM ignores."""
    classes = "" if model.classes_ is None else f"{CLASSES}{json.dumps(model.classes_.tolist())}\n"
    text: str = model.booster.model_to_string()
    return (text + classes).encode()


def load(data: bytes) -> LightGBM:
    """The model in LightGBM's file. ValueError when it is not one."""
    import numpy as np

    text, _, classes = data.decode().partition(CLASSES)
    try:
        read_trees(text)
    except (KeyError, IndexError) as problem:
        msg = f"is not a model of LightGBM: {problem!r}"
        raise ValueError(msg) from problem
    model = LightGBM(settings={}, rounds=0)
    with brief_errors(ValueError):
        model.booster = silent().Booster(model_str=text)
    model.classes_ = np.array(json.loads(classes)) if classes else None
    return model
