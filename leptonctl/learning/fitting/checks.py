"""Checks before and during a fit, which raise ProviderError with a column and a hint. Fits nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from leptonctl.learning.fitting.frame import Cell, Frame, Matrix
from leptonctl.project.catalog import is_installed
from leptonctl.spi.learning import Estimator, Preprocessor, ProviderError, Trainer

IMPUTER = "imputer"
TEXT_FILL = "fill missing text in the dataset: `columns: {{{}: {{missing: TEXT}}}}`; `columns: numeric` gives the step columns of numbers"


def check_library(trainer: Trainer) -> None:
    """Raises ProviderError (missing-library) unless the library of the trainer is installed here."""
    if trainer.library is not None and not is_installed(trainer.library.module):
        raise ProviderError(
            "The library of an algorithm is not installed",
            detail=f"{trainer.name} is an algorithm of {trainer.library.title}.",
            hint=trainer.library.command,
            id="missing-library",
        )


def check_kinds(step: Preprocessor, frame: Frame, places: Sequence[Cell], tensors: Sequence[Matrix]) -> None:
    """Raises ProviderError (one-column-step, wrong-column-type) unless a step gets as many columns as it takes, all of its type."""
    if step.one_column and len(places) != 1:
        raise ProviderError(
            "A preprocess step takes exactly one column",
            detail=f"{step.name} gets {len(places)} columns.",
            hint=f"write one {step.name} step for each column",
            id="one-column-step",
        )
    wrong = [place for place in places if is_text(tensors[place[0]]) != (step.takes == "string")]
    if wrong:
        names = frame.names_at(wrong)
        raise ProviderError(
            "A preprocess step gets columns of the wrong type",
            detail=f"{step.name} takes {'strings' if step.takes == 'string' else 'numbers'}, not {', '.join(names) or 'its input'}.",
            hint=TEXT_FILL.format(names[0])
            if step.name == IMPUTER and names
            else "use `columns: numeric` for number and integer columns, `columns: categorical` for string and boolean columns",
            id="wrong-column-type",
            column=names[0] if names else None,
        )


def check_encoded(algorithm: str, frame: Frame, tensors: Sequence[Matrix]) -> None:
    """Raises ProviderError (unencoded-column, no-features) unless the algorithm gets columns, all of them numbers."""
    strings = [name for name in frame.kinds if name in frame.named and is_text(tensors[frame.named[name][0]])]
    if strings:
        raise ProviderError(
            "A string column reaches the algorithm without an encoder",
            detail=f"{', '.join(strings)} {'has' if len(strings) == 1 else 'have'} strings, but {algorithm} takes numbers.",
            hint="add `- {columns: categorical, use: one_hot}` to `preprocess:`, or leave the columns out with `features:`",
            id="unencoded-column",
            column=strings[0],
        )
    if not frame.places:
        raise ProviderError(
            "The model has no input column",
            detail="No feature is left for the algorithm.",
            hint="name columns under `features:`",
            id="no-features",
        )


def check_complete(algorithm: str, matrix: Matrix, frame: Frame, places: Sequence[Cell]) -> None:
    """Raises ProviderError (missing-values) when the matrix, whose columns are at `places`, has missing values."""
    if not holds_nan(matrix):
        return
    names: list[str] = []
    if isinstance(matrix, np.ndarray):
        empty = np.flatnonzero(np.isnan(matrix).any(axis=0)).tolist()
        names = frame.names_at([places[column] for column in empty])
    raise ProviderError(
        "Missing values reach a step that cannot take them",
        detail=f"{algorithm} cannot take missing values" + (f", but {', '.join(names)} has them." if names else "."),
        hint="put `- {columns: numeric, use: imputer}` before it, or give the columns a `missing:` fill value",
        id="missing-values",
        column=names[0] if names else None,
    )


@contextmanager
def naming_empty_columns(matrix: Matrix, frame: Frame) -> Iterator[None]:
    """Name the columns without a value in the error of a fit: not every algorithm that takes missing values takes such a column."""
    try:
        yield
    except ProviderError as problem:
        empty = np.flatnonzero(np.isnan(matrix).all(axis=0)).tolist() if isinstance(matrix, np.ndarray) else []
        names = frame.names_at([frame.places[column] for column in empty])
        if names:
            problem.detail = f"{problem.detail}; {', '.join(names)} has no value in the training rows"
            problem.hint = "leave columns without values out with `features:`"
            problem.column = names[0]
        raise


def check_target(trainer: Trainer, y: np.ndarray) -> None:
    """Raises ProviderError (one-class) when a classification target has fewer than two classes."""
    if trainer.task == "classification" and len(np.unique(y)) < 2:  # noqa: PLR2004
        raise ProviderError(
            "The training rows have fewer than two classes",
            detail=f"The {len(y)} training rows have {len(np.unique(y))} class.",
            hint="check the target column and the split",
            id="one-class",
        )


def check_neighbors(trainer: Trainer, estimator: Estimator, rows: int) -> None:
    """Raises ProviderError (too-many-neighbors): scikit-learn would refuse more neighbours than rows only when asked for an answer."""
    neighbors = getattr(estimator, "n_neighbors", None)
    if isinstance(neighbors, int) and neighbors > rows:
        raise ProviderError(
            "There are fewer training rows than neighbours",
            detail=f"{trainer.name} looks for the {neighbors} nearest of {rows} training rows.",
            hint=f"write `n_neighbors: {rows}` or less, or add rows; in cross-validation a fold has fewer rows than the whole",
            id="too-many-neighbors",
        )


def holds_nan(matrix: Matrix) -> bool:
    cells = matrix if isinstance(matrix, np.ndarray) else matrix.data
    return bool(np.isnan(cells).any())


def is_text(tensor: Matrix) -> bool:
    return bool(tensor.dtype == object)
