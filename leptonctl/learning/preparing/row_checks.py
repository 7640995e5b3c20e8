"""Finds the rows that break rules (`checks:`). Reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from leptonctl.core.date_formats import pattern
from leptonctl.core.dates import DateColumn, order, read_moment
from leptonctl.core.frozen import Frozen
from leptonctl.core.row_rules import BadRule, Kind, Term, check_types, iso_moment, parse
from leptonctl.learning.outputs import Notice
from leptonctl.learning.tables.faults import SHOWN_LINES
from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    from leptonctl.learning.prepare_inputs import RowCheck
    from leptonctl.learning.tables.table import Table

SUMMARY = "Rows break a rule"
MOMENT = pl.Int128
"""Nanoseconds: 64 bits end in 2262, and many databases write `9999-12-31` for "no end"."""


class RuleColumns(Frozen):
    """The cells of rows that a rule may name: columns, and columns of dates with their texts."""

    columns: Mapping[str, pl.Series]
    dates: Mapping[str, tuple[DateColumn, pl.Series]] = {}

    @property
    def kinds(self) -> dict[str, Kind]:
        return {name: kind_of(cells.dtype) for name, cells in self.columns.items()} | dict.fromkeys(self.dates, "date")


def broken_rows(check: RowCheck, rows: RuleColumns) -> pl.Series:
    """The numbers of the rows that break the rule. Raises ProviderError (bad-rule).

    A comparison with a missing cell is neither met nor broken, as in the CHECK of a database.
    """
    rule, names = _read_rule(check, rows.kinds)
    numbers = {name: moments(*rows.dates[name]) for name in names if name in rows.dates}
    is_single = any(rows.columns[name].dtype == pl.Float32 for name in names if name not in numbers)
    frame = pl.DataFrame({name: numbers[name] if name in numbers else _cells(rows.columns[name]) for name in names})
    if not names:
        return pl.Series([], dtype=pl.UInt32)
    return (~frame.select(_expression(rule, set(numbers), single=is_single).alias("met"))["met"]).fill_null(value=False).arg_true()


def _read_rule(check: RowCheck, kinds: Mapping[str, Kind]) -> tuple[Term, set[str]]:
    """The rule and the columns that it names. Raises ProviderError (bad-rule) when it does not fit the columns."""
    try:
        rule = parse(check.rule)
        names = _column_names(rule, kinds)
        check_types(rule, kinds)
    except BadRule as problem:
        raise bad_rule(check.rule, problem) from problem
    return rule, names


def _unfit(check: RowCheck, rows: RuleColumns) -> ProviderError | None:
    """Why a rule does not fit the columns; None if it does."""
    try:
        _read_rule(check, rows.kinds)
    except ProviderError as problem:
        return problem
    return None


def _column_names(rule: Term, kinds: Mapping[str, Kind]) -> set[str]:
    absent = next((column for column in rule.columns() if column.value not in kinds), None)
    if absent is not None:
        raise BadRule(f"{absent.value} is not among the columns of the rows", absent.start, absent.end)
    return {str(column.value) for column in rule.columns()}


def bad_rule(rule: str, problem: BadRule) -> ProviderError:
    return ProviderError(
        "A rule does not fit the columns",
        detail=f"{rule}: {problem}.",
        hint=problem.hint or "correct the rule under `checks`",
        id="bad-rule",
    )


def kind_of(dtype: pl.DataType) -> Kind:
    return "number" if dtype.is_numeric() else "boolean" if dtype == pl.Boolean else "text"


def _cells(cells: pl.Series) -> pl.Series:
    return cells.cast(pl.Float64) if cells.dtype.is_numeric() else cells


def moments(column: DateColumn, texts: pl.Series) -> pl.Series:
    """Dates as numbers that grow with time, null for missing."""
    compiled = pattern(column.format, column.type)
    distinct = texts.drop_nulls().unique().to_list()
    moments_by_text = {text: read_moment(compiled, text) for text in distinct}
    numbers = {text: order(moment) for text, moment in moments_by_text.items() if moment is not None}
    new = pl.Series(list(numbers.values()), dtype=MOMENT)
    return texts.replace_strict(pl.Series(list(numbers), dtype=pl.String), new, default=None, return_dtype=MOMENT)


def _expression(term: Term, dates: set[str], *, single: bool) -> pl.Expr:
    operation = term.operation
    if operation == "column":
        return pl.col(str(term.value))
    if operation == "literal":
        return pl.lit(term.value)
    dated = any(part.operation == "column" and part.value in dates for part in term.parts)
    parts = [
        pl.lit(iso_moment(part), dtype=MOMENT) if dated and part.operation == "literal" else _expression(part, dates, single=single)
        for part in term.parts
    ]
    room = None if dated else _room(term, single=single)
    if operation == "in":
        return reduce(pl.Expr.__or__, [parts[0] == item if room is None else NEARLY["=="](parts[0], item, room) for item in parts[1:]])
    return OPERATIONS[operation](parts) if room is None else NEARLY[operation](*parts, room)


def _room(term: Term, *, single: bool) -> pl.Expr | None:
    """How far apart the sides of a comparison may be and still be equal, because of rounding. None where they are exact.

    In decimals 0.1 + 0.2 is 0.3. Prepared rows are `single`: they hold 0.1 as the nearest float32.
    """
    if term.operation not in (*NEARLY, "in") or not any(_is_rounded(part, single=single) for part in term.parts):
        return None
    sizes = [_size(part) for part in term.parts]
    room = (SINGLE if single else DOUBLE) * reduce(pl.Expr.__add__, sizes)
    return pl.when(room.is_finite()).then(room).otherwise(0.0)


def _is_rounded(term: Term, *, single: bool) -> bool:
    """Whether a number is computed or, among prepared rows, rounded to float32."""
    if term.operation == "literal":
        with np.errstate(over="ignore"):
            return single and isinstance(term.value, float) and float(np.float32(term.value)) != term.value
    return _is_rounded(term.parts[0], single=single) if term.operation == "negative" else term.operation in ARITHMETIC


def _size(term: Term) -> pl.Expr:
    """The sum of the absolute values that a number is computed from: its rounding is relative to this."""
    if term.operation == "column":
        return pl.col(str(term.value)).abs()
    if term.operation == "literal":
        return pl.lit(abs(float(cast("float", term.value))))
    sizes = [_size(part) for part in term.parts]
    if term.operation == "/":
        return sizes[0] / sizes[1]
    return reduce(pl.Expr.__mul__ if term.operation == "*" else pl.Expr.__add__, sizes)


DOUBLE, SINGLE = 2.0**-48, 2.0**-23
ARITHMETIC = frozenset({"+", "-", "*", "/"})
NEARLY: Mapping[str, Callable[..., pl.Expr]] = {
    "<": lambda a, b, room: a < b - room,
    "<=": lambda a, b, room: a <= b + room,
    ">": lambda a, b, room: a > b + room,
    ">=": lambda a, b, room: a >= b - room,
    "==": lambda a, b, room: (a == b) | ((a - b).abs() <= room),
    "!=": lambda a, b, room: (a != b) & ((a - b).abs() > room),
}
OPERATIONS: Mapping[str, Callable[[list[pl.Expr]], pl.Expr]] = {
    "missing": lambda p: p[0].is_null(),
    "negative": lambda p: -p[0],
    "not": lambda p: ~p[0],
    "and": lambda p: p[0] & p[1],
    "or": lambda p: p[0] | p[1],
    "+": lambda p: p[0] + p[1],
    "-": lambda p: p[0] - p[1],
    "*": lambda p: p[0] * p[1],
    "/": lambda p: p[0] / p[1],
    "<": lambda p: p[0] < p[1],
    "<=": lambda p: p[0] <= p[1],
    ">": lambda p: p[0] > p[1],
    ">=": lambda p: p[0] >= p[1],
    "==": lambda p: p[0] == p[1],
    "!=": lambda p: p[0] != p[1],
}


def check_rows(checks: Sequence[RowCheck], tables: Sequence[Table], rows: Sequence[RuleColumns]) -> list[Notice]:
    """A notice for each rule that only warns and is broken. Raises ProviderError with all others that are (row-check), or that do not
    fit the columns (bad-rule).
    """
    unfit = [problem for check in checks if (problem := _unfit(check, rows[0])) is not None]
    if unfit:
        unfit[0].detail = "\n".join(problem.detail for problem in unfit)
        raise unfit[0]
    notices: list[Notice] = []
    failures: list[str] = []
    first: tuple[str, int] | None = None
    for check in checks:
        for table, columns in zip(tables, rows, strict=True):
            numbers = broken_rows(check, columns)
            if not len(numbers):
                continue
            places = table.places(numbers.head(SHOWN_LINES).to_list())
            if check.severity == "warn":
                lines = () if table.pieces else tuple(line for _, line in places)
                where = f" {_place_list(places, len(numbers))}:" if table.pieces else ""
                notices.append(Notice(check="rule", count=len(numbers), lines=lines, detail=f"{check.rule}:{where}"))
            else:
                first = first or places[0]
                failures.append(f"{check.rule}: {_break_count(len(numbers))} ({_place_list(places, len(numbers))})")
    if first is not None:
        hint = "correct the rows, or write `severity: warn` beside the rule"
        raise ProviderError(SUMMARY, detail="\n".join(failures), hint=hint, id="row-check", file=first[0], line=first[1])
    return notices


def _break_count(count: int) -> str:
    return "1 row breaks it" if count == 1 else f"{count} rows break it"


def _place_list(places: Sequence[tuple[str, int]], count: int) -> str:
    """`data.csv:5, data.csv:9, …`."""
    return ", ".join(f"{file}:{line}" for file, line in places) + (", …" if count > len(places) else "")
