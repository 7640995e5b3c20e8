"""Prepared rows as arrays, and their identities. Reads what `prepare` wrote, and raw files in the shape of a contract for predictions."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from leptonctl.core.contract import Contract, hash_text, missing_columns
from leptonctl.core.diagnostic import did_you_mean
from leptonctl.learning.tables.cells import Fault, Table, as_text, check, contract_error, filled, typed
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

ROW_ID = "__row__"
ID_BYTES = 16
NO_IDS = np.empty(0, dtype=f"V{ID_BYTES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Features by name: number and integer float32 with NaN for missing, boolean float32 0/1/NaN, string object with "" for missing.

    target: float64, int64 or object of str. ids: 16-byte void scalars; `ids.tolist()` gives bytes. Both are empty for raw input.
    """

    columns: Mapping[str, np.ndarray]
    target: np.ndarray
    ids: np.ndarray
    size: int

    def take(self, keep: np.ndarray) -> "Rows":
        """The rows of a mask or of row numbers."""
        return Rows(
            columns={name: cells[keep] for name, cells in self.columns.items()},
            target=self.target[keep] if len(self.target) else self.target,
            ids=self.ids[keep] if len(self.ids) else self.ids,
            size=len(np.arange(self.size)[keep]),
        )

    def not_among(self, *others: "Rows") -> np.ndarray:
        """Mask of the rows whose content stands in none of `others`."""
        seen = {row for rows in others for row in rows.ids.tolist()}
        return np.fromiter((row not in seen for row in self.ids.tolist()), dtype=bool, count=self.size)


def read_rows(data: bytes, contract: Mapping[str, Any]) -> Rows:
    """The rows of a `train.parquet` or `test.parquet`. `contract` is `outputs.contract` of its prepare step."""
    shape = Contract.from_json(contract)
    frame = pl.read_parquet(io.BytesIO(data))
    target = frame[shape.target]
    return Rows(
        columns={name: _array(frame[name]) for name in shape.names},
        target=target.to_numpy() if target.dtype != pl.String else _texts(target),
        ids=np.frombuffer(b"".join(frame[ROW_ID].to_list()), dtype=NO_IDS.dtype),
        size=frame.height,
    )


def read_input(
    path: Path, source: Source, options: SourceOptions, contract: Mapping[str, Any], *, key: bytes | None = None, name: str | None = None
) -> Rows:
    """The rows of a raw file, without target, as requests would carry them: fills applied, private columns hashed with `key`.

    Types and missing cells are checked, with file lines; ranges are not. `name` is how messages call the file.
    """
    shape = Contract.from_json(contract)
    table = Table(name=name or path.name, path=path, source=source, options=options, frame=source.read(path, options))
    absent = missing_columns(shape.names, table.frame.columns)
    if absent:
        raise ProviderError(
            "The input lacks columns of the model",
            detail=f"{table.name} has no column " + ", ".join(f'"{c}"' for c in absent) + ".",
            hint=did_you_mean(absent[0], table.frame.columns),
            id="missing-column",
            file=table.name,
            column=absent[0],
        )
    columns: dict[str, np.ndarray] = {}
    faults: list[Fault] = []
    for column in shape.columns:
        if column.hash:
            cells, found = hashed(as_text(table, column.name), key, column.name), list[Fault]()
        else:
            cells, found = typed(table, column.name, column.type)
            cells = filled(cells, column.fill, column.type, column.name)
        # a cell of the wrong type was read as null: it is not missing as well
        if not found and not column.nullable:
            bare = type(column)(name=column.name, type=column.type)
            found = check(table, bare, cells, {}, required=True)
        faults += found
        columns[column.name] = _array(cells)
    if faults:
        raise contract_error(faults)
    return Rows(columns=columns, target=np.empty(0), ids=NO_IDS, size=table.frame.height)


def hashed(texts: pl.Series, key: bytes | None, name: str) -> pl.Series:
    """HMAC of every text, missing stays missing."""
    if key is None:
        raise ProviderError(
            "A secret is missing",
            detail=f'Column "{name}" is private and no key was given to hash it.',
            hint="make the dataset's `privacy.key` available",
            id="missing-secret",
            column=name,
        )
    marks = {text: hash_text(key, text) for text in texts.drop_nulls().unique().to_list()}
    return pl.Series(texts.name, [None if text is None else marks[text] for text in texts], dtype=pl.String)


def row_ids(features: pl.DataFrame, target: pl.Series) -> list[bytes]:
    """16 bytes for the content of each row: BLAKE2b over its cells in the order of column names, the target last.

    Equal content has equal bytes: 0.0 and -0.0 are one, missing has a pattern of its own, texts carry their length.
    """
    names = sorted(features.columns)
    numeric = [_bits(features[n]) for n in names if features[n].dtype != pl.String]
    strings = [features[n] for n in names if features[n].dtype == pl.String]
    if target.dtype == pl.String:
        strings.append(target)
    else:
        numeric.append(_bits(target))
    fixed = np.concatenate(numeric, axis=1) if numeric else np.empty((len(target), 0), dtype=np.uint8)
    width, raw = fixed.shape[1], np.ascontiguousarray(fixed).tobytes()
    texts = _framed(strings, len(target))
    return [
        hashlib.blake2b(raw[i * width : (i + 1) * width] + text.encode("utf-8"), digest_size=ID_BYTES).digest()
        for i, text in enumerate(texts)
    ]


def rows_digest(ids: list[bytes]) -> str:
    """`sha256:<hex>` of the row identities in order."""
    return "sha256:" + hashlib.sha256(b"".join(ids)).hexdigest()


def _bits(cells: pl.Series) -> np.ndarray:
    if cells.dtype == pl.Boolean:
        return cells.cast(pl.UInt8).fill_null(2).to_numpy().reshape(-1, 1)
    values = cells.to_numpy() if cells.null_count() == 0 else cells.fill_null(float("nan")).to_numpy()
    if cells.dtype.is_float():
        values = values + values.dtype.type(0)  # -0.0 becomes 0.0
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).view(np.uint8).reshape(len(cells), -1)


def _framed(strings: list[pl.Series], size: int) -> list[str]:
    """Per row the texts as `LENGTH:TEXT`, `-` for missing."""
    if not strings:
        return [""] * size
    parts = []
    for position, cells in enumerate(strings):
        column = pl.lit(cells.alias(f"s{position}"))
        parts.append(pl.concat_str([column.str.len_bytes().cast(pl.String), pl.lit(":"), column]).fill_null("-"))
    return pl.select(pl.concat_str(parts)).to_series().to_list()


def _array(cells: pl.Series) -> np.ndarray:
    if cells.dtype == pl.String:
        return _texts(cells)
    # float64 first: decimal text is read to the nearest float64, and that is rounded to float32
    wide = cells if cells.dtype == pl.Float32 else cells.cast(pl.Float64).cast(pl.Float32)
    return wide.fill_null(float("nan")).to_numpy(writable=True)


def _texts(cells: pl.Series) -> np.ndarray:
    return np.array(cells.fill_null("").to_list(), dtype=object)
