"""Commands that only read."""

from pathlib import Path
from time import time
from typing import Annotated

import typer

from leptonctl.cli.commands import as_command
from leptonctl.cli.options import terminal_of
from leptonctl.cli.terminal import Terminal, json_text
from leptonctl.core.diagnostic import ERROR, OK

WATCH_S = 2.0
"""Seconds between two reports of `status --watch`, by default."""
PLANS = (".json", ".plan")
"""The usual endings of a saved plan: a name that has one is not an address."""


def show(
    ctx: typer.Context,
    item: Annotated[
        str | None,
        typer.Argument(
            metavar="[ADDR|PLAN]", help="An address, such as spam-filter@v2, mail@2024-06 or prod/spam-filter, or a saved plan."
        ),
    ] = None,
    *,
    trials: Annotated[bool, typer.Option("--trials", help="List the trials of the version's search, best first.")] = False,
) -> int:
    """Show the recorded state with its results, all about one version or binding, or a saved plan."""
    from leptonctl.commands.show import show as command
    from leptonctl.views.show import render_text

    terminal = terminal_of(ctx)
    plan_file = terminal.path(Path(item)) if item else None
    if plan_file is not None and (plan_file.is_file() or plan_file.suffix in PLANS):
        return _show_plan(terminal, plan_file)
    session = terminal.session()
    report = command(session, item, trials=trials)
    code = ERROR if session.left_out else OK
    return terminal.show(report, render_text, code, width=terminal.table_width, verbose=terminal.verbose, now=time(), trials=trials)


def _show_plan(terminal: Terminal, file: Path) -> int:
    from leptonctl.commands.plan import show_plan
    from leptonctl.views.plan_text import render

    return terminal.show(show_plan(file), render, width=terminal.width, verbose=terminal.verbose)


def show_status(
    ctx: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 unless everything that is bound is served and healthy; 6 if YAML and bindings differ.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option("--watch", metavar="[SECONDS]", help="Repeat every SECONDS (2) until Ctrl-C; in a pipe, print only changes."),
    ] = None,
) -> int:
    """Show which versions serve where and since when, and whether that agrees with the state."""
    from leptonctl.commands.status import check as check_command
    from leptonctl.commands.status import status as command

    terminal = terminal_of(ctx)
    if watch is not None:
        if check:
            raise typer.BadParameter("--check runs once: leave out --watch", param_hint="--check")
        return _watch(terminal, watch)
    from leptonctl.views.status import render_text

    report = command(terminal.session(), strict=check)
    code = check_command(report) if check else OK
    return terminal.show(report, render_text, code, width=terminal.table_width, now=time())


status = as_command("status", show_status, optional={"watch": WATCH_S})


def _watch(terminal: Terminal, seconds: float) -> int:
    """Redraw the screen of a terminal again and again; elsewhere print one block, or one line of JSON, for every change."""
    from leptonctl.cli.watching import CLEAR, changing, until_interrupted
    from leptonctl.commands.status import essence
    from leptonctl.commands.status import status as command
    from leptonctl.views.status import render_text

    screen = terminal.is_screen and not terminal.json
    session = terminal.session()
    with until_interrupted():
        for now in changing(lambda: command(session), essence, seconds, always=screen):
            if terminal.json:
                terminal.say(json_text(now, indent=None))
                continue
            text = render_text(now, color=terminal.color, width=terminal.table_width, now=time())
            terminal.say(CLEAR + text if screen else text + "\n\n")
    return OK


def history(
    ctx: typer.Context, address: Annotated[str | None, typer.Argument(metavar="[ADDR]", help="Only this address. Default: all.")] = None
) -> int:
    """List every change of a pointer: who, when, from which commit, with what evidence."""
    from leptonctl.commands.history import history as command
    from leptonctl.views.history import render_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), address), render_text, verbose=terminal.verbose, now=time())


def diff(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A version of a model or a dataset, such as spam-filter@v1.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The version to compare it with.")],
) -> int:
    """Compare two versions: fields, metrics, flips, size, data; for datasets, rows added and removed, and each column."""
    from leptonctl.commands.diff import diff as command
    from leptonctl.views.diff import render_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), a, b), render_text, width=terminal.table_width)


def leaderboard(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    *,
    by: Annotated[str | None, typer.Option("--by", metavar="METRIC", help="Order by this metric. Default: the first with a gate.")] = None,
    yaml: Annotated[
        str | None, typer.Option("--yaml", metavar="VERSION|DIGEST", help="Print the YAML that declares this version again.")
    ] = None,
) -> int:
    """List all versions of a model that are declared or were ever built, best first."""
    from leptonctl.commands.leaderboard import leaderboard as command
    from leptonctl.views.leaderboard import render_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), model, by, yaml), render_text, width=terminal.table_width)


def explain(
    ctx: typer.Context, address: Annotated[str, typer.Argument(metavar="ADDR", help="A version, an environment or a binding.")]
) -> int:
    """Explain what a digest is made of and why it changed, down to file and line."""
    from leptonctl.commands.explain import explain as command
    from leptonctl.views.explain import render_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), address), render_text, width=terminal.table_width, now=time())
