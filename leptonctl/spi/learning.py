"""The seam of learning: trainers, preprocess steps, metrics and sources. A provider is a frozen value, found by entry point.

Groups: `leptonctl.sources`, `leptonctl.trainers`, `leptonctl.preprocess`, `leptonctl.metrics`. A module may be imported at
plan time, so it imports numpy, scikit-learn and the like only inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from leptonctl.core.contract import MISSING_MARKERS
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import polars as pl

LearningTask: TypeAlias = Literal["classification", "regression", "clustering", "anomaly"]
Schema: TypeAlias = dict[str, Any]
"""A draft-07 JSON Schema of one parameter, with `description` and `default` always present."""
Label: TypeAlias = int | str
"""A class of a target, as labels name it."""
Params: TypeAlias = Mapping[str, Any]
"""Parameters by name, each a value that its schema allows, with all defaults filled in."""
Estimator: TypeAlias = Any
"""An algorithm or a transformer, fitted or not: libraries do not type them. `Trainer` says what a fitted algorithm has."""
Options: TypeAlias = dict[str, Any]
"""Keyword arguments of a library, by name."""
MAX_POINTS = 201
"""How many points of a curve are recorded or shown at most."""


class ProviderError(Exception):
    """Raised by a provider for a user's mistake. The engine adds the span and shows no traceback.

    `line` and `column` (from 1; column may be a column *name* of the data) point into a data file when known.
    """

    def __init__(
        self,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        id: str = "step-failed",  # noqa: A002
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        self.id, self.summary, self.detail, self.hint = id, summary, detail, hint
        self.file, self.line, self.column = file, line, column
        super().__init__(summary)


class Progress(Protocol):
    """Reports how far a step is. Cheap: the engine drops what comes faster than it can be shown."""

    def __call__(self, *, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None: ...


class Checkpoint(Protocol):
    """Where a long fit saves how far it is. It loads only what the same fit saved: with the same rows, parameters and libraries."""

    def load(self) -> bytes | None:
        """What was saved before the process was killed; None for a fit that begins."""
        ...

    def is_due(self) -> bool:
        """Whether it is time to save. Cheap: it may be asked after every iteration."""
        ...

    def save(self, data: bytes) -> None:
        """Replaces what was saved before."""
        ...


class Training(Frozen):
    """What a fit learns from, and where it reports and keeps how far it is.

    features: float32 [N,k]. target: labels or values [N]. weights: float64 [N], None where all rows count alike.
    checkpoint: None where nothing is kept.
    """

    features: np.ndarray
    target: np.ndarray
    progress: Progress
    weights: np.ndarray | None = None
    checkpoint: Checkpoint | None = None


class Conversion(Frozen):
    """What the graph of a fitted algorithm has to be.

    width: columns of its one input. opset and ml_opset: the versions of the operator sets `""` and `ai.onnx.ml` that it uses.
    """

    width: int
    opset: int
    ml_opset: int


class NativeForm(Frozen):
    """How a fitted estimator is kept as a file.

    file: its name among the artifacts, such as `model.json`.
    dump: fitted estimator -> bytes; equal estimators give equal bytes, in every process.
    load: bytes -> the estimator; runs no code from the bytes (no pickle). ValueError when they are not what `dump` writes.
    """

    file: str
    dump: Callable[[Estimator], bytes]
    load: Callable[[bytes], Estimator]


class Library(Frozen):
    """A package that a provider imports and that comes with an extra: leptonctl works without it.

    module: what is imported. extra: the extra of leptonctl that installs it; "" for a package of its own, then named like the module.
    title: how it is written in messages.
    """

    module: str
    title: str
    extra: str = ""

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'leptonctl[{self.extra}]'" if self.extra else f"pip install {self.module}"


class Trainer(Frozen):
    """One algorithm for one task.

    name: what YAML writes as `algorithm:`.
    params: parameter name -> JSON Schema with `default` and `description`; scikit-learn's names and types. They are
        data shipped here, fixed within a project `format`; `build` passes every one of them explicitly.
    epoch: raised when the same parameters would give other bytes; part of the train key.
    build: (params, seed) -> an unfitted estimator. Takes every declared parameter, defaults filled in. A parameter `class_weight` may
        also be a mapping of every class, in sorted order, to its weight.
    fit: (estimator, X float32 [N,k], y [N], progress) -> fitted estimator, for iterative learners that show progress.
        None: `estimator.fit(X, y)`.
    fit_from: (estimator, training) -> fitted estimator, in place of `fit`, of a trainer that can continue after a kill: where there is a
        checkpoint, it saves how far it is whenever that is due, and continues from what it loads. It must give the bytes and report the
        losses of an undisturbed fit; None where that cannot be.
    weighs: True when rows may have weights (`sample_weight`, or `class_weight` without a parameter of that name): `fit` then takes them,
        float64 [N], as a last argument `weights`, None for rows without; without `fit`, they are `sample_weight` of the estimator.
    monotonic: (unfitted estimator, direction of each of its k columns: 1 up, -1 down, 0 free) -> the estimator that keeps to them: with
        a larger value of an `up` column the prediction, or the probability of the last class, does not fall. None: it cannot.

    A fitted estimator has `predict`: X -> labels [N], or values [N] for a regression; a classifier also `classes_` (sorted,
    an array of int64 or strings) and `predict_proba`: X -> [N,C] in their order; a detector of anomalies has `decision_function`: X ->
    scores [N], below 0 for an anomaly; `predict` of a clusterer gives the numbers of clusters. It need not be scikit-learn's. One
    that skl2onnx does not know has:

    to_onnx: (fitted estimator, conversion) -> an ONNX model with one input, float32 [N, width] of any name, and the outputs label
        [N] (int64 or string) and probabilities [N,C], or, for a regression, values [N] or [N,1]; for clustering label and distance,
        for an anomaly label and score; float64 is rounded to float32.
        Its answers are compared with `predict` row by row. None: skl2onnx converts the estimator.
    native: the file that the fitted estimator is kept in. None: skops, with the preprocess steps.

    distance: of a clusterer: (fitted estimator, X [N,k]) -> the distance [N] of each row to its cluster. Its X is float64 where `to_onnx`
        builds the graph, float32 otherwise. None for other tasks.

    Only where skl2onnx converts:

    export_options: fitted estimator -> options for skl2onnx's `convert_sklearn(options={id(estimator): …})`.
    repair: (ONNX model, fitted estimator) -> ONNX model, for known converter faults.

    How it continues from another fit (`warm_start`):

    resume: (fitted estimator of the parent, unfitted estimator with the new parameters, training) -> fitted estimator. Changes nothing of
        the parent's. Equal arguments give equal bytes. Parameters that count (iterations, epochs, trees) say how many are added. Where it
        cannot continue after a kill, it leaves the checkpoint alone. None: it cannot continue, and a `warm_start` is refused at plan time.
    resume_keeps: the parameters that must be as in the parent, since the fitted model has their form.
    resume_refuse: params -> why it cannot continue with these, or None. Decided at plan time.

    refuse: params -> why this combination cannot be exported faithfully, or None. Decided at plan time.
    conflict: params -> why the library takes no such combination, or None. Decided at plan time.
    tolerance: largest accepted |native - exported| probability, or regression error relative to the target's scale.
    scores: of a classifier whose `predict` and `predict_proba` are both made of the answer of one method: its name. Where both are
        needed, it is called once. None: they are called as they are.
    splits: True for models that compare inputs with thresholds (trees), which need an exact scaler before them.
    takes_missing: True when the algorithm takes NaN, natively and in the exported graph alike.
    holds_rows: what a fitted model contains of single training rows ("the training rows"), "" when nothing. `purge` asks for it.
    holds_every_row: True when it contains each of them, so that a fit without one of the rows cannot give the same bytes.
    library: the package that `fit`, `load` and `predict` import, where it is not scikit-learn; None: nothing but what leptonctl needs.
    takes_sparse: False when a model fitted on a sparse matrix cannot be exported. Only estimators with scikit-learn's tags get one.
    """

    name: str
    task: LearningTask
    description: str
    params: Mapping[str, Schema]
    build: Callable[[Params, int], Estimator]
    epoch: int = 1
    fit: Callable[..., Estimator] | None = None
    weighs: bool = False
    monotonic: Callable[[Estimator, Sequence[int]], Estimator] | None = None
    fit_from: Callable[[Estimator, Training], Estimator] | None = None
    resume: Callable[[Estimator, Estimator, Training], Estimator] | None = None
    resume_keeps: tuple[str, ...] = ()
    resume_refuse: Callable[[Params], str | None] | None = None
    to_onnx: Callable[[Estimator, Conversion], onnx.ModelProto] | None = None
    native: NativeForm | None = None
    distance: Callable[[Estimator, np.ndarray], np.ndarray] | None = None
    export_options: Callable[[Estimator], Options] | None = None
    repair: Callable[[onnx.ModelProto, Estimator], onnx.ModelProto] | None = None
    refuse: Callable[[Params], str | None] | None = None
    conflict: Callable[[Params], str | None] | None = None
    tolerance: float | None = None
    scores: str | None = None
    splits: bool = False
    takes_missing: bool = False
    takes_sparse: bool = True
    holds_rows: str = ""
    holds_every_row: bool = False
    library: Library | None = None


class Preprocessor(Frozen):
    """One preprocess step, part of the ONNX graph.

    takes: column types it accepts: "number" float32 [N,m] with NaN for missing, "string" object [N,m] with "" for missing.
    keeps: True when each input column stays one column under its name (scalers, imputer, ordinal); False when the
        columns are replaced (one_hot, pca, polynomial, tfidf, select_k_best).
    mixes: True when a cell of a column that stays depends on other cells of its row too (Normalizer), so that it may fall where its input
        rises. Otherwise every column of numbers that stays rises with its input, or is constant.
    build, params, refuse, export_options, holds_rows: as in Trainer; `build` returns an unfitted scikit-learn transformer.
    supervised: True when `fit` needs y.
    one_column: True when the transformer takes exactly one column (tfidf).
    loose: True when the graph's numbers are close to the transformer's but not equal, which matters to a model with thresholds.
    drops_empty: params -> whether columns without any value in training are left out, before the fit. None: they are fitted too.
    """

    name: str
    description: str
    params: Mapping[str, Schema]
    build: Callable[[Params, int], Estimator]
    takes: Literal["number", "string"]
    keeps: bool
    mixes: bool = False
    epoch: int = 1
    supervised: bool = False
    one_column: bool = False
    loose: bool = False
    export_options: Callable[[Estimator], Options] | None = None
    refuse: Callable[[Params], str | None] | None = None
    holds_rows: str = ""
    drops_empty: Callable[[Params], bool] | None = None


class Prediction(Frozen):
    """What metrics are computed from, cast to the native dtype.

    labels: predicted class [N] (classification) or None; probabilities: [N,C] in the order of `classes` or None;
    values: predicted float64 [N] (regression), the score of an anomaly, or the distance to a cluster, or None. matrix: the numbers
    [N, k] that a clusterer got, or None.
    """

    labels: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    values: np.ndarray | None = None
    classes: tuple[Label, ...] = ()
    matrix: np.ndarray | None = None


class Scoring(Frozen):
    """How to average: `positive` is the positive class of binary metrics, `average` is binary, macro, micro or weighted."""

    positive: Label | None = None
    average: str = "binary"


class Metric(Frozen):
    """One number (`score`) or one curve or matrix (`detail`, a JSON object shown under `evaluation`), or both.

    `least` and `most` are the ends of its range, None where it has none: a gate's limit beyond them is refused.
    `needs_target`: it compares answers with a target, which clustering and anomaly may be without.
    """

    name: str
    task: LearningTask
    description: str
    greater_is_better: bool | None
    least: float | None = None
    most: float | None = None
    score: Callable[[np.ndarray, Prediction, Scoring], float] | None = None
    detail: Callable[[np.ndarray, Prediction, Scoring], Json] | None = None
    needs_probabilities: bool = False
    needs_target: bool = False
    default: bool = False


class OnlyMissing(Frozen):
    """The strings that are missing in every column, in place of the built-in markers."""

    only: Sequence[str]


class SourceOptions(Frozen):
    """How to read a file. Formats with types of their own use the options that have a meaning for them, and ignore the rest.

    missing_values: strings read as missing in every column, in addition to the built-in markers or in place of them.
    decimal, thousands: how numbers are written in text. header: False: there is no header line and columns are named `column_1`, …;
    names: the same, but the columns have these names. skip_rows: lines before the header, or before the first row.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    missing_values: Sequence[str] | OnlyMissing | None = None
    decimal: str = "."
    thousands: str | None = None
    header: bool | Sequence[str] = True
    skip_rows: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The strings that are missing in every column."""
        listed = self.missing_values
        return tuple(listed.only if isinstance(listed, OnlyMissing) else listed or ())

    @property
    def markers(self) -> tuple[str, ...]:
        """The built-in markers, missing in number, integer and boolean columns, unless others take their place."""
        return () if isinstance(self.missing_values, OnlyMissing) else MISSING_MARKERS


class Layout(Frozen):
    """How a file seems to be written. `because`: name of an option that is not the default -> why it was chosen.

    delimiter: what separates its cells, whether or not the options have to say so.
    """

    options: SourceOptions
    because: Mapping[str, str]
    delimiter: str | None = None


class Source(Frozen):
    """One file format.

    suffixes: lower-case file extensions it reads; the longest match wins (".csv.gz" before ".gz").
    columns: (path, options) -> column names from the header alone, without reading the rows. Used at plan time; cheap.
    read: (path, options) -> a polars DataFrame, all text columns as String (untyped text formats give String everywhere,
        missing = null), typed formats keep their types. Raises ProviderError with file line and column.
    line_of: (path, options, row indices from 0) -> the file line (from 1) at which each row starts.
    typed: True when the format itself has types: its strings are never read as numbers.
    batches: (path, options, rows) -> the same DataFrame in parts of at most so many rows, in file order, for files larger than
        memory; None: `read` gives it in one.
    layout: (path, encoding or None, False where there is no header line, else None) -> the options that read a file of which nothing
        is known. None: there is nothing to find out.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    columns: Callable[[Path, SourceOptions], list[str]]
    read: Callable[[Path, SourceOptions], pl.DataFrame]
    line_of: Callable[[Path, SourceOptions, Sequence[int]], list[int]]
    typed: bool = False
    batches: Callable[[Path, SourceOptions, int], Iterator[pl.DataFrame]] | None = None
    layout: Callable[[Path, str | None, bool | None], Layout] | None = None
