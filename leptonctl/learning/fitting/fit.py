"""Fits a model: preprocess steps, then one algorithm, all on float32. Owns the meaning of the train inputs; writes no files.

The result equals that of a scikit-learn Pipeline of `ColumnTransformer([(use, columns)], remainder="passthrough")` steps on the same
float32 columns, except that string columns are separate from the numbers instead of in one object array.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.learning.fitting.checks import (
    check_complete,
    check_encoded,
    check_kinds,
    check_neighbors,
    check_target,
    naming_empty_columns,
)
from leptonctl.learning.fitting.fit_log import FitLog
from leptonctl.learning.fitting.fitted_model import Fitted, FittedStep, float32, transformer_input
from leptonctl.learning.fitting.frame import Cell, Frame, Matrix, plan_inputs, slices_of, take
from leptonctl.learning.fitting.plain_arrays import plain_arrays
from leptonctl.learning.fitting.recipe import providers_of, with_defaults
from leptonctl.learning.fitting.unsupervised import convert_type
from leptonctl.learning.fitting.weights import Weights, weights_of, with_directions
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.learning.tables.prepared import Columns, pick_columns
from leptonctl.spi.learning import Checkpoint, Estimator, Preprocessor, Progress, ProviderError, Trainer, Training


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
    *,
    learn: Learn | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Fit the model that the train inputs describe on these rows. `learn` replaces the trainer's own fit. Raises ProviderError."""
    trainer, steps = providers_of(inputs)
    features = {name: values for name, values in pick_columns(columns, inputs.features).items() if name != inputs.sample_weight}
    check_target(trainer, y)
    weights = weights_of(inputs, trainer, columns, y)
    entries, frame = plan_inputs(features, steps)
    state = _FitState(frame=frame, tensors=[*entries.arrays(features)], y=y, seed=inputs.seed)
    log = FitLog(progress)
    with log.recording():
        fitted_steps = [_fit_step(step, provider, state) for step, provider in steps]
        estimator, matrix = _algorithm(inputs, trainer, weights, state)
        with naming_empty_columns(matrix, frame), fit_errors(trainer.name):
            if learn is not None:
                estimator = learn(matrix, y, log.report)
            else:
                estimator = _fit_estimator(trainer, estimator, (matrix, y, weights.rows), log.report, checkpoint)
    fitted = Fitted(
        trainer=trainer, features=tuple(features), inputs=entries, steps=tuple(step for step in fitted_steps if step is not None),
        final=slices_of(frame.places), width=int(matrix.shape[1]), sparse=not isinstance(matrix, np.ndarray), estimator=estimator,
    )  # fmt: skip
    return log.attach(fitted)


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
    matrix = transformer_input(_supported_form(take(state.tensors, takes), transformer), transformer, provider)
    if provider.takes == "number" and not get_tags(transformer).input_tags.allow_nan:
        check_complete(provider.name, matrix, state.frame, places)
    target = state.y if provider.supervised else None
    with fit_errors(provider.name):
        output = float32(transformer.fit_transform(matrix, target))
    width = int(output.shape[1])
    state.frame.replace(places, len(state.tensors), width, keeps=provider.keeps)
    state.tensors.append(output)
    return FittedStep(preprocessor=provider, transformer=transformer, takes=takes, width=width, sparse=not isinstance(matrix, np.ndarray))


def _without_empty(places: Sequence[Cell], state: _FitState, step: str) -> list[Cell]:
    """The places with a value in the training rows. The others leave the frame, so that training and graph agree on the rest."""
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
    if trainer.fit_from is not None:
        training = Training(features=matrix, target=y, weights=weights, progress=progress, checkpoint=checkpoint)
        return trainer.fit_from(estimator, training)
    if trainer.fit is not None:
        return trainer.fit(estimator, matrix, y, progress, *(() if weights is None else (weights,)))
    if trainer.task in UNSUPERVISED:
        return estimator.fit(convert_type(trainer, matrix))
    return estimator.fit(matrix, y, **({} if weights is None else {"sample_weight": weights}))


def _algorithm(inputs: TrainInputs, trainer: Trainer, weights: Weights, state: _FitState) -> tuple[Estimator, Matrix]:
    """The estimator before its fit, and the matrix that it is fitted on: the columns after all steps."""
    check_encoded(trainer.name, state.frame, state.tensors)
    matrix = take(state.tensors, slices_of(state.frame.places), whole=True)
    if not trainer.takes_missing:
        check_complete(trainer.name, matrix, state.frame, state.frame.places)
    estimator = trainer.build({**with_defaults(trainer.params, inputs.params), **weights.params}, inputs.seed)
    estimator = with_directions(inputs, trainer, estimator, state.frame, state.y)
    check_neighbors(trainer, estimator, len(state.y))
    return estimator, _supported_form(matrix, estimator) if trainer.takes_sparse else _dense(matrix)


@contextmanager
def fit_errors(name: str) -> Iterator[None]:
    """Raise ProviderError (training-failed) where scikit-learn refuses the parameters or the data inside the block."""
    try:
        with plain_arrays():
            yield
    except (ValueError, TypeError, FloatingPointError, NotImplementedError) as problem:
        reason = " ".join(str(problem).split())
        raise ProviderError(
            "scikit-learn refused these parameters or this data",
            detail=f"{name}: {reason[:400]}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def _supported_form(matrix: Matrix, estimator: Estimator) -> Matrix:
    """The matrix, made dense unless scikit-learn's tags say that the estimator accepts sparse input."""
    from sklearn.utils import get_tags

    if isinstance(matrix, np.ndarray) or (hasattr(estimator, "__sklearn_tags__") and get_tags(estimator).input_tags.sparse):
        return matrix
    return _dense(matrix)


def _dense(matrix: Matrix) -> Matrix:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
