"""Commands that use built models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from leptonctl.cli.options import terminal_of
from leptonctl.core.diagnostic import ERROR, OK

if TYPE_CHECKING:
    from leptonctl.cli.terminal import Terminal


def verify(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(metavar="[MODEL@VERSION]", help="The version.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Train it again in a fresh process and compare the bytes.")] = False,
    store: Annotated[bool, typer.Option("--store", help="Check every byte and every record of the store instead.")] = False,
) -> int:
    """Prove that a version is what was recorded: bytes, golden rows, metrics; or that a whole store is."""
    if store:
        if address is not None or rebuild:
            raise typer.BadParameter("--store checks everything, and takes no version and no --rebuild")
        return _verify_store(terminal_of(ctx))
    if address is None:
        raise typer.BadParameter("name a version, or pass --store")
    from leptonctl.commands.verify import verify as command
    from leptonctl.views.reports import verification_text

    terminal = terminal_of(ctx)
    proof = command(terminal.session(), address, rebuild=rebuild)
    return terminal.show(proof, verification_text, OK if proof["ok"] else ERROR, verbose=terminal.verbose)


def _verify_store(terminal: "Terminal") -> int:
    from leptonctl.commands.verify_store import verify_store as command
    from leptonctl.views.verify_store import progress_text, render_text

    report = command(
        terminal.session(), lambda p: terminal.aside(progress_text(done=p.done, artifacts=p.artifacts, read=p.read, size=p.bytes))
    )
    return terminal.show(report, render_text, OK if report["ok"] else ERROR, verbose=terminal.verbose)


def adopt(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The version, whose search is done.")],
    into: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Declare the winner as a new version, and leave the searched one as it is.")
    ] = None,
) -> int:
    """Write the winner of a search into the YAML, as `params` in place of `search`. Comments stay, and nothing is trained."""
    from leptonctl.commands.adopt import adopt as command
    from leptonctl.views.search import adoption_text

    terminal = terminal_of(ctx)
    return terminal.show(command(terminal.session(), address, into), adoption_text)


def predict(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODEL@VERSION|ENV/MODEL", help="A version, or what an environment binds; ENV alone where it binds one model."
        ),
    ],
    source: Annotated[Path, typer.Option("--input", metavar="FILE", help="The file with the rows.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="The file to write: .csv, .jsonl or .parquet. Default: standard output.")
    ] = None,
    form: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option("--format", help="The form of the output. Default: by its ending."),
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="The input's encoding. Default: as the dataset says.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="The input's delimiter. Default: as the dataset says.")] = None,
    missing: Annotated[
        list[str] | None, typer.Option("--missing-value", help="Text that means missing (repeatable). Default: as the dataset says.")
    ] = None,
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option("--decimal", help="The decimal separator of its numbers. Default: as the dataset says.")
    ] = None,
    thousands: Annotated[
        Literal[".", ",", " ", "'", "_"] | None, typer.Option("--thousands", help="What groups their digits. Default: as the dataset says.")
    ] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether it has a header line. Default: as the dataset says.")
    ] = None,
    skip_rows: Annotated[
        int | None, typer.Option("--skip-rows", help="Lines to pass over at its top. Default: as the dataset says.", min=0)
    ] = None,
) -> int:
    """Predict the rows of a file with exactly the model that is served."""
    from leptonctl.commands.predict import predict as command
    from leptonctl.commands.reading import Reading
    from leptonctl.views.reports import outside_lines, prediction_text

    terminal = terminal_of(ctx)
    reading = Reading(
        encoding=encoding, delimiter=delimiter, missing_values=tuple(missing) if missing else None, decimal=decimal, thousands=thousands,
        header=header, skip_rows=skip_rows,
    )  # fmt: skip
    file = terminal.path(output) if output is not None else None
    wanted = "records" if terminal.json and file is None and form is None else form
    report = command(terminal.session(), target, terminal.path(source), file, wanted, reading)
    code = terminal.show(report, prediction_text)
    for line in outside_lines(report):
        terminal.remark(line)
    return code


def update(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="The new rows: a file in the project folder.")],
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", help="Name of the new version. Default: the next one, as v4 after v3.")
    ] = None,
    dataset_version: Annotated[
        str | None, typer.Option("--dataset-version", metavar="D", help="Name of the new dataset version. Default: the next one.")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", metavar="VERSION", help="The version that the new one is written after. Default: the last one.")
    ] = None,
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="Go on from that version instead of training from the beginning.")
    ] = False,
    append: Annotated[bool, typer.Option("--append", help="Put the rows of its dataset version before the new ones.")] = False,
    encoding: Annotated[str | None, typer.Option("--encoding", help="The file's encoding. Default: as its dataset says.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="The file's delimiter. Default: as its dataset says.")] = None,
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option("--decimal", help="The decimal separator of its numbers. Default: as its dataset says.")
    ] = None,
    thousands: Annotated[
        Literal[".", ",", " ", "'", "_"] | None, typer.Option("--thousands", help="What groups their digits. Default: as its dataset says.")
    ] = None,
) -> int:
    """Write a dataset version for new data and a model version that learns from it, then plan.

    Data that break the contract are refused before anything is written.
    """
    from leptonctl.cli.planned import plan_exit_code, plan_text
    from leptonctl.commands.update import Update
    from leptonctl.commands.update import update as command
    from leptonctl.views.plan_json import plan_to_json
    from leptonctl.views.update import update_json, update_text

    terminal = terminal_of(ctx)
    reading = {"encoding": encoding, "delimiter": delimiter, "decimal": decimal, "thousands": thousands}
    request = Update(
        model=model, data=terminal.path(data), version=version, dataset_version=dataset_version, like=like, warm_start=warm_start,
        append=append, reading={name: value for name, value in reading.items() if value is not None},
    )  # fmt: skip
    updated = command(terminal.session(), request)
    written, plan = updated.to_json(), updated.plan
    terminal.show(update_json(written, plan_to_json(plan)), lambda _, **__: update_text(written, plan_text(terminal, plan)))
    return plan_exit_code(plan, detailed=False)


def serve(
    ctx: typer.Context,
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    host: Annotated[str | None, typer.Option("--host", help="Listen on this host instead of the declared one.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Listen on this port instead of the declared one.", min=0, max=65535)] = None,
    advertise: Annotated[str | None, typer.Option("--advertise", metavar="URL", help="Where clients reach it, for status.")] = None,
    server_id: Annotated[str | None, typer.Option("--id", metavar="NAME", help="Its id. Default: from host, folder and port.")] = None,
) -> int:
    """Serve an environment in the foreground until Ctrl-C, SIGTERM or SIGHUP, on any machine that reaches the state and the store.

    It registers in the store, follows every deployment, and finishes the requests in flight when it is stopped.
    """
    from leptonctl.commands.serve import Address
    from leptonctl.commands.serve import serve as command

    terminal = terminal_of(ctx)
    at = Address(host=host, port=port, advertise=advertise, id=server_id)
    return command(terminal.session(), environment, at, say=terminal.remark)
