"""The inputs of the op `prepare` as records: data files, declared columns, the split, private columns. docs/steps.md describes them."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from leptonctl.core.codec import Record
from leptonctl.core.contract import Checks, ColumnType, Scalar, Words
from leptonctl.core.date_formats import DateType
from leptonctl.core.manifest import Hashing
from leptonctl.spi.learning import SourceOptions


class SourcePart(Record):
    """One of several files that are read as one table. `options` None: those of the table."""

    path: str
    digest: str
    options: SourceOptions | None = None


class SourceFile(Record):
    """A data file. `path` is relative to the project; `digest` is the expected digest of its bytes, None when unknown.

    ending: that of its name, where the format's usual ending would make the same bytes be read differently. parts: several files instead
    of one; `path` is then only a name for them, and `digest` covers their paths and digests.
    """

    path: str
    format: str
    digest: str | None = None
    options: SourceOptions = SourceOptions()
    ending: str = ""
    parts: tuple[SourcePart, ...] = ()


class DeclaredColumn(Checks):
    """A column of the contract as declared in the YAML. `type` None: inferred. `missing` is the fill value.

    ignore: it is not read. when_true, when_false: the words of a boolean column. format, parts: of a column of dates.
    pattern: a regular expression that each text must match as a whole. max_missing: the largest share of missing cells. min_share: of
    the target, the smallest share of the rows that a class may have. min_date, max_date: they are checked as rules.
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
