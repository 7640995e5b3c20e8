"""The arguments and options that several commands share, and how a command reaches its terminal."""

from typing import Annotated, TypeAlias

import typer

from leptonctl.cli.terminal import Terminal

Only: TypeAlias = Annotated[list[str] | None, typer.Option("--only", metavar="ADDR", help="Only this address (repeatable).")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Go on without asking.")]
Expect: TypeAlias = Annotated[
    str | None, typer.Option("--expect", metavar="EFFECT_ID", help="Refuse when the effect is not the one that was reviewed.")
]
Rewind: TypeAlias = Annotated[
    bool, typer.Option("--allow-rewind", help="Let a protected environment follow a commit without the last applied one.")
]


def terminal_of(ctx: typer.Context) -> Terminal:
    """The terminal of this run."""
    found = ctx.find_object(Terminal)
    assert found is not None, "main() hands every command a Terminal"
    return found
