"""Fits and applies a model: preprocess steps, then one algorithm, all on float32. Owns the meaning of the train inputs; writes no file.

The result equals what a scikit-learn Pipeline of `ColumnTransformer([(use, columns)], remainder="passthrough")` steps fits on the
same float32 columns, with string columns kept apart from the numbers instead of in one object array.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from leptonctl.core.catalog import Catalog
from leptonctl.spi import Prediction, Preprocessor, Progress, ProviderError, Schema, Trainer
from leptonctl.world.catalog import load_catalog
from leptonctl.world.learning_layout import Frame, Inputs, Slice, plan_inputs, slices_of, take
from leptonctl.world.learning_rows import Columns, count_rows, pick_columns

# str.lower() makes two characters of İ and another sigma at the end of a word; graphs lower one character at a time
SMALL = str.maketrans({"İ": "i", "Σ": "σ"})


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

    def answer(self, matrix: Any) -> Prediction:  # noqa: ANN401
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

    def matrix(self, columns: Columns) -> Any:  # noqa: ANN401
        """What the algorithm sees."""
        tensors: list[Any] = self.inputs.arrays(columns)
        with quiet():
            for step in self.steps:
                taken = take(tensors, step.takes, sparse=step.sparse)
                tensors.append(_float32(step.transformer.transform(_texts(taken, step.transformer, step.preprocessor))))
        return take(tensors, self.final, sparse=self.sparse)


def fit(train_inputs: Mapping[str, Any], columns: Columns, y: np.ndarray, progress: Progress) -> Fitted:
    """Fit what the train inputs of docs/formats.md describe on these rows."""
    trainer, preprocessors = providers_of(train_inputs)
    chosen = pick_columns(columns, train_inputs.get("features"))
    _check_target(trainer, y)
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
        estimator = _guarded(trainer.name, lambda: _fit_estimator(trainer, estimator, matrix, y, recording(progress, losses)))
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
    catalog = _catalog()
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


def holds_nan(matrix: Any) -> bool:  # noqa: ANN401
    return bool(np.isnan(getattr(matrix, "data", matrix) if not isinstance(matrix, np.ndarray) else matrix).any())


def recording(progress: Progress, losses: list[float]) -> Progress:
    """The same progress, which also keeps every loss."""

    def tell(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        if loss is not None:
            losses.append(float(loss))
        progress(message=message, iteration=iteration, of=of, loss=loss)

    return tell


class quiet(warnings.catch_warnings):  # type: ignore[type-arg]  # noqa: N801
    """No warning and no floating-point message inside: rows at the edge of float32 are expected."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        self._state = np.errstate(all="ignore")
        self._state.__enter__()

    def __exit__(self, *problem: object) -> None:
        self._state.__exit__(*problem)  # type: ignore[arg-type]
        super().__exit__(*problem)


def _fit_steps(
    steps: Sequence[Mapping[str, Any]],
    preprocessors: Sequence[Preprocessor],
    frame: Frame,
    tensors: list[Any],
    y: np.ndarray,
    seed: int,
) -> tuple[FittedStep, ...]:
    fitted = []
    for step, found in zip(steps, preprocessors, strict=True):
        places = frame.select(step["columns"], found.name)
        if not places:
            continue
        _check_kind(found, frame, places, tensors)
        transformer = found.build(filled(found.params, step.get("params")), seed)
        taken = slices_of(places)
        matrix = _texts(_fitting(take(tensors, taken), transformer), transformer, found)
        _check_missing(found.name, transformer, matrix, frame.names_at(places))
        target = y if found.supervised else None
        out = _float32(_guarded(found.name, lambda t=transformer, m=matrix, y=target: t.fit_transform(m, y)))
        frame.replace(places, len(tensors), int(out.shape[1]), keeps=found.keeps)
        tensors.append(out)
        sparse = not isinstance(matrix, np.ndarray)
        fitted.append(FittedStep(preprocessor=found, transformer=transformer, takes=taken, width=int(out.shape[1]), sparse=sparse))
    return tuple(fitted)


def _fit_estimator(trainer: Trainer, estimator: Any, matrix: Any, y: np.ndarray, progress: Progress) -> Any:  # noqa: ANN401
    if trainer.fit is not None:
        return trainer.fit(estimator, matrix, y, progress)
    return estimator.fit(matrix, y)


def _final_matrix(trainer: Trainer, frame: Frame, tensors: list[Any]) -> Any:  # noqa: ANN401
    texts = [name for name in frame.kinds if name in frame.named and _is_text(tensors[frame.named[name][0]])]
    if texts:
        raise ProviderError(
            "A text column reaches the algorithm without an encoder",
            detail=f"{', '.join(texts)} {'holds' if len(texts) == 1 else 'hold'} text and {trainer.name} takes numbers",
            hint="add - {columns: categorical, use: one_hot} to preprocess:, or leave the columns out with features:",
            id="unencoded-column",
            column=texts[0],
        )
    if not frame.places:
        raise ProviderError(
            "The model has no input column",
            detail="no feature is left for the algorithm",
            hint="name columns under features:",
            id="no-features",
        )
    matrix = take(tensors, slices_of(frame.places))
    if not trainer.takes_missing and holds_nan(matrix):
        empty = np.isnan(matrix).any(axis=0) if isinstance(matrix, np.ndarray) else np.zeros(0, dtype=bool)
        raise _missing(trainer.name, frame.names_at([frame.places[i] for i in np.flatnonzero(empty)]))
    return matrix


def _check_kind(found: Preprocessor, frame: Frame, places: Sequence[tuple[int, int]], tensors: Sequence[Any]) -> None:
    if found.one_column and len(places) != 1:
        raise ProviderError(
            "A preprocess step takes exactly one column",
            detail=f"{found.name} was given {len(places)} columns",
            hint=f"write one {found.name} step for each column",
            id="one-column-step",
        )
    wrong = [place for place in places if _is_text(tensors[place[0]]) != (found.takes == "string")]
    if wrong:
        names = frame.names_at(wrong)
        raise ProviderError(
            "A preprocess step takes columns of another type",
            detail=f"{found.name} takes {'text' if found.takes == 'string' else 'numbers'}, which {', '.join(names) or 'its input'} is not",
            hint="columns: numeric takes number and integer columns, columns: categorical takes string and boolean columns",
            id="wrong-column-type",
            column=names[0] if names else None,
        )


def _check_missing(name: str, transformer: Any, matrix: Any, names: Sequence[str]) -> None:  # noqa: ANN401
    from sklearn.utils import get_tags

    if _is_text(matrix) or get_tags(transformer).input_tags.allow_nan or not holds_nan(matrix):
        return
    raise _missing(name, names)


def _missing(taker: str, names: Sequence[str]) -> ProviderError:
    return ProviderError(
        "Missing values reach a step that cannot take them",
        detail=f"{taker} takes no missing values" + (f"; they stand in {', '.join(names)}" if names else ""),
        hint="put - {columns: numeric, use: imputer} before it, or give the columns a missing: fill value",
        id="missing-values",
        column=names[0] if names else None,
    )


def _check_target(trainer: Trainer, y: np.ndarray) -> None:
    if trainer.task == "classification" and len(np.unique(y)) < 2:  # noqa: PLR2004
        raise ProviderError(
            "The training rows hold fewer than two classes",
            detail=f"{len(y)} rows, {len(np.unique(y))} class",
            hint="check the target column and the split",
            id="one-class",
        )


def _guarded(name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401
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


def _texts(matrix: Any, transformer: Any, found: Preprocessor) -> Any:  # noqa: ANN401
    """One column of texts for a vectoriser; all else as it is."""
    if not found.one_column:
        return matrix
    texts = matrix[:, 0]
    return np.array([text.translate(SMALL) for text in texts], dtype=object) if getattr(transformer, "lowercase", False) else texts


def _fitting(matrix: Any, taker: Any) -> Any:  # noqa: ANN401
    """Dense where the taker does not take sparse."""
    from sklearn.utils import get_tags

    return matrix if isinstance(matrix, np.ndarray) or get_tags(taker).input_tags.sparse else _dense(matrix)


def _dense(matrix: Any) -> Any:  # noqa: ANN401
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _is_text(tensor: Any) -> bool:  # noqa: ANN401
    return bool(tensor.dtype == object)


def _float32(values: Any) -> Any:  # noqa: ANN401
    return values.astype(np.float32, copy=False)


@cache
def _catalog() -> Catalog:
    return load_catalog()


__all__ = ["Fitted", "FittedStep", "count_rows", "fit", "holds_nan", "providers_of", "quiet", "recording"]
