"""Commands about the project files and the tool itself."""

from pathlib import Path
from typing import Annotated

import typer

from leptonctl.cli.options import terminal_of
from leptonctl.cli.terminal import json_text
from leptonctl.core.diagnostic import ERROR, INVALID, OK, has_errors


def init(
    ctx: typer.Context,
    *,
    from_file: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="A table to learn from.")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="COL",
            help="The column to predict. Default: one named target, label, class or outcome, else the last that can be predicted.",
        ),
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", metavar="E", help="The encoding of its text. Default: detected.")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The table has no header line.")] = False,
    row_id: Annotated[str | None, typer.Option("--id", metavar="COL", help="The column that identifies a row. Default: detected.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", metavar="COL", help="A column to leave out (repeatable).")] = None,
) -> int:
    """Create a project that is ready to apply, and report what was inferred from its table, and why."""
    from leptonctl.commands.init import init as command
    from leptonctl.commands.session import folder_of
    from leptonctl.views.reports import init_text

    terminal = terminal_of(ctx)
    table = terminal.path(from_file) if from_file is not None else None
    report = command(
        folder_of(terminal.directory), table, target=target, encoding=encoding, header=not no_header, row_id=row_id, drop=drop or ()
    )
    return terminal.show(report, init_text)


def validate(ctx: typer.Context) -> int:
    """Check all project files and report all errors at once."""
    from leptonctl.commands.validate import validate as command
    from leptonctl.views.reports import validation_text, validation_to_json

    terminal = terminal_of(ctx)
    problems = command(terminal.session())
    code = INVALID if has_errors(problems) else OK
    if terminal.json:
        return terminal.show(validation_to_json(problems), str, code)
    terminal.say(validation_text(problems, terminal.sources, color=terminal.color))
    return code


def schema(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Project, Dataset, Model or Environment.")] = None,
) -> int:
    """Print the JSON Schema of a kind, or of any document, for editors."""
    from leptonctl.commands.validate import schema as command

    terminal_of(ctx).say(json_text(command(kind)))
    return OK


def pin(
    ctx: typer.Context,
    addresses: Annotated[list[str] | None, typer.Argument(metavar="[ADDR]...", help="Only these dataset versions. Default: all.")] = None,
) -> int:
    """Write the digests of data files into the YAML. Never changes an existing digest: new data need a new version."""
    from leptonctl.commands.pin import pin as command
    from leptonctl.views.reports import has_error, pin_text

    terminal = terminal_of(ctx)
    report = command(terminal.session(), addresses or ())
    return terminal.show(report, pin_text, ERROR if has_error(report) else OK)


def version(ctx: typer.Context) -> int:
    """Print the versions of leptonctl and of the libraries it computes with."""
    from leptonctl.views.reports import version_text, versions

    return terminal_of(ctx).show(versions(), version_text)
