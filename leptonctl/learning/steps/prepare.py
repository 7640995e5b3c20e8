"""The prepare step: a data file becomes training and test rows, checked against its contract and stripped of what is private.

Never a feature: the target, dropped columns, the `split` column, and the column a split goes `by` (an identity, not a property).
Cells of the data stand in no message.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

import numpy as np
import polars as pl

from leptonctl.core.contract import Column, ColumnType, Contract, key_mark, missing_columns
from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.values import Json
from leptonctl.learning.tables.cells import Fault, Table, as_text, check, contract_error, declared_column, filled, infer, typed
from leptonctl.learning.tables.rows import ROW_ID, hashed, row_ids, rows_digest
from leptonctl.learning.tables.split import split_rows
from leptonctl.project.catalog import load_catalog
from leptonctl.project.digests import digest_of, stat_of
from leptonctl.project.secrets import read_secret
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import ProviderError, SourceOptions
from leptonctl.spi.running import Bench, Made, Needs

TARGET_DTYPES = {"number": pl.Float64, "integer": pl.Int64, "string": pl.String}
ROWS_IN_A_GROUP = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What each column of the file is. `target_type` is never boolean: a boolean target is the texts true and false."""

    target: str
    target_type: ColumnType
    features: tuple[str, ...]
    types: Mapping[str, ColumnType]
    declared: Mapping[str, Mapping[str, Any]]
    hashed: frozenset[str]


def run(inputs: dict[str, Json], _needs: Needs, bench: Bench) -> Made:
    """`inputs` as docs/formats.md gives them."""
    order = cast("dict[str, Any]", inputs)
    tables = [_read(order["source"], bench)]
    if order.get("test_source"):
        tables.append(_read(order["test_source"], bench))
    bench.progress(message="checking the contract")
    shape = _shape(order, tables)
    key = _key(order, bench)
    parts, contract, warnings = _checked(shape, tables, key)
    bench.progress(message="splitting the rows")
    if len(tables) == 1:
        train, test, stratified = split_rows(order["split"], tables[0], parts[0][shape.target])
        sides = {"train": parts[0][train], "test": parts[0][test]}
    else:
        sides, stratified = {"train": parts[0], "test": parts[1]}, False
    warnings += _unseen_classes(sides, contract)
    bench.progress(message="writing the rows")
    ids = {side: row_ids(rows.select(contract.names), rows[shape.target]) for side, rows in sides.items()}
    return Made(
        artifacts={f"{side}.parquet": bench.artifacts.put_artifact(_parquet(rows, ids[side])) for side, rows in sides.items()},
        outputs={
            "rows": {side: rows.height for side, rows in sides.items()},
            "rows_digest": {side: rows_digest(ids[side]) for side in sides},
            "contract": contract.to_json(),
            "checks": warnings,
            "stratified": stratified,
        },
    )


@cache
def _catalog() -> Catalog:
    return load_catalog()


def _read(source: Mapping[str, Any], bench: Bench) -> Table:
    """The file's rows, and proof that they are those that were asked for: nothing moved while they were read."""
    name, wanted = source["path"], source.get("digest")
    path = bench.project / name
    bench.progress(message=f"reading {name}")
    options = SourceOptions(**{k: v for k, v in (source.get("options") or {}).items() if v is not None})
    before = stat_of(path)
    moved = wanted is not None and digest_of(path) != wanted
    provider = _catalog().sources[source["format"]]
    try:
        frame = provider.read(path, options) if not moved else pl.DataFrame()
    except ProviderError as problem:
        problem.file = name
        raise
    if moved or stat_of(path) != before:
        raise ProviderError(
            "The data changed",
            detail=f"{name} no longer holds the bytes that were planned with or pinned.",
            hint="plan again; for pinned data restore the file or add a version with `leptonctl pin`",
            id="source-changed",
            file=name,
        )
    return Table(name=name, path=path, source=provider, options=options, frame=frame)


def _shape(order: Mapping[str, Any], tables: Sequence[Table]) -> _Shape:
    privacy, split, declared = order.get("privacy") or {}, order["split"], order.get("columns") or {}
    drop, private, target = privacy.get("drop") or [], privacy.get("hash") or [], order["target"]
    by = [split[field] for field in ("by", "column") if split.get(field)]
    table = tables[0]
    _known([target, *declared, *drop, *private, *by], table)
    if target in (*drop, *private, *by):
        raise _refused(target, "The target cannot be dropped, hashed or split by", f'"{target}" is the target.', "private-target")
    if ROW_ID in table.frame.columns:
        raise _refused(ROW_ID, "A column has a reserved name", f'{table.name} has a column "{ROW_ID}".', "reserved-column")
    features = tuple(name for name in table.frame.columns if name not in (target, *drop, *by))
    if not features:
        raise ProviderError(
            "No column is left to learn from",
            detail=f"{table.name} has no column besides those that are the target, dropped or used for the split.",
            hint="add columns to the data, or drop fewer",
            id="no-features",
            column=target,
        )
    types = {name: (declared.get(name) or {}).get("type") or _inferred(table, name, private) for name in (*features, target, *declared)}
    shape = _Shape(
        target=target,
        target_type="string" if types[target] == "boolean" else types[target],
        features=features,
        types=types,
        declared={name: column or {} for name, column in declared.items()},
        hashed=frozenset(private) - frozenset(drop),
    )
    for other in tables[1:]:
        _present((*features, target), other)
    return shape


def _inferred(table: Table, name: str, private: Sequence[str]) -> ColumnType:
    return "string" if name in private else infer(table, name)


def _known(names: Sequence[str], table: Table) -> None:
    unknown = missing_columns(names, table.frame.columns)
    if unknown:
        raise ProviderError(
            "A column is not in the data",
            detail=f"{table.name} has no column " + ", ".join(f'"{name}"' for name in unknown) + ".",
            hint=did_you_mean(unknown[0], table.frame.columns),
            id="unknown-column",
            column=unknown[0],
        )


def _present(names: Sequence[str], table: Table) -> None:
    absent = missing_columns(names, table.frame.columns)
    if absent:
        raise ProviderError(
            "The test data lacks a column",
            detail=f"{table.name} has no column " + ", ".join(f'"{name}"' for name in absent) + ".",
            hint=did_you_mean(absent[0], table.frame.columns),
            id="missing-column",
            file=table.name,
            line=1,
            column=absent[0],
        )


def _refused(column: str, summary: str, detail: str, id: str) -> ProviderError:  # noqa: A002
    return ProviderError(summary, detail=detail, hint="choose other columns, or rename the column in the data", id=id, column=column)


def _key(order: Mapping[str, Any], bench: Bench) -> bytes | None:
    """The hashing key, once its mark equals the one that this key id left in the store."""
    privacy = order.get("privacy") or {}
    if not privacy.get("hash"):
        return None
    key, key_id = read_secret(privacy.get("key") or {}, bench.project), str(privacy.get("key_id") or "")
    if not bench.check_key(key_id, key_mark(key, key_id)):
        raise ProviderError(
            "The key of private columns is another one than before",
            detail=f'Earlier data was hashed under key id "{key_id}" with a different key.',
            hint="supply the original key, or give the new key a `key_id` of its own",
            id="wrong-key",
        )
    return key


def _checked(shape: _Shape, tables: Sequence[Table], key: bytes | None) -> tuple[list[pl.DataFrame], Contract, list[Json]]:
    """The prepared columns of every table, or one error with all that is wrong."""
    faults: list[Fault] = []
    read = [{name: _column(shape, table, name, faults) for name in shape.types if name in table.frame.columns} for table in tables]
    if faults:
        raise contract_error(faults)
    columns = tuple(_contract_column(shape, name, [cells[name] for cells in read]) for name in shape.features)
    targets = [_target(cells[shape.target], shape) for cells in read]
    classes = None if shape.target_type == "number" else tuple(sorted(set(pl.concat(targets).to_list())))
    parts = []
    for table, cells, target in zip(tables, read, targets, strict=True):
        features = [_prepared(table, name, cells[name], key if name in shape.hashed else None) for name in shape.features]
        parts.append(pl.DataFrame([*features, target]))
    contract = Contract(target=shape.target, target_type=shape.target_type, classes=classes, columns=columns)
    return parts, contract, _warnings(shape, read[0])


def _column(shape: _Shape, table: Table, name: str, faults: list[Fault]) -> pl.Series:
    """One column typed, filled and checked at 64 bits."""
    declared, kind = shape.declared.get(name, {}), shape.types[name]
    if name in shape.hashed and declared.get("missing") is not None:
        raise _refused(name, "A private column cannot be filled", f'"{name}" is hashed and has a `missing` value.', "private-fill")
    as_feature = name != shape.target
    values, found = typed(table, name, kind, single=as_feature)
    column = declared_column(name, kind, declared)
    values = filled(values, column.fill, kind, name)
    required = not as_feature or declared.get("nullable") is False
    # a cell of the wrong type was read as null: it is not missing as well
    faults += found or check(table, column, values, declared, required=required)
    return values


def _contract_column(shape: _Shape, name: str, cells: Sequence[pl.Series]) -> Column:
    declared = shape.declared.get(name, {})
    column = declared_column(name, shape.types[name], declared)
    wanted = declared.get("nullable")
    nullable = column.fill is None and (any(c.null_count() for c in cells) if wanted is None else bool(wanted))
    if name in shape.hashed:
        # ranges and allowed values would tell what the hash hides
        return Column(name=name, type="string", nullable=nullable, hash=True, declared=column.declared)
    return replace(column, nullable=nullable)


def _target(values: pl.Series, shape: _Shape) -> pl.Series:
    return values.cast(TARGET_DTYPES[shape.target_type]).rename(shape.target)


def _prepared(table: Table, name: str, values: pl.Series, key: bytes | None) -> pl.Series:
    if key is not None:
        texts = as_text(table, name)
        return hashed(texts.set(values.is_null(), None), key, name).rename(name)
    if values.dtype.is_numeric():
        return values.cast(pl.Float64).cast(pl.Float32).rename(name)
    return values.rename(name)


def _warnings(shape: _Shape, cells: Mapping[str, pl.Series]) -> list[Json]:
    """What is allowed and yet worth a look: columns that say nothing, integers that float32 rounds."""
    found: list[Json] = []
    for name in shape.features:
        values = cells[name]
        if values.null_count() == len(values):
            found.append(_warning(name, "all_missing", len(values)))
        elif values.n_unique() == 1:
            found.append(_warning(name, "constant", len(values)))
        elif values.dtype == pl.Int64 and name not in shape.hashed:
            rounded = int((values.cast(pl.Float64).cast(pl.Float32).cast(pl.Float64) != values.cast(pl.Float64)).sum())
            if rounded:
                found.append(_warning(name, "rounded", rounded))
    return found


def _unseen_classes(sides: Mapping[str, pl.DataFrame], contract: Contract) -> list[Json]:
    """Test rows of a class that no training row has."""
    if contract.classes is None:
        return []
    test = sides["test"][contract.target]
    unseen = int(np.count_nonzero(~test.is_in(sides["train"][contract.target].unique().implode()).to_numpy()))
    return [_warning(contract.target, "unseen_class", unseen)] if unseen and contract.target_type == "string" else []


def _warning(column: str, word: str, count: int) -> Json:
    return {"column": column, "check": word, "count": count, "lines": [], "severity": "warning"}


def _parquet(rows: pl.DataFrame, ids: Sequence[bytes]) -> bytes:
    """Equal rows give equal bytes: fixed compression and grouping, no statistics."""
    out = io.BytesIO()
    rows.with_columns(pl.Series(ROW_ID, ids, dtype=pl.Binary)).write_parquet(
        out, compression="zstd", compression_level=3, statistics=False, row_group_size=ROWS_IN_A_GROUP
    )
    return out.getvalue()
