"""Fits and applies a model: preprocess steps, then one algorithm, all on float32. Owns the meaning of the train inputs; writes no file.

The result equals what a scikit-learn Pipeline of `ColumnTransformer([(use, columns)], remainder="passthrough")` steps fits on the
same float32 columns, with string columns kept apart from the numbers instead of in one object array.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from leptonctl.learning.checks import check_complete, check_encoded, check_kinds, check_target, holds_nan
from leptonctl.learning.frame import Frame, Inputs, Slice, plan_inputs, slices_of, take
from leptonctl.learning.tables.prepared import Columns, pick_columns
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Prediction, Preprocessor, Progress, ProviderError, Schema, Trainer

_GIVEN: ContextVar[Catalog | None] = ContextVar("catalog", default=None)
# str.lower() makes two characters of İ and another sigma at the end of a word; graphs lower one character at a time
SMALL = str.maketrans({"İ": "i", "Σ": "σ"})  # noqa: RUF001


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedStep:
    """A fitted transformer and the columns it takes. Its output, `width` columns, is the next tensor."""

    preprocessor: Preprocessor
    transformer: Any
    takes: tuple[Slice, ...]
    width: int
    sparse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model. `final` names the columns that the algorithm sees, in order; `width` is how many.

    `sparse`, here and in steps: whether they were fitted on a sparse matrix; later rows come the same way.
    """

    trainer: Trainer
    features: tuple[str, ...]
    inputs: Inputs
    steps: tuple[FittedStep, ...]
    final: tuple[Slice, ...]
    width: int
    sparse: bool
    estimator: Any
    losses: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()

    def predict(self, columns: Columns) -> Prediction:
        """The native answer. Raises ValueError where scikit-learn does (missing values, numbers beyond float32)."""
        return self.answer(self.matrix(columns))

    def answer(self, matrix: Any) -> Prediction:
        """The algorithm's answer to what it sees."""
        if not self.trainer.takes_missing and holds_nan(matrix):
            msg = "missing values"
            raise ValueError(msg)
        with quiet():
            if self.trainer.task == "regression":
                return Prediction(values=np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1))
            labels = self.estimator.predict(matrix)
            probabilities = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        return Prediction(labels=labels, probabilities=probabilities, classes=tuple(self.estimator.classes_.tolist()))

    def matrix(self, columns: Columns) -> Any:
        """What the algorithm sees."""
        tensors: list[Any] = self.inputs.arrays(columns)
        with quiet():
            for step in self.steps:
                taken = take(tensors, step.takes, sparse=step.sparse)
                tensors.append(_float32(step.transformer.transform(_texts(taken, step.transformer, step.preprocessor))))
        return take(tensors, self.final, sparse=self.sparse, whole=True)


def fit(train_inputs: Mapping[str, Any], columns: Columns, y: np.ndarray, progress: Progress) -> Fitted:
    """Fit what the train inputs of docs/formats.md describe on these rows."""
    trainer, preprocessors = providers_of(train_inputs)
    chosen = pick_columns(columns, train_inputs.get("features"))
    check_target(trainer, y)
    steps = train_inputs.get("preprocess") or []
    seed = int(train_inputs["seed"])
    inputs, frame = plan_inputs(chosen, steps, preprocessors)
    tensors: list[Any] = inputs.arrays(chosen)
    losses: list[float] = []
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        fitted = _fit_steps(steps, preprocessors, frame, tensors, y, seed)
        matrix = _final_matrix(trainer, frame, tensors)
        estimator = trainer.build(filled(trainer.params, train_inputs.get("params")), seed)
        matrix = _fitting(matrix, estimator) if trainer.takes_sparse else _dense(matrix)
        estimator = _guarded(trainer.name, partial(_fit_estimator, trainer, estimator, matrix, y, recording(progress, losses)))
    return Fitted(
        trainer=trainer,
        features=tuple(chosen),
        inputs=inputs,
        steps=fitted,
        final=slices_of(frame.places),
        width=int(matrix.shape[1]),
        sparse=not isinstance(matrix, np.ndarray),
        estimator=estimator,
        losses=tuple(losses),
        warnings=tuple(dict.fromkeys(" ".join(str(w.message).split()) for w in caught)),
    )


def providers_of(train_inputs: Mapping[str, Any]) -> tuple[Trainer, list[Preprocessor]]:
    """The providers that the train inputs name."""
    catalog = _GIVEN.get() or _installed()
    key = (train_inputs["task"], train_inputs["algorithm"])
    names = [step["use"] for step in train_inputs.get("preprocess") or []]
    unknown = [key[1]] if key not in catalog.trainers else [name for name in names if name not in catalog.preprocessors]
    if unknown:
        raise ProviderError(
            "An algorithm or preprocess step is not installed here",
            detail=f"{unknown[0]} is not among the providers of this environment",
            hint="install the package that brings it",
            id="unknown-provider",
        )
    return catalog.trainers[key], [catalog.preprocessors[name] for name in names]


def filled(declared: Mapping[str, Schema], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The given parameters with the shipped defaults of all others."""
    return {name: schema["default"] for name, schema in declared.items()} | dict(given or {})


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


def _fit_steps(
    steps: Sequence[Mapping[str, Any]],
    preprocessors: Sequence[Preprocessor],
    frame: Frame,
    tensors: list[Any],
    y: np.ndarray,
    seed: int,
) -> tuple[FittedStep, ...]:
    from sklearn.utils import get_tags

    fitted = []
    for step, found in zip(steps, preprocessors, strict=True):
        places = frame.select(step["columns"], found.name)
        if not places:
            continue
        check_kinds(found, frame, places, tensors)
        transformer = found.build(filled(found.params, step.get("params")), seed)
        taken = slices_of(places)
        matrix = _texts(_fitting(take(tensors, taken), transformer), transformer, found)
        if found.takes == "number" and not get_tags(transformer).input_tags.allow_nan:
            check_complete(found.name, matrix, frame, places)
        target = y if found.supervised else None
        out = _float32(_guarded(found.name, partial(transformer.fit_transform, matrix, target)))
        frame.replace(places, len(tensors), int(out.shape[1]), keeps=found.keeps)
        tensors.append(out)
        sparse = not isinstance(matrix, np.ndarray)
        fitted.append(FittedStep(preprocessor=found, transformer=transformer, takes=taken, width=int(out.shape[1]), sparse=sparse))
    return tuple(fitted)


def _fit_estimator(trainer: Trainer, estimator: Any, matrix: Any, y: np.ndarray, progress: Progress) -> Any:
    if trainer.fit is not None:
        return trainer.fit(estimator, matrix, y, progress)
    return estimator.fit(matrix, y)


def _final_matrix(trainer: Trainer, frame: Frame, tensors: list[Any]) -> Any:
    check_encoded(trainer.name, frame, tensors)
    matrix = take(tensors, slices_of(frame.places), whole=True)
    if not trainer.takes_missing:
        check_complete(trainer.name, matrix, frame, frame.places)
    return matrix


def _guarded(name: str, work: Callable[[], Any]) -> Any:
    """What scikit-learn refuses about parameters or data, said as a user's mistake."""
    try:
        return work()
    except (ValueError, FloatingPointError, NotImplementedError) as problem:
        said = " ".join(str(problem).split())
        raise ProviderError(
            "scikit-learn refused these parameters or this data",
            detail=f"{name}: {said[:400]}",
            hint="change the parameters, or the preprocess steps before it",
            id="training-failed",
        ) from problem


def _texts(matrix: Any, transformer: Any, found: Preprocessor) -> Any:
    """One column of texts for a vectoriser; all else as it is."""
    if not found.one_column:
        return matrix
    texts = matrix[:, 0]
    return np.array([text.translate(SMALL) for text in texts], dtype=object) if getattr(transformer, "lowercase", False) else texts


def _fitting(matrix: Any, taker: Any) -> Any:
    """Dense where the taker does not take sparse."""
    from sklearn.utils import get_tags

    return matrix if isinstance(matrix, np.ndarray) or get_tags(taker).input_tags.sparse else _dense(matrix)


def _dense(matrix: Any) -> Any:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _float32(values: Any) -> Any:
    return values.astype(np.float32, copy=False)


@contextmanager
def with_catalog(catalog: Catalog) -> Iterator[None]:
    """Inside, providers are those of this catalog: how one that is not installed is tried."""
    token = _GIVEN.set(catalog)
    try:
        yield
    finally:
        _GIVEN.reset(token)


@cache
def _installed() -> Catalog:
    return load_catalog()
