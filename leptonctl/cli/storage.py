"""Commands about the store and the locks."""

from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from leptonctl.cli.commands import CommandGroup, as_command, global_options
from leptonctl.cli.options import Reason, Yes, terminal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def gc(
    ctx: typer.Context,
    forget_lineage: Annotated[
        str | None, typer.Option("--forget-lineage", metavar="ID", help="End a lineage of the store that nobody uses any more.")
    ] = None,
    yes: Yes = False,
) -> int:
    """Free what no project of the store needs. Declared versions, bindings, recent deployments and builds stay (`keep:` of the project)."""
    from leptonctl.commands.gc import gc as command
    from leptonctl.views.reports import gc_preview, gc_text

    terminal = terminal_of(ctx)
    consent: Callable[[Mapping[str, Any]], bool] = terminal.consent(
        lambda what: gc_preview(what, color=terminal.color), assume_yes=yes, needed=bool
    )
    return terminal.show(command(terminal.session(), consent, forget_lineage=forget_lineage), gc_text)


def purge(
    ctx: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(metavar="[DATASET@VERSION]", help="All rows of this version go, wherever they are."),
    ] = None,
    row: Annotated[str | None, typer.Option("--id", metavar="VALUE", help="The row with this value in the `id:` column goes.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="With --id: of this dataset only.")] = None,
    reason: Reason = "",
    yes: Yes = False,
) -> int:
    """Report what holds the rows of a dataset version or of a person, and remove it for good. Data files are never edited."""
    from leptonctl.commands.purge import purge as command
    from leptonctl.views.purge import purge_preview, purge_text

    terminal = terminal_of(ctx)
    consent: Callable[[Mapping[str, Any]], bool] = terminal.consent(
        lambda what: purge_preview(what, color=terminal.color), assume_yes=yes, needed=bool
    )
    return terminal.show(command(terminal.session(), version, row, dataset, reason=reason, consent=consent), purge_text)


def lock_list(ctx: typer.Context) -> int:
    """List the locks: who holds each, since when, and whether the holder is alive."""
    from leptonctl.commands.lock import locks as command
    from leptonctl.views.reports import locks_text

    terminal = terminal_of(ctx)
    return terminal.show({"locks": command(terminal.session())}, locks_text)


def lock_release(
    ctx: typer.Context, lock_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `leptonctl lock list` shows.")]
) -> int:
    """Release a lock by force, when its holder does not."""
    from leptonctl.commands.lock import release as command
    from leptonctl.views.reports import lock_release_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), lock_id), lock_release_text)


lock: click.Group = CommandGroup(
    name="lock",
    help="List the locks, or release one.",
    rich_markup_mode=None,
    no_args_is_help=False,
    params=global_options(),
    commands={"list": as_command("list", lock_list), "release": as_command("release", lock_release)},
)
