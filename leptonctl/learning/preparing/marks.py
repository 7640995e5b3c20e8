"""Hashes the declared ids of rows to marks. Owns the errors about ids that do not identify a row."""

from collections.abc import Iterator, Sequence
from itertools import chain

import polars as pl

from leptonctl.core.contract import Column, id_mark
from leptonctl.learning.preparing.identity import ROW_MARK
from leptonctl.learning.tables.cells import as_text, check
from leptonctl.learning.tables.faults import contract_error
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

SHOWN_PAIRS = 5


def row_marks(tables: Sequence[Table], name: str, key: bytes | None) -> list[pl.Series]:
    """The marks of the rows of each table. Raises ProviderError: id-type, data-contract for a missing id, duplicate-id."""
    for table in tables:
        kind = infer([table], name)
        if kind not in ("string", "integer"):
            raise ProviderError(
                "An id is neither text nor an integer",
                detail=f'Column "{name}" of {table.name} holds {kind}s.',
                hint="name another column under `id:`, or write its cells as text",
                id="id-type",
                column=name,
            )
    ids = [as_text(table, name) for table in tables]
    faults = [fault for table, cells in zip(tables, ids, strict=True) for fault in check(table, _column(name), cells, required=True)]
    if faults:
        raise contract_error(faults)
    _refuse_duplicates(tables, name, ids)
    return [pl.Series(ROW_MARK, [id_mark(text, key) for text in cells.to_list()], dtype=pl.Binary) for cells in ids]


def _column(name: str) -> Column:
    return Column(name=name, type="string")


def _refuse_duplicates(tables: Sequence[Table], name: str, ids: Sequence[pl.Series]) -> None:
    pairs = list(_pairs(ids))
    if not pairs:
        return
    places = [f"{_place(tables, first)} and {_place(tables, second)}" for first, second in pairs[:SHOWN_PAIRS]]
    more = f", and {len(pairs) - SHOWN_PAIRS} more" if len(pairs) > SHOWN_PAIRS else ""
    raise ProviderError(
        "An id names two rows",
        detail=f'Rows have the same "{name}": {"; ".join(places)}{more}.',
        hint="remove the repeated rows, or name a column under `id:` that is different in every row",
        id="duplicate-id",
        column=name,
    )


def _pairs(ids: Sequence[pl.Series]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """(table, row) of the first row with an id, and of each later one."""
    seen: dict[str, tuple[int, int]] = {}
    for place, text in chain.from_iterable((((t, row), text) for row, text in enumerate(cells.to_list())) for t, cells in enumerate(ids)):
        first = seen.setdefault(text, place)
        if first != place:
            yield first, place


def _place(tables: Sequence[Table], place: tuple[int, int]) -> str:
    file, line = tables[place[0]].places([place[1]])[0]
    return f"{file}:{line}"
