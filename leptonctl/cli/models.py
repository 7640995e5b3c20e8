"""Commands that use built models."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from leptonctl.cli.options import terminal_of
from leptonctl.core.diagnostic import ERROR, OK


def verify(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The version.")],
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Train it again in a fresh process and compare the bytes.")] = False,
) -> int:
    """Prove that a version is what was recorded: bytes, golden rows, metrics."""
    from leptonctl.commands.verify import verify as command
    from leptonctl.views.reports import verification_text

    terminal = terminal_of(ctx)
    proof = command(terminal.session(), address, rebuild=rebuild)
    return terminal.show(proof, verification_text, OK if proof["ok"] else ERROR)


def predict(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="MODEL@VERSION|ENV/MODEL", help="A version, or what an environment binds.")],
    source: Annotated[Path, typer.Option("--input", metavar="FILE", help="The rows.")],
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Where to write; else standard output.")] = None,
    form: Annotated[Literal["csv", "jsonl"], typer.Option("--format", help="How to write.")] = "csv",
) -> int:
    """Predict the rows of a file with the very model that is served."""
    from leptonctl.commands.predict import predict as command
    from leptonctl.views.reports import prediction_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), target, source, output, form), prediction_text)


def serve(
    ctx: typer.Context,
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    host: Annotated[str | None, typer.Option("--host", help="Listen here instead of where the YAML says.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Listen on this port instead of the YAML's.", min=0, max=65535)] = None,
) -> int:
    """Serve an environment in the foreground, anywhere that reaches the store."""
    from leptonctl.commands.serve import serve as command

    return command(terminal_of(ctx).session(), environment, host, port)
