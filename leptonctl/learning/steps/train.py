"""The step `train`: makes the native model from prepared rows and train inputs. Records nothing."""

import math

import numpy as np

from leptonctl.core.values import Json
from leptonctl.learning.ancestry import LEARNED, WARM_PREPARE, WARM_START, ancestor_rows
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.fitting.resume import check_same_form, resume
from leptonctl.learning.inputs import TrainInputs, read_inputs
from leptonctl.learning.needs import native_files, read_contract, read_prepared
from leptonctl.learning.outputs import Notice, TrainOutputs
from leptonctl.learning.winner import with_search_result
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = with_search_result(read_inputs("train", inputs, TrainInputs), needs)
    rows = read_prepared(needs["prepare"], "train", request.task, bench.artifacts)
    bench.progress(message=f"fitting {request.algorithm} on {len(rows.y)} rows")
    parent = parent_of(request, needs, bench)
    if parent is not None:
        fitted = resume(request, parent, rows.columns, rows.y, bench.progress, checkpoint=bench.checkpoint)
    else:
        fitted = fit(request, rows.columns, rows.y, bench.progress, checkpoint=bench.checkpoint)
    losses = tuple(loss if math.isfinite(loss) else None for loss in fitted.losses)
    outputs = TrainOutputs(
        features=fitted.features, iterations=iterations(fitted), loss=losses or None, warnings=fitted.warnings, notices=notices(fitted)
    )
    files = {name: bench.artifacts.put_artifact(data) for name, data in dump_native(fitted).items()}
    ancestors: dict[str, Json] = {LEARNED: ancestor_rows(needs)} if parent else {}
    return Produced(artifacts=files, outputs={**outputs.to_json(), **ancestors})


def parent_of(request: TrainInputs, needs: Needs, bench: Bench) -> Fitted | None:
    """The model that the training continues from, None without a parent. Raises ProviderError when the rows do not fit it."""
    if request.warm_start is None:
        return None
    parent = load_native(native_files(needs[WARM_START], bench.artifacts), request.warm_start.train)
    check_same_form(read_contract(needs[WARM_PREPARE]), read_contract(needs["prepare"]), parent.features)
    return parent


def notices(fitted: Fitted) -> list[Notice]:
    """What scikit-learn warned about."""
    result = [Notice(check="warned", detail=text) for text in fitted.warnings if text not in fitted.unconverged]
    if fitted.unconverged:
        count = iterations(fitted)
        result.insert(0, Notice(check="unconverged", count=count) if count else Notice(check="unconverged_uncounted"))
    return result


def iterations(fitted: Fitted) -> int | None:
    """The number of iterations, None where the algorithm does not count them."""
    # calibrated estimators are inside
    inner = [calibrated.estimator for calibrated in getattr(fitted.estimator, "calibrated_classifiers_", ())]
    counts = [np.max(estimator.n_iter_) for estimator in (fitted.estimator, *inner) if getattr(estimator, "n_iter_", None) is not None]
    return int(max(counts)) if counts else len(fitted.losses) or None
