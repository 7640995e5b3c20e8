"""Converts fitted scikit-learn estimators to ONNX with skl2onnx, for trainers and steps that build no graph of their own.

Owns the converter's options and workarounds; wires nothing, compares nothing.
"""

import copy
from typing import Any, Literal

import numpy as np
import onnx

from leptonctl.learning.fitting.fitted_model import quiet
from leptonctl.learning.onnx.canonical import ML_OPSET
from leptonctl.spi.learning import Estimator, Options, ProviderError

Takes = Literal["number", "double", "string"]


def convert(estimator: Estimator, *, name: str, takes: Takes, width: int, opset: int, options: Options) -> onnx.ModelProto:
    """A model with one input [N, width] and outputs in the converter's order. `name` is the estimator's name in messages.

    Raises ProviderError: export-failed.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common._container import ModelComponentContainer
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    kind = {"number": FloatTensorType, "double": DoubleTensorType, "string": StringTensorType}[takes]
    estimator = _convertible(estimator)
    _list_operators_once(ModelComponentContainer)
    try:
        with quiet():
            model: onnx.ModelProto = convert_sklearn(
                estimator,
                name="part",
                initial_types=[("x", kind([None, width]))],
                target_opset={"": opset, "ai.onnx.ml": ML_OPSET},
                options={id(estimator): options} if options else None,
            )
    except Exception as problem:
        raise ProviderError(
            "This model cannot be exported to ONNX",
            detail=f"{name}: {' '.join(str(problem).split())[:400] or type(problem).__name__}",
            hint="change its parameters, or use another algorithm or step",
            id="export-failed",
        ) from problem
    return model


def _list_operators_once(container: Any) -> None:
    """Let the converter list onnx's operators once per process. By default it does so for every model, a third of a small conversion."""
    build = getattr(container, "_build_op_version", None)
    if build is not None and not hasattr(container, "_op_versions"):
        sample = container.__new__(container)
        build(sample)
        container._op_versions = sample._op_versions  # noqa: SLF001


def _convertible(estimator: Estimator) -> Estimator:
    """The estimator, with an intercept that is a plain number (linear models without one have 0.0) as the array that skl2onnx expects."""
    if not isinstance(getattr(estimator, "intercept_", None), float):
        return estimator
    estimator = copy.copy(estimator)
    estimator.intercept_ = np.array([estimator.intercept_])
    return estimator
