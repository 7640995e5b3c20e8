"""`golden.json`: some rows as an inference request with the exported graph's answers, for a server to replay."""

from collections.abc import Sequence

import numpy as np

from leptonctl.core.codec import Record
from leptonctl.core.dates import DateColumn
from leptonctl.core.values import Json
from leptonctl.learning.tables.prepared import Columns, as_number, count_rows, kind_of, take_rows
from leptonctl.spi.learning import Prediction

GOLDEN_ROWS = 16
NO_TEXTS: Columns = {}


class Tensor(Record):
    """A tensor of the Open Inference Protocol with flat data. A number that is not finite is null."""

    name: str
    shape: Sequence[int]
    datatype: str
    data: Sequence[Json]


class Request(Record):
    """The inputs, one for each column."""

    inputs: Sequence[Tensor]


class Response(Record):
    """The outputs."""

    outputs: Sequence[Tensor]


class Golden(Record):
    """The request and its answer. Private columns contain hashes."""

    request: Request
    response: Response


def golden(
    features: Sequence[str], columns: Columns, answers: Prediction, dates: Sequence[DateColumn] = (), texts: Columns = NO_TEXTS
) -> Golden:
    """Some of these rows with the graph's answers, as a request for the `features`.

    `texts`: the cells of the `dates`, which a request has instead of their parts.
    """
    rows = golden_rows(columns, answers)
    cells, dates_as_text = take_rows(columns, rows), take_rows(texts, rows)
    parts = {name: date.name for date in dates for name in date.names}
    names = dict.fromkeys(parts.get(name, name) for name in features)
    request = Request(inputs=[_input(name, dates_as_text[name] if name in dates_as_text else cells[name]) for name in names])
    return Golden(request=request, response=Response(outputs=_outputs(answers, rows)))


def golden_rows(columns: Columns, answers: Prediction) -> np.ndarray:
    """Up to 16 rows: the first of each predicted class, the first with each kind of missing cell, then evenly spread ones."""
    count = count_rows(columns)
    places: list[int] = []
    if answers.labels is not None:
        places += np.unique(answers.labels, return_index=True)[1].tolist()[: GOLDEN_ROWS // 2]
    for values in columns.values():
        missing = np.flatnonzero(values == "" if kind_of(values) == "string" else np.isnan(as_number(values)))
        places += missing[:1].tolist()
    places = list(dict.fromkeys(places))[: 3 * GOLDEN_ROWS // 4]
    places += np.linspace(0, count - 1, min(count, GOLDEN_ROWS)).astype(int).tolist()
    return np.array(sorted(list(dict.fromkeys(places))[:GOLDEN_ROWS]), dtype=np.intp)


def _outputs(answers: Prediction, rows: np.ndarray) -> list[Tensor]:
    if answers.labels is None:
        return [_numbers("prediction", [len(rows)], np.asarray(answers.values)[rows])]
    labels = answers.labels[rows]
    datatype = "INT64" if labels.dtype.kind in "iu" else "BYTES"
    label = Tensor(name="label", shape=[len(rows)], datatype=datatype, data=labels.tolist())
    if answers.probabilities is None:
        name = "distance" if datatype == "INT64" else "score"
        return [label, _numbers(name, [len(rows)], np.asarray(answers.values)[rows])]
    probabilities = answers.probabilities[rows]
    return [label, _numbers("probabilities", list(probabilities.shape), probabilities.reshape(-1))]


def _input(name: str, values: np.ndarray) -> Tensor:
    kind, shape = kind_of(values), [len(values)]
    if kind == "string":
        return Tensor(name=name, shape=shape, datatype="BYTES", data=[text or None for text in values.tolist()])
    if kind == "boolean":
        return Tensor(name=name, shape=shape, datatype="BOOL", data=[None if value < 0 else value == 1 for value in values.tolist()])
    return _numbers(name, shape, values)


def _numbers(name: str, shape: Sequence[int], values: np.ndarray) -> Tensor:
    data = [value if np.isfinite(value) else None for value in values.astype(np.float64).tolist()]
    return Tensor(name=name, shape=shape, datatype="FP32", data=data)
