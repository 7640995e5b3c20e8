"""Reads prepared rows, the output of `prepare`, into arrays. Owns the in-memory form of columns and targets.

number and integer: float32 [N], NaN for missing. boolean: int8 [N], 1 and 0, -1 for missing. string: object [N] of str, "" for missing.
The dtype alone determines a column's type, so rows can be selected (folds, samples) without keeping the types separately.
"""

import io
from collections.abc import Sequence

import numpy as np
import polars as pl

from leptonctl.core.contract import ColumnType, Contract
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.result import Result
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts

Columns = dict[str, np.ndarray]


class Rows(Frozen):
    """Feature columns in file order, the target as trainers expect it, and the texts of the dates. `target`: its name, "" without one."""

    columns: Columns
    y: np.ndarray
    target: str = "y"
    texts: Columns = field(default_factory=dict)


def decode_cells(data: bytes) -> pl.DataFrame:
    """The cells in the bytes of `train.parquet` or `test.parquet`. Raises a PolarsError for damaged bytes."""
    return pl.read_parquet(io.BytesIO(data))


def read_side_cells(prepare: Result, side: str, artifacts: Artifacts) -> pl.DataFrame:
    """The prepared cells of one side, `train` or `test`, with the marks of its rows. Raises KeyError without them."""
    return decode_cells(artifacts.get_artifact(prepare.artifacts[f"{side}.parquet"]))


def read_rows(data: bytes, contract: Contract, task: str) -> Rows:
    """The rows in the bytes of `train.parquet` or `test.parquet`, under the contract in the outputs of `prepare`."""
    frame = decode_cells(data)
    columns = {column.name: array_of(frame[column.name], column.type) for column in contract.columns}
    texts = {date.name: array_of(frame[date.name], "string") for date in contract.dates}
    return Rows(columns=columns, y=_target(frame[contract.target], task), target=contract.target, texts=texts)


def read_cells(prepare: Result, artifacts: Artifacts) -> pl.DataFrame:
    """The prepared cells of both sides, training rows first. Raises KeyError without them."""
    return pl.concat([read_side_cells(prepare, side, artifacts) for side in ("train", "test")], how="vertical_relaxed")


def copy_rows(rows: Rows) -> Rows:
    """The same rows in arrays that may be changed."""
    columns, texts = ({name: values.copy() for name, values in cells.items()} for cells in (rows.columns, rows.texts))
    return replace(rows, columns=columns, y=rows.y.copy(), texts=texts)


def pick_columns(columns: Columns, features: Sequence[str] | None) -> Columns:
    """The columns that a model uses, in file order. Raises ProviderError for a name that is not among them."""
    if features is None:
        return dict(columns)
    absent = [name for name in features if name not in columns]
    if absent:
        raise ProviderError(
            "The model uses a column that the data does not have",
            detail=f"The prepared rows have no column {', '.join(absent)}.",
            hint="name columns of the dataset under `features:`",
            id="unknown-column",
            column=absent[0],
        )
    return {name: values for name, values in columns.items() if name in set(features)}


def array_of(cells: pl.Series, kind: ColumnType) -> np.ndarray:
    """The cells of a typed column (null for missing) as an array."""
    if kind == "boolean":
        return cells.cast(pl.Int8).fill_null(-1).to_numpy()
    if kind == "string":
        return np.array(cells.fill_null("").to_list(), dtype=object)
    # float64 first: a decimal is parsed to the nearest float64, which is then rounded to float32
    single = cells if cells.dtype == pl.Float32 else cells.cast(pl.Float64).cast(pl.Float32)
    return single.fill_null(float("nan")).to_numpy()


def take_rows(columns: Columns, rows: np.ndarray | slice) -> Columns:
    """The same columns with only these rows."""
    return {name: values[rows] for name, values in columns.items()}


def count_rows(columns: Columns) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def kind_of(values: np.ndarray) -> str:
    """`number`, `boolean` or `string`, according to the dtype."""
    if values.dtype == object:
        return "string"
    return "boolean" if values.dtype == np.int8 else "number"


def as_number(values: np.ndarray) -> np.ndarray:
    """A number or boolean column as float32, NaN for missing."""
    if values.dtype == np.int8:
        return np.where(values < 0, np.float32(np.nan), values.astype(np.float32))
    return values.astype(np.float32, copy=False)


def as_text(values: np.ndarray) -> np.ndarray:
    """A string or boolean column as objects of str, "" for missing."""
    if values.dtype == object:
        return values
    return np.array(["false", "true", ""], dtype=object)[values.astype(np.intp)]


def check_target(series: pl.Series, task: str) -> None:
    """Raises ProviderError (target-not-numeric, target-not-classes) for a target whose type is not one that the task learns."""
    if task == "regression" and not series.dtype.is_numeric():
        raise ProviderError(
            "A regression needs a numeric target",
            detail=f"The target has {str(series.dtype).lower()} values.",
            hint="use `task: classification`, or choose another target",
            id="target-not-numeric",
            column=series.name,
        )
    if task != "regression" and task not in UNSUPERVISED and series.dtype.is_float():
        raise ProviderError(
            "A classification needs a target with classes",
            detail="The target has numbers with fractions.",
            hint="use `task: regression`, or declare the target as a string or integer column",
            id="target-not-classes",
            column=series.name,
        )


def _target(series: pl.Series, task: str) -> np.ndarray:
    check_target(series, task)
    if task in UNSUPERVISED and series.dtype.is_float():
        return np.array(series.to_list(), dtype=np.float64)
    if task == "regression":
        return series.cast(pl.Float64).to_numpy()
    if series.dtype.is_integer():
        return np.array(series.to_list(), dtype=np.int64)
    if series.dtype != pl.String or series.null_count():
        return np.array(series.to_list(), dtype=np.str_)
    names = series.unique().sort()
    target: np.ndarray = np.array(names.to_list(), dtype=np.str_)[series.cast(pl.Enum(names)).to_physical().to_numpy()]
    return target
