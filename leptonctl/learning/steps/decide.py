"""The step `decide`: calibrates the probabilities of a package and sets the threshold of its label, in the graph. Retrains nothing.

Thresholds and calibrations are fitted on held-out folds: on probabilities of training rows from models that have not seen them, never
on evaluation rows. The final package has the form of an export. Records nothing.
"""

import numpy as np

from leptonctl.core.codec import encode
from leptonctl.core.contract import Contract
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, Manifest, Threshold, package_digest
from leptonctl.core.values import Json
from leptonctl.learning.fitting.folds import TOO_FEW_ROWS, Folds, fit_folds, predict_fold, split_folds
from leptonctl.learning.fitting.weights import sample_weights
from leptonctl.learning.inputs import Calibrate, DecideInputs, Objective, TrainInputs, read_inputs
from leptonctl.learning.needs import Package, read_contract, read_package, read_prepared
from leptonctl.learning.onnx.decision import LABEL, PROBABILITIES, decided_graph
from leptonctl.learning.onnx.golden import golden
from leptonctl.learning.outputs import DecideOutputs, Decision
from leptonctl.learning.scoring.answers import predict_onnx
from leptonctl.learning.scoring.decision import Choice, Rule, choose, count, fit_calibrators
from leptonctl.learning.scoring.metrics import metric_table, resolve_scoring
from leptonctl.learning.tables.prepared import Rows, pick_columns, take_rows
from leptonctl.learning.winner import with_search_result
from leptonctl.spi.learning import Label, Prediction, ProviderError, Scoring
from leptonctl.spi.running import Bench, Needs, Produced

TOLERANCE = 1e-6
"""How far the graph's probabilities may be from numpy's."""
TWO = 2


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("decide", inputs, DecideInputs)
    if request.train is not None:
        request = replace(request, train=with_search_result(request.train, needs))
    prepare, artifacts = needs["prepare"], bench.artifacts
    learned = read_package(needs["export"], artifacts)
    training = read_prepared(prepare, "train", "classification", artifacts)
    rule, decision = decide(request, learned.manifest, training, bench)
    onnx = decided_graph(learned.onnx, rule, learned.manifest.graph.outputs["label"], learned.manifest.graph.outputs["probabilities"])
    evaluation = read_prepared(prepare, "test", "classification", artifacts)
    rows = evaluation if len(evaluation.y) else training
    manifest = _manifest(learned.manifest, decision)
    answers = predict_onnx(onnx, manifest, rows.columns, "float32")
    decision = compare(rule, decision, predict_onnx(learned.onnx, learned.manifest, rows.columns, "float32"), answers)
    final = Final(onnx=onnx, manifest=manifest, decision=decision, rows=rows, answers=answers)
    return _write(bench, learned, final, read_contract(prepare))


class Final(Frozen):
    """The final package, before it is written, and its answers to some rows."""

    onnx: bytes
    manifest: Manifest
    decision: Decision
    rows: Rows
    answers: Prediction


def _write(bench: Bench, learned: Package, final: Final, contract: Contract) -> Produced:
    features = [column.name for column in final.manifest.columns]
    golden_rows = golden(features, pick_columns(final.rows.columns, features), final.answers, contract.dates, final.rows.texts)
    graph = bench.artifacts.put_artifact(final.onnx)
    files = {
        GRAPH_FILE: graph,
        MANIFEST_FILE: bench.artifacts.put_artifact(encode(final.manifest)),
        GOLDEN_FILE: bench.artifacts.put_artifact(encode(golden_rows)),
    }
    outputs = DecideOutputs(
        package=package_digest(graph, final.manifest), size=len(final.onnx), native_dtype=learned.dtype, decision=final.decision
    )
    return Produced(artifacts=files, outputs=outputs.to_json())


def decide(request: DecideInputs, manifest: Manifest, training: Rows, bench: Bench) -> tuple[Rule, Decision]:
    """The rule, fitted on held-out folds of the training rows where necessary, and the record of it.

    Raises ProviderError: decision-not-possible, unknown-class, no-threshold, too-few-rows-for-folds.
    """
    classes = tuple(manifest.classes or ())
    rule, decision = Rule(classes=classes), Decision()
    if request.threshold is not None:
        positive = _positive(request, classes, training)
        rule = replace(rule, positive=classes.index(positive))
        decision = replace(decision, positive=positive)
    objective = request.threshold if isinstance(request.threshold, Objective) else None
    if request.calibrate is not None or objective is not None:
        folds = (request.calibrate or Calibrate()).cross_validation
        held_out = _predict_held_out(request, training, folds, bench)
        decision = replace(decision, folds=folds)
        if request.calibrate is not None:
            weights = sample_weights(_recipe(request), training.columns)
            calibrators = fit_calibrators(held_out, training.y, classes, request.calibrate.method, weights)
            rule, decision = replace(rule, calibrators=calibrators), replace(decision, calibration=request.calibrate.method)
        if objective is not None:
            choice = _choose_threshold(rule, objective, rule.probabilities(held_out), training.y)
            rule = replace(rule, threshold=choice.threshold)
            decision = replace(decision, threshold=choice.threshold, objective=choice.words, score=choice.score)
    if isinstance(request.threshold, float):
        rule, decision = replace(rule, threshold=request.threshold), replace(decision, threshold=request.threshold)
    return rule, decision


def _positive(request: DecideInputs, classes: tuple[Label, ...], training: Rows) -> Label:
    if len(classes) != TWO:
        raise ProviderError(
            "A threshold needs two classes",
            detail=f"The target has {len(classes)} classes.",
            hint="remove `threshold`: the label is the class with the largest probability",
            id="decision-not-possible",
        )
    positive = resolve_scoring(training.y, classes, request.positive, None).positive
    assert positive in classes, "the model has every class of the training rows"
    return positive


def _recipe(request: DecideInputs) -> TrainInputs:
    if request.train is None:
        raise ProviderError(
            "A model that was not trained here cannot be fitted on folds",
            detail="Calibrating, and choosing a threshold, fits the recipe on folds of the training rows.",
            hint="write the threshold as a number: `threshold: 0.5`",
            id="decision-not-possible",
        )
    return request.train


def _predict_held_out(request: DecideInputs, training: Rows, folds: int, bench: Bench) -> np.ndarray:
    """The held-out probabilities. The error for too few rows names the key that needs folds."""
    try:
        return held_out_probabilities(_recipe(request), training, folds, bench)
    except ProviderError as problem:
        if problem.id != TOO_FEW_ROWS:
            raise
        hint = "write fewer folds, `calibrate: {cross_validation: 2}`, or add rows"
        if request.calibrate is not None:
            raise ProviderError(problem.summary, detail=problem.detail, hint=hint, id="too-few-rows-to-calibrate") from problem
        hint = "write the threshold as a number, or add rows"
        raise ProviderError("No threshold can be chosen", detail=problem.detail, hint=hint, id="no-threshold") from problem


def held_out_probabilities(train: TrainInputs, rows: Rows, folds: int, bench: Bench) -> np.ndarray:
    """For each training row the probabilities [N, C], float32, of the same recipe fitted on the other folds. Stratified, by its seed."""
    classes = sorted(set(rows.y.tolist()))
    result = np.zeros((len(rows.y), len(classes)), dtype=np.float32)
    splits = split_folds(rows.y, "classification", folds, train.seed)
    answers = Folds[list[list[float]]](bench.checkpoint)
    for number, held_out, fitted in fit_folds(train, rows, splits, answers, bench):
        answer = predict_fold(fitted, take_rows(rows.columns, held_out), number)
        answers.add(np.asarray(answer.probabilities, dtype=np.float32).tolist())
    for (_, held_out), probabilities in zip(splits, answers.results, strict=True):
        result[held_out] = np.asarray(probabilities, dtype=np.float32)
    if not np.isfinite(result).all():
        raise ProviderError(
            "The model gives no finite probabilities",
            detail=f"{int((~np.isfinite(result)).any(axis=1).sum())} held-out training rows have none.",
            hint="put `- {columns: numeric, use: standard_scaler}` before the algorithm if columns have large values",
            id="decision-not-possible",
        )
    return result


def _choose_threshold(rule: Rule, objective: Objective, probabilities: np.ndarray, y: np.ndarray) -> Choice:
    """The threshold that the objective chooses on these (calibrated) probabilities of held-out rows."""
    positive = rule.classes[rule.positive]
    scoring = Scoring(positive=positive, average="binary")
    metric = metric_table("classification").get(objective.metric or "")

    def score(threshold: float) -> float:
        labels = replace(rule, threshold=threshold).labels(probabilities)
        prediction = Prediction(labels=labels, probabilities=probabilities, classes=rule.classes)
        assert metric is not None, "plans refuse other names"
        assert metric.score is not None, "plans refuse curves"
        figure = float(metric.score(y, prediction, scoring))
        return -figure if metric.greater_is_better is False else figure

    return choose(count(probabilities[:, rule.positive], y == positive), objective, score)


def compare(rule: Rule, decision: Decision, learned: Prediction, final: Prediction) -> Decision:
    """The decision with the difference of the graph from numpy on these rows. Raises ProviderError (export-mismatch) if it is too large."""
    before, after = np.asarray(learned.probabilities, dtype=np.float32), np.asarray(final.probabilities, dtype=np.float32)
    finite = np.isfinite(before).all(axis=1)
    labels = np.asarray(final.labels)[finite]
    differ = int((rule.labels(after[finite]) != labels).sum())
    distance = float(np.abs(rule.probabilities(before[finite]).astype(np.float64) - after[finite]).max(initial=0.0))
    if differ or not distance <= TOLERANCE:
        raise ProviderError(
            "The decision in the graph and in numpy give different answers",
            detail=f"{differ} of {len(labels)} labels differ; the largest difference of a probability is {distance:.3g}.",
            hint="use `method: sigmoid`, or report this",
            id="export-mismatch",
        )
    changed = int((np.asarray(learned.labels)[finite] != labels).sum())
    return replace(
        decision, rows=len(labels), labels_differ=differ, max_probability_diff=distance, learned_labels_changed=changed
    )  # fmt: skip


def _manifest(learned: Manifest, decision: Decision) -> Manifest:
    threshold = None
    if decision.threshold is not None and decision.positive is not None:
        threshold = Threshold(value=decision.threshold, positive=decision.positive)
    graph = replace(learned.graph, outputs={"label": LABEL, "probabilities": PROBABILITIES})
    return replace(learned, graph=graph, threshold=threshold, calibration=decision.calibration or None)
