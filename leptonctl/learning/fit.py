"""Fits and applies a model: preprocess steps, then one algorithm, all on float32. Owns the meaning of the train inputs; writes no file.

The result equals what a scikit-learn Pipeline of `ColumnTransformer([(use, columns)], remainder="passthrough")` steps fits on the
same float32 columns, with string columns kept apart from the numbers instead of in one object array.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.learning.catalog import providers
from leptonctl.learning.checks import check_complete, check_encoded, check_kinds, check_target, holds_nan
from leptonctl.learning.frame import Frame, Inputs, Matrix, Slice, plan_inputs, slices_of, take
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.learning.tables.prepared import Columns, pick_columns
from leptonctl.spi.learning import Estimator, Label, Prediction, Preprocessor, Progress, ProviderError, Schema, Trainer

T = TypeVar("T")
# str.lower() makes two characters of İ and another sigma at the end of a word; graphs lower one character at a time
SMALL = str.maketrans({"İ": "i", "Σ": "σ"})  # noqa: RUF001


class FittedStep(Frozen):
    """A fitted transformer and the columns it takes. Its output, `width` columns, is the next tensor."""

    preprocessor: Preprocessor
    transformer: Estimator
    takes: tuple[Slice, ...]
    width: int
    sparse: bool


class Fitted(Frozen):
    """A fitted model. `final` names the columns that the algorithm sees, in order; `width` is how many.

    `sparse`, here and in steps: whether they were fitted on a sparse matrix; later rows come the same way.
    `estimator` is what the trainer gives: see `Trainer` for what it has. `wide`: it answers to float64 copies of the same float32 rows.
    """

    trainer: Trainer
    features: tuple[str, ...]
    inputs: Inputs
    steps: tuple[FittedStep, ...]
    final: tuple[Slice, ...]
    width: int
    sparse: bool
    estimator: Estimator
    losses: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    wide: bool = False

    @property
    def classes(self) -> tuple[Label, ...]:
        """The classes in the order of the probabilities; () for a regression."""
        return () if self.trainer.task == "regression" else tuple(self.estimator.classes_.tolist())

    def predict(self, columns: Columns) -> Prediction:
        """The native answer. Raises ValueError where scikit-learn does (missing values, numbers beyond float32)."""
        return self.answer(self.matrix(columns))

    def answer(self, matrix: Matrix) -> Prediction:
        """The algorithm's answer to what it sees."""
        if not self.trainer.takes_missing and holds_nan(matrix):
            msg = "missing values"
            raise ValueError(msg)
        matrix = matrix.astype(np.float64) if self.wide else matrix
        with quiet():
            if self.trainer.task == "regression":
                return Prediction(values=np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1))
            labels = self.estimator.predict(matrix)
            probabilities = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        return Prediction(labels=labels, probabilities=probabilities, classes=self.classes)

    def matrix(self, columns: Columns) -> Matrix:
        """What the algorithm sees."""
        tensors: list[Matrix] = [*self.inputs.arrays(columns)]
        with quiet():
            for step in self.steps:
                matrix = take(tensors, step.takes, sparse=step.sparse)
                tensors.append(_float32(step.transformer.transform(_texts(matrix, step.transformer, step.preprocessor))))
        return take(tensors, self.final, sparse=self.sparse, whole=True)


@dataclass(slots=True, kw_only=True)
class _Fit:
    """A fit under way: the columns as they stand, the tensors they lie in, and the target."""

    frame: Frame
    tensors: list[Matrix]
    y: np.ndarray
    seed: int


def fit(inputs: TrainInputs, columns: Columns, y: np.ndarray, progress: Progress) -> Fitted:
    """Fit what the train inputs describe on these rows."""
    trainer, steps = providers_of(inputs)
    features = pick_columns(columns, inputs.features)
    check_target(trainer, y)
    entries, frame = plan_inputs(features, steps)
    work = _Fit(frame=frame, tensors=[*entries.arrays(features)], y=y, seed=inputs.seed)
    losses: list[float] = []
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        fitted = [_fit_step(step, provider, work) for step, provider in steps]
        matrix = _final_matrix(trainer, work)
        estimator = trainer.build(filled(trainer.params, inputs.params), inputs.seed)
        matrix = _fitting(matrix, estimator) if trainer.takes_sparse else _dense(matrix)
        estimator = _guarded(trainer.name, partial(_fit_estimator, trainer, estimator, matrix, y, recording(progress, losses)))
    return Fitted(
        trainer=trainer,
        features=tuple(features),
        inputs=entries,
        steps=tuple(step for step in fitted if step is not None),
        final=slices_of(frame.places),
        width=int(matrix.shape[1]),
        sparse=not isinstance(matrix, np.ndarray),
        estimator=estimator,
        losses=tuple(losses),
        warnings=tuple(dict.fromkeys(" ".join(str(w.message).split()) for w in caught)),
    )


def providers_of(inputs: TrainInputs) -> tuple[Trainer, list[tuple[PreprocessStep, Preprocessor]]]:
    """The trainer that the train inputs name, and each of their steps with its provider."""
    catalog, key = providers(), (inputs.task, inputs.algorithm)
    unknown = [] if key in catalog.trainers else [inputs.algorithm]
    unknown += [step.use for step in inputs.preprocess if step.use not in catalog.preprocessors]
    if unknown:
        raise ProviderError(
            "An algorithm or preprocess step is not installed here",
            detail=f"{unknown[0]} is not among the providers of this environment",
            hint="install the package that brings it",
            id="unknown-provider",
        )
    return catalog.trainers[key], [(step, catalog.preprocessors[step.use]) for step in inputs.preprocess]


def filled(declared: Mapping[str, Schema], params: Mapping[str, Json]) -> dict[str, Json]:
    """These parameters with the shipped defaults of all others."""
    return {name: schema["default"] for name, schema in declared.items()} | dict(params)


def recording(progress: Progress, losses: list[float]) -> Progress:
    """The same progress, which also keeps every loss."""

    def tell(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        if loss is not None:
            losses.append(float(loss))
        progress(message=message, iteration=iteration, of=of, loss=loss)

    return tell


@contextmanager
def quiet() -> Iterator[None]:
    """No warning and no floating-point message inside: rows at the edge of float32 are expected."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _fit_step(step: PreprocessStep, provider: Preprocessor, work: _Fit) -> FittedStep | None:
    """Fit one step and let the frame have its output; None when it takes no column of this model."""
    from sklearn.utils import get_tags

    places = work.frame.select(step.columns, provider.name)
    if not places:
        return None
    check_kinds(provider, work.frame, places, work.tensors)
    transformer = provider.build(filled(provider.params, step.params), work.seed)
    takes = slices_of(places)
    matrix = _texts(_fitting(take(work.tensors, takes), transformer), transformer, provider)
    if provider.takes == "number" and not get_tags(transformer).input_tags.allow_nan:
        check_complete(provider.name, matrix, work.frame, places)
    target = work.y if provider.supervised else None
    output = _float32(_guarded(provider.name, partial(transformer.fit_transform, matrix, target)))
    width = int(output.shape[1])
    work.frame.replace(places, len(work.tensors), width, keeps=provider.keeps)
    work.tensors.append(output)
    return FittedStep(preprocessor=provider, transformer=transformer, takes=takes, width=width, sparse=not isinstance(matrix, np.ndarray))


def _fit_estimator(trainer: Trainer, estimator: Estimator, matrix: Matrix, y: np.ndarray, progress: Progress) -> Estimator:
    if trainer.fit is not None:
        return trainer.fit(estimator, matrix, y, progress)
    return estimator.fit(matrix, y)


def _final_matrix(trainer: Trainer, work: _Fit) -> Matrix:
    check_encoded(trainer.name, work.frame, work.tensors)
    matrix = take(work.tensors, slices_of(work.frame.places), whole=True)
    if not trainer.takes_missing:
        check_complete(trainer.name, matrix, work.frame, work.frame.places)
    return matrix


def _guarded(name: str, work: Callable[[], T]) -> T:
    """What scikit-learn refuses about parameters or data, said as a user's mistake."""
    try:
        return work()
    except (ValueError, TypeError, FloatingPointError, NotImplementedError) as problem:
        reason = " ".join(str(problem).split())
        raise ProviderError(
            "scikit-learn refused these parameters or this data",
            detail=f"{name}: {reason[:400]}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def _texts(matrix: Matrix, transformer: Estimator, provider: Preprocessor) -> Matrix:
    """One column of texts for a vectoriser; all else as it is."""
    if not provider.one_column:
        return matrix
    texts = matrix[:, 0]
    return np.array([text.translate(SMALL) for text in texts], dtype=object) if getattr(transformer, "lowercase", False) else texts


def _fitting(matrix: Matrix, taker: Estimator) -> Matrix:
    """Dense where the taker does not say, by scikit-learn's tags, that it takes sparse."""
    from sklearn.utils import get_tags

    if isinstance(matrix, np.ndarray) or (hasattr(taker, "__sklearn_tags__") and get_tags(taker).input_tags.sparse):
        return matrix
    return _dense(matrix)


def _dense(matrix: Matrix) -> Matrix:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _float32(values: Matrix) -> Matrix:
    return values.astype(np.float32, copy=False)
