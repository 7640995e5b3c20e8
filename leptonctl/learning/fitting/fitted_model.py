"""A fitted model, and its answers to rows. Fits nothing and writes no files."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.learning.fitting.checks import holds_nan
from leptonctl.learning.fitting.classify import classify
from leptonctl.learning.fitting.frame import Inputs, Matrix, Slice, take
from leptonctl.learning.fitting.plain_arrays import plain_arrays
from leptonctl.learning.fitting.unsupervised import native_answer
from leptonctl.learning.tables.prepared import Columns
from leptonctl.spi.learning import Estimator, Label, Prediction, Preprocessor, Trainer

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
            labels, probabilities = classify(self.trainer, self.estimator, matrix)
        return Prediction(labels=labels, probabilities=probabilities, classes=self.classes)

    def matrix(self, columns: Columns) -> Matrix:
        """The algorithm's input: the columns after all preprocess steps."""
        tensors: list[Matrix] = [*self.inputs.arrays(columns)]
        with quiet():
            for step in self.steps:
                matrix = take(tensors, step.takes, sparse=step.sparse)
                tensors.append(float32(step.transformer.transform(transformer_input(matrix, step.transformer, step.preprocessor))))
        return take(tensors, self.final, sparse=self.sparse, whole=True)


def native_dtype(fitted: Fitted) -> str | None:
    """The dtype of the native model's probabilities, None for a regression. scikit-learn's log_loss clips at its precision."""
    if fitted.trainer.task != "classification":
        return None
    with quiet():
        return str(fitted.estimator.predict_proba(np.zeros((1, fitted.width), dtype=np.float32)).dtype)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings and floating-point errors: rows at the limits of float32 are expected."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), plain_arrays():
        warnings.simplefilter("ignore")
        yield


def transformer_input(matrix: Matrix, transformer: Estimator, provider: Preprocessor) -> Matrix:
    """One column of strings for a vectoriser, the matrix itself for other steps."""
    if not provider.one_column:
        return matrix
    strings = matrix[:, 0]
    if not getattr(transformer, "lowercase", False):
        return strings
    return np.array([text.translate(LOWERCASE_BY_CHARACTER) for text in strings], dtype=object)


def float32(values: Matrix) -> Matrix:
    return values.astype(np.float32, copy=False)
