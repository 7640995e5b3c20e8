"""What commands around a plan share: showing it, consent, waiting for locks, the exit code and the conclusion."""

from __future__ import annotations

from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from leptonctl.cli.terminal import Terminal, json_text
from leptonctl.core.diagnostic import CHANGES, GATE, INTERRUPTED, LOCKED, OK, Failure, has_errors, refusal_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from leptonctl.commands.outcome import Outcome
    from leptonctl.commands.session import Session
    from leptonctl.core.change import Plan
    from leptonctl.core.event import ApplyFinished, Reporter

T = TypeVar("T")
LOCK_POLL_S = 0.5
SAVED = "add --yes, or apply a plan saved with `leptonctl plan --out FILE`"


def show_plan(terminal: Terminal, plan: Plan, *, markdown: bool = False, saved: Path | None = None) -> None:
    """Print the plan in the requested form, and where it was saved."""
    if terminal.json:
        from leptonctl.views.plan_json import plan_to_json

        terminal.say(json_text(plan_to_json(plan)))
    elif markdown:
        from leptonctl.views.plan_markdown import render as render_markdown

        terminal.say(render_markdown(plan), whole=True)
    else:
        terminal.say(plan_text(terminal, plan))
        terminal.say(f"\nSaved: `leptonctl apply {saved}` does exactly this." if saved else "")


def plan_text(terminal: Terminal, plan: Plan) -> str:
    """The plan for people."""
    from leptonctl.views.plan_text import render

    return render(plan, color=terminal.color, width=terminal.width, verbose=terminal.verbose)


def plan_exit_code(plan: Plan, *, detailed: bool) -> int:
    """The exit code of a plan: errors that an apply would refuse come first, then holds that are new, then pending changes."""
    if has_errors(plan.diagnostics):
        return refusal_code(plan.diagnostics)
    if plan.newly_holds:
        return GATE
    return CHANGES if detailed and plan.is_pending else OK


def consent_to_plan(terminal: Terminal, *, assume_yes: bool, hint: str = "add --yes", close: str = "") -> Callable[[Plan], bool]:
    """A function that shows the plan and asks for consent, once for each effect; a plan without effect needs none.

    `close`: text below a plan that has an effect.
    """
    ask: Callable[[Plan], bool] = terminal.consent(
        lambda plan: plan_text(terminal, plan) + (f"\n{close}" if close and plan.has_effect else ""),
        assume_yes=assume_yes,
        needed=lambda plan: plan.has_effect,
        hint=hint,
    )
    consented: set[str] = set()

    def consent(plan: Plan) -> bool:
        if plan.effect_id not in consented and not ask(plan):
            return False
        consented.add(plan.effect_id)
        return True

    return consent


def wait_for_lock(terminal: Terminal, timeout_s: float, attempt: Callable[[Session], T]) -> T:
    """Run a command. While another apply moves its addresses, plan and try again until the time is up."""
    deadline = monotonic() + timeout_s
    session, announced = terminal.session(), ""
    while True:
        try:
            return attempt(session)
        except Failure as failure:
            if failure.exit_code != LOCKED or monotonic() >= deadline:
                raise
            detail = failure.diagnostics[0].detail
            if detail != announced:
                terminal.aside(f"Waiting up to {timeout_s:g} s: {detail}.")
                announced = detail
        sleep(min(LOCK_POLL_S, max(0.0, deadline - monotonic())))
        session = session.reopen()


def move_pointers(terminal: Terminal, command: str, attempt: Callable[[Session, Reporter], Outcome], *, lock_timeout: float) -> int:
    """Run a command that moves pointers, wait for locks meanwhile, and print its conclusion. The exit code."""
    reporter = terminal.reporter()
    return conclude(terminal, wait_for_lock(terminal, lock_timeout, lambda session: attempt(session, reporter)), command)


def conclude(terminal: Terminal, outcome: Outcome, command: str) -> int:
    """Print what the reporter has not printed yet, and return the exit code."""
    terminal.close()
    if outcome.finished is None:
        terminal.aside("Nothing was changed.")
    elif not terminal.json:
        terminal.say(_conclusion(terminal, outcome.plan, outcome.finished, command))
    if outcome.exit_code == INTERRUPTED:
        terminal.aside("Interrupted. What was finished is in the store: run it again to continue.")
    if outcome.withdrawn:
        from leptonctl.views.holds import withdrawn_lines

        terminal.aside("\n".join(withdrawn_lines(outcome.withdrawn)))
    if outcome.finished is not None and outcome.finished.next_apply:
        terminal.aside(
            f"\nOther bindings use the lines that were written back. The next apply moves {', '.join(outcome.finished.next_apply)}."
        )
    if outcome.commit_hint:
        terminal.aside(f"\nThe YAML was edited. To record it in Git:\n  {outcome.commit_hint}")
    return outcome.exit_code


def _conclusion(terminal: Terminal, plan: Plan, finished: ApplyFinished, command: str) -> str:
    """The conclusion of an apply that did no step, about which the reporter says nothing."""
    from leptonctl.views.events import closing_line, did_anything
    from leptonctl.views.style import Style

    if did_anything(finished):
        return ""
    if not plan.has_effect:
        return plan_text(terminal, plan)
    removed = [change.place for change in plan.changes if change.action == "remove"]
    environments = sum(address.kind == "environment" and address.member is None for address in removed)
    return closing_line(finished, command, Style(terminal.color), forgotten=plan.summary.get("forget", 0), destroyed=environments)
