"""The row lists of both sides of a split, with how their files were read. Reads nothing."""

from collections.abc import Sequence

import numpy as np

from leptonctl.core.canonical import digest
from leptonctl.core.codec import plain
from leptonctl.core.contract import Checks
from leptonctl.core.frozen import replace
from leptonctl.core.row_list import RowList, writing_of
from leptonctl.learning.prepare_inputs import PrepareInputs
from leptonctl.learning.preparing.column_checks import NAMES as COLUMN_CHECKS
from leptonctl.learning.preparing.row_list import Listing, Marks
from leptonctl.learning.preparing.sides import Places
from leptonctl.learning.tables.table import Table


def side_lists(
    request: PrepareInputs, tables: Sequence[Table], places: Places, listings: Sequence[Listing]
) -> tuple[dict[str, RowList], dict[str, Marks]]:
    """The row list and the marks of each side."""
    row_lists = [listing.finish() for listing in listings]
    marks = {side: row_lists[table][1].take(_in_file(tables[table], rows)) for side, (table, rows) in places.items()}
    reading = [_reading(request, table) for table in tables]
    return {
        side: replace(row_lists[table][0], reading=reading[table], writing=_writing(tables[table])) for side, (table, _) in places.items()
    }, marks


def _in_file(table: Table, rows: np.ndarray) -> np.ndarray:
    """The numbers of rows of a table among all rows of its files."""
    return rows if table.file_rows is None else table.file_rows[rows]


def _reading(request: PrepareInputs, table: Table) -> dict[str, str]:
    """Digests of how cells become values: of the options under "", and of each declared column without its checks."""
    checks = dict.fromkeys((*Checks.__struct_fields__, "unique", "min_date", "max_date", *COLUMN_CHECKS))
    reduced = [replace(piece.options, encoding="", delimiter=None, header=True, skip_rows=0) for piece in table.files]
    options = {digest(plain(one)) for one in reduced}
    columns = {name: digest(plain(replace(column, **checks))) for name, column in request.columns.items()}
    return {"": next(iter(options)) if len(options) == 1 else digest([*sorted(options)]), **columns}


def _writing(table: Table) -> str:
    """How the numbers of the files are written."""
    return "; ".join(sorted({writing_of(piece.options.decimal, piece.options.thousands) for piece in table.files}))
