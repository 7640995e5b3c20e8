"""The faults of cells, and the one error that reports all of them. Reads no file but for the lines and the text of cells."""

import json
from collections.abc import Collection, Iterable, Sequence

import polars as pl

from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.tables.number_like import number_like
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

SHOWN_LINES, SHOWN_VALUES, LONGEST_VALUE = 10, 5, 40
NOT_BOOLEAN = "not a boolean"


class Fault(Frozen):
    """Rows of a table that break one rule of one column. `check` is the rule's name, `description` completes "N cells are".

    values: some of the cells, where seeing them helps. Those of a private column are not shown.
    """

    table: Table
    column: str
    check: str
    description: str
    rows: pl.Series
    values: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def first_rows(self) -> list[int]:
        """The rows that a message names."""
        return self.rows.head(SHOWN_LINES).to_list()


def find_faults(table: Table, name: str, rules: Iterable[tuple[str, str, pl.Series]]) -> list[Fault]:
    """A fault for each rule that cells of a column break. Each rule has a name, a description, and a mask of the cells that break it."""
    rows_by_rule = ((check, description, mask.fill_null(value=False).arg_true()) for check, description, mask in rules)
    return [
        Fault(table=table, column=name, check=check, description=description, rows=rows)
        for check, description, rows in rows_by_rule
        if len(rows)
    ]


def with_values(fault: Fault, cells: pl.Series) -> Fault:
    """The fault with some of its cells, shortened."""
    distinct = cells.gather(fault.rows).cast(pl.String).drop_nulls().unique(maintain_order=True).head(SHOWN_VALUES).to_list()
    return replace(fault, values=tuple(text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…" for text in distinct))


def contract_error(faults: Sequence[Fault], private: Collection[str | None] = ()) -> ProviderError:
    """One error for all faults, with their counts and first lines. It shows no cell of a private column."""
    first, places = faults[0], _places(faults)
    file, line = places[0][0]
    return ProviderError(
        "The data breaks its contract",
        detail="\n".join(_sentence(fault, lines, private) for fault, lines in zip(faults, places, strict=True)),
        hint=_hint(faults),
        id="data-contract",
        file=file,
        line=line,
        column=first.column,
    )


def _places(faults: Sequence[Fault]) -> list[list[tuple[str, int]]]:
    """The files and lines of the first rows of each fault. A file is read again once for all of them."""
    tables = {id(fault.table): fault.table for fault in faults}
    places: dict[int, dict[int, tuple[str, int]]] = {}
    for key, table in tables.items():
        rows = sorted({row for fault in faults if fault.table is table for row in fault.first_rows})
        places[key] = dict(zip(rows, table.places(rows), strict=True))
    return [[places[id(fault.table)][row] for row in fault.first_rows] for fault in faults]


def _sentence(fault: Fault, places: Sequence[tuple[str, int]], private: Collection[str | None]) -> str:
    more = ", …" if fault.count > SHOWN_LINES else ""
    if fault.table.pieces:
        start, lines = "", ", ".join(f"{file}:{line}" for file, line in places)
    else:
        start, lines = f"{fault.table.name}: ", "line " + ", ".join(str(line) for _, line in places)
    cells = "1 cell is" if fault.count == 1 else f"{fault.count} cells are"
    values = ", ".join(json.dumps(value, ensure_ascii=False) for value in fault.values) if fault.column not in private else ""
    return f'{start}column "{fault.column}": {cells} {fault.description} ({lines}{more}){f": {values}" if values else ""}'


def _hint(faults: Sequence[Fault]) -> str:
    checks = {fault.check for fault in faults}
    if any(fault.check == "type" and fault.description == NOT_BOOLEAN for fault in faults):
        return "correct the rows, or name the words of the column: `when_true: [WORD], when_false: [WORD]`"
    if "type" in checks:
        rest = "correct the rows, list texts that mean missing under `missing_values`, or declare another `type` under `columns`"
        return f"{_other_reading(faults)}{rest}"
    if "target" in checks:
        return "correct the rows, or leave out those without a target: `target_missing: drop`"
    return "correct the rows, or loosen the column's rule under `columns`"


def _other_reading(faults: Sequence[Fault]) -> str:
    """The keys to declare where the cells are numbers with other separators; else ""."""
    for fault in faults:
        notice = number_like([fault.table], fault.column) if fault.check == "type" and fault.description != NOT_BOOLEAN else None
        if notice is not None and notice.check == "other_numbers":
            return f"say how the file writes numbers, {notice.detail}; or "
    return ""
