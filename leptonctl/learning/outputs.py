"""What steps give beside artifacts, as records: the outputs of each op. docs/steps.md describes them.

Every field is written, whatever its value: who shows or judges a result finds it under its name.
"""

from collections.abc import Mapping, Sequence

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.contract import Contract
from leptonctl.core.values import Json
from leptonctl.spi.learning import Label


class Outputs(Record, omit_defaults=False):
    """The root of all outputs."""

    def to_json(self) -> dict[str, Json]:
        """The same as JSON: what a step hands back. A number that is not finite becomes null."""
        return decode(encode(self), dict[str, Json])


class Notice(Outputs):
    """What is allowed in a column and yet worth a look."""

    column: str
    check: str
    count: int
    lines: tuple[int, ...] = ()
    severity: str = "warning"


class PrepareOutputs(Outputs):
    """`rows` and `rows_digest` by side, `train` and `test`."""

    rows: Mapping[str, int]
    rows_digest: Mapping[str, str]
    contract: Contract
    checks: Sequence[Notice] = ()
    stratified: bool = False


class TrainOutputs(Outputs):
    """`iterations` and `loss` are None where the algorithm counts none; a loss of None was not a finite number."""

    features: tuple[str, ...]
    iterations: int | None = None
    loss: tuple[float | None, ...] | None = None
    warnings: tuple[str, ...] = ()


class ParityFigures(Outputs):
    """How the exported graph compared with the native model, over evaluation rows and hard rows."""

    rows: int
    hard_rows: int
    not_compared: int
    labels_differ: int
    ties: int
    max_probability_diff: float
    max_value_diff: float
    tolerance: float
    repairs: tuple[str, ...] = ()


class ExportOutputs(Outputs):
    """`package` is what is evaluated, compared, bound and served. `parity` is None where there is no native model to compare with.

    `native_dtype` is that of the native model's probabilities, None for a regression.
    """

    package: str
    size: int = 0
    native_dtype: str | None = None
    parity: ParityFigures | None = None


class EvaluateOutputs(Outputs):
    """`evaluation` holds curves and matrices by name, and `notes`."""

    package: str
    metrics: Mapping[str, float]
    evaluation: Mapping[str, Json]
    rows: int
    positive: Label | None = None
    average: str | None = None


class Folds(Outputs):
    """The metrics of each fold, and which metric is not defined on which."""

    folds: Sequence[Mapping[str, float]]
    notes: Sequence[str]


class CrossValidateOutputs(Outputs):
    """`metrics` are means and deviations over the folds."""

    metrics: Mapping[str, float]
    evaluation: Folds


class Sides(Outputs):
    """One figure of the version that is bound (`a`) and of the candidate (`b`)."""

    a: float
    b: float


class Flips(Outputs):
    """Rows whose label differs. `share` is None where there are no labels or no rows, so that no gate takes it for agreement."""

    rows: int
    changed: int = 0
    share: float | None = None


class CompareOutputs(Outputs):
    """`n` is the number of rows that all figures are over; `excluded` rows stand in the training rows of one of the two."""

    n: int
    rows: int
    excluded: int
    metrics: Mapping[str, Sides]
    flips: Flips
    notes: Sequence[str] = ()
