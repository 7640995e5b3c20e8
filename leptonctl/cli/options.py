"""The arguments and options that several commands share, and how a command reaches its terminal."""

from typing import Annotated, TypeAlias

import typer

from leptonctl.cli.terminal import Terminal
from leptonctl.commands.reason import reason_of


def one_line(text: str | None) -> str:
    """The value of `--reason`. BadParameter (a usage error) when it cannot be recorded."""
    try:
        return reason_of(text)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem


Only: TypeAlias = Annotated[list[str] | None, typer.Option("--only", metavar="ADDR", help="Only this address (repeatable).")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask for consent.")]
Expect: TypeAlias = Annotated[
    str | None, typer.Option("--expect", metavar="EFFECT_ID", help="Refuse unless the plan has the effect that was reviewed.")
]
Rewind: TypeAlias = Annotated[
    bool, typer.Option("--allow-rewind", help="Let a protected environment move to a commit that does not contain the last applied one.")
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the history: one line.", callback=one_line)]
LockTimeout: TypeAlias = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", min=0, help="How long to wait while another apply moves the same addresses."),
]


def terminal_of(ctx: typer.Context) -> Terminal:
    """The terminal of this run."""
    terminal = ctx.find_object(Terminal)
    assert terminal is not None, "main() gives every command a Terminal"
    return terminal
