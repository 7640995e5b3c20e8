"""Identities of prepared rows, so that rows of two versions can be matched. Reads nothing."""

import hashlib

import numpy as np
import polars as pl

from leptonctl.core.canonical import encode
from leptonctl.core.contract import Contract
from leptonctl.core.values import Json

ROW_ID = "__row__"
ROW_MARK = "__id__"
"""The column of a snapshot with the hash of each row's declared id, where the dataset has one."""
ID_BYTES = 16
ROWS_AT_ONCE = 100_000


def row_ids(features: pl.DataFrame, target: pl.Series) -> list[bytes]:
    """16 bytes per row: BLAKE2b over its cells in the order of column names, the target last.

    Equal content gives equal bytes: 0.0 equals -0.0, a missing cell has its own pattern, and strings are prefixed with their length.
    """
    ids: list[bytes] = []
    for start in range(0, len(target), ROWS_AT_ONCE):
        ids += _ids(features.slice(start, ROWS_AT_ONCE), target.slice(start, ROWS_AT_ONCE))
    return ids


def _ids(features: pl.DataFrame, target: pl.Series) -> list[bytes]:
    names = sorted(features.columns)
    numeric = [_bits(features[n]) for n in names if features[n].dtype != pl.String]
    strings = [features[n] for n in names if features[n].dtype == pl.String]
    if target.dtype == pl.String:
        strings.append(target)
    else:
        numeric.append(_bits(target))
    fixed = np.concatenate(numeric, axis=1) if numeric else np.empty((len(target), 0), dtype=np.uint8)
    width, raw = fixed.shape[1], np.ascontiguousarray(fixed).tobytes()
    if not strings:
        return [hashlib.blake2b(raw[i * width : (i + 1) * width], digest_size=ID_BYTES).digest() for i in range(len(target))]
    prefixed = length_prefixed(strings, len(target))
    return [
        hashlib.blake2b(raw[i * width : (i + 1) * width] + text.encode("utf-8"), digest_size=ID_BYTES).digest()
        for i, text in enumerate(prefixed)
    ]


def rows_digest(frame: pl.DataFrame, contract: Contract) -> str:
    """`sha256:<hex>` over the names and types of the columns, and all cells in the order of the rows: the target, then the features.

    To a model, equal cells under other names differ. Equal cells give equal bytes, as in `row_ids`.
    """
    columns: list[Json] = [[column.name, column.type] for column in contract.columns]
    names = encode([contract.target, contract.target_type, columns, frame.height])
    hasher = hashlib.sha256(len(names).to_bytes(8, "big") + names)
    for name in (contract.target, *contract.names):
        for cells in frame[name].rechunk().to_frame().iter_slices(ROWS_AT_ONCE):
            hasher.update(_content(cells[name]))
    return "sha256:" + hasher.hexdigest()


def _content(cells: pl.Series) -> bytes:
    if cells.dtype != pl.String:
        return _bits(cells).tobytes()
    lengths = cells.str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
    texts: str = cells.drop_nulls().str.join("").item()
    return lengths.astype("<i8").tobytes() + texts.encode()


def _bits(cells: pl.Series) -> np.ndarray:
    if cells.dtype == pl.Boolean:
        return cells.cast(pl.UInt8).fill_null(2).to_numpy().reshape(-1, 1)
    values = cells.to_numpy() if cells.null_count() == 0 else cells.fill_null(float("nan")).to_numpy()
    if cells.dtype.is_float():
        values = values + values.dtype.type(0)  # -0.0 becomes 0.0
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).view(np.uint8).reshape(len(cells), -1)


def length_prefixed(strings: list[pl.Series], size: int) -> list[str]:
    """For each row its strings as `LENGTH:TEXT`, `-` for missing."""
    if not strings:
        return [""] * size
    parts = []
    for position, cells in enumerate(strings):
        column = pl.lit(cells.alias(f"s{position}"))
        parts.append(pl.concat_str([column.str.len_bytes().cast(pl.String), pl.lit(":"), column]).fill_null("-"))
    return pl.select(pl.concat_str(parts)).to_series().to_list()
