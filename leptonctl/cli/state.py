"""Commands about the state itself: look at it, back it up, restore it, rebuild it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from leptonctl.cli.commands import group
from leptonctl.cli.options import Yes, terminal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from leptonctl.cli.terminal import Terminal

    Consent = Callable[[Mapping[str, Any]], bool]


def state_list(ctx: typer.Context) -> int:
    """List every address in the state with its digest, version, deployment and time."""
    from leptonctl.commands.state_look import list_pointers
    from leptonctl.views.state import list_text

    terminal = terminal_of(ctx)
    return terminal.show(list_pointers(terminal.session()), list_text, width=terminal.room)


def state_show(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(metavar="[ADDR]", help="The address of a pointer. Default: the state itself.")] = None,
) -> int:
    """Show one pointer with its steps, or the state itself. Of the state, also whether it can be changed."""
    from leptonctl.commands.state_look import show_pointer, show_state
    from leptonctl.views.reports import outline_text

    terminal = terminal_of(ctx)
    session = terminal.session()
    return terminal.show(show_pointer(session, address) if address else show_state(session), outline_text)


def state_backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that has other contents.")] = False,
) -> int:
    """Write the state to a file, and check it by reading it back."""
    from leptonctl.commands.state_backup import backup
    from leptonctl.views.state import backup_text

    terminal = terminal_of(ctx)
    return terminal.show(backup(terminal.session(), _file(terminal, file), force=force), backup_text)


def state_restore(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `state backup` wrote.")], *, yes: Yes = False
) -> int:
    """Go back to a backup of the state. The state that it replaces becomes read-only; its history stays."""
    from leptonctl.commands.state_backup import restore
    from leptonctl.views.state import takeover_text

    terminal = terminal_of(ctx)
    report = restore(terminal.session(), _file(terminal, file), _consent(terminal, assume_yes=yes))
    return terminal.show(report, takeover_text)


def state_adopt(
    ctx: typer.Context,
    *,
    moved: Annotated[bool, typer.Option("--moved", help="This folder was moved: it owns what it started at its old path.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="This folder is a copy: make it a project of its own, with nothing bound.")] = False,
    lineage: Annotated[str | None, typer.Option("--lineage", metavar="ID", help="Which lineage, if the store has several.")] = None,
    yes: Yes = False,
) -> int:
    """Rebuild a lost or outdated state from the store. Or declare that this folder was moved or copied."""
    from leptonctl.commands.state_adopt import adopt, adopt_copy, adopt_moved
    from leptonctl.views.state import takeover_text

    terminal = terminal_of(ctx)
    if moved and copy:
        message = "--moved and --copy exclude each other."
        raise click.UsageError(message, ctx)
    consent, session = _consent(terminal, assume_yes=yes), terminal.session()
    if moved or copy:
        return terminal.show((adopt_moved if moved else adopt_copy)(session, consent), takeover_text)
    return terminal.show(adopt(session, consent, lineage=lineage), takeover_text)


def state_forget(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDR", help="A dataset or model version, or a destroyed environment.")],
    *,
    yes: Yes = False,
) -> int:
    """Drop a pointer from the state. Results, deployments and history stay; the next apply finds again what is still declared."""
    from leptonctl.commands.state_edit import forget
    from leptonctl.views.state import edit_text

    terminal = terminal_of(ctx)
    return terminal.show(forget(terminal.session(), address, _consent(terminal, assume_yes=yes)), edit_text)


def state_rename(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NEW", help="The new name, as in leptonctl.yaml.")], *, yes: Yes = False
) -> int:
    """Rename the project in its state and store, after `name:` was edited."""
    from leptonctl.commands.state_edit import rename
    from leptonctl.views.state import edit_text

    terminal = terminal_of(ctx)
    return terminal.show(rename(terminal.session(), name, _consent(terminal, assume_yes=yes)), edit_text)


def _file(terminal: "Terminal", file: Path) -> Path:
    """A file named on the command line, relative to the folder of -C."""
    from leptonctl.commands.session import folder_of

    return Path(os.path.abspath(folder_of(terminal.directory) / file))  # noqa: PTH100 - resolve would replace the name of a link


def _consent(terminal: "Terminal", *, assume_yes: bool) -> "Consent":
    from leptonctl.views.state import preview

    return terminal.consent(lambda report: preview(report, color=terminal.color), assume_yes=assume_yes, needed=bool)


state: click.Group = group(
    "state",
    "Look at the state, back it up, restore a backup, or rebuild a lost state from the store.",
    {
        "list": state_list,
        "show": state_show,
        "backup": state_backup,
        "restore": state_restore,
        "adopt": state_adopt,
        "forget": state_forget,
        "rename": state_rename,
    },
)
