"""The arguments and options that several commands share, and how a command reaches its terminal."""

from typing import Annotated, TypeAlias

import typer

from leptonctl.cli.terminal import Terminal

REASON_LENGTH = 500


def one_line(text: str | None) -> str:
    """The value of `--reason` without surrounding spaces. BadParameter (a usage error) unless it is one line of bounded length."""
    if text is None or text == "":
        return ""
    line = text.strip()
    if not line:
        raise typer.BadParameter("write the reason, or leave the option out")
    if not line.isprintable():
        raise typer.BadParameter("it must be one line of text, without control characters")
    if len(line) > REASON_LENGTH:
        raise typer.BadParameter(f"it has {len(line)} characters; at most {REASON_LENGTH} are recorded")
    return line


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
