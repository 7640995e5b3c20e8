"""Types, fills and checks the columns of a dataset version, and completes its contract by what they hold. Reads no file."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from leptonctl.core.contract import Column, Contract
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.outputs import Notice
from leptonctl.learning.prepare_inputs import RowCheck
from leptonctl.learning.preparing.column_checks import column_faults
from leptonctl.learning.preparing.row_checks import RuleColumns, check_rows
from leptonctl.learning.preparing.shape import OTHER_COLUMNS, Shape
from leptonctl.learning.preparing.sides import target_of
from leptonctl.learning.tables.cells import check, declared_column, fill_cells, type_column
from leptonctl.learning.tables.dates import Dates, read_dates
from leptonctl.learning.tables.faults import Fault, contract_error
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError


class TypedTables(Frozen):
    """The columns of each table by name, typed, filled and checked; the dates whose parts are among them; and the faults of all cells."""

    cells: list[dict[str, pl.Series]]
    dates: tuple[Dates, ...]
    faults: tuple[Fault, ...]


def type_tables(shape: Shape, tables: Sequence[Table]) -> TypedTables:
    """The columns of every table. Raises ProviderError: fill-type, range-type, private-fill, bad-pattern, nested-value, binary-value."""
    cells: list[dict[str, pl.Series]] = [{} for _ in tables]
    faults: list[Fault] = []
    for columns, table in zip(cells, tables, strict=True):
        for name in (name for name in shape.types if name in table.frame.columns):
            columns[name], problems = _column(shape, table, name)
            faults += problems
    dates: list[Dates] = []
    for name in shape.dates:
        date, problems = read_dates(tables, name, shape.declared[name])
        dates.append(date)
        faults += problems
        for columns, parts in zip(cells, date.parts, strict=True):
            columns.update(parts)
    return TypedTables(cells=cells, dates=tuple(dates), faults=tuple(faults))


def _column(shape: Shape, table: Table, name: str) -> tuple[pl.Series, list[Fault]]:
    """One column, typed, filled and checked in 64 bits, and its faults."""
    declared, kind = shape.declared.get(name), shape.types[name]
    if name in shape.hashed and declared is not None and declared.missing is not None:
        raise ProviderError(
            "A private column cannot be filled",
            detail=f'"{name}" is hashed and has a `missing` value.',
            hint=OTHER_COLUMNS,
            id="private-fill",
            column=name,
        )
    is_target = name == shape.target
    column = declared_column(name, kind, declared)
    values, wrong = type_column(table, name, kind, single=not is_target, words=column.words)
    values = fill_cells(values, column.fill, kind, name)
    if wrong:
        # a cell of the wrong type was read as null and must not be reported as missing too
        return values, wrong
    required = is_target or (declared is not None and declared.nullable is False)
    unique = declared is not None and declared.unique is True
    faults = check(table, column, values, required=required, unique=unique, target=is_target)
    return values, [*faults, *column_faults(table, name, values, declared)]


def check_contract(checks: Sequence[RowCheck], tables: Sequence[Table], rows: TypedTables, private: Collection[str | None]) -> list[Notice]:
    """The notices of rules that only warn. Raises one error with all faults of columns and all rules that rows break."""
    problem = contract_error(rows.faults, private) if rows.faults else None
    notices: list[Notice] = []
    try:
        notices = check_rows(checks, tables, _rule_columns(rows)) if checks else []
    except ProviderError as other:
        if problem is None:
            raise
        problem.detail = f"{problem.detail}\n{other.detail}"
    if problem is not None:
        raise problem
    return notices


def _rule_columns(rows: TypedTables) -> list[RuleColumns]:
    """What rules may name, by table."""
    return [
        RuleColumns(columns=columns, dates={date.column.name: (date.column, date.texts[place]) for date in rows.dates})
        for place, columns in enumerate(rows.cells)
    ]


def contract_of(shape: Shape, cells: Sequence[Mapping[str, pl.Series]], dates: Sequence[DateColumn]) -> Contract:
    """The declared contract, completed by what the columns hold: types, classes, and which have missing cells."""
    classes = None
    if shape.target and shape.target_type != "number":
        classes = tuple(sorted(pl.concat([target_of(columns[shape.target], shape).unique() for columns in cells]).unique().to_list()))
    nullable = {name: date.nullable for date in dates for name in date.names}
    columns = [_contract_column(shape, name, [table[name] for table in cells]) for name in shape.features]
    columns = [replace(column, nullable=nullable.get(column.name, column.nullable)) for column in columns]
    return Contract(
        target=shape.target, target_type=shape.target_type, classes=classes, columns=tuple(columns), id=shape.id,
        dates=tuple(dates), ignored=shape.ignored,
    )  # fmt: skip


def _contract_column(shape: Shape, name: str, cells: Sequence[pl.Series]) -> Column:
    declared = shape.declared.get(name)
    column = declared_column(name, shape.types[name], declared)
    allowed = None if declared is None else declared.nullable
    nullable = column.fill is None and (any(c.null_count() for c in cells) if allowed is None else allowed)
    if name in shape.hashed:
        # ranges and allowed values would reveal what the hash hides
        return Column(name=name, type="string", nullable=nullable, hash=True, declared=column.declared)
    return replace(column, nullable=nullable)
