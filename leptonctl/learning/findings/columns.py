"""Gives each column but the target its role: id, feature, date, boolean, or left out. Reads no file but for the text of numbers."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import polars as pl

from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.findings.dates import dates_of
from leptonctl.learning.findings.findings import Declared, Reason, Wishes
from leptonctl.learning.findings.roles import is_id, is_index, is_text, relabels, useless
from leptonctl.learning.findings.table_column import TableColumn
from leptonctl.learning.findings.words import are_usual, true_and_false
from leptonctl.learning.preparing.copies import orders
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.number_like import number_like
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

ROWS_A_VALUE = 10
STAND_INS = (-9999, -999, -99999, -99, -9999.9, -999.9, 9999, 99999, 999)
"""Numbers that loggers and surveys write for missing."""
NUMBERS_AS_TEXT = "its strings are numbers"


class Features(Frozen):
    """The features, by name (a column of dates by its own name), the id, and the columns that must be declared."""

    id: str | None
    names: tuple[str, ...]
    declared: tuple[Declared, ...]
    reasons: tuple[Reason, ...]


def features_of(table: Table, columns: dict[str, TableColumn], target: str, wishes: Wishes, numbers: Collection[str] = ()) -> Features:
    """The roles of all columns. `numbers`: those of strings that are numbers. Raises ProviderError: unsuitable-column, no-features."""
    others = [one for one in columns.values() if one.name != target]
    key = _id([one.with_target(columns[target]) for one in others], wishes)
    rest = [one for one in others if one.name != key]
    texts = {one.name: as_text(table, one.name) for one in rest if one.may_be_dates and one.name not in wishes.drop}
    dates = dates_of(texts, day_first=table.options.decimal == "," or table.options.delimiter == ";")
    declared = [
        Declared(name=one.name, why=why, ignore=True)
        for one in rest if one.name not in dates and (why := _reason_to_leave_out(one, table, wishes, rest))
    ]  # fmt: skip
    declared += [Declared(name=name, why=why, date=column, ignore=column is None) for name, (column, why) in dates.items()]
    ignored = {column.name for column in declared if column.ignore}
    features = [one for one in rest if one.name not in ignored]
    leaks = [one for one in features if one.name not in dates and relabels(one, columns[target])]
    if len(leaks) < len(features):
        declared += [Declared(name=one.name, why="a leak: it is the target in other words", ignore=True) for one in leaks]
        features = [one for one in features if one not in leaks]
    if not features:
        _refuse_without_features([*([Declared(name=key, why="the id")] if key else []), *declared], target)
    if key is not None and columns[key].large:
        declared.append(Declared(name=key, why="its integers are too large for 64 bits", type="string"))
    undated = [one for one in features if one.name not in dates]
    declared += _booleans(undated)
    declared += [Declared(name=one.name, why=NUMBERS_AS_TEXT, type="number") for one in features if one.name in numbers]
    declared = _nullable(features, declared, columns[target])
    reasons = [*_id_reason(key, wishes), *(Reason(about=column.name, detail=_reason(column)) for column in declared)]
    reasons += _notes(table, undated, columns[target])
    return Features(id=key, names=tuple(one.name for one in features), declared=tuple(declared), reasons=tuple(reasons))


def _id_reason(key: str | None, wishes: Wishes) -> Iterator[Reason]:
    if key is not None:
        yield Reason(about="id", detail=f"{key}: {'--id' if key == wishes.id else 'it is named like an id, and different in each row'}")


def _id(others: Sequence[TableColumn], wishes: Wishes) -> str | None:
    """The column that names a row."""
    if wishes.id is None:
        return next((one.name for one in others if one.name not in wishes.drop and is_id(one) and not is_index(one)), None)
    column = next(one for one in others if one.name == wishes.id)
    if column.nested is None and column.is_distinct:
        return column.name
    repeated = f"{column.present - column.distinct} of its cells repeat others and {column.missing} are missing"
    raise ProviderError(
        "A column does not suit its role",
        detail=f'Column "{column.name}" cannot be the id: {repeated}.',
        hint=f"leave it out with `--drop {column.name}`, or name another column",
        id="unsuitable-column",
        column=column.name,
    )


def _reason_to_leave_out(column: TableColumn, table: Table, wishes: Wishes, others: Sequence[TableColumn]) -> str | None:
    """Why a column is not a feature; None if it may be one."""
    if column.name in wishes.drop:
        return "--drop"
    if is_index(column):
        return "an index: it only counts or names the rows"
    if is_id(column):
        return "an id: different in each row"
    return useless(column, table, first=column is others[0] and len(others) > 1)


def _booleans(features: Iterable[TableColumn]) -> Iterator[Declared]:
    for column in features:
        words = true_and_false(column.texts) if column.type == "string" else None
        if words is not None:
            why = f"{words.true[0]} and {words.false[0]} are true and false"
            yield Declared(name=column.name, why=why, type="boolean", words=None if are_usual(words) else words)


def _nullable(features: Sequence[TableColumn], declared: Sequence[Declared], target: TableColumn) -> list[Declared]:
    """The declarations, with `nullable` for features that only rows without a target lack: the rows to learn from would not show it."""
    has_target = target.values.is_not_null()
    lacking = [one.name for one in features if target.missing and one.missing and not one.values.filter(has_target).null_count()]
    by_name = {column.name: column for column in declared}
    why = "only rows without a target lack it"
    by_name |= {name: replace(by_name.get(name) or Declared(name=name, why=why), nullable=True) for name in lacking}
    return list(by_name.values())


def _notes(table: Table, features: Sequence[TableColumn], target: TableColumn) -> Iterator[Reason]:
    """Reasons about features that are read without a declaration."""
    for column in features:
        if (number := _stand_in(column)) is not None:
            key = f'`missing_values: ["{number}"]`'
            detail = f"{number} is far from its other numbers: if it means missing, declare {key}, as the file writes it"
            yield Reason(about=column.name, detail=detail)
        notice = number_like([table], column.name) if column.type == "string" and not is_text(column) else None
        if notice is not None and notice.check == "signed_numbers":
            detail = (
                f"its numbers have {notice.detail}, which no option reads: each is a category; write plain numbers to learn from their size"
            )
            yield Reason(about=column.name, detail=detail)
        if is_text(column):
            yield Reason(about=column.name, detail=f"texts of {column.length:.0f} characters on average: tfidf counts their words")
        elif column.values.dtype.is_numeric() and _orders(column, target):
            yield Reason(about=column.name, detail="it has exactly the order of the target: may be a leak; leave it out with `--drop`")
        elif _determines(column, target):
            detail = f"each of its {column.distinct} values has one target only: may be a leak; leave it out with `--drop`"
            yield Reason(about=column.name, detail=detail)


def _determines(column: TableColumn, target: TableColumn) -> bool:
    """Whether each value of a column that repeats its values occurs with one value of the target only."""
    if not 2 <= column.distinct <= column.present / ROWS_A_VALUE or target.distinct > column.distinct:  # noqa: PLR2004
        return False
    pairs = pl.DataFrame({"cells": column.values, "target": target.values}).drop_nulls()
    return pairs.n_unique() == pairs["cells"].n_unique() > 0


def _stand_in(column: TableColumn) -> float | None:
    """A number that may mean a missing cell: it is repeated, and ten times as far from zero as all others on its side."""
    if not column.values.dtype.is_numeric():
        return None
    for number in STAND_INS:
        same = (column.values == number).fill_null(value=False)
        if 2 <= same.sum() < column.present:  # noqa: PLR2004 - a single one may be a mistake
            others = column.values.filter(~same).drop_nulls().cast(pl.Float64)
            if (others * (-1 if number < 0 else 1) < abs(number) / 10).all():
                return number
    return None


def _orders(column: TableColumn, target: TableColumn) -> bool:
    present = target.values.is_not_null()
    return orders(column.values.filter(present), target.values.filter(present))


def _reason(column: Declared) -> str:
    if column.ignore:
        return f"left out: {column.why}"
    return f"{column.why}; features: {', '.join(column.date.parts)}" if column.date is not None else column.why


def _refuse_without_features(declared: Sequence[Declared], target: str) -> None:
    reasons = "; ".join(f"{column.name}: {column.why}" for column in declared[:5]) or "it has no other"
    raise ProviderError(
        "The table has no features",
        detail=f'No column but the target "{target}" can be learned from ({reasons}).',
        hint="name another target with `--target`, or add columns to the table",
        id="no-features",
    )
