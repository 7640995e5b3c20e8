"""Checks of whole columns, which requests do not have: patterns, the share of missing cells, the shares of classes. Reads nothing."""

from collections.abc import Callable, Mapping

import polars as pl

from leptonctl.learning.prepare_inputs import DeclaredColumn
from leptonctl.learning.tables.faults import Fault, with_values
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

NAMES = ("pattern", "max_missing", "min_share")


def column_faults(table: Table, name: str, cells: pl.Series, declared: DeclaredColumn | None) -> list[Fault]:
    """The cells that break such a check. Raises ProviderError (bad-pattern)."""
    limits = {check: getattr(declared, check) for check in NAMES if declared is not None and getattr(declared, check) is not None}
    rows = {check: MASKS[check](cells, limit).fill_null(value=False).arg_true() for check, limit in limits.items()}
    faults = [
        Fault(table=table, column=name, check=check, description=describe_check(check, limits[check]), rows=places)
        for check, places in rows.items()
        if len(places)
    ]
    # rare classes may be shown; a cell that breaks a pattern may be anything
    return [with_values(fault, cells) if fault.check == "min_share" else fault for fault in faults]


def describe_check(check: str, limit: object) -> str:
    """The words that complete "N cells are"."""
    return {
        "pattern": f"not of the form {limit}",
        "max_missing": f"missing, more than the share {limit} of the rows",
        "min_share": f"of a class that has less than the share {limit} of the rows",
    }[check]


def _mismatches(cells: pl.Series, pattern: object) -> pl.Series:
    try:
        return ~cells.cast(pl.String).str.contains(rf"\A(?:{pattern})\z")
    except pl.exceptions.PolarsError as problem:
        raise ProviderError(
            "A pattern cannot be used",
            detail=f"{cells.name}: {pattern} is not a regular expression that runs in linear time, or is too large.",
            hint="write it without look-around and back references, and with smaller repetitions",
            id="bad-pattern",
            column=cells.name,
        ) from problem


def _missing(cells: pl.Series, share: object) -> pl.Series:
    assert isinstance(share, int | float)
    empty = cells.is_null()
    return empty if cells.null_count() > share * len(cells) else empty & False


def _rare(cells: pl.Series, share: object) -> pl.Series:
    assert isinstance(share, int | float)
    counts = cells.drop_nulls().rename("class").value_counts(name="rows")
    rare = counts.filter(counts["rows"] < share * len(cells))["class"]
    return cells.is_in(rare.implode())


MASKS: Mapping[str, Callable[[pl.Series, object], pl.Series]] = {"pattern": _mismatches, "max_missing": _missing, "min_share": _rare}
