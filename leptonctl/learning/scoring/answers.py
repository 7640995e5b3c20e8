"""Runs graphs: a package's answers to prepared rows. Reads no store, and scores nothing; serving handles requests."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from leptonctl.core.manifest import FEATURES, MATRIX, OUTPUTS, UNSUPERVISED
from leptonctl.learning.scoring.batches import run_in_batches
from leptonctl.spi.learning import Prediction
from leptonctl.telemetry import without_telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import onnxruntime as ort

    from leptonctl.core.manifest import Manifest
    from leptonctl.learning.tables.prepared import Columns

WIDE = "float64"
SMALL = 1 << 20
"""The bytes of a graph whose session is kept."""


def open_session(onnx: bytes) -> ort.InferenceSession:
    """A session on one thread, so that the same bytes give the same answers on any number of cores.

    The session of the small graph that was opened last is kept: an export opens it, and the evaluation after it.
    """
    return _recent(onnx) if len(onnx) <= SMALL else _open(onnx)


@lru_cache(maxsize=1)
def _recent(onnx: bytes) -> ort.InferenceSession:
    return _open(onnx)


def _open(onnx: bytes) -> ort.InferenceSession:
    with without_telemetry():
        import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, and onnxruntime prints nothing
    return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def predict_onnx(onnx: bytes, manifest: Manifest, columns: Columns, dtype: str = WIDE) -> Prediction:
    """The model's answers to prepared rows, probabilities cast to `dtype`, values to float64. `columns` must be filled already."""
    import numpy as np

    inputs, outputs = graph_inputs(manifest, columns), manifest.graph.outputs
    if manifest.task in UNSUPERVISED:
        return _unsupervised_answers(onnx, manifest, inputs)
    if manifest.classes is None:
        (values,) = _answers(onnx, [outputs["prediction"]], inputs)
        return Prediction(values=np.concatenate(values, axis=None).astype(np.float64) if values else np.empty(0))
    labels, probabilities = _answers(onnx, [outputs["label"], outputs["probabilities"]], inputs)
    if not labels:
        empty = np.empty((0, len(manifest.classes)), dtype=dtype)
        return Prediction(labels=np.empty(0, dtype=object), probabilities=empty, classes=manifest.classes)
    return Prediction(
        labels=np.concatenate(labels, axis=None), probabilities=np.concatenate(probabilities).astype(dtype), classes=manifest.classes
    )  # fmt: skip


def _unsupervised_answers(onnx: bytes, manifest: Manifest, inputs: Mapping[str, np.ndarray]) -> Prediction:
    """Labels with their scores or distances; of clusters also the numbers that they were found in."""
    import numpy as np

    names = [*(manifest.graph.outputs[name] for name in OUTPUTS[manifest.task]), *([MATRIX] if manifest.task == "clustering" else [])]
    answers = _answers(onnx, names, inputs)
    if not answers[0]:
        return Prediction(labels=np.empty(0, dtype=object), values=np.empty(0))
    return Prediction(
        labels=np.concatenate(answers[0], axis=None), values=np.concatenate(answers[1], axis=None).astype(np.float64),
        matrix=np.concatenate(answers[2]).astype(np.float64) if len(answers) > 2 else None,  # noqa: PLR2004
    )  # fmt: skip


def _answers(onnx: bytes, names: Sequence[str], inputs: Mapping[str, np.ndarray]) -> Sequence[Sequence[np.ndarray]]:
    """Each named output in batches; none without rows."""
    return run_in_batches(open_session(onnx), names, inputs)


def graph_inputs(manifest: Manifest, columns: Columns) -> dict[str, np.ndarray]:
    """The graph's input tensors: the float32 matrix `features` if it has one, and a string tensor [N, 1] for each string input."""
    import numpy as np

    from leptonctl.learning.tables.prepared import as_number, as_text, count_rows

    inputs: dict[str, np.ndarray] = {}
    if manifest.graph.features:
        inputs[FEATURES] = np.empty((count_rows(columns), manifest.graph.features), dtype=np.float32)
    for column in manifest.columns:
        place, values = column.graph, columns[column.name]
        if place.index is not None:
            inputs[place.input][:, place.index] = as_number(values)
        else:
            inputs[place.input] = as_text(values).reshape(-1, 1)
    return inputs
