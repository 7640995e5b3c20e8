"""What a step's end without a result is, as a diagnostic at its place in YAML. Pure."""

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span
from leptonctl.spi.running import Failed, Lost, StepError


def located(outcome: Failed | Lost, span: Span | None) -> Diagnostic:
    """The diagnostic of a step that refused its inputs, or that did not come to an end."""
    if isinstance(outcome, Lost):
        return error("step-lost", "A step did not come to an end", outcome.why, span=span, hint="run again: only this step is repeated")
    problem = outcome.error
    return error(problem.id or "step-failed", problem.summary, problem.detail + _in_data(problem), span=span, hint=problem.hint)


def _in_data(problem: StepError) -> str:
    """Where in the data it is wrong, unless the detail says so."""
    if not problem.file or not problem.line or problem.file in problem.detail:
        return ""
    return f" ({problem.file}:{problem.line})"
