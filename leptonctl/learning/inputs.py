"""The inputs of each op as records, read once when a step begins. docs/steps.md describes them.

An absent field has its default, so that inputs contain only what matters.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.contract import Checks, ColumnType, Scalar, Words
from leptonctl.core.date_formats import DateType
from leptonctl.core.manifest import Hashing
from leptonctl.core.values import Json
from leptonctl.spi.learning import LearningTask, ProviderError, SourceOptions

T = TypeVar("T")


class SourcePart(Record):
    """One of several files that are read as one table. `options` None: those of the table."""

    path: str
    digest: str
    options: SourceOptions | None = None


class SourceFile(Record):
    """A data file. `path` is relative to the project; `digest` is the expected digest of its bytes, None when unknown.

    ending: of its name, where the same bytes would be read otherwise under the usual one. parts: of several files; then `path` only
    names them, and `digest` is that of their paths and digests.
    """

    path: str
    format: str
    digest: str | None = None
    options: SourceOptions = SourceOptions()
    ending: str = ""
    parts: tuple[SourcePart, ...] = ()


class DeclaredColumn(Checks):
    """A column of the contract as declared in the YAML. `type` None: inferred. `missing` is the fill value.

    ignore: nobody reads it. when_true, when_false: the words of a boolean column. format, parts: of a column of dates.
    pattern: a regular expression that each text matches as a whole. max_missing: the largest share of missing cells. min_share: of
    the target, the smallest share of the rows that a class may have. min_date, max_date: rules say the same.
    """

    type: ColumnType | DateType | None = None
    missing: Scalar | None = None
    unique: bool | None = None
    pattern: str | None = None
    max_missing: float | None = None
    min_share: float | None = None
    min_date: str | None = None
    max_date: str | None = None
    ignore: bool = False
    when_true: tuple[str, ...] = ()
    when_false: tuple[str, ...] = ()
    format: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def words(self) -> Words | None:
        return Words(true=self.when_true, false=self.when_false) if self.when_true or self.when_false else None


class RowCheck(Record):
    """A rule that every row must meet (`leptonctl/core/row_rules.py`). severity: warn | fail."""

    rule: str
    severity: Literal["warn", "fail"] = "fail"


class RandomSplit(Record, tag_field="method", tag="random"):
    """`test` is a share below 1, or a number of rows. `stratify` None: stratified when the target has few enough classes."""

    test: float
    seed: int = 0
    stratify: bool | None = None


class HashSplit(Record, tag_field="method", tag="hash"):
    """By the hash of a column's string, so that no row changes side as the data grows."""

    test: float
    by: str


class ColumnSplit(Record, tag_field="method", tag="column"):
    """By a column whose cells are `train` or `test`."""

    column: str


class TimeSplit(Record, tag_field="method", tag="time"):
    """The newest rows by a column of times are the test rows."""

    test: float
    time: str


class SourceSplit(Record, tag_field="method", tag="source"):
    """The test rows are those of `test_source`."""


Split: TypeAlias = RandomSplit | HashSplit | ColumnSplit | TimeSplit | SourceSplit


class Privacy(Hashing):
    """The columns that are dropped, and those that are hashed, with their key."""

    drop: tuple[str, ...] = ()


class PrepareInputs(Record):
    """`columns` are those declared in the YAML. `id` is the column that names a row. target_missing: `drop` leaves out rows without one.

    checks: rules about rows; like the checks of columns they are in no key.
    """

    source: SourceFile
    target: str
    split: Split
    id: str | None = None
    test_source: SourceFile | None = None
    columns: Mapping[str, DeclaredColumn] = {}
    privacy: Privacy | None = None
    target_missing: Literal["drop", "error"] = "error"
    checks: tuple[RowCheck, ...] = ()


class PreprocessStep(Record):
    """`columns` is `numeric`, `categorical`, `all`, or names of columns."""

    use: str
    columns: str | tuple[str, ...] = "all"
    params: Mapping[str, Json] = {}


class WarmStart(Record):
    """The model that training goes on from: how it was trained, and whether the preprocess steps are fitted anew."""

    train: "TrainInputs"
    refit: bool = False


class TrainInputs(Record):
    """`features` None: all columns of the contract. Parameters, also those of steps, may be left out when they have their default.

    class_weight: by the class as written. sample_weight: the column with the weight of each row, which is no feature then.
    """

    task: LearningTask
    algorithm: str
    seed: int
    target: str = ""
    features: tuple[str, ...] | None = None
    preprocess: tuple[PreprocessStep, ...] = ()
    params: Mapping[str, Json] = {}
    epoch: int = 1
    revision: int = 1
    class_weight: Literal["balanced"] | Mapping[str, float] | None = None
    sample_weight: str | None = None
    monotonic: Mapping[str, Literal["up", "down"]] = {}
    warm_start: WarmStart | None = None


class ExportInputs(Record):
    """`tolerance` None: the trainer's own, else that of the task."""

    train: TrainInputs
    opset: int = 18
    tolerance: float | None = None
    privacy: Privacy | None = None


class ImportedFile(Record):
    """A file to import. `path` is relative to the project; `digest` is the expected digest of its bytes."""

    path: str
    digest: str | None = None


class ImportInputs(Record):
    """`file` None: the graph that the step `train` made. `features` None: all columns of the contract may be inputs.

    inputs: the columns of the one input, or input -> column or columns. classes: in the order of the scores. outputs: what the scores
    are, or role -> output.
    """

    task: LearningTask
    target: str = ""
    file: ImportedFile | None = None
    features: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None = None
    classes: tuple[int | str, ...] = ()
    outputs: str | Mapping[str, str] | None = None
    privacy: Privacy | None = None


class Program(Record):
    """A program of the user: the command line, its files with their digests, the ONNX file that it writes, and its variables."""

    run: tuple[str, ...]
    files: Mapping[str, str] = {}
    output: str = "model.onnx"
    env: Mapping[str, str] = {}


class Limits(Record):
    """Where a program is stopped: after so many seconds, and when a process of it asks for more bytes. None: never."""

    seconds: float | None = None
    memory: int | None = None


class CommandInputs(Record):
    """`features` None: all columns of the contract."""

    task: LearningTask
    command: Program
    seed: int = 0
    target: str = ""
    features: tuple[str, ...] | None = None
    revision: int = 1
    limits: Limits = Limits()


class ScoringInputs(Record):
    """`metrics` None: the defaults of the task. `positive` is a class as written; None: the last class in sorted order."""

    metrics: tuple[str, ...] | None = None
    positive: Scalar | None = None
    average: str | None = None


class EvaluateInputs(ScoringInputs):
    """How a version is scored."""

    task: LearningTask


class CompareInputs(EvaluateInputs):
    """How two versions are scored on the same rows."""


class CrossValidateInputs(ScoringInputs):
    """`seed` shuffles the rows into `folds` folds."""

    train: TrainInputs
    folds: int
    seed: int


class Least(Record):
    """The least value of a metric."""

    min: float


class Objective(Record):
    """What a threshold is chosen by: the best value of a metric, or the least recall or precision. One of the three is there."""

    metric: str | None = None
    recall: Least | None = None
    precision: Least | None = None


class Calibrate(Record):
    """How probabilities are calibrated, on how many held-out folds."""

    method: Literal["sigmoid", "isotonic"] = "sigmoid"
    cross_validation: int = 5


class DecideInputs(Record):
    """`threshold`: of the probability of `positive` (a class as written; None: the last class in sorted order), or how it is chosen.

    `train`: the recipe that is fitted on the folds; None for a fixed threshold of a package that was not trained here.
    """

    threshold: float | Objective | None = None
    positive: Scalar | None = None
    calibrate: Calibrate | None = None
    train: TrainInputs | None = None


class TrialInputs(Record):
    """One combination of a search. `train` has its parameters; in a later rung they are those at `slot` among the survivors.

    share: of the training rows that it may fit and score.
    """

    train: TrainInputs
    folds: int
    metric: str
    chosen: Mapping[str, Json] = {}
    slot: str | None = None
    share: float = 1.0
    positive: Scalar | None = None
    average: str | None = None


class SearchInputs(Record):
    """The trials to rank, in order, by the names of their steps. `keep`: how many go on to the next rung; None: the best has won."""

    metric: str
    greater_is_better: bool
    trials: tuple[str, ...]
    keep: int | None = None


def read_inputs(op: str, inputs: Mapping[str, Json], kind: type[T]) -> T:
    """The inputs of a step as a record of type `kind`. Raises ProviderError, naming the field, when they do not fit it."""
    return read_record(f"the inputs of `{op}`", inputs, kind)


def read_record(description: str, value: Mapping[str, Json], kind: type[T]) -> T:
    """A record that another step or process has written. Raises ProviderError, which quotes `description`."""
    try:
        return convert(dict(value), kind)
    except BadRecord as problem:
        raise unreadable(description, problem) from problem


def unreadable(description: str, problem: BadRecord) -> ProviderError:
    """The error for a record that does not decode: another release wrote it, or it was changed by hand."""
    return ProviderError(
        "A step cannot read its inputs",
        detail=f"This release expects another format of {description}: {problem}.",
        hint="plan again with this release; build the version again",
        id="bad-step-inputs",
    )
