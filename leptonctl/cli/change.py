"""Commands that plan and make changes."""

from pathlib import Path
from typing import Annotated

import typer

from leptonctl.cli.options import Expect, LockTimeout, Only, Reason, Rewind, Yes, terminal_of
from leptonctl.cli.planned import SAVED, conclude, consent_to_plan, move_pointers, plan_exit_code, show_plan

DESTROYS = (
    "Their servers on this host stop; versions, results, seals and the history stay.\n"
    "While the YAML declares an environment, `leptonctl apply` brings it back."
)
"""What a destroy does and what it leaves, shown before consent is asked for."""


def plan(
    ctx: typer.Context,
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `leptonctl apply`.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the plan as a comment for a pull request.")] = False,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending.")] = False,
    only: Only = None,
) -> int:
    """Show what would change and why. Writes nothing and runs no project code."""
    from leptonctl.commands.plan import plan as command

    terminal = terminal_of(ctx)
    planned = command(terminal.session(), only=only or (), out=terminal.path(out) if out is not None else None)
    show_plan(terminal, planned, markdown=markdown, saved=out)
    return plan_exit_code(planned, detailed=detailed_exitcode)


def build(
    ctx: typer.Context,
    addresses: Annotated[list[str] | None, typer.Argument(metavar="[ADDR]...", help="Only these addresses. Default: all.")] = None,
) -> int:
    """Train and evaluate into the store; move no pointer. What is built now is what an apply will bind."""
    from leptonctl.commands.build import build as command

    terminal = terminal_of(ctx)
    return conclude(terminal, command(terminal.session(), only=addresses or (), reporter=terminal.reporter()), "build")


def apply(
    ctx: typer.Context,
    plan_file: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan saved by `leptonctl plan --out`.")] = None,
    *,
    yes: Yes = False,
    only: Only = None,
    expect: Expect = None,
    allow_rewind: Rewind = False,
    lock_timeout: LockTimeout = 0.0,
    reason: Reason = "",
) -> int:
    """Build what has no result yet, then move the pointers. A saved plan is its own consent."""
    from leptonctl.commands.apply import Request
    from leptonctl.commands.apply import apply as command

    terminal = terminal_of(ctx)
    consent = consent_to_plan(terminal, assume_yes=yes or plan_file is not None, hint=SAVED)
    saved = terminal.path(plan_file) if plan_file is not None else None
    request = Request(plan_file=saved, only=only or (), expect=expect, allow_rewind=allow_rewind, reason=reason)
    return move_pointers(
        terminal,
        "apply",
        lambda session, reporter: command(session, request, consent=consent, reporter=reporter),
        lock_timeout=lock_timeout,
    )


def rollback(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="ENV[/MODEL]", help="The environment, or one of its bindings.")],
    *,
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="The deployment to return to. Default: the previous one.")] = None,
    yes: Yes = False,
    expect: Expect = None,
    allow_rewind: Rewind = False,
    lock_timeout: LockTimeout = 0.0,
    reason: Reason = "",
) -> int:
    """Bind what an environment served before: edit the YAML, apply it, print the commit to make. Trains nothing."""
    from leptonctl.commands.apply import Request
    from leptonctl.commands.rollback import rollback as command

    terminal = terminal_of(ctx)
    consent = consent_to_plan(terminal, assume_yes=yes)
    request = Request(expect=expect, allow_rewind=allow_rewind, reason=reason)
    return move_pointers(
        terminal,
        "rollback",
        lambda session, reporter: command(session, target, to, request, consent=consent, reporter=reporter, say=terminal.aside),
        lock_timeout=lock_timeout,
    )


def promote(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    source: Annotated[str, typer.Argument(metavar="FROM", help="The environment that binds the version.")],
    destination: Annotated[str, typer.Argument(metavar="TO", help="The environment to bind it in as well.")],
    *,
    yes: Yes = False,
    expect: Expect = None,
    allow_rewind: Rewind = False,
    lock_timeout: LockTimeout = 0.0,
    reason: Reason = "",
) -> int:
    """Bind in one environment what another one binds: edit the YAML, apply it, print the commit to make."""
    from leptonctl.commands.apply import Request
    from leptonctl.commands.promote import promote as command

    terminal = terminal_of(ctx)
    consent = consent_to_plan(terminal, assume_yes=yes)
    request = Request(expect=expect, allow_rewind=allow_rewind, reason=reason)
    return move_pointers(
        terminal,
        "promote",
        lambda session, reporter: command(session, model, source, destination, request, consent=consent, reporter=reporter),
        lock_timeout=lock_timeout,
    )


def destroy(
    ctx: typer.Context,
    environment: Annotated[str | None, typer.Argument(metavar="[ENV]", help="Only this environment. Default: all.")] = None,
    *,
    yes: Yes = False,
    lock_timeout: LockTimeout = 0.0,
    reason: Reason = "",
) -> int:
    """Undo the effects of environments: bindings go, this host's servers stop; results, records and seals stay."""
    from leptonctl.commands.destroy import destroy as command

    terminal = terminal_of(ctx)
    consent = consent_to_plan(terminal, assume_yes=yes, close=DESTROYS)
    code = move_pointers(
        terminal,
        "destroy",
        lambda session, reporter: command(session, environment, consent=consent, reporter=reporter, reason=reason),
        lock_timeout=lock_timeout,
    )
    terminal.warn_of_left_out()
    return code
