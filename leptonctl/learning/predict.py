"""Predicts the rows of a data file with an exported model, and writes the predictions. The answers equal the server's."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, TextIO

from leptonctl.core.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np

    from leptonctl.core.manifest import Manifest
    from leptonctl.core.values import Json
    from leptonctl.learning.tables.prepared import Columns
    from leptonctl.spi.learning import Label, Source, SourceOptions


ROWS_AT_ONCE = 20_000


class Predictions(Frozen):
    """One answer per row, in file order. A classification has labels, and probabilities in the order of `classes`; a regression values."""

    rows: int
    classes: tuple[Label, ...] = ()
    labels: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    values: np.ndarray | None = None


def predict_file(
    onnx: bytes,
    manifest: Manifest,
    path: Path,
    source: Source,
    options: SourceOptions,
    *,
    key: bytes | None = None,
    name: str | None = None,
) -> Predictions:
    """The model's answers to the rows of a file. Its columns are raw as in requests, in any order; other columns are ignored.

    `key` hashes the private columns; `name` is the file's name in messages. Raises ProviderError with file lines.
    """
    from leptonctl.learning.tables.raw import read_input

    return _predict(onnx, manifest, read_input(path, source, options, manifest.columns, key=key, name=name))


def predict_batches(
    onnx: bytes,
    manifest: Manifest,
    path: Path,
    source: Source,
    options: SourceOptions,
    *,
    rows: int = ROWS_AT_ONCE,
    key: bytes | None = None,
    name: str | None = None,
) -> Iterator[Predictions]:
    """As `predict_file`, in parts of at most `rows` rows, for files of any size."""
    from leptonctl.learning.tables.raw import read_batches

    for columns in read_batches(path, source, options, manifest.columns, rows=rows, key=key, name=name):
        yield _predict(onnx, manifest, columns)


def _predict(onnx: bytes, manifest: Manifest, columns: Columns) -> Predictions:
    import numpy as np

    from leptonctl.learning.scoring import predict_onnx
    from leptonctl.learning.tables.prepared import count_rows

    answer = predict_onnx(onnx, manifest, columns)
    # the graph computes in float32, and so answers the server
    return Predictions(
        rows=count_rows(columns),
        classes=answer.classes,
        labels=answer.labels,
        probabilities=None if answer.probabilities is None else answer.probabilities.astype(np.float32),
        values=None if answer.values is None else answer.values.astype(np.float32),
    )


def write_csv(predictions: Predictions, out: TextIO, *, head: bool = True) -> None:
    """Columns: `label` and one `probability_CLASS` per class, or `prediction`. A number that is not finite is an empty cell."""
    writer = csv.writer(out, lineterminator="\n")
    if head:
        writer.writerow(_names(predictions))
    for label, numbers in _rows(predictions):
        cells = ["" if n is None else repr(n) for n in numbers]
        writer.writerow(cells if label is None else [label, *cells])


def write_jsonl(predictions: Predictions, out: TextIO) -> None:
    """Lines: `{"label": …, "probabilities": {class: number}}` or `{"prediction": number}`. A number that is not finite is null."""
    out.writelines(json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n" for answer in records(predictions))


def records(predictions: Predictions) -> Iterator[dict[str, Json]]:
    """A record for each row: `{label, probabilities: {class: number}}`, or `{prediction}`."""
    for label, numbers in _rows(predictions):
        if label is None:
            yield {"prediction": numbers[0]}
        else:
            yield {"label": label, "probabilities": dict(zip(map(str, predictions.classes), numbers, strict=True))}


def write_parquet(parts: Iterable[Predictions], out: Path) -> int:
    """The columns of the CSV with types: a label as text or integer, numbers as float32. Returns how many rows there are."""
    import polars as pl

    frames = []
    for part in parts:
        if part.values is not None:
            frames.append(pl.DataFrame({"prediction": part.values}))
        elif part.labels is not None and part.probabilities is not None:
            numbers = [part.probabilities[:, place] for place in range(len(part.classes))]
            frames.append(pl.DataFrame(dict(zip(_names(part), [part.labels.tolist(), *numbers], strict=True))))
    frame = pl.concat(frames)
    frame.write_parquet(out)
    return frame.height


def _names(predictions: Predictions) -> list[str]:
    return ["prediction"] if predictions.values is not None else ["label", *(f"probability_{c}" for c in predictions.classes)]


def _rows(predictions: Predictions) -> Iterator[tuple[str | int | None, list[float | None]]]:
    """Label and numbers of each row."""
    if predictions.values is not None:
        for value in predictions.values:
            yield None, [_number(value)]
    elif predictions.labels is not None and predictions.probabilities is not None:
        for label, numbers in zip(predictions.labels.tolist(), predictions.probabilities, strict=True):
            yield label, [_number(n) for n in numbers]


def _number(value: np.float32) -> float | None:
    """The number with the digits of an answer over HTTP, which read back as this float32; None when it is not finite."""
    return float(value) if value - value == 0 else None
