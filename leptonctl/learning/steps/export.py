"""The step `export`: makes canonical ONNX, manifest and golden rows from the native model, and checks that both agree. Records nothing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import numpy as np

from leptonctl.core.codec import encode
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, package_digest
from leptonctl.core.values import Json
from leptonctl.learning.fitting.fitted_model import Fitted, native_dtype
from leptonctl.learning.fitting.native import load_native
from leptonctl.learning.fitting.recipe import providers_of
from leptonctl.learning.inputs import ExportInputs, TrainInputs, read_inputs
from leptonctl.learning.needs import native_files, read_contract, read_prepared
from leptonctl.learning.onnx.canonical import serialize
from leptonctl.learning.onnx.golden import Golden, golden
from leptonctl.learning.onnx.graph import build_graph
from leptonctl.learning.onnx.hard_rows import HardRows, hard_rows
from leptonctl.learning.onnx.manifest import trained_manifest
from leptonctl.learning.onnx.parity import Parity, compare, default_tolerance, figures, run_graph, runtime_errors, unstable_rows
from leptonctl.learning.outputs import ExportOutputs, Notice, ParityFigures
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.tables.prepared import Columns, Rows, count_rows, pick_columns, take_rows
from leptonctl.learning.winner import with_search_result
from leptonctl.spi.learning import Prediction, ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

T = TypeVar("T")
OPSET = 18


class Exported(Frozen):
    """An exported model that agrees with the native one."""

    onnx: bytes
    parity: ParityFigures
    golden: Golden
    unanswered: int = 0
    """Evaluation rows that the native model cannot answer, although the graph does."""


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("export", inputs, ExportInputs)
    train = with_search_result(request.train, needs)
    refuse_unfaithful(train)
    prepare, artifacts = needs["prepare"], bench.artifacts
    fitted = load_native(native_files(needs["train"], artifacts), train)
    evaluation = read_prepared(prepare, "test", request.train.task, artifacts)
    # training rows give the scale of a regression, and the rows to compare on where there are no others
    needs_training = request.train.task == "regression" or not len(evaluation.y)
    training = read_prepared(prepare, "train", request.train.task, artifacts) if needs_training else evaluation
    bench.progress(message="exporting")
    contract = read_contract(prepare)
    exported = export(fitted, training, evaluation, opset=request.opset, tolerance=request.tolerance, dates=contract.dates)
    weights = [request.train.sample_weight] if request.train.sample_weight else []
    manifest = trained_manifest(fitted, contract, request.privacy, weights)
    graph = artifacts.put_artifact(exported.onnx)
    files: Mapping[str, str] = {
        GRAPH_FILE: graph,
        MANIFEST_FILE: artifacts.put_artifact(encode(manifest)),
        GOLDEN_FILE: artifacts.put_artifact(encode(exported.golden)),
    }
    outputs = ExportOutputs(
        package=package_digest(graph, manifest), size=len(exported.onnx), native_dtype=native_dtype(fitted), parity=exported.parity,
        notices=[Notice(check="unanswered", count=exported.unanswered)] if exported.unanswered else [],
    )  # fmt: skip
    return Produced(artifacts=files, outputs=outputs.to_json())


def refuse_unfaithful(train: TrainInputs) -> None:
    """Raises ProviderError for combinations whose export is known to differ from the native model. Plans refuse them earlier."""
    trainer, steps = providers_of(train)
    parts = [(trainer.name, trainer.refuse, train.params)]
    parts += [(provider.name, provider.refuse, step.params) for step, provider in steps]
    for name, refuse, params in parts:
        reason = refuse(params) if refuse else None
        if reason:
            raise ProviderError(
                "This combination cannot be exported faithfully",
                detail=f"{name}: {reason}",
                hint="change the parameter, or use another algorithm or step",
                id="not-exportable",
            )


def export(
    fitted: Fitted,
    training: Rows,
    evaluation: Rows,
    *,
    opset: int = OPSET,
    tolerance: float | None = None,
    dates: Sequence[DateColumn] = (),
) -> Exported:
    """Convert, compare with the native model on the evaluation rows and on hard rows, and record golden answers.

    A graph that differs is converted again with the algorithm in float64, and then also compared with the native model in float64, since
    some native models sum too imprecisely in float32. Raises ProviderError (export-mismatch) if it still differs.
    """
    rows = evaluation if len(evaluation.y) else training
    columns = pick_columns(rows.columns, fitted.features)
    if not count_rows(columns):
        raise ProviderError("There are no rows to compare the export on", hint="check the split and the source", id="no-rows")
    limits = Limits(
        scale=float(np.std(training.y)) if fitted.trainer.task == "regression" else 0.0, tolerance=default_tolerance(fitted, tolerance)
    )  # fmt: skip
    attempt = _agreeing(fitted, columns, limits, opset)
    return Exported(
        onnx=attempt.onnx,
        parity=figures(attempt.test, attempt.hard, limits.tolerance, attempt.repairs),
        golden=golden(fitted.features, columns, attempt.answers, dates, rows.texts),
        unanswered=attempt.test.not_compared if len(evaluation.y) else 0,
    )


class Limits(Frozen):
    """How far answers may be apart. scale: the standard deviation of the training target of a regression, else 0."""

    scale: float
    tolerance: float


class Attempt(Frozen):
    """One conversion, its answers to the evaluation rows, and its comparison with the native model on these and on hard rows."""

    onnx: bytes
    answers: Prediction
    repairs: list[str]
    test: Parity
    hard: Parity
    hard_rows: HardRows

    @property
    def differs(self) -> bool:
        return bool(self.test.mismatches or self.hard.mismatches)


def _agreeing(fitted: Fitted, columns: Columns, limits: Limits, opset: int) -> Attempt:
    """The first conversion that agrees with the native model. Raises ProviderError (export-mismatch) when none does."""
    attempt = first = _attempt(fitted, columns, limits, opset)
    if first.differs and fitted.trainer.to_onnx is None:
        with suppress(ProviderError):
            attempt = _attempt(fitted, columns, limits, opset, wide=True)
            if attempt.differs:
                attempt = _attempt(replace(fitted, wide=True), columns, limits, opset, wide=True)
    if attempt.differs:
        raise _mismatch(fitted, first, limits.tolerance)
    return attempt


def _attempt(fitted: Fitted, columns: Columns, limits: Limits, opset: int, *, wide: bool = False) -> Attempt:
    model, repairs = build_graph(fitted, opset, wide=wide)
    if fitted.wide:
        repairs.append(f"{fitted.trainer.name}: compared with the native model in float64")
    data = serialize(model)
    session = _runnable(fitted, lambda: open_session(data))
    _runnable(fitted, lambda: run_graph(session, fitted, take_rows(columns, slice(0, 1))))
    scale, tolerance = limits.scale, limits.tolerance
    rows = hard_rows(fitted, model, columns)
    hard = compare(fitted, session, rows.columns, scale=scale, tolerance=tolerance)
    suspects = sorted(set(hard.mismatches) & set(rows.huge))
    unstable = unstable_rows(fitted, rows.columns, suspects, scale=scale, tolerance=tolerance)
    if unstable:
        hard = compare(fitted, session, rows.columns, scale=scale, tolerance=tolerance, skip=unstable)
    answers = run_graph(session, fitted, columns)
    test = compare(fitted, session, columns, scale=scale, tolerance=tolerance, answers=answers)
    return Attempt(onnx=data, answers=answers, repairs=repairs, test=test, hard=hard, hard_rows=rows)


def _runnable(fitted: Fitted, run: Callable[[], T]) -> T:
    try:
        return run()
    except runtime_errors() as problem:
        raise ProviderError(
            "The exported graph cannot be run",
            detail=f"{fitted.trainer.name}: {' '.join(str(problem).split())[:300]}",
            hint="change its parameters, or use another algorithm or step",
            id="export-failed",
        ) from problem


def _mismatch(fitted: Fitted, attempt: Attempt, limit: float) -> ProviderError:
    test, hard, rows = attempt.test, attempt.hard, attempt.hard_rows
    examples = [f"evaluation row {row + 1}" for row in test.mismatches[:5]] + [rows.descriptions[row] for row in hard.mismatches[:5]]
    count = len(test.mismatches) + len(hard.mismatches)
    largest = max(test.max_probability_diff, hard.max_probability_diff, test.max_value_diff, hard.max_value_diff)
    return ProviderError(
        "The exported graph and the native model give different answers",
        detail=f"{fitted.trainer.name}: {count} of {test.compared + hard.compared} rows differ (largest difference {largest:.3g}, "
        f"allowed {limit:.3g}): {', '.join(examples)}" + (" …" if count > len(examples) else ""),
        hint="put `- {columns: numeric, use: standard_scaler}` before it if columns have large values, or use another algorithm or step",
        id="export-mismatch",
    )
