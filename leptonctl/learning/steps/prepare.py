"""The step `prepare`: reads a data file into training and test rows, checks them against the contract, and drops or hashes private columns.

No message contains a cell of the data.
"""

import io
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl

from leptonctl.core.codec import encode
from leptonctl.core.contract import Contract
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.profile import PROFILE_FILE
from leptonctl.core.values import Json
from leptonctl.learning.inputs import read_inputs
from leptonctl.learning.outputs import ColumnProfile, Notice, PrepareOutputs
from leptonctl.learning.prepare_inputs import PrepareInputs
from leptonctl.learning.preparing.contract import TypedTables, check_contract, contract_of, type_tables
from leptonctl.learning.preparing.distribution import profile_rows
from leptonctl.learning.preparing.identity import rows_digest
from leptonctl.learning.preparing.leaks import Sides, learned_rows, telling_columns, time_order
from leptonctl.learning.preparing.marks import row_marks
from leptonctl.learning.preparing.notices import rows_without_target, uninformative_columns, unseen_classes
from leptonctl.learning.preparing.recheck import profile_of
from leptonctl.learning.preparing.row_list import FILES, Listing, Marks
from leptonctl.learning.preparing.shape import Shape, shape_of
from leptonctl.learning.preparing.side_lists import side_lists
from leptonctl.learning.preparing.sides import Places, hash_private, take_sides, target_of
from leptonctl.learning.preparing.sources import read_sources
from leptonctl.learning.preparing.split import split_rows
from leptonctl.learning.preparing.targets import count_left_out, with_targets
from leptonctl.learning.tables.date_like import notices as date_like_notices
from leptonctl.learning.tables.number_like import notices as number_like_notices
from leptonctl.learning.tables.table import Table
from leptonctl.spi.running import Bench, Needs, Produced

ROWS_IN_A_GROUP = 1 << 20


class CheckedRows(Frozen):
    """The rows of a version that keep its contract: as read, and typed with private columns hashed.

    marks: by table, those of its rows, where the version has an id. left_out: how many rows had no target.
    """

    shape: Shape
    tables: Sequence[Table]
    listings: Sequence[Listing]
    rows: TypedTables
    contract: Contract
    marks: Sequence[pl.Series]
    profile: Mapping[str, ColumnProfile]
    notices: Sequence[Notice]
    left_out: int


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:  # noqa: ARG001 - it is the first step
    request = read_inputs("prepare", inputs, PrepareInputs)
    data = _check(request, bench)
    bench.progress(message="splitting the rows")
    cells, dates, target = data.rows.cells, data.rows.dates, data.shape.target
    places, stratified = _places(request, data.tables, target_of(cells[0][target], data.shape))
    row_lists, marks = side_lists(request, data.tables, places, data.listings)
    leaks = [*(telling_columns(data.shape.features, cells[0], cells[0][target]) if target else ()), *time_order(request.split, dates)]
    # nothing else may hold the rows: `take_sides` frees each column that it has stored
    data = replace(data, tables=[replace(table, frame=table.frame.clear()) for table in data.tables])
    more = [[*(date.texts[place] for date in dates), *data.marks[place : place + 1]] for place in range(len(cells))]
    sides = take_sides(data.shape, cells, more, places)
    bench.progress(message="writing the rows")
    files = _write(sides, marks, data.contract, bench)
    shared = learned_rows(Sides(rows=sides, marks=marks, places=places), data.tables, data.shape.dates)
    outputs = PrepareOutputs(
        rows={side: rows.height for side, rows in sides.items()},
        rows_digest={side: rows_digest(rows, data.contract) for side, rows in sides.items()},
        contract=data.contract,
        row_lists={side: replace(rows, digest=files[FILES[side]]) for side, rows in row_lists.items()},
        checks=[*data.notices, *unseen_classes(sides, data.contract), *shared, *leaks],
        stratified=stratified,
        profile=data.profile,
        left_out=data.left_out,
    )
    return Produced(artifacts=files, outputs=outputs.to_json())


def _check(request: PrepareInputs, bench: Bench) -> CheckedRows:
    """Read and check all rows. Raises ProviderError, data-contract with all faults of all cells."""
    sources = read_sources(request, bench)
    tables = with_targets(request, sources.tables)
    bench.progress(message="checking the contract")
    shape = shape_of(request, tables)
    private = {shape.id, *request.privacy.drop, *request.privacy.hash} if request.privacy else {shape.id}
    rows = type_tables(shape, tables)
    rule_notices = check_contract(request.checks, tables, rows, private)
    contract = contract_of(shape, rows.cells, [date.column for date in rows.dates])
    for table, columns in zip(tables, rows.cells, strict=True):
        hash_private(shape, table, columns, sources.key)
    marks = [] if shape.id is None else row_marks(tables, shape.id, sources.key)
    notices = [
        *rows_without_target(request, sources.tables, tables),
        *rule_notices,
        *number_like_notices(tables, shape.inferred_texts),
        *date_like_notices(tables[0], shape.inferred_texts),
        *uninformative_columns(shape, rows.cells[0]),
    ]
    return CheckedRows(
        shape=shape, tables=tables, listings=sources.listings, rows=rows, contract=contract, marks=marks,
        profile=_profile(rows.cells, private), notices=notices, left_out=count_left_out(sources.tables, tables),
    )  # fmt: skip


def _write(sides: Mapping[str, pl.DataFrame], marks: Mapping[str, Marks], contract: Contract, bench: Bench) -> dict[str, str]:
    """The artifacts of both sides, by name."""
    files = {f"{side}.parquet": bench.artifacts.put_artifact(_parquet(rows)) for side, rows in sides.items()}
    files |= {FILES[side]: bench.artifacts.put_artifact(own.pack()) for side, own in marks.items()}
    files[PROFILE_FILE] = bench.artifacts.put_artifact(encode(profile_rows(sides["train"], contract)))
    return files


def _places(request: PrepareInputs, tables: Sequence[Table], target: pl.Series) -> tuple[Places, bool]:
    """The table and the row numbers of the training and test rows, and whether they were stratified."""
    if len(tables) > 1:
        return {side: (table, np.arange(tables[table].frame.height)) for side, table in (("train", 0), ("test", 1))}, False
    train, test, stratified = split_rows(request.split, tables[0], target, request.columns)
    return {"train": (0, train), "test": (0, test)}, stratified


def _profile(cells: Sequence[Mapping[str, pl.Series]], private: Collection[str | None]) -> dict[str, ColumnProfile]:
    """The profile of every column that is not private, over all tables."""
    names = dict.fromkeys(name for table in cells for name in table if name not in private)
    return {name: profile_of(pl.concat([table[name] for table in cells if name in table])) for name in names}


def _parquet(rows: pl.DataFrame) -> bytes:
    """The rows as a Parquet file. Compression and grouping are fixed and statistics left out, so that equal rows give equal bytes."""
    out = io.BytesIO()
    rows.write_parquet(out, compression="zstd", compression_level=3, statistics=False, row_group_size=ROWS_IN_A_GROUP)
    return out.getvalue()
