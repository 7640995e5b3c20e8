"""The outputs of each op as records: what a step returns in addition to artifacts. docs/steps.md describes them.

Every field is written, even with its default, so that readers of a result find it under its name.
"""

from collections.abc import Mapping, Sequence

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.contract import Contract
from leptonctl.core.row_list import RowList
from leptonctl.core.values import Json
from leptonctl.spi.learning import Label


class Outputs(Record, omit_defaults=False):
    """The base of all outputs."""

    def to_json(self) -> dict[str, Json]:
        """The JSON that a step returns. A number that is not finite becomes null."""
        return decode(encode(self), dict[str, Json])


class Notice(Outputs):
    """Something that is allowed but deserves attention. `leptonctl/kinds/notice_words.py` words each `check`.

    column: the column that it is about, if any. count: of rows or cells. detail: more words, which contain no cell of the data.
    """

    check: str
    column: str = ""
    count: int = 0
    lines: tuple[int, ...] = ()
    severity: str = "warning"
    detail: str = ""


class ColumnProfile(Outputs):
    """What later checks need to know of a column after filling: the range of its numbers, missing cells, whether all others differ."""

    min: float | None = None
    max: float | None = None
    missing: int = 0
    unique: bool = False


class PrepareOutputs(Outputs):
    """`rows`, `rows_digest` and `row_lists` are by side, `train` and `test`. `profile`: of the columns that are not private.

    left_out: how many rows were left out because they have no target.
    """

    rows: Mapping[str, int]
    rows_digest: Mapping[str, str]
    contract: Contract
    row_lists: Mapping[str, RowList] = {}
    checks: Sequence[Notice] = ()
    stratified: bool = False
    profile: Mapping[str, ColumnProfile] = {}
    left_out: int = 0


class TrainOutputs(Outputs):
    """`iterations` and `loss` are None where the algorithm does not report them; a loss of None was not a finite number."""

    features: tuple[str, ...]
    iterations: int | None = None
    loss: tuple[float | None, ...] | None = None
    warnings: tuple[str, ...] = ()
    notices: Sequence[Notice] = ()


class ParityFigures(Outputs):
    """How far the exported graph's answers are from the native model's, over evaluation rows and hard rows."""

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
    """`package` is the digest of what is evaluated, compared, bound and served. `parity` is None without a native model to compare with.

    `native_dtype` is that of the native model's probabilities, None for a regression.
    """

    package: str
    size: int = 0
    native_dtype: str | None = None
    parity: ParityFigures | None = None
    notices: Sequence[Notice] = ()


class Decision(Outputs):
    """How labels and probabilities of a package come from those of the learned model.

    threshold: of the probability of `positive`, None where the label is the class with the largest one. objective: what it was chosen by,
    as text, "" for a fixed one; score: its figure on the held-out folds. calibration: its method, "" for none. folds: how many there
    were, 0 when nothing had to be fitted. rows: those on which the graph was compared with numpy; labels_differ, max_probability_diff:
    how far apart the two were there. learned_labels_changed: how many of these rows have another label than the learned model gives.
    """

    threshold: float | None = None
    positive: Label | None = None
    objective: str = ""
    score: float | None = None
    calibration: str = ""
    folds: int = 0
    rows: int = 0
    labels_differ: int = 0
    max_probability_diff: float = 0.0
    learned_labels_changed: int = 0


class DecideOutputs(ExportOutputs):
    """The outputs of an export, of the final package, and how it decides. `parity` stays with the export: None here."""

    decision: Decision = Decision()


class EvaluateOutputs(Outputs):
    """`evaluation` has curves and matrices by name, and `notes`."""

    package: str
    metrics: Mapping[str, float]
    evaluation: Mapping[str, Json]
    rows: int
    positive: Label | None = None
    average: str | None = None
    notices: Sequence[Notice] = ()


class FoldMetrics(Outputs):
    """The metrics of each fold, and notes on metrics that are not defined on a fold."""

    folds: Sequence[Mapping[str, float]]
    notes: Sequence[str]


class CrossValidateOutputs(Outputs):
    """`metrics` are means and standard deviations over the folds."""

    metrics: Mapping[str, float]
    evaluation: FoldMetrics


class TrialOutputs(Outputs):
    """One combination of a search, and its score: the mean over folds, None where it failed or the metric is not defined on a fold.

    chosen: the parameters that are searched; params: all that differ from their defaults. rows: how many it was fitted and scored on.
    reason: why it has no score. unconverged: on how many folds the fit stopped before its tolerance was met.
    """

    chosen: Mapping[str, Json]
    params: Mapping[str, Json]
    metric: str
    folds: int
    rows: int
    mean: float | None = None
    std: float | None = None
    scores: tuple[float | None, ...] = ()
    reason: str = ""
    unconverged: int = 0


class Ranked(Outputs):
    """A trial as a search lists it. `name` is that of its step."""

    name: str
    rung: int
    chosen: Mapping[str, Json]
    rows: int
    mean: float | None = None
    std: float | None = None
    reason: str = ""


class Survivor(Outputs):
    """A combination that goes on to the next rung."""

    chosen: Mapping[str, Json]
    params: Mapping[str, Json]


class SearchOutputs(Outputs):
    """The winner: `trial` is the name of its step; `chosen` and `params` as in TrialOutputs. `trials`: all, in the order of their rungs.

    survivors: of a rung, the combinations that go on to the next, by their place from "1".
    """

    trial: str
    chosen: Mapping[str, Json]
    params: Mapping[str, Json]
    metric: str
    greater_is_better: bool
    mean: float
    std: float
    folds: int
    trials: Sequence[Ranked]
    survivors: Mapping[str, Survivor] = {}
    notices: Sequence[Notice] = ()


class Sides(Outputs):
    """One metric of the bound version (`a`) and of the candidate (`b`)."""

    a: float
    b: float


class Flips(Outputs):
    """Rows whose label differs. `share` is None without labels or without rows, so that no gate mistakes it for agreement."""

    rows: int
    changed: int = 0
    share: float | None = None


class Excluded(Outputs):
    """How many evaluation rows each was trained on: the version bound now and the candidate. A row may be counted in both."""

    bound: int = 0
    candidate: int = 0


class CompareOutputs(Outputs):
    """`n` is the number of rows compared; `excluded` counts those left out because one of the two versions was trained on them.

    `not_comparable` says why the figures do not compare the two; "" when they do.
    """

    n: int
    rows: int
    excluded: int
    metrics: Mapping[str, Sides]
    flips: Flips
    notes: Sequence[str] = ()
    excluded_by: Excluded = Excluded()
    not_comparable: str = ""
