"""The step `train`: prepared rows and train inputs in, the native model out. Records nothing."""

import math

import numpy as np

from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted, fit
from leptonctl.learning.inputs import TrainInputs, read_inputs
from leptonctl.learning.native import dump_native
from leptonctl.learning.outputs import TrainOutputs
from leptonctl.learning.results import read_prepared
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    order = read_inputs("train", inputs, TrainInputs)
    rows = read_prepared(needs["prepare"], "train", order.task, bench.artifacts)
    bench.progress(message=f"fitting {order.algorithm} on {len(rows.y)} rows")
    fitted = fit(order, rows.columns, rows.y, bench.progress)
    losses = tuple(loss if math.isfinite(loss) else None for loss in fitted.losses)
    outputs = TrainOutputs(features=fitted.features, iterations=iterations(fitted), loss=losses or None, warnings=fitted.warnings)
    files = {name: bench.artifacts.put_artifact(data) for name, data in dump_native(fitted).items()}
    return Produced(artifacts=files, outputs=outputs.to_json())


def iterations(fitted: Fitted) -> int | None:
    """How many passes the algorithm made, where it counts them."""
    counted = getattr(fitted.estimator, "n_iter_", None)
    if counted is None:
        return len(fitted.losses) or None
    return int(np.max(counted))
