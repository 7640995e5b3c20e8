"""A step that ended without a result, as a diagnostic at its place in the YAML. Pure."""

import re

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span
from leptonctl.spi.running import Failed, Lost


def step_diagnostic(outcome: Failed | Lost, span: Span | None) -> Diagnostic:
    """The diagnostic of a step that refused its inputs or did not finish."""
    if isinstance(outcome, Lost):
        return error("step-lost", "A step did not finish", outcome.why, span=span, hint="run again: only this step is repeated")
    problem = outcome.error
    detail = with_place(problem.detail, problem.file, problem.line)
    return error(problem.id or "step-failed", problem.summary, detail, span=span, hint=problem.hint)


def with_place(detail: str, file: str | None, line: int | None) -> str:
    """The detail of an error with its place in the data, unless it names the place already."""
    if not file or not line or f"{file}:{line}" in detail or re.search(rf"\bline {line}\b", detail, re.IGNORECASE):
        return detail
    return f"{detail} ({file}:{line})"
