"""A step that ended without a result, as a diagnostic at its place in the YAML. Pure."""

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span
from leptonctl.spi.running import Failed, Lost, StepError


def step_diagnostic(outcome: Failed | Lost, span: Span | None) -> Diagnostic:
    """The diagnostic of a step that refused its inputs or did not finish."""
    if isinstance(outcome, Lost):
        return error("step-lost", "A step did not finish", outcome.why, span=span, hint="run again: only this step is repeated")
    problem = outcome.error
    return error(problem.id or "step-failed", problem.summary, problem.detail + _in_data(problem), span=span, hint=problem.hint)


def _in_data(problem: StepError) -> str:
    """The place of the error in the data, unless the detail says it."""
    if not problem.file or not problem.line or problem.file in problem.detail:
        return ""
    return f" ({problem.file}:{problem.line})"
