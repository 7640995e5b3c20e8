"""A manifest compiled for encoding requests, and the contract's checks as declared at a bind. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from leptonctl.core.codec import Record, plain
from leptonctl.core.contract import LARGEST_FLOAT32, Column, Contract, Scalar
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import FEATURES, Manifest, ManifestColumn
from leptonctl.serving.manifest import check_manifest

CHECKS = "checks.json"
Float32 = NDArray[np.float32]


class Check(Record):
    """The declared checks of one column, under its name in `checks.json`. An absent check is off; without `nullable`, the build decides."""

    min: float | None = None
    max: float | None = None
    values: tuple[Scalar, ...] | None = None
    nullable: bool | None = None


class Intake(Frozen, eq=False):
    """What encoding needs from a manifest, computed once.

    `numeric` are the columns of the `features` tensor in order, `strings` those with an input of their own. `low` and `high` are the
    bounds of each column of `features` as FP32: the declared range, else the finite range. `allowed` has (place in `features`, column,
    allowed values rounded like the cells). `packed`: one tensor of all columns is accepted; in that tensor `places` are
    the positions of the numeric columns and `integers` those of the integer columns. `key` is the secret of the hashed columns.
    `unused_columns` are columns that a request may hold although the model does not read them. `columns` are those of requests: a
    column of dates (listed in `dates`) in place of the columns of its parts.
    """

    columns: dict[str, ManifestColumn]
    numeric: tuple[ManifestColumn, ...]
    strings: tuple[ManifestColumn, ...]
    low: Float32
    high: Float32
    allowed: tuple[tuple[int, ManifestColumn, frozenset[float]], ...]
    packed: bool
    places: tuple[int, ...]
    integers: tuple[int, ...]
    key: bytes | None
    unused_columns: frozenset[str] = frozenset()
    dates: tuple[DateColumn, ...] = ()


def compile_intake(manifest: Manifest, key: bytes | None) -> Intake:
    """The manifest compiled for encoding. `key` is the secret of its hashed columns."""
    columns = manifest.columns
    numeric = tuple(sorted((c for c in columns if c.graph.index is not None), key=lambda c: c.graph.index or 0))
    numbers_only = all(column.type in ("number", "integer") for column in columns)
    low = [-LARGEST_FLOAT32 if column.min is None else column.min for column in numeric]
    high = [LARGEST_FLOAT32 if column.max is None else column.max for column in numeric]
    with np.errstate(over="ignore"):
        return Intake(
            columns={column.name: column for column in manifest.inputs},
            numeric=numeric,
            strings=tuple(column for column in columns if column.graph.index is None),
            low=np.array(low, np.float64).astype(np.float32),
            high=np.array(high, np.float64).astype(np.float32),
            allowed=tuple(
                (place, column, frozenset(np.array(column.values, np.float32).tolist()))
                for place, column in enumerate(numeric)
                if column.values is not None
            ),
            packed=bool(numeric) and numbers_only and not manifest.dates and not any(column.name == FEATURES for column in columns),
            places=tuple(columns.index(column) for column in numeric),
            integers=tuple(place for place, column in enumerate(columns) if column.type == "integer"),
            key=key,
            unused_columns=manifest.unused_columns,
            dates=manifest.dates,
        )


def manifest_with_checks(manifest: Manifest, checks: Mapping[str, Check]) -> Manifest:
    """The manifest with these checks in place of those of its build. Raises BadModel when they do not fit its columns."""
    contract = Contract(
        target=manifest.target,
        target_type=manifest.target_type,
        classes=manifest.classes,
        columns=tuple(_contract_column(column) for column in manifest.columns),
        dates=manifest.dates,
    )
    contract = contract.with_checks({name: plain(check) for name, check in checks.items()})
    checked = replace(manifest, columns=tuple(map(_with_checks_of, manifest.columns, contract.columns)), dates=contract.dates)
    check_manifest(checked, CHECKS)
    return checked


def _contract_column(column: ManifestColumn) -> Column:
    return Column(
        name=column.name, type=column.type, nullable=column.nullable, fill=column.fill, min=column.min, max=column.max,
        values=column.values, hash=column.hash,
    )  # fmt: skip


def _with_checks_of(column: ManifestColumn, declared: Column) -> ManifestColumn:
    return replace(column, nullable=declared.nullable, min=declared.min, max=declared.max, values=declared.values)
