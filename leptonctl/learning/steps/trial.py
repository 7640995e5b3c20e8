"""The step `trial`: the score of one combination of parameters, by cross-validation on the training rows. Records nothing.

A combination that cannot be fitted, or whose score is not defined on a fold, has a result with a reason: it loses, and is not repeated.
"""

import math
from collections.abc import Sequence

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.learning.fitting.folds import TOO_FEW_ROWS, Folds, Split, fit_folds, predict_fold, split_folds
from leptonctl.learning.inputs import ScoringInputs, TrainInputs, TrialInputs, read_inputs, read_record
from leptonctl.learning.needs import read_prepared
from leptonctl.learning.outputs import SearchOutputs, TrialOutputs
from leptonctl.learning.scoring.metrics import Scores, score, scoring_of
from leptonctl.learning.tables.prepared import Rows, take_rows
from leptonctl.spi.learning import Metric, ProviderError, Scoring
from leptonctl.spi.running import Bench, Needs, Produced

RUNG = "rung"
NOT_OF_THE_COMBINATION = ("unknown-provider", "unknown-class", "unknown-metric", "average-needs-two-classes", "too-few-rows-for-search")
"""Errors that every combination would meet: they fail the step at once."""


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = _with_survivor(read_inputs("trial", inputs, TrialInputs), needs)
    train = request.train
    rows = subset(read_prepared(needs["prepare"], "train", train.task, bench.artifacts), train, request)
    classes = sorted(set(rows.y.tolist())) if train.task == "classification" else []
    scoring_inputs = ScoringInputs(metrics=(request.metric,), positive=request.positive, average=request.average)
    metrics, scoring = scoring_of(train.task, scoring_inputs, rows.y, classes)
    outputs = TrialOutputs(
        chosen=request.chosen, params=train.params, metric=request.metric, folds=request.folds, rows=len(rows.y)
    )  # fmt: skip
    try:
        scores, unconverged = _scores(request, rows, metrics, scoring, bench)
    except ProviderError as problem:
        if problem.id in NOT_OF_THE_COMBINATION:
            raise
        failed = replace(outputs, reason=f"{problem.summary}. {problem.detail}".strip())
        return Produced(outputs=failed.to_json())
    outputs = replace(outputs, scores=tuple(scores), unconverged=unconverged)
    values = [value for value in scores if value is not None and math.isfinite(value)]
    if len(values) < len(scores):
        missing = next(number for number, value in enumerate(scores, 1) if value is None)
        return Produced(outputs=replace(outputs, reason=f"{request.metric} is not defined on fold {missing}").to_json())
    return Produced(outputs=replace(outputs, mean=float(np.mean(values)), std=float(np.std(values))).to_json())


def _with_survivor(request: TrialInputs, needs: Needs) -> TrialInputs:
    """The request with its parameters: in a later rung, those of the survivor at its place in the rung before."""
    if request.slot is None:
        return request
    survivor = read_record("the outputs of `search`", needs[RUNG].outputs, SearchOutputs).survivors[request.slot]
    return replace(request, chosen=survivor.chosen, train=replace(request.train, params=survivor.params))


def _scores(request: TrialInputs, rows: Rows, metrics: Sequence[Metric], scoring: Scoring, bench: Bench) -> tuple[list[float | None], int]:
    """The score of each fold, None where it is not defined, and on how many folds the fit did not converge."""
    folds = Folds[tuple[float | None, bool]](bench.checkpoint)
    for number, held_out, fitted in fit_folds(request.train, rows, _split(request, rows), folds, bench):
        prediction = predict_fold(fitted, take_rows(rows.columns, held_out), number)
        scores: Scores = score(metrics, rows.y[held_out], prediction, scoring)
        folds.add((scores.numbers.get(request.metric), bool(fitted.unconverged)))
    return [figure for figure, _ in folds.results], sum(unconverged for _, unconverged in folds.results)


def _split(request: TrialInputs, rows: Rows) -> list[Split]:
    """The folds of `cross_validate` with the seed of the model. Raises ProviderError: too-few-rows-for-search."""
    try:
        return split_folds(rows.y, request.train.task, request.folds, request.train.seed)
    except ProviderError as problem:
        if problem.id != TOO_FEW_ROWS:
            raise
        raise ProviderError(
            problem.summary, detail=problem.detail, hint=problem.hint.replace("`cross_validation`", "rows"), id="too-few-rows-for-search"
        ) from problem


def subset(rows: Rows, train: TrainInputs, request: TrialInputs) -> Rows:
    """The rows that a trial fits and scores: of each class the same share, and enough for every fold.

    Seeded; a larger share contains all rows of a smaller one, so that rungs differ by rows and not by luck.
    """
    if request.share >= 1:
        return rows
    places = np.random.RandomState(train.seed).permutation(len(rows.y))
    groups = [places]
    if train.task == "classification":
        groups = [places[rows.y[places] == label] for label in np.unique(rows.y)]
    parts = [group[: max(math.ceil(request.share * len(group)), request.folds)] for group in groups]
    drawn_rows = np.sort(np.concatenate(parts))
    return replace(rows, columns=take_rows(rows.columns, drawn_rows), y=rows.y[drawn_rows])
