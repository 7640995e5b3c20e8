"""Commands about the store and the locks."""

from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from leptonctl.cli.commands import group
from leptonctl.cli.options import Reason, Yes, terminal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def gc(
    ctx: typer.Context,
    *,
    forget_lineage: Annotated[
        str | None, typer.Option("--forget-lineage", metavar="ID", help="Remove a lineage from the store that nobody uses any more.")
    ] = None,
    yes: Yes = False,
) -> int:
    """Free what no project of the store needs. Declared versions, bindings, recent deployments and builds stay (`keep:` of the project)."""
    from leptonctl.commands.gc import gc as command
    from leptonctl.views.reports import gc_preview, gc_text

    terminal = terminal_of(ctx)
    consent: Callable[[Mapping[str, Any]], bool] = terminal.consent(
        lambda report: gc_preview(report, color=terminal.color), assume_yes=yes, needed=bool
    )
    return terminal.show(command(terminal.session(), consent, forget_lineage=forget_lineage), gc_text)


def purge(
    ctx: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(metavar="[DATASET@VERSION]", help="Remove all rows of this version, wherever they are."),
    ] = None,
    *,
    row: Annotated[str | None, typer.Option("--id", metavar="VALUE", help="Remove the row with this value in the `id:` column.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="With --id: from this dataset only.")] = None,
    reason: Reason = "",
    yes: Yes = False,
) -> int:
    """Report what holds the rows of a dataset version or of a person, and remove them for good. Data files are never edited."""
    from leptonctl.commands.purge import purge as command
    from leptonctl.views.purge import purge_preview, purge_text

    terminal = terminal_of(ctx)
    consent: Callable[[Mapping[str, Any]], bool] = terminal.consent(
        lambda report: purge_preview(report, color=terminal.color), assume_yes=yes, needed=bool
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
    """Take a lock from a holder that does not release it."""
    from leptonctl.commands.lock import release as command
    from leptonctl.views.reports import lock_release_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), lock_id), lock_release_text)


lock: click.Group = group("lock", "List the locks, or release one.", {"list": lock_list, "release": lock_release})
