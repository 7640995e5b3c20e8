"""The step `evaluate`: the metrics of a package on the evaluation rows of its dataset. Records nothing."""

from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.learning.ancestry import fair_test_rows
from leptonctl.learning.inputs import EvaluateInputs, read_inputs
from leptonctl.learning.needs import read_package, read_prepared
from leptonctl.learning.outputs import EvaluateOutputs, Notice
from leptonctl.learning.scoring.answers import predict_onnx
from leptonctl.learning.scoring.metrics import score, scoring_of
from leptonctl.learning.scoring.misleading import misleading
from leptonctl.learning.tables.prepared import Rows, take_rows
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
    rows, exclusions, notices = _without_learned(rows, needs, bench)
    bench.progress(message=f"scoring {len(rows.y)} rows")
    package = read_package(needs["export"], bench.artifacts)
    prediction = predict_onnx(package.onnx, package.manifest, rows.columns, package.dtype)
    metrics, scoring = scoring_of(request.task, request, rows.y, prediction.classes, has_target=bool(rows.target))
    scores = score(metrics, rows.y, prediction, scoring)
    has_classes = request.task == "classification" or (request.task == "anomaly" and bool(rows.target))
    outlier = scoring.positive if request.task == "anomaly" else None
    misled = misleading(rows.y, scores.numbers, request.task, outlier, is_named=request.positive is not None)
    outputs = EvaluateOutputs(
        package=package.digest,
        metrics=scores.numbers,
        evaluation={**scores.details, "notes": [*exclusions, *scores.notes]},
        rows=len(rows.y),
        positive=scoring.positive if has_classes else None,
        average=scoring.average if has_classes else None,
        notices=[*notices, *misled],
    )
    return Produced(outputs=outputs.to_json())


def _without_learned(rows: Rows, needs: Needs, bench: Bench) -> tuple[Rows, list[str], list[Notice]]:
    """The rows that no ancestor has learned, with a note on how many were left out, and a notice where they are not known.

    Raises ProviderError (no-evaluation-rows) when none is left.
    """
    fair = fair_test_rows(needs.get("train"), needs["prepare"], len(rows.y), bench.artifacts)
    if fair is None:
        return rows, [], []
    unknown = [Notice(check="untold_ancestors", detail="; ".join(fair.reasons))] if fair.reasons else []
    count = int((~fair.keep).sum())
    if not count:
        return rows, [], unknown
    if not fair.keep.any():
        raise ProviderError(
            "The dataset has no evaluation rows",
            detail=f"All {count} evaluation rows are among those that the versions before this one were trained on.",
            hint="write `split: {test: 0.25, by: COLUMN}` in the dataset: then no row changes side as the data grows",
            id="no-evaluation-rows",
        )
    columns, texts = take_rows(rows.columns, fair.keep), take_rows(rows.texts, fair.keep)
    fair_rows = replace(rows, columns=columns, y=rows.y[fair.keep], texts=texts)
    return fair_rows, [f"of {len(rows.y)} evaluation rows without {count} that the versions before were trained on"], unknown
