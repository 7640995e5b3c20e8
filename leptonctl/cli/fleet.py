"""Commands about servers: the fleet of all environments, and the log of this folder's."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import click
import typer

from leptonctl.cli.commands import group
from leptonctl.cli.options import terminal_of
from leptonctl.cli.watching import pause, until_interrupted
from leptonctl.core.diagnostic import OK

if TYPE_CHECKING:
    from leptonctl.cli.terminal import Terminal
    from leptonctl.commands.session import Session
    from leptonctl.spi.platforms import Say

FOLLOW_S = 0.2
Name: TypeAlias = Annotated[str, typer.Argument(metavar="ENV", help="The environment. Its server must have been started from this folder.")]


def server_list(ctx: typer.Context) -> int:
    """List the servers of all environments: what each serves, since when, and when it was last heard of."""
    from time import time

    from leptonctl.commands.server import servers
    from leptonctl.views.servers import list_text

    terminal = terminal_of(ctx)
    return terminal.show(servers(terminal.session()), list_text, width=terminal.table_width, now=time())


def server_forget(
    ctx: typer.Context, server: Annotated[str, typer.Argument(metavar="ID", help="The id of a dead server, or ENV/ID.")]
) -> int:
    """Remove the record of a server that is dead. A living one is refused."""
    from leptonctl.commands.server import forget
    from leptonctl.views.servers import forgotten_text

    return _act(terminal_of(ctx), forget, server, forgotten_text)


def server_stop(
    ctx: typer.Context,
    environment: Name,
    *,
    stray: Annotated[
        bool,
        typer.Option("--stray", help="Instead, stop a server that this folder started at its address for a state that no longer exists."),
    ] = False,
) -> int:
    """Stop this folder's server of an environment. The next apply starts it again."""
    from leptonctl.commands.server import stop
    from leptonctl.views.servers import action_text

    return _act(terminal_of(ctx), partial(stop, stray=stray), environment, action_text)


def server_restart(ctx: typer.Context, environment: Name) -> int:
    """Stop and start this folder's server, and wait until it serves what is bound."""
    from leptonctl.commands.server import restart
    from leptonctl.views.servers import action_text

    return _act(terminal_of(ctx), restart, environment, action_text)


def _act(
    terminal: "Terminal",
    command: "Callable[[Session, str, Say], Mapping[str, Any]]",
    target: str,
    text: Callable[..., str],
) -> int:
    return terminal.show(command(terminal.session(), target, terminal.remark), text)


def log(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="ENV|MODEL@VERSION", help="An environment, or a version.")],
    *,
    lines: Annotated[int, typer.Option("--lines", metavar="N", help="Show this many lines from the end.", min=0)] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing new lines until Ctrl-C (exit 0).")] = False,
) -> int:
    """Show the log of this folder's server of an environment, or of the last build of a version in this folder."""
    from leptonctl.commands.log import follow_log, log_of
    from leptonctl.views.servers import line_json, log_text

    terminal = terminal_of(ctx)
    path, logged = log_of(terminal.session(), target)
    offset = path.stat().st_size
    last = logged[len(logged) - min(lines, len(logged)) :]
    if not follow:
        return terminal.show({"target": target, "file": str(path), "lines": list(last)}, log_text)
    with until_interrupted():
        for line in chain(last, follow_log(path, offset)):
            if line is None:
                if not pause(FOLLOW_S):
                    break
            else:
                terminal.say(line_json(line) if terminal.json else log_text({"lines": [line]}, color=False))
    return OK


server: click.Group = group(
    "server",
    "List the servers of all environments; forget, stop or restart one.",
    {"list": server_list, "forget": server_forget, "stop": server_stop, "restart": server_restart},
)
