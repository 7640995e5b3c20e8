"""One estimator on one table: trained, exported and compared with plain scikit-learn, or refused in one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.onnx.parity import run_graph
from leptonctl.learning.scoring.answers import open_session
from leptonctl.learning.steps.export import export, refuse_unfaithful
from leptonctl.learning.tables.prepared import Rows
from leptonctl.spi.learning import ProviderError
from tests.learning.model_rows import quiet, recipe
from tests.sweep.tables import Table

SEED = 3
EXPORTED, REFUSED, WRONG, CRASHED = "exported", "refused", "WRONG", "CRASHED"
Step = tuple[str, Any, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What to build: `steps` before `algorithm`, on a table."""

    subject: str
    task: str
    algorithm: str
    table: Table
    steps: Sequence[Step] = ()
    params: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return " ".join([self.task, *(step[0] for step in self.steps), self.algorithm, "on", self.table.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it went. `difference`: the largest from plain scikit-learn, relative to the target's scale for a regression."""

    case: Case
    result: str
    reason: str = ""
    difference: float = 0.0
    repairs: Sequence[str] = ()


def outcome(case: Case) -> Outcome:
    """Build it with the functions of the steps of an apply, and compare its answers on rows that it has not seen."""
    asked = recipe(case.task, case.algorithm, *case.steps, params=dict(case.params or {}), seed=SEED)
    seen, unseen = case.table.halves(case.task)
    try:
        refuse_unfaithful(asked)
        fitted = load_native(dump_native(fit(asked, seen.columns, seen.y, quiet)), asked)
        result = export(fitted, seen, unseen)
    except ProviderError as problem:
        return Outcome(case=case, result=REFUSED, reason=f"{problem.id}: {' '.join(problem.detail.split())[:160]}")
    except Exception as problem:
        return Outcome(case=case, result=CRASHED, reason=f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}")
    answers = run_graph(open_session(result.onnx), fitted, unseen.columns)
    native = fitted.predict(unseen.columns)
    difference, wrong = _difference(native, answers, seen, result.parity.tolerance)
    return Outcome(
        case=case, result=WRONG if wrong else EXPORTED, difference=difference, repairs=result.parity.repairs,
        reason="labels or numbers differ" if wrong else "",
    )  # fmt: skip


def _difference(native: Any, answers: Any, seen: Rows, tolerance: float) -> tuple[float, bool]:
    if native.values is not None and native.labels is not None:
        scale = max(float(np.std(native.values)), 1e-30)
        close = np.abs(native.values) <= tolerance * scale if native.labels.dtype == object else np.zeros(len(native.values), dtype=bool)
        far = float((np.abs(native.values - answers.values) / np.maximum(np.abs(native.values), scale)).max())
        return far, bool(((native.labels != answers.labels) & ~close).any()) or not far <= tolerance
    if native.values is not None:
        scale = np.maximum(np.maximum(np.abs(native.values), np.std(seen.y)), 1e-30)
        far = float((np.abs(native.values - answers.values) / scale).max())
        return far, not far <= tolerance
    far = float(np.abs(native.probabilities - answers.probabilities).max())
    top = np.sort(native.probabilities, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-5
    return far, bool(((native.labels != answers.labels) & clear).any()) or not far <= tolerance
