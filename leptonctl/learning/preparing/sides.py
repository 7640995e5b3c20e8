"""Puts training and test rows into the form in which they are stored: column by column, so that no table is in memory twice."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from leptonctl.learning.preparing.shape import Shape
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.raw import hash_cells
from leptonctl.learning.tables.table import Table

TARGET_DTYPES = {"number": pl.Float64, "integer": pl.Int64, "string": pl.String}
Places = Mapping[str, tuple[int, np.ndarray]]
"""The table and the row numbers of each side."""


def target_of(values: pl.Series, shape: Shape) -> pl.Series:
    """The target as stored."""
    return values.cast(TARGET_DTYPES[shape.target_type]).rename(shape.target)


def hash_private(shape: Shape, table: Table, cells: dict[str, pl.Series], key: bytes | None) -> None:
    """Replace the cells of private features by their hashes; a missing cell stays missing."""
    for name in shape.features:
        if name in shape.hashed and key is not None:
            cells[name] = hash_cells(as_text(table, name).set(cells[name].is_null(), None), key, name)


def take_sides(
    shape: Shape, cells: Sequence[dict[str, pl.Series]], more: Sequence[Sequence[pl.Series]], places: Places
) -> dict[str, pl.DataFrame]:
    """The rows of each side: the features, the target, then the columns of `more`. Removes the features from `cells`."""
    rows = {side: (table, pl.Series(numbers, dtype=pl.UInt32)) for side, (table, numbers) in places.items()}
    columns: dict[str, list[pl.Series]] = {side: [] for side in rows}
    for name in (*shape.features, shape.target):
        whole = [columns_of_table.pop(name) for columns_of_table in cells]
        # gathering from a column in pieces would search for each row
        stored = [(target_of(values, shape) if name == shape.target else _feature(name, values)).rechunk() for values in whole]
        for side, (table, numbers) in rows.items():
            columns[side].append(stored[table].gather(numbers))
    for side, (table, numbers) in rows.items():
        columns[side] += [column.gather(numbers) for column in more[table]]
    # by name: from a list, polars would name the target that has no name
    return {side: pl.DataFrame({column.name: column for column in series}) for side, series in columns.items()}


def _feature(name: str, values: pl.Series) -> pl.Series:
    """A feature as stored: numbers as float32."""
    return (values.cast(pl.Float64).cast(pl.Float32) if values.dtype.is_numeric() else values).rename(name)
