"""The scalers as graph nodes that round exactly as scikit-learn does. Owns their arithmetic in ONNX; fits nothing.

The converter's Scaler op multiplies by the reciprocal in float32, which put up to 201 of 540 rows on the other side of a threshold in
the tree after it. scikit-learn works in place on float32: in float32 with a float32 constant, in float64 and rounded back with a
float64 constant.
"""

import numpy as np
from onnx import TensorProto

from leptonctl.learning.onnx.wiring import Wiring
from leptonctl.spi.learning import Estimator

Operation = tuple[str, np.ndarray]


def _standard(scaler: Estimator) -> list[Operation]:
    operations: list[Operation] = []
    if scaler.with_mean:
        operations.append(("Sub", scaler.mean_.astype(np.float32)))
    if scaler.with_std:
        operations.append(("Div", scaler.scale_.astype(np.float32)))
    return operations


def _robust(scaler: Estimator) -> list[Operation]:
    operations: list[Operation] = []
    if scaler.with_centering:
        operations.append(("Sub", scaler.center_))
    if scaler.with_scaling:
        operations.append(("Div", scaler.scale_))
    return operations


def _min_max(scaler: Estimator) -> list[Operation]:
    operations: list[Operation] = [("Mul", scaler.scale_), ("Add", scaler.min_)]
    if scaler.clip:
        operations.append(("Clip", np.array(scaler.feature_range, dtype=np.float32)))
    return operations


def _max_abs(scaler: Estimator) -> list[Operation]:
    operations: list[Operation] = [("Div", scaler.scale_)]
    if scaler.clip:
        operations.append(("Clip", np.array([-1, 1], dtype=np.float32)))
    return operations


EXACT = {"StandardScaler": _standard, "RobustScaler": _robust, "MinMaxScaler": _min_max, "MaxAbsScaler": _max_abs}


def exact_nodes(wiring: Wiring, scaler: Estimator, source: str) -> str:
    """Add the scaler's nodes and return the name of its output."""
    for kind, constant in EXACT[type(scaler).__name__](scaler):
        if kind == "Clip":
            source = wiring.node("Clip", [source, wiring.constant(constant[0]), wiring.constant(constant[1])])
        elif constant.dtype == np.float32:
            source = wiring.node(kind, [source, wiring.constant(constant)])
        else:
            wide = wiring.node("Cast", [source], to=TensorProto.DOUBLE)
            wide = wiring.node(kind, [wide, wiring.constant(constant.astype(np.float64))])
            source = wiring.node("Cast", [wide], to=TensorProto.FLOAT)
    return source
