"""The step `evaluate`: the metrics of a package on the evaluation rows of its dataset. Records nothing."""

from leptonctl.core.values import Json
from leptonctl.learning.inputs import EvaluateInputs, read_inputs
from leptonctl.learning.misleading import misleading
from leptonctl.learning.needs import read_package, read_prepared
from leptonctl.learning.outputs import EvaluateOutputs
from leptonctl.learning.scoring import predict_onnx, score, scoring_of
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("evaluate", inputs, EvaluateInputs)
    rows = read_prepared(needs["prepare"], "test", request.task, bench.artifacts)
    if not len(rows.y):
        raise ProviderError(
            "The dataset has no evaluation rows",
            detail="Its split puts every row into training, so the model cannot be evaluated.",
            hint="write `split: {test: 0.25}` in the dataset",
            id="no-evaluation-rows",
        )
    bench.progress(message=f"scoring {len(rows.y)} rows")
    package = read_package(needs["export"], bench.artifacts)
    prediction = predict_onnx(package.onnx, package.manifest, rows.columns, package.dtype)
    metrics, scoring = scoring_of(request.task, request, rows.y, prediction.classes)
    scores = score(metrics, rows.y, prediction, scoring)
    is_classification = request.task == "classification"
    outputs = EvaluateOutputs(
        package=package.digest,
        metrics=scores.numbers,
        evaluation={**scores.details, "notes": [*scores.notes]},
        rows=len(rows.y),
        positive=scoring.positive if is_classification else None,
        average=scoring.average if is_classification else None,
        notices=misleading(rows.y, scores.numbers, request.task),
    )
    return Produced(outputs=outputs.to_json())
