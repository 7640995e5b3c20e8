"""What steps are told, as records: the inputs of each op, read once where a step begins. docs/steps.md describes them.

An absent field has its default, so that the shortest inputs are those that say what matters.
"""

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.contract import Checks, ColumnType, Scalar
from leptonctl.core.manifest import Hashing
from leptonctl.core.values import Json
from leptonctl.spi.learning import LearningTask, ProviderError, SourceOptions

T = TypeVar("T")


class SourceFile(Record):
    """A data file. `path` is relative to the project; `digest` is what its bytes have to be, None when that is not known."""

    path: str
    format: str
    digest: str | None = None
    options: SourceOptions = SourceOptions()


class DeclaredColumn(Checks):
    """A column of the contract as YAML declares it. `type` None: inferred. `missing` is the fill value."""

    type: ColumnType | None = None
    missing: Scalar | None = None
    unique: bool | None = None


class RandomSplit(Record, tag_field="method", tag="random"):
    """`test` is a share below 1, or a number of rows. `stratify` None: where the target has classes enough."""

    test: float
    seed: int = 0
    stratify: bool | None = None


class HashSplit(Record, tag_field="method", tag="hash"):
    """By the hash of a column's text, so that no row changes side as data grows."""

    test: float
    by: str


class ColumnSplit(Record, tag_field="method", tag="column"):
    """By a column whose cells are `train` or `test`."""

    column: str


class SourceSplit(Record, tag_field="method", tag="source"):
    """The test rows are those of `test_source`."""


Split: TypeAlias = RandomSplit | HashSplit | ColumnSplit | SourceSplit


class Privacy(Hashing):
    """What of the data is dropped and what is hashed, with which key."""

    drop: tuple[str, ...] = ()


class PrepareInputs(Record):
    """`columns` are those that YAML declares."""

    source: SourceFile
    target: str
    split: Split
    test_source: SourceFile | None = None
    columns: Mapping[str, DeclaredColumn] = {}
    privacy: Privacy | None = None


class PreprocessStep(Record):
    """`columns` is numeric, categorical, all, or names of columns."""

    use: str
    columns: str | tuple[str, ...] = "all"
    params: Mapping[str, Json] = {}


class TrainInputs(Record):
    """`features` None: all columns of the contract. `params` and those of the steps may leave out what has its default."""

    task: LearningTask
    algorithm: str
    seed: int
    target: str = ""
    features: tuple[str, ...] | None = None
    preprocess: tuple[PreprocessStep, ...] = ()
    params: Mapping[str, Json] = {}
    epoch: int = 1
    revision: int = 1


class ExportInputs(Record):
    """`tolerance` None: the trainer's own, else the rule of the task."""

    train: TrainInputs
    opset: int = 18
    tolerance: float | None = None
    privacy: Privacy | None = None


class ScoringInputs(Record):
    """`metrics` None: the defaults of the task. `positive` is a class as it is written; None: the last sorted one."""

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


def read_inputs(op: str, inputs: Mapping[str, Json], kind: type[T]) -> T:
    """The inputs of a step. Raises ProviderError, which names the field, when they are not of this kind."""
    return read_record(f"the inputs of `{op}`", inputs, kind)


def read_record(what: str, value: Mapping[str, Json], kind: type[T]) -> T:
    """A record that another step or process has written; `what` says which. Raises ProviderError."""
    try:
        return convert(dict(value), kind)
    except BadRecord as problem:
        raise unreadable(what, problem) from problem


def unreadable(what: str, problem: BadRecord) -> ProviderError:
    """What is handed to steps is written by this project: another release wrote this, or somebody changed it."""
    return ProviderError(
        "A step cannot read what it was handed",
        detail=f"This release reads another form of {what}: {problem}.",
        hint="plan again with this release; build the version again",
        id="bad-step-inputs",
    )
