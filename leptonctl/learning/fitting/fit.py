"""Fits and applies a model: preprocess steps, then one algorithm, all on float32. Owns the meaning of the train inputs; writes no files.

The result equals that of a scikit-learn Pipeline of `ColumnTransformer([(use, columns)], remainder="passthrough")` steps on the same
float32 columns, except that string columns are kept apart from the numbers instead of in one object array.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np

from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.numbers import typed
from leptonctl.core.values import Json
from leptonctl.learning.catalog import providers
from leptonctl.learning.fitting.checks import (
    check_complete,
    check_encoded,
    check_kinds,
    check_library,
    check_neighbors,
    check_target,
    explain_empty,
    holds_nan,
)
from leptonctl.learning.fitting.classified import classified
from leptonctl.learning.fitting.frame import Cell, Frame, Inputs, Matrix, Slice, plan_inputs, slices_of, take
from leptonctl.learning.fitting.plain_arrays import plain_arrays
from leptonctl.learning.fitting.unsupervised import computed_in, native_answer
from leptonctl.learning.fitting.weights import constrained, weights_of
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.learning.tables.prepared import Columns, pick_columns
from leptonctl.spi.learning import Checkpoint, Estimator, Label, Prediction, Preprocessor, Progress, ProviderError, Schema, Trainer

T = TypeVar("T")
# str.lower() maps İ to two characters and a sigma at the end of a word to another sigma; graphs map one character at a time
LOWERCASE_BY_CHARACTER = str.maketrans({"İ": "i", "Σ": "σ"})  # noqa: RUF001


class FittedStep(Frozen):
    """A fitted transformer and its input columns. Its output, `width` columns, is the next tensor."""

    preprocessor: Preprocessor
    transformer: Estimator
    takes: tuple[Slice, ...]
    width: int
    sparse: bool


class Fitted(Frozen):
    """A fitted model. `final` lists the columns that the algorithm gets, in order; `width` is their number.

    `sparse`, here and in steps: whether it was fitted on a sparse matrix; later rows take the same form. `estimator` comes from the trainer
    (`Trainer` describes it). `unconverged`: those warnings that say so. `wide`: it predicts on float64 copies of the same float32 rows.
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
    unconverged: tuple[str, ...] = ()
    wide: bool = False

    @property
    def classes(self) -> tuple[Label, ...]:
        """The classes in the order of the probabilities; () for a model that has none."""
        return tuple(self.estimator.classes_.tolist()) if self.trainer.task == "classification" else ()

    def predict(self, columns: Columns) -> Prediction:
        """The native model's answer. Raises ValueError where scikit-learn does (missing values, numbers beyond float32)."""
        return self.answer(self.matrix(columns))

    def answer(self, matrix: Matrix) -> Prediction:
        """The algorithm's answer to its input matrix. Raises ValueError for missing values that it cannot take."""
        if not self.trainer.takes_missing and holds_nan(matrix):
            msg = "missing values"
            raise ValueError(msg)
        matrix = matrix.astype(np.float64) if self.wide else matrix
        with quiet():
            if self.trainer.task in UNSUPERVISED:
                return native_answer(self.trainer, self.estimator, matrix)
            if self.trainer.task == "regression":
                return Prediction(values=np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1))
            labels, probabilities = classified(self.trainer, self.estimator, matrix)
        return Prediction(labels=labels, probabilities=probabilities, classes=self.classes)

    def matrix(self, columns: Columns) -> Matrix:
        """The algorithm's input: the columns after all preprocess steps."""
        tensors: list[Matrix] = [*self.inputs.arrays(columns)]
        with quiet():
            for step in self.steps:
                matrix = take(tensors, step.takes, sparse=step.sparse)
                tensors.append(_float32(step.transformer.transform(_transformer_input(matrix, step.transformer, step.preprocessor))))
        return take(tensors, self.final, sparse=self.sparse, whole=True)


@dataclass(slots=True, kw_only=True)
class _FitState:
    """A fit in progress: the current columns, the tensors they are in, and the target."""

    frame: Frame
    tensors: list[Matrix]
    y: np.ndarray
    seed: int


Learn: TypeAlias = Callable[[Matrix, np.ndarray, Progress], Estimator]
"""Algorithm input [N,k], target [N], progress -> fitted estimator."""


def fit(
    inputs: TrainInputs,
    columns: Columns,
    y: np.ndarray,
    progress: Progress,
    learn: Learn | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Fit the model that the train inputs describe on these rows. `learn`: in place of the trainer's own fit. Raises ProviderError."""
    from sklearn.exceptions import ConvergenceWarning

    trainer, steps = providers_of(inputs)
    features = {name: values for name, values in pick_columns(columns, inputs.features).items() if name != inputs.sample_weight}
    check_target(trainer, y)
    weights = weights_of(inputs, trainer, columns, y)
    entries, frame = plan_inputs(features, steps)
    state = _FitState(frame=frame, tensors=[*entries.arrays(features)], y=y, seed=inputs.seed)
    losses: list[float] = []
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        fitted = [_fit_step(step, provider, state) for step, provider in steps]
        matrix = _final_matrix(trainer, state)
        estimator = trainer.build({**with_defaults(trainer.params, inputs.params), **weights.params}, inputs.seed)
        estimator = constrained(inputs, trainer, estimator, state.frame, y)
        check_neighbors(trainer, estimator, len(y))
        matrix = _supported_form(matrix, estimator) if trainer.takes_sparse else _dense(matrix)
        report = recording_losses(progress, losses)
        run = (
            partial(learn, matrix, y, report)
            if learn
            else partial(_fit_estimator, trainer, estimator, (matrix, y, weights.rows), report, checkpoint)
        )
        try:
            estimator = run_fit(trainer.name, run)
        except ProviderError as problem:
            explain_empty(problem, matrix, frame)
            raise
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
        warnings=texts_of(caught),
        unconverged=texts_of([w for w in caught if issubclass(w.category, ConvergenceWarning)]),
    )


def texts_of(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """What the warnings say, each once, but for those that a library has for whoever calls it: that is not who declares a model."""
    told = (warning for warning in caught if not issubclass(warning.category, FutureWarning | DeprecationWarning))
    return tuple(dict.fromkeys(" ".join(str(warning.message).split()) for warning in told))


def providers_of(inputs: TrainInputs) -> tuple[Trainer, list[tuple[PreprocessStep, Preprocessor]]]:
    """The trainer that the train inputs name, and each of their steps with its provider. Raises ProviderError: unknown-provider,
    missing-library.
    """
    catalog, key = providers(), (inputs.task, inputs.algorithm)
    unknown = [] if key in catalog.trainers else [inputs.algorithm]
    unknown += [step.use for step in inputs.preprocess if step.use not in catalog.preprocessors]
    if unknown:
        raise ProviderError(
            "An algorithm or preprocess step is not installed here",
            detail=f"{unknown[0]} is not among the installed providers.",
            hint="install the package that provides it",
            id="unknown-provider",
        )
    check_library(catalog.trainers[key])
    return catalog.trainers[key], [(step, catalog.preprocessors[step.use]) for step in inputs.preprocess]


def with_defaults(schemas: Mapping[str, Schema], params: Mapping[str, Json]) -> dict[str, Json]:
    """These parameters, and the declared defaults of all others: as a plan fills them in, so that both ways give the same model."""
    return {name: typed(schema["default"], schema) for name, schema in schemas.items()} | dict(params)


def recording_losses(progress: Progress, losses: list[float]) -> Progress:
    """The same progress function, which also appends every loss to `losses`."""

    def report(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        if loss is not None:
            losses.append(float(loss))
        progress(message=message, iteration=iteration, of=of, loss=loss)

    return report


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings and floating-point errors: rows at the limits of float32 are expected."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), plain_arrays():
        warnings.simplefilter("ignore")
        yield


def _fit_step(step: PreprocessStep, provider: Preprocessor, state: _FitState) -> FittedStep | None:
    """Fit one step and add its output to the frame. None when its selector matches no column of this model."""
    from sklearn.utils import get_tags

    places = state.frame.select(step.columns, provider.name)
    if not places:
        return None
    check_kinds(provider, state.frame, places, state.tensors)
    params = with_defaults(provider.params, step.params)
    if provider.drops_empty is not None and provider.drops_empty(params):
        places = _without_empty(places, state, provider.name)
        if not places:
            return None
    transformer = provider.build(params, state.seed)
    takes = slices_of(places)
    matrix = _transformer_input(_supported_form(take(state.tensors, takes), transformer), transformer, provider)
    if provider.takes == "number" and not get_tags(transformer).input_tags.allow_nan:
        check_complete(provider.name, matrix, state.frame, places)
    target = state.y if provider.supervised else None
    output = _float32(run_fit(provider.name, partial(transformer.fit_transform, matrix, target)))
    width = int(output.shape[1])
    state.frame.replace(places, len(state.tensors), width, keeps=provider.keeps)
    state.tensors.append(output)
    return FittedStep(preprocessor=provider, transformer=transformer, takes=takes, width=width, sparse=not isinstance(matrix, np.ndarray))


def _without_empty(places: Sequence[Cell], state: _FitState, step: str) -> list[Cell]:
    """The places with a value in the training rows. The others leave the frame, so that training and graph agree on what is left."""
    empty = [place for place in places if bool(np.isnan(_dense(take(state.tensors, slices_of([place])))).all())]
    if empty:
        names = state.frame.names_at(empty)
        warnings.warn(f"{step} leaves out {', '.join(names) or 'a column'}, which has no value in the training rows", stacklevel=2)
        state.frame.drop(empty)
    return [place for place in places if place not in empty]


def _fit_estimator(
    trainer: Trainer,
    estimator: Estimator,
    rows: tuple[Matrix, np.ndarray, np.ndarray | None],
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> Estimator:
    matrix, y, weights = rows
    weighted = () if weights is None else (weights,)
    if trainer.fit_from is not None and checkpoint is not None:
        return trainer.fit_from(estimator, matrix, y, progress, checkpoint, *weighted)
    if trainer.fit is not None:
        return trainer.fit(estimator, matrix, y, progress, *weighted)
    if trainer.task in UNSUPERVISED:
        return estimator.fit(computed_in(trainer, matrix))
    return estimator.fit(matrix, y, **({} if weights is None else {"sample_weight": weights}))


def _final_matrix(trainer: Trainer, state: _FitState) -> Matrix:
    check_encoded(trainer.name, state.frame, state.tensors)
    matrix = take(state.tensors, slices_of(state.frame.places), whole=True)
    if not trainer.takes_missing:
        check_complete(trainer.name, matrix, state.frame, state.frame.places)
    return matrix


def run_fit(name: str, run: Callable[[], T]) -> T:
    """Run a fit. Raises ProviderError (training-failed) when scikit-learn refuses the parameters or the data."""
    try:
        with plain_arrays():
            return run()
    except (ValueError, TypeError, FloatingPointError, NotImplementedError) as problem:
        reason = " ".join(str(problem).split())
        raise ProviderError(
            "scikit-learn refused these parameters or this data",
            detail=f"{name}: {reason[:400]}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def _transformer_input(matrix: Matrix, transformer: Estimator, provider: Preprocessor) -> Matrix:
    """One column of strings for a vectoriser, the matrix itself for other steps."""
    if not provider.one_column:
        return matrix
    strings = matrix[:, 0]
    if not getattr(transformer, "lowercase", False):
        return strings
    return np.array([text.translate(LOWERCASE_BY_CHARACTER) for text in strings], dtype=object)


def _supported_form(matrix: Matrix, estimator: Estimator) -> Matrix:
    """The matrix, made dense unless scikit-learn's tags say that the estimator accepts sparse input."""
    from sklearn.utils import get_tags

    if isinstance(matrix, np.ndarray) or (hasattr(estimator, "__sklearn_tags__") and get_tags(estimator).input_tags.sparse):
        return matrix
    return _dense(matrix)


def _dense(matrix: Matrix) -> Matrix:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _float32(values: Matrix) -> Matrix:
    return values.astype(np.float32, copy=False)
