"""Commands that let a withdrawn version back in, and that freeze an environment."""

from typing import Annotated, TypeAlias

import typer

from leptonctl.cli.options import LockTimeout, Reason, terminal_of
from leptonctl.cli.planned import wait_for_lock

Environment: TypeAlias = Annotated[str, typer.Argument(metavar="ENV", help="The environment.")]


def readmit(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="ENV/MODEL@VERSION", help="The version that was withdrawn.")],
    *,
    reason: Reason = "",
    withdrawal: Annotated[str | None, typer.Option("--withdrawal", metavar="ID", help="Which withdrawal, if there are several.")] = None,
    lock_timeout: LockTimeout = 0.0,
) -> int:
    """Let a version that was withdrawn from an environment back in. Binds nothing: that takes an apply."""
    from leptonctl.commands.readmit import readmit as command
    from leptonctl.views.holds import readmitted_text

    terminal = terminal_of(ctx)
    readmitted = wait_for_lock(terminal, lock_timeout, lambda session: command(session, target, reason, withdrawal))
    return terminal.show(readmitted, readmitted_text)


def freeze(ctx: typer.Context, environment: Environment, *, reason: Reason = "", lock_timeout: LockTimeout = 0.0) -> int:
    """Hold the bindings of an environment until it is unfrozen. Only returns to earlier versions still move."""
    from leptonctl.commands.freeze import freeze as command
    from leptonctl.views.holds import freeze_text

    terminal = terminal_of(ctx)
    return terminal.show(wait_for_lock(terminal, lock_timeout, lambda session: command(session, environment, reason)), freeze_text)


def unfreeze(ctx: typer.Context, environment: Environment, *, reason: Reason = "", lock_timeout: LockTimeout = 0.0) -> int:
    """Let the bindings of a frozen environment move again."""
    from leptonctl.commands.freeze import unfreeze as command
    from leptonctl.views.holds import freeze_text

    terminal = terminal_of(ctx)
    return terminal.show(wait_for_lock(terminal, lock_timeout, lambda session: command(session, environment, reason)), freeze_text)
