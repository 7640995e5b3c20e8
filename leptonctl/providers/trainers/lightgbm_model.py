"""A model of LightGBM with its classes: fits, answers, and is kept as LightGBM's own text. Knows no parameters of a trainer."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.boosted_fit import Rounds
from leptonctl.providers.trainers.boosted_graph import boosted_model
from leptonctl.providers.trainers.held_out import held_out
from leptonctl.providers.trainers.lightgbm_graph import boosted_of
from leptonctl.spi.learning import Checkpoint, Conversion, Library, Progress, ProviderError

if TYPE_CHECKING:
    import numpy as np
    import onnx

LIGHTGBM = Library(module="lightgbm", extra="lightgbm", title="LightGBM")
CLASSES = "\nleptonctl_classes:"
"""What the line after LightGBM's own begins with that holds the classes."""


class LightGBM:
    """A LightGBM model. `booster` is LightGBM's own object, None before the fit; `classes_` is None for a regression.

    settings: LightGBM's parameters, without rounds and early stopping. rounds: boosting rounds. patience: rounds without a better loss on
    the held-out `share` of the rows after which it stops; None: it never does.
    """

    def __init__(self, *, settings: Mapping[str, Any], rounds: int, patience: int | None = None, share: float = 0.1, seed: int = 0) -> None:
        self.settings, self.rounds, self.patience, self.share, self.seed = dict(settings), rounds, patience, share, seed
        self.booster: Any = None
        self.classes_: np.ndarray | None = None

    def predict_proba(self, features: "np.ndarray") -> "np.ndarray":
        """Probabilities float64 [N,C]."""
        import numpy as np

        answers = self._answers(features)
        return answers if answers.ndim == 2 else np.column_stack([1 - answers, answers])  # noqa: PLR2004

    def predict(self, features: "np.ndarray") -> "np.ndarray":
        """Labels [N], or values float64 [N]."""
        import numpy as np

        if self.classes_ is None:
            return self._answers(features)
        labels: np.ndarray = self.classes_[np.argmax(self.predict_proba(features), axis=1)]
        return labels

    def _answers(self, features: "np.ndarray") -> "np.ndarray":
        with brief_errors(ValueError):
            answers: np.ndarray = self.booster.predict(features, num_threads=1)
        return answers


def fit_lightgbm(
    model: LightGBM, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> LightGBM:
    """Fit the model, on top of the trees that it has. `target` are class numbers from 0 where `classes_` is set, else values.

    Raises ProviderError.
    """
    return fit_lightgbm_from(model, features, target, progress, None, weights)


def fit_lightgbm_from(
    model: LightGBM,
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,
    checkpoint: Checkpoint | None,
    weights: "np.ndarray | None" = None,
) -> LightGBM:
    """As `fit_lightgbm`, with a checkpoint where no round draws random numbers: LightGBM cannot go on drawing where it was."""
    import numpy as np

    lightgbm = silent()
    places = judge = np.arange(len(target))

    def weight(rows: "np.ndarray") -> "np.ndarray | None":
        return None if weights is None else weights[rows]

    if model.patience is not None:
        places, judge = held_out(target, model.share, model.seed, by_class=model.classes_ is not None)
    with brief_errors(ProviderError):
        learn = lightgbm.Dataset(features[places], label=target[places], weight=weight(places), params=model.settings, free_raw_data=False)
        watch = learn if model.patience is None else learn.create_valid(features[judge], label=target[judge], weight=weight(judge))
        rounds = Rounds(
            of=model.rounds, patience=model.patience, progress=progress, checkpoint=None if _draws(model.settings) else checkpoint
        )
        begin = model.booster if rounds.trees is None else lightgbm.Booster(model_str=rounds.trees.decode())
        # the number of rounds is in the file, so it is also given where some are done
        booster = lightgbm.train(
            model.settings, learn, model.rounds, valid_sets=[watch], valid_names=["rows"], callbacks=[_reporter(rounds)], init_model=begin
        )
        best = booster.best_iteration if model.patience is not None else None
        model.booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    return model


def _draws(settings: Mapping[str, Any]) -> bool:
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
    """LightGBM, told not to print."""
    import lightgbm

    lightgbm.register_logger(_Nobody())
    module: ModuleType = lightgbm
    return module


class _Nobody:
    """A logger that passes over everything: errors come as exceptions as well."""

    def info(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass


@contextmanager
def brief_errors(kind: type[ProviderError | ValueError]) -> Iterator[None]:
    """Turn LightGBM's errors into the caller's."""
    import lightgbm

    try:
        yield
    except lightgbm.basic.LightGBMError as problem:
        text = " ".join(str(problem).split())[:300]
        if kind is ValueError:
            raise ValueError(text) from problem
        raise ProviderError(
            "The library refused these parameters or this data",
            detail=f"lightgbm: {text}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def to_onnx(model: LightGBM, conversion: Conversion) -> "onnx.ModelProto":
    return boosted_model(boosted_of(model.booster.model_to_string()), model.classes_, conversion)


def dump(model: LightGBM) -> bytes:
    """LightGBM's own file, and after it a line with the classes, which LightGBM passes over."""
    classes = "" if model.classes_ is None else f"{CLASSES}{json.dumps(model.classes_.tolist())}\n"
    text: str = model.booster.model_to_string()
    return (text + classes).encode()


def load(data: bytes) -> LightGBM:
    """The model in LightGBM's file. ValueError when it is none."""
    import numpy as np

    text, _, classes = data.decode().partition(CLASSES)
    try:
        boosted_of(text)
    except (KeyError, IndexError) as problem:
        msg = f"is not a model of LightGBM: {problem!r}"
        raise ValueError(msg) from problem
    model = LightGBM(settings={}, rounds=0)
    with brief_errors(ValueError):
        model.booster = silent().Booster(model_str=text)
    model.classes_ = np.array(json.loads(classes)) if classes else None
    return model
