"""The settings that were inferred for a table, with reasons: the value that `init` writes to YAML."""

from collections.abc import Mapping

from leptonctl.core.contract import ColumnType, Words
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen
from leptonctl.spi.learning import LearningTask, SourceOptions


class Reason(Frozen):
    """Why something was inferred. `about`: a column, or a key of the YAML. It contains no cell of the data except words."""

    about: str
    detail: str


class Wishes(Frozen):
    """What the user said about the table. `header` False: it has none."""

    target: str | None = None
    encoding: str | None = None
    header: bool | None = None
    id: str | None = None
    drop: tuple[str, ...] = ()


class Declared(Frozen):
    """What must be declared for one column. `type` None: it is inferred. words None: the usual ones."""

    name: str
    why: str
    type: ColumnType | None = None
    words: Words | None = None
    date: DateColumn | None = None
    ignore: bool = False
    nullable: bool = False


class PreprocessLine(Frozen):
    """A preprocess step. columns: a selector, or the name of one column in a tuple."""

    use: str
    columns: str | tuple[str, ...]


class Findings(Frozen):
    """The settings for a table. Counts are of all rows.

    columns: the type of each column as it will be read, the target included. target_from: `--target`, or the rule that chose it.
    stratify: False where the classes cannot be divided evenly.
    declared: only what changes the rows that are read. gate: the metric that compares later versions, and how much of it they may lose.
    reasons: one for each inference, in the order in which they are shown.
    """

    rows: int
    columns: Mapping[str, ColumnType]
    missing: Mapping[str, int]
    options: SourceOptions
    target: str
    target_from: str
    drops_rows: bool
    stratify: bool
    task: LearningTask
    algorithm: str
    positive: str | None
    id: str | None
    declared: tuple[Declared, ...]
    preprocess: tuple[PreprocessLine, ...]
    gate: tuple[str, float]
    reasons: tuple[Reason, ...]

    @property
    def ignored(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.declared if column.ignore)
