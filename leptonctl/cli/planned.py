"""What the commands around a plan share: showing it, asking for consent, the exit code, the last words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.cli.terminal import Terminal, json_text
from leptonctl.core.diagnostic import CHANGES, GATE, OK, has_errors, refusal_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from leptonctl.commands.outcome import Outcome
    from leptonctl.core.change import Plan
    from leptonctl.core.event import ApplyFinished


def show_plan(terminal: Terminal, plan: Plan, *, markdown: bool = False, saved: Path | None = None) -> None:
    """The plan in the form that was asked for, and where it was saved."""
    if terminal.json:
        from leptonctl.views.plan_json import plan_to_json

        terminal.say(json_text(plan_to_json(plan)))
    elif markdown:
        from leptonctl.views.plan_markdown import render as render_markdown

        terminal.say(render_markdown(plan))
    else:
        terminal.say(plan_text(terminal, plan))
        terminal.say(f"\nSaved: `leptonctl apply {saved}` does exactly this." if saved else "")


def plan_text(terminal: Terminal, plan: Plan) -> str:
    """The plan for people."""
    from leptonctl.views.plan_text import render

    return render(plan, color=terminal.color, width=terminal.width, verbose=terminal.verbose)


def plan_exit_code(plan: Plan, *, detailed: bool) -> int:
    """What an apply would refuse comes before a gate known to fail, and that before pending changes."""
    if has_errors(plan.diagnostics):
        return refusal_code(plan.diagnostics)
    if plan.gates_failed:
        return GATE
    return CHANGES if detailed and plan.has_effect else OK


def consent_to_plan(terminal: Terminal, *, given: bool) -> Callable[[Plan], bool]:
    """Shows the plan and asks; a plan without effect needs no consent."""
    return terminal.consent(lambda plan: plan_text(terminal, plan), given=given, needed=lambda plan: plan.has_effect)


def conclude(terminal: Terminal, outcome: Outcome, command: str) -> int:
    """What is left to say after the reporter's last line."""
    terminal.close()
    if outcome.finished is None:
        terminal.aside("Nothing was changed.")
    elif not terminal.json:
        terminal.say(_without_steps(terminal, outcome.plan, outcome.finished, command))
    if outcome.commit_hint:
        terminal.aside(f"\nTo keep Git the truth:\n  {outcome.commit_hint}")
    return outcome.exit_code


def _without_steps(terminal: Terminal, plan: Plan, finished: ApplyFinished, command: str) -> str:
    """The last words where no step was done, of which the reporter says nothing."""
    from leptonctl.views.events import closing, did_anything
    from leptonctl.views.style import Style

    if did_anything(finished):
        return ""
    return closing(finished, command, Style(terminal.color)) if plan.has_effect else plan_text(terminal, plan)
