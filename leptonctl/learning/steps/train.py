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
    found = [Notice(check="warned", detail=text) for text in fitted.warnings if text not in fitted.unconverged]
    if fitted.unconverged:
        count = iterations(fitted)
        found.insert(0, Notice(check="unconverged", count=count) if count else Notice(check="unconverged_uncounted"))
    return found


def iterations(fitted: Fitted) -> int | None:
    """The number of iterations, None where the algorithm does not count them."""
    # what is calibrated lies inside
    inner = [calibrated.estimator for calibrated in getattr(fitted.estimator, "calibrated_classifiers_", ())]
    counts = [np.max(estimator.n_iter_) for estimator in (fitted.estimator, *inner) if getattr(estimator, "n_iter_", None) is not None]
    return int(max(counts)) if counts else len(fitted.losses) or None
