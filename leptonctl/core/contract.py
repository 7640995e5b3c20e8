"""The data contract as values: columns with type, range, allowed values and fill, and pure questions about cells.

Owns the rules of type inference and what a cell may be, for data files and for requests alike. Reads nothing.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from leptonctl.core.codec import Record, convert
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Json

ColumnType: TypeAlias = Literal["number", "integer", "boolean", "string"]
Scalar: TypeAlias = bool | int | float | str

TYPES: tuple[ColumnType, ...] = ("number", "integer", "boolean", "string")
MISSING_TEXTS = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Read as missing in number, integer and boolean columns of untyped formats; an empty cell is missing everywhere."""
MOSTLY = 0.95
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127


class Checks(Record):
    """What a cell is checked for beside its type, as YAML declares it. `nullable` None: a cell may be missing where one is in the data."""

    min: int | float | None = None
    max: int | float | None = None
    values: tuple[Scalar, ...] | None = None
    nullable: bool | None = None


class Column(Record):
    """One feature. `fill` replaces a missing cell first; `nullable` says whether a cell may be missing after that.

    hash: cells stand hashed in all artifacts and the column is then a string; requests carry it raw. declared: YAML names it.
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


class Contract(Record):
    """`columns` are the features in file order; `classes` are sorted, None for a number target."""

    target: str
    target_type: ColumnType
    classes: tuple[int | str, ...] | None
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def with_checks(self, declared: Mapping[str, Mapping[str, Json]]) -> "Contract":
        """The same with the checks as they are declared now: they are no part of the prepare key, so a result may hold older ones.

        Raises BadRecord when one of them is none.
        """
        checks = {name: convert(dict(written), Checks) for name, written in declared.items()}
        return replace(self, columns=tuple(_rechecked(c, checks.get(c.name, Checks())) for c in self.columns))


def _rechecked(column: Column, checks: Checks) -> Column:
    nullable = column.nullable if checks.nullable is None or column.fill is not None else checks.nullable
    if column.hash:
        return replace(column, nullable=nullable)
    return replace(column, nullable=nullable, min=checks.min, max=checks.max, values=checks.values)


class Cells(Frozen):
    """Counts over the cells of one untyped column that are not missing. Every integer is a number too."""

    present: int
    integers: int
    numbers: int
    booleans: int


def infer_type(cells: Cells) -> ColumnType:
    """integer > number > boolean > string over all rows.

    A column whose cells are at least 95 % numbers is a number column: its few texts are faults of the data, to be reported,
    not a reason to read it as text. A column without a cell is a number column, all missing.
    """
    if cells.present == 0:
        return "number"
    if cells.numbers >= MOSTLY * cells.present:
        return "integer" if cells.integers == cells.numbers else "number"
    return "boolean" if cells.booleans == cells.present else "string"


def is_missing(value: object) -> bool:
    """JSON null, NaN and the empty text."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def matches(type: ColumnType, value: object) -> bool:  # noqa: A002
    """Whether a JSON value is of the type. An integral float is an integer; a bool is no number; infinities are nothing."""
    if type == "string":
        return isinstance(value, str)
    if type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_FLOAT32:
        return False
    return type == "number" or value == math.floor(value)


def violations(column: Column, value: object) -> str | None:
    """What is wrong with a cell as it stands in a request, without naming the cell; None when nothing is."""
    if is_missing(value):
        return None if column.nullable or column.fill is not None else "is missing, which the contract does not allow"
    if not isinstance(value, bool | int | float | str) or not matches(column.type, value):
        return f"is not {ARTICLES[column.type]}"
    return out_of_range(column, value)


def out_of_range(column: Column, value: Scalar) -> str | None:
    """min, max and values only, for a cell of the right type."""
    if not isinstance(value, str):
        if column.min is not None and value < column.min:
            return f"is below the minimum {column.min}"
        if column.max is not None and value > column.max:
            return f"is above the maximum {column.max}"
    if column.values is not None and value not in column.values:
        return "is not one of the allowed values"
    return None


ARTICLES: Mapping[ColumnType, str] = {"number": "a number", "integer": "an integer", "boolean": "a boolean", "string": "a text"}


def hash_text(key: bytes, text: str) -> str:
    """How a cell of a private column stands in every artifact: HMAC-SHA256 of its UTF-8 text, in hex."""
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def key_mark(key: bytes, key_id: str) -> str:
    """Tells two keys of one key_id apart without giving either away."""
    return hmac.digest(key, b"leptonctl key check " + key_id.encode("utf-8"), "sha256").hex()


def share(text: str) -> float:
    """A stable place in [0, 1) for a text, by SHA-256: the same for ever, whatever else the data holds."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:6], "big") / 2**48


def missing_columns(wanted: Sequence[str], present: Sequence[str]) -> list[str]:
    """Those of `wanted` that are not there, in order, once each."""
    there = set(present)
    return [name for name in dict.fromkeys(wanted) if name not in there]
