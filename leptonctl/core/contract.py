"""The data contract as values: columns with type, range, allowed values and fill value, and pure checks of cells.

Owns the rules of type inference and of what a cell may hold, for data files and requests alike. Reads nothing.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from leptonctl.core.codec import Record, convert
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen, fields, replace
from leptonctl.core.values import Json

ColumnType: TypeAlias = Literal["number", "integer", "boolean", "string"]
Scalar: TypeAlias = bool | int | float | str

TYPES: tuple[ColumnType, ...] = ("number", "integer", "boolean", "string")
MISSING_MARKERS = ("NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "None")
"""Read as missing where numbers, integers or booleans are read from text; an empty cell is missing everywhere."""
LEAST_NUMBERS = 0.95
"""An untyped column is a number column when at least this share of its cells are numbers."""
PREPARED = "prepared"
"""The folder in which a program of the user finds its rows."""
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127


class Checks(Record):
    """The declared checks of a cell, apart from its type. `nullable` None: inferred, cells may be missing if some are in the data."""

    min: int | float | None = None
    max: int | float | None = None
    values: tuple[Scalar, ...] | None = None
    nullable: bool | None = None


class Words(Record):
    """The words of a boolean column, in any case. `true` are those that mean true, and `false` those that mean false."""

    true: tuple[str, ...]
    false: tuple[str, ...]

    def value(self, text: str) -> bool | None:
        """The value of a word; None when it is not one of them. White space around it is ignored."""
        word = text.strip(" \t").casefold()
        if any(word == one.casefold() for one in self.true):
            return True
        return False if any(word == one.casefold() for one in self.false) else None


WORDS = Words(true=("true", "yes", "1"), false=("false", "no", "0"))
"""The words of a column that is declared as boolean without its own words."""


class Column(Record):
    """One feature. `fill` replaces missing cells first; `nullable` says whether a cell may still be missing after that.

    hash: all artifacts hold the cells hashed, and the column is then a string; requests carry them raw. declared: YAML names it.
    `words` are those that YAML declares for a boolean column.
    """

    name: str
    type: ColumnType
    nullable: bool = True
    fill: Scalar | None = None
    min: int | float | None = None
    max: int | float | None = None
    values: tuple[Scalar, ...] | None = None
    hash: bool = False
    declared: bool = False
    words: Words | None = None


class Contract(Record):
    """`columns` are the features in file order; `classes` are sorted, None for a numeric target. `id` is the column that names a row.

    `dates` are the columns whose parts are among the features, and `ignored` those that are never read.
    """

    target: str
    target_type: ColumnType
    classes: tuple[int | str, ...] | None
    columns: tuple[Column, ...]
    id: str | None = None
    dates: tuple[DateColumn, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def with_checks(self, declared: Mapping[str, Mapping[str, Json]]) -> "Contract":
        """The contract with the checks as declared now: they are not part of the prepare key, so a result may hold older ones.

        Raises BadRecord when a check is malformed.
        """
        checks = {name: convert(dict(block), Checks) for name, block in declared.items()}
        dates = tuple(_with_checks_of_date(date, checks.get(date.name, Checks())) for date in self.dates)
        nullable = {name: Checks(nullable=date.nullable) for date in dates for name in date.names}
        columns = tuple(_with_checks(c, nullable.get(c.name) or checks.get(c.name, Checks())) for c in self.columns)
        return replace(self, columns=columns, dates=dates)


def _with_checks_of_date(date: DateColumn, checks: Checks) -> DateColumn:
    return date if checks.nullable is None or date.fill is not None else replace(date, nullable=checks.nullable)


def _with_checks(column: Column, checks: Checks) -> Column:
    nullable = column.nullable if checks.nullable is None or column.fill is not None else checks.nullable
    if column.hash:
        return replace(column, nullable=nullable)
    return replace(column, nullable=nullable, min=checks.min, max=checks.max, values=checks.values)


class Cells(Frozen):
    """Counts of the cells of one untyped column that are not missing. Every integer is a number, too.

    padded: integers with leading zeros, such as `007`. malformed: cells with digits and declared separators in the wrong order.
    """

    present: int
    integers: int
    numbers: int
    booleans: int
    padded: int = 0
    malformed: int = 0

    def plus(self, other: "Cells") -> "Cells":
        """The counts of both."""
        return Cells(**{name: count + getattr(other, name) for name, count in fields(self).items()})


def infer_type(cells: Cells) -> ColumnType:
    """The first of integer, number, boolean and string that fits all cells.

    A column with at least 95 % numbers is a number column: its few other cells are errors in the data, to be reported, not a
    reason to read the column as strings. A column without any cell is a number column. Leading zeros would be lost in a
    number, so a column with such a cell is a string column.
    """
    if cells.present == 0:
        return "number"
    if cells.padded:
        return "string"
    if cells.numbers and cells.numbers + cells.malformed >= LEAST_NUMBERS * cells.present:
        return "integer" if cells.integers == cells.numbers else "number"
    return "boolean" if cells.booleans == cells.present else "string"


def is_missing(value: object) -> bool:
    """Whether a value is JSON null, NaN or the empty string."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def matches(type: ColumnType, value: object) -> bool:  # noqa: A002
    """Whether a JSON value has the type. An integral float is an integer; a bool is not a number; infinities match no type."""
    if type == "string":
        return isinstance(value, str)
    if type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_FLOAT32:
        return False
    return type == "number" or value == math.floor(value)


def violations(column: Column, value: object) -> str | None:
    """What is wrong with a cell of a request, without quoting the cell; None when nothing is."""
    if is_missing(value):
        return None if column.nullable or column.fill is not None else "is missing, which the contract does not allow"
    if not isinstance(value, bool | int | float | str) or not matches(column.type, value):
        return f"is not {TYPE_PHRASES[column.type]}"
    return out_of_range(column, value)


def out_of_range(column: Column, value: Scalar) -> str | None:
    """How a cell of the right type violates min, max or values; None when it does not."""
    if not isinstance(value, str):
        if column.min is not None and value < column.min:
            return f"is below the minimum {column.min}"
        if column.max is not None and value > column.max:
            return f"is above the maximum {column.max}"
    if column.values is not None and value not in column.values:
        return "is not one of the allowed values"
    return None


TYPE_PHRASES: Mapping[ColumnType, str] = {"number": "a number", "integer": "an integer", "boolean": "a boolean", "string": "a string"}
"""Types with their article, for messages."""


def hash_text(key: bytes, text: str) -> str:
    """The form of a private column's cell in every artifact: HMAC-SHA256 of its UTF-8 text, in hex."""
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def id_mark(text: str, key: bytes | None) -> bytes:
    """The form of a row's id in a snapshot, 16 bytes: keyed where the dataset has a key, else a plain hash."""
    data = text.encode("utf-8")
    return hashlib.blake2b(data, digest_size=16, person=b"leptonctl row id", key=hashlib.sha256(key).digest() if key else b"").digest()


def key_mark(key: bytes, key_id: str) -> str:
    """A mark that tells two keys with the same key_id apart without revealing either."""
    return hmac.digest(key, b"leptonctl key check " + key_id.encode("utf-8"), "sha256").hex()


def share(text: str) -> float:
    """A number in [0, 1) for a string, by SHA-256: it never changes, whatever else the data holds."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:6], "big") / 2**48


def missing_columns(required: Sequence[str], present: Sequence[str]) -> list[str]:
    """The required names that are not present, in order, without duplicates."""
    present_names = set(present)
    return [name for name in dict.fromkeys(required) if name not in present_names]
