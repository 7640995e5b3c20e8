"""A model of a booster library with its classes: what it answers, and how it learns classes and continues from earlier trees."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from leptonctl.spi import replace
from leptonctl.spi.learning import Params, ProviderError, Training

if TYPE_CHECKING:
    import numpy as np


class BoostedModel(ABC):
    """A model. `booster` is the library's own object, None before the fit; `classes_` are the sorted labels, None for a regression.

    settings: the library's parameters, without rounds and early stopping. rounds: boosting rounds.
    patience: rounds without a better loss on the held-out `share` of the rows after which it stops; None: it never does.
    """

    library: ClassVar[str]
    binary: ClassVar[str]
    multiclass: ClassVar[str]
    """The objectives for two classes and for more."""

    def __init__(self, *, settings: Mapping[str, Any], rounds: int, patience: int | None = None, share: float = 0.1, seed: int = 0) -> None:
        self.settings, self.rounds, self.patience, self.share, self.seed = dict(settings), rounds, patience, share, seed
        self.booster: Any = None
        self.classes_: np.ndarray | None = None

    @classmethod
    def from_params(cls, params: Params, seed: int, settings: Mapping[str, Any]) -> Self:
        """The model with the parameters of a trainer, in addition to those in its settings."""
        rounds, patience, share = params["n_estimators"], params["early_stopping"], params["validation_fraction"]
        return cls(settings=settings, rounds=rounds, patience=patience, share=share, seed=seed)

    @abstractmethod
    def learn(self, training: Training) -> None:
        """Add trees to those that it has. The target are class numbers from 0, or values. Raises ProviderError."""

    @abstractmethod
    def answers(self, features: "np.ndarray") -> "np.ndarray":
        """Values [N], probabilities [N] of the second of two classes, or probabilities [N,C]. Raises ValueError."""

    def predict_proba(self, features: "np.ndarray") -> "np.ndarray":
        """Probabilities [N,C], in the library's precision."""
        import numpy as np

        answers = self.answers(features)
        return answers if answers.ndim == 2 else np.column_stack([1 - answers, answers])  # noqa: PLR2004

    def predict(self, features: "np.ndarray") -> "np.ndarray":
        """Labels [N], or values [N] in the library's precision."""
        import numpy as np

        if self.classes_ is None:
            return self.answers(features)
        labels: np.ndarray = self.classes_[np.argmax(self.predict_proba(features), axis=1)]
        return labels


def fit_boosted(model: BoostedModel, training: Training) -> BoostedModel:
    """Fit the model, on top of the trees that it has. The target are labels or values. Raises ProviderError."""
    import numpy as np

    if model.settings["objective"] in ("auto", model.binary, model.multiclass):
        if model.classes_ is None:
            model.classes_ = np.unique(training.target)
        _settle_objective(model, len(model.classes_))
        training = replace(training, target=np.searchsorted(model.classes_, training.target))
    model.learn(training)
    return model


def resume_boosted(parent: BoostedModel, fresh: BoostedModel, training: Training) -> BoostedModel:
    """More rounds on top of the parent's trees."""
    fresh.classes_, fresh.booster = parent.classes_, parent.booster
    return fit_boosted(fresh, training)


def _settle_objective(model: BoostedModel, count: int) -> None:
    """Set the objective of a classifier by its number of classes. Raises ProviderError for what is for two classes only."""
    settings, two = model.settings, count == 2  # noqa: PLR2004
    if settings["objective"] == "auto":
        settings["objective"] = model.binary if two else model.multiclass
    if not two and settings["objective"] == model.binary:
        raise _for_two(model, f"objective: {model.binary}", count)
    if not two and "monotone_constraints" in settings:
        raise _for_two(model, "monotonic", count)
    if not two and settings["scale_pos_weight"] != 1:
        raise _for_two(model, "scale_pos_weight", count)
    if settings["objective"] == model.multiclass:
        settings["num_class"] = count
        settings.pop("scale_pos_weight")


def _for_two(model: BoostedModel, parameter: str, count: int) -> ProviderError:
    """The error for a parameter of two classes where there are more."""
    return ProviderError(
        "A parameter is for two classes only",
        detail=f"{model.library}: {parameter} is for two classes, but the training rows have {count}.",
        hint="remove the parameter",
        id="training-failed",
    )


def require_direction(model: BoostedModel, without: tuple[str, ...]) -> None:
    """Raises ProviderError where the objective is one of those `without` directions: its answers might fall where they must not."""
    objective = model.settings["objective"]
    if objective in without:
        raise ProviderError(
            "An objective takes no directions",
            detail=f"{model.library}: {objective} sets the leaves again after a tree has grown, without regard to `monotonic`.",
            hint="choose another objective, or remove `monotonic`",
            id="training-failed",
        )


def brief_error(kind: type[ProviderError | ValueError], library: str, text: str) -> ProviderError | ValueError:
    """The error for what a library raised, in one line of its words."""
    if kind is ValueError:
        return ValueError(text)
    return ProviderError(
        "The library refused these parameters or this data",
        detail=f"{library}: {text}",
        hint="change the parameters, or the preprocess steps before it",
        id="training-failed",
    )
