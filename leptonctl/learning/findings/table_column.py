"""Figures of one column of a table, by which its role is judged. Reads no file but for the text of numbers."""

from collections.abc import Sequence

import polars as pl

from leptonctl.core.contract import ColumnType
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.tables.cells import as_text, type_column
from leptonctl.learning.tables.date_like import are_days
from leptonctl.learning.tables.faults import Fault
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.numbers import INTEGER
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

SHOWN = 24
LARGEST_INTEGER = 2.0**63
UNREADABLE = {"nested-value": "objects or arrays", "binary-value": "binary values"}
"""What the values of a column are, by the error when it is read."""


class TableColumn(Frozen):
    """A column as read. `values` are its cells, typed. Counts are of rows; `distinct` does not count missing cells.

    wrong: cells that are not of the inferred type. length: the mean length in characters of cells of text.
    texts: the distinct texts of a column of text where they are few. nested: what its values are, where they are not single texts or
    numbers. large: it has integers of more than 64 bits, so it is read as text: as numbers, different ones would be equal.
    """

    name: str
    type: ColumnType
    values: pl.Series
    rows: int
    missing: int
    distinct: int
    wrong: int = 0
    length: float = 0.0
    texts: tuple[str, ...] = ()
    nested: str | None = None
    large: bool = False

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def rarest(self) -> int:
        """The number of rows with the rarest value."""
        counts = self.values.drop_nulls().value_counts(name="rows")["rows"].to_list()
        return min(counts, default=0)

    @property
    def is_distinct(self) -> bool:
        """Whether each row has a different value."""
        return self.missing == 0 and self.distinct == self.rows

    def with_target(self, target: "TableColumn") -> "TableColumn":
        """The column without the rows that have no target, such as a total in the last row."""
        if not target.missing or self.nested is not None:
            return self
        values = self.values.filter(target.values.is_not_null())
        return replace(self, values=values, rows=len(values), missing=values.null_count(), distinct=values.drop_nulls().n_unique())

    @property
    def may_be_dates(self) -> bool:
        """Whether it may hold dates: as text, or as integers such as 20240131."""
        return self.nested is None and (self.type == "string" or (self.type == "integer" and are_days(self.values)))

    @property
    def counts_rows(self) -> bool:
        """Whether it counts the rows from 0 or 1."""
        if self.type != "integer" or not self.is_distinct or self.values[0] not in (0, 1):
            return False
        return bool((self.values.diff().drop_nulls() == 1).all())


def observe_column(table: Table, name: str, kind: ColumnType | None = None) -> TableColumn:
    """A column of a table, with this type or the inferred one. A nested one has no values."""
    rows = table.frame.height
    try:
        kind = kind or infer([table], name)
        values, faults = type_column(table, name, kind, single=False)
    except ProviderError as problem:
        if problem.id not in UNREADABLE:
            raise
        return TableColumn(
            name=name, type="string", values=pl.Series([], dtype=pl.String), rows=rows, missing=0, distinct=0, nested=UNREADABLE[problem.id]
        )
    large = kind in ("integer", "number") and _has_large(values, faults) and _are_integers(as_text(table, name))
    if large:
        kind, values, faults = "string", as_text(table, name), []
    is_text = kind == "string"
    texts = values.drop_nulls().unique(maintain_order=True) if is_text else values.drop_nulls().unique()
    lost = sum(values.gather(fault.rows).null_count() for fault in faults)
    return TableColumn(
        name=name,
        type=kind,
        values=values,
        rows=rows,
        missing=values.null_count() - lost,
        distinct=len(texts),
        wrong=lost,
        length=float(as_text(table, name).str.len_chars().mean() or 0) if is_text else 0.0,  # type: ignore[arg-type]
        texts=tuple(texts.to_list()) if is_text and len(texts) <= SHOWN else (),
        large=large,
    )


def _has_large(values: pl.Series, faults: Sequence[Fault]) -> bool:
    """Whether a column of numbers has some that no integer of 64 bits holds."""
    return any(fault.check == "range" for fault in faults) or (
        values.dtype == pl.Float64 and bool((values.is_finite() & (values.abs() >= LARGEST_INTEGER)).any())
    )


def _are_integers(texts: pl.Series) -> bool:
    return bool(texts.drop_nulls().str.strip_chars(" \t").str.contains(INTEGER).all())
