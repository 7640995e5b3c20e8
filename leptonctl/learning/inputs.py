"""The inputs of each op as records, read once when a step begins; those of `prepare` are in `prepare_inputs`. docs/steps.md describes them.

An absent field has its default, so that inputs contain only what matters.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar

from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.contract import Scalar
from leptonctl.core.values import Json
from leptonctl.learning.prepare_inputs import Privacy
from leptonctl.spi.learning import LearningTask, ProviderError

T = TypeVar("T")


class PreprocessStep(Record):
    """`columns` is `numeric`, `categorical`, `all`, or names of columns."""

    use: str
    columns: str | tuple[str, ...] = "all"
    params: Mapping[str, Json] = {}


class WarmStart(Record):
    """The model that training continues from: how it was trained, and whether the preprocess steps are fitted again."""

    train: "TrainInputs"
    refit: bool = False


class TrainInputs(Record):
    """`features` None: all columns of the contract. Parameters, also those of steps, may be left out when they have their default.

    class_weight: by the class as written. sample_weight: the column with the weight of each row, which is then not a feature.
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
    """What a threshold is chosen by: the best value of a metric, or the least recall or precision. Exactly one is set."""

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
