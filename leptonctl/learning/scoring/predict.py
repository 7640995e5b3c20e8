"""Predicts the rows of a data file with an exported model, and writes the predictions. The answers equal the server's."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, TextIO

from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.manifest import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np

    from leptonctl.core.contract import Column
    from leptonctl.core.manifest import Manifest
    from leptonctl.core.values import Json
    from leptonctl.learning.tables.prepared import Columns
    from leptonctl.spi.learning import Label, Source, SourceOptions


ROWS_AT_ONCE = 20_000


class Predictions(Frozen):
    """One answer per row, in file order. A classification has labels, and probabilities in the order of `classes`; a regression values;
    clusters and anomalies have labels, with distances or scores as values.

    `id_name`, `ids`: the id column of the file, where the dataset declares one and the file has it. `outside`: column -> how many
    cells are outside the declared range.
    """

    rows: int
    task: str = "regression"
    id_name: str = ""
    ids: tuple[str | None, ...] | None = None
    outside: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[Label, ...] = ()
    labels: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    values: np.ndarray | None = None


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
    checks: Mapping[str, Column] | None = None,
) -> Iterator[Predictions]:
    """The model's answers to the rows of a file, in parts of at most `rows` rows. Its columns are raw as in requests, in any order.

    Other columns are ignored. `key` hashes the private columns; `name` is the file's name in messages; `checks`: ranges, outside of
    which cells are counted. Raises ProviderError with file lines.
    """
    from leptonctl.learning.tables.raw import read_batches

    batches = read_batches(
        path, source, options, manifest.columns, dates=manifest.dates, rows=rows, key=key, name=name, id_column=manifest.id, checks=checks
    )  # fmt: skip
    for batch in batches:
        answers = _predict(onnx, manifest, batch.columns)
        yield replace(answers, id_name=manifest.id or "", ids=batch.ids, outside=batch.outside)


def _predict(onnx: bytes, manifest: Manifest, columns: Columns) -> Predictions:
    import numpy as np

    from leptonctl.learning.scoring.answers import predict_onnx
    from leptonctl.learning.tables.prepared import count_rows

    answer = predict_onnx(onnx, manifest, columns)
    # the graph computes in float32, and the server answers in it
    return Predictions(
        rows=count_rows(columns),
        task=manifest.task,
        classes=answer.classes,
        labels=answer.labels,
        probabilities=None if answer.probabilities is None else answer.probabilities.astype(np.float32),
        values=None if answer.values is None else answer.values.astype(np.float32),
    )


def write_csv(predictions: Predictions, out: TextIO, *, head: bool = True) -> None:
    """Columns: the id if there is one, then `label` and one `probability_CLASS` per class, or `prediction`. A number that is not finite
    is an empty cell.
    """
    writer = csv.writer(out, lineterminator="\n")
    if head:
        writer.writerow(_names(predictions))
    for place, (label, numbers) in enumerate(_rows(predictions)):
        cells = ["" if n is None else repr(n) for n in numbers]
        ids = [predictions.ids[place]] if predictions.ids is not None else []
        writer.writerow([*ids, *([] if label is None else [label]), *cells])


def write_jsonl(predictions: Predictions, out: TextIO) -> None:
    """Lines: `{"label": …, "probabilities": {class: number}}` or `{"prediction": number}`, with `id` first if there is one. A number
    that is not finite is null.
    """
    out.writelines(json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n" for answer in records(predictions))


def records(predictions: Predictions) -> Iterator[dict[str, Json]]:
    """A record for each row: `{label, probabilities: {class: number}}`, or `{prediction}`; with `id` first if there is one."""
    for place, (label, numbers) in enumerate(_rows(predictions)):
        record: dict[str, Json] = {"id": predictions.ids[place]} if predictions.ids is not None else {}
        if label is None:
            yield {**record, "prediction": numbers[0]}
        elif predictions.values is not None:
            yield {**record, "label": label, _number_name(predictions): numbers[0]}
        else:
            yield {**record, "label": label, "probabilities": dict(zip(map(str, predictions.classes), numbers, strict=True))}


def write_parquet(parts: Iterable[Predictions], out: Path) -> int:
    """The columns of the CSV with types: a label as text or integer, numbers as float32. Returns how many rows there are."""
    import polars as pl

    frames = []
    for part in parts:
        ids = [pl.Series(_id_name(part), part.ids, dtype=pl.String)] if part.ids is not None else []
        if part.values is not None and part.labels is not None:
            frames.append(pl.DataFrame([*ids, pl.Series("label", part.labels.tolist()), pl.Series(_number_name(part), part.values)]))
        elif part.values is not None:
            frames.append(pl.DataFrame([*ids, pl.Series("prediction", part.values)]))
        elif part.labels is not None and part.probabilities is not None:
            numbers = [part.probabilities[:, place] for place in range(len(part.classes))]
            names = _answers(part)
            frames.append(pl.DataFrame([*ids, *map(pl.Series, names, [part.labels.tolist(), *numbers])]))
    frame = pl.concat(frames)
    frame.write_parquet(out)
    return frame.height


def _names(predictions: Predictions) -> list[str]:
    return [*([_id_name(predictions)] if predictions.ids is not None else []), *_answers(predictions)]


def _id_name(predictions: Predictions) -> str:
    """The id's own name, unless an answer has it."""
    return predictions.id_name if predictions.id_name not in _answers(predictions) else "id"


def _answers(predictions: Predictions) -> list[str]:
    if predictions.values is not None and predictions.labels is not None:
        return ["label", _number_name(predictions)]
    return ["prediction"] if predictions.values is not None else ["label", *(f"probability_{c}" for c in predictions.classes)]


def _number_name(predictions: Predictions) -> str:
    """The name of the number beside a label without probabilities."""
    return OUTPUTS[predictions.task][1]


def _rows(predictions: Predictions) -> Iterator[tuple[str | int | None, list[float | None]]]:
    """Label and numbers of each row."""
    if predictions.values is not None and predictions.labels is not None:
        for label, value in zip(predictions.labels.tolist(), predictions.values, strict=True):
            yield label, [_number(value)]
    elif predictions.values is not None:
        for value in predictions.values:
            yield None, [_number(value)]
    elif predictions.labels is not None and predictions.probabilities is not None:
        for label, numbers in zip(predictions.labels.tolist(), predictions.probabilities, strict=True):
            yield label, [_number(n) for n in numbers]


def _number(value: np.float32) -> float | None:
    """The number with the digits of an answer over HTTP, which read back as this float32; None when it is not finite."""
    return float(value) if value - value == 0 else None
