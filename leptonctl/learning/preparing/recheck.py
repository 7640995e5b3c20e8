"""Runs checks that were declared after rows were prepared, on the prepared rows. Reads no source and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from leptonctl.core.contract import Checks, Scalar
from leptonctl.core.frozen import Frozen
from leptonctl.learning.inputs import read_record
from leptonctl.learning.outputs import ColumnProfile, PrepareOutputs
from leptonctl.learning.prepare_inputs import DeclaredColumn, RowCheck
from leptonctl.learning.preparing import column_checks
from leptonctl.learning.preparing.row_checks import RuleColumns, broken_rows
from leptonctl.learning.tables.prepared import read_cells
from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    import polars as pl

    from leptonctl.core.result import Result
    from leptonctl.spi.running import Artifacts

FIRST_ROWS = 4096
NAMES = (*Checks.__struct_fields__, "unique", *column_checks.NAMES)


class Violation(Frozen):
    """Cells that break one check of a column. `count` is None when only the profile shows it."""

    column: str
    check: str
    description: str
    count: int | None


def profile_of(cells: pl.Series) -> ColumnProfile:
    """The profile of a typed column."""
    present = cells.drop_nulls()
    numbers = present if present.dtype.is_numeric() else present.clear()
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (None, None)
    return ColumnProfile(
        min=None if low is None else float(low),  # type: ignore[arg-type]
        max=None if high is None else float(high),  # type: ignore[arg-type]
        missing=cells.null_count(),
        unique=all_distinct(present),
    )


def all_distinct(cells: pl.Series) -> bool:
    """Whether no two cells are equal. Most columns repeat themselves among their first rows already."""
    first = cells.head(FIRST_ROWS)
    return first.n_unique() == len(first) and cells.n_unique() == len(cells)


def violations(columns: Mapping[str, DeclaredColumn], prepare: Result, artifacts: Artifacts) -> Iterator[Violation]:
    """The declared checks that prepared rows break. The rows are read only for a check that their profile does not settle."""
    profiles = profiles_of(prepare)
    rows: dict[str, pl.DataFrame] = {}
    for name, declared in columns.items():
        for check in NAMES:
            limit = getattr(declared, check)
            if limit is None or limit is (check == "nullable") or profile_settles(check, limit, profiles.get(name)):
                continue
            if not rows:
                rows[""] = read_cells(prepare, artifacts)
            violation = _violation(name, check, limit, rows[""], profiles.get(name))
            if violation is not None:
                yield violation


def broken_rules(checks: Sequence[RowCheck], prepare: Result, artifacts: Artifacts) -> Iterator[tuple[int, int | ProviderError]]:
    """The places of the rules that prepared rows break, each with the number of rows, or the error of a rule that cannot be read."""
    rows, contract = read_cells(prepare, artifacts), _outputs(prepare).contract
    dates = {date.name: (date, rows[date.name]) for date in contract.dates if date.name in rows.columns}
    columns = RuleColumns(columns={column.name: column for column in rows.get_columns() if column.name not in dates}, dates=dates)
    for place, check in enumerate(checks):
        try:
            count = len(broken_rows(check, columns))
        except ProviderError as problem:
            yield place, problem
            continue
        if count:
            yield place, count


def profiles_of(prepare: Result) -> Mapping[str, ColumnProfile]:
    """The recorded profiles; none where an earlier release prepared the rows."""
    return _outputs(prepare).profile


def _outputs(prepare: Result) -> PrepareOutputs:
    return read_record("the outputs of `prepare`", prepare.outputs, PrepareOutputs)


def profile_settles(check: str, limit: object, profile: ColumnProfile | None) -> bool:
    """Whether the profile alone shows that no cell breaks the check."""
    if profile is None:
        return False
    if check == "min" and isinstance(limit, int | float):
        return profile.min is None or profile.min >= limit
    if check == "max" and isinstance(limit, int | float):
        return profile.max is None or profile.max <= limit
    return (check == "nullable" and not profile.missing) or (check == "unique" and profile.unique)


def _violation(name: str, check: str, limit: object, rows: pl.DataFrame, profile: ColumnProfile | None) -> Violation | None:
    if name not in rows.columns:
        # the cells of a column that is not a feature are not stored, but its profile may be
        is_broken = profile is not None and check not in ("values", *column_checks.NAMES)
        return Violation(column=name, check=check, description=_describe(check, limit), count=None) if is_broken else None
    count = int(MASKS[check](rows[name], limit).fill_null(value=False).sum())
    if not count and (profile is None or check in ("values", *column_checks.NAMES)):
        return None
    # rounded to float32, a cell may meet a limit that it breaks
    return Violation(column=name, check=check, description=_describe(check, limit), count=max(count, 1))


def _describe(check: str, limit: object) -> str:
    if check in column_checks.NAMES:
        return column_checks.describe_check(check, limit)
    return {
        "min": f"below the minimum {limit}",
        "max": f"above the maximum {limit}",
        "values": "not among the allowed values",
        "nullable": "missing where the contract requires a value",
        "unique": "equal to a cell of another row",
    }[check]


def _outside(cells: pl.Series, values: object) -> pl.Series:
    import polars as pl

    assert isinstance(values, tuple)
    dtype = cells.dtype if cells.dtype.is_numeric() or cells.dtype == pl.Boolean else pl.String
    allowed = pl.Series([_cell_text(v) if dtype == pl.String else v for v in values], dtype=dtype, strict=False).drop_nulls()
    return ~cells.is_in(allowed.implode()) & cells.is_not_null()


def _cell_text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limit(cells: pl.Series, limit: object) -> pl.Series:
    """The limit as a cell: prepared numbers are float32."""
    import polars as pl

    return pl.Series([limit], dtype=pl.Float64).cast(cells.dtype if cells.dtype.is_float() else pl.Float64)


MASKS: Mapping[str, Callable[[pl.Series, object], pl.Series]] = {
    "min": lambda cells, limit: cells < _limit(cells, limit)[0],
    "max": lambda cells, limit: cells > _limit(cells, limit)[0],
    "values": _outside,
    "nullable": lambda cells, _: cells.is_null(),
    **column_checks.MASKS,
    "unique": lambda cells, _: ~cells.is_first_distinct() & cells.is_not_null(),
}
