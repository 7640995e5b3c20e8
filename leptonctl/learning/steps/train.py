"""The step `train`: makes the native model from prepared rows and train inputs. Records nothing."""

import math

import numpy as np

from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted, fit
from leptonctl.learning.inputs import TrainInputs, read_inputs
from leptonctl.learning.native import dump_native
from leptonctl.learning.needs import read_prepared
from leptonctl.learning.outputs import Notice, TrainOutputs
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("train", inputs, TrainInputs)
    rows = read_prepared(needs["prepare"], "train", request.task, bench.artifacts)
    bench.progress(message=f"fitting {request.algorithm} on {len(rows.y)} rows")
    fitted = fit(request, rows.columns, rows.y, bench.progress)
    losses = tuple(loss if math.isfinite(loss) else None for loss in fitted.losses)
    outputs = TrainOutputs(
        features=fitted.features, iterations=iterations(fitted), loss=losses or None, warnings=fitted.warnings, notices=notices(fitted)
    )
    files = {name: bench.artifacts.put_artifact(data) for name, data in dump_native(fitted).items()}
    return Produced(artifacts=files, outputs=outputs.to_json())


def notices(fitted: Fitted) -> list[Notice]:
    """What scikit-learn warned about."""
    found = [Notice(check="warned", detail=text) for text in fitted.warnings if not (fitted.unconverged and "converge" in text.lower())]
    if fitted.unconverged:
        found.insert(0, Notice(check="unconverged", count=iterations(fitted) or 0))
    return found


def iterations(fitted: Fitted) -> int | None:
    """The number of iterations, None where the algorithm does not count them."""
    n_iter = getattr(fitted.estimator, "n_iter_", None)
    if n_iter is None:
        return len(fitted.losses) or None
    return int(np.max(n_iter))
