"""Commands that use built models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from leptonctl.cli.options import terminal_of
from leptonctl.cli.table_options import Decimal, Delimiter, Encoding, Header, MissingValues, SkipRows, Thousands, options_on_line
from leptonctl.core.diagnostic import ERROR, OK

if TYPE_CHECKING:
    from leptonctl.cli.terminal import Terminal


Target: TypeAlias = Annotated[
    str, typer.Argument(metavar="MODEL@VERSION|ENV/MODEL", help="A version, or what an environment binds; ENV alone if it binds one model.")
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="The file to write: .csv, .jsonl or .parquet. Default: standard output.")
]
OutputFormat: TypeAlias = Annotated[
    Literal["csv", "jsonl", "parquet"] | None, typer.Option("--format", help="The format of the output. Default: by its file extension.")
]
NewVersion: TypeAlias = Annotated[
    str | None, typer.Option("--version", metavar="V", help="The name of the new version. Default: the next one, as v4 after v3.")
]
NewDatasetVersion: TypeAlias = Annotated[
    str | None, typer.Option("--dataset-version", metavar="D", help="The name of the new dataset version. Default: the next one.")
]
Like: TypeAlias = Annotated[
    str | None, typer.Option("--like", metavar="VERSION", help="The version to base the new one on. Default: the last one.")
]


def verify(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(metavar="[MODEL@VERSION]", help="The version.")] = None,
    *,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Train it again in a fresh process and compare the bytes.")] = False,
    store: Annotated[bool, typer.Option("--store", help="Check every byte and every record of the store instead.")] = False,
) -> int:
    """Prove that a version is what was recorded: bytes, golden rows, metrics. With --store: that the whole store is."""
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
    address: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="A version whose search is finished.")],
    *,
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
    target: Target,
    *,
    source: Annotated[Path, typer.Option("--input", metavar="FILE", help="The file with the rows.")],
    output: Output = None,
    form: OutputFormat = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    missing: MissingValues = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    header: Header = None,
    skip_rows: SkipRows = None,
) -> int:
    """Predict the rows of a file with exactly the model that is served."""
    from leptonctl.commands.files.reading import Reading
    from leptonctl.commands.predict import predict as command
    from leptonctl.views.reports import outside_lines, prediction_text

    terminal = terminal_of(ctx)
    reading = Reading(
        encoding=encoding, delimiter=delimiter, missing_values=tuple(missing) if missing else None, decimal=decimal, thousands=thousands,
        header=header, skip_rows=skip_rows,
    )  # fmt: skip
    rows, file = terminal.path(source), output and terminal.path(output)
    is_shown = terminal.json and output is None and form is None
    report = command(terminal.session(), target, rows, output=file, form="records" if is_shown else form, reading=reading)
    code = terminal.show(report, prediction_text)
    for line in outside_lines(report):
        terminal.remark(line)
    return code


def update(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    *,
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="The new rows: a file in the project folder.")],
    version: NewVersion = None,
    dataset_version: NewDatasetVersion = None,
    like: Like = None,
    warm_start: Annotated[bool, typer.Option("--warm-start", help="Continue training that version instead of starting over.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add the new rows after those of its dataset version.")] = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
) -> int:
    """Write a dataset version for new data and a model version that learns from it, then plan.

    Data that breaks the contract is refused before anything is written.
    """
    from leptonctl.cli.planned import plan_exit_code, plan_text
    from leptonctl.commands.update import Update
    from leptonctl.commands.update import update as command
    from leptonctl.views.plan_json import plan_to_json
    from leptonctl.views.update import update_json, update_text

    terminal = terminal_of(ctx)
    request = Update(
        model=model, data=terminal.path(data), version=version, dataset_version=dataset_version, like=like, warm_start=warm_start,
        append=append, reading=options_on_line(encoding=encoding, delimiter=delimiter, decimal=decimal, thousands=thousands),
    )  # fmt: skip
    updated = command(terminal.session(), request)
    report, plan = updated.to_json(), updated.plan
    terminal.show(update_json(report, plan_to_json(plan)), lambda _, **__: update_text(report, plan_text(terminal, plan)))
    return plan_exit_code(plan, detailed=False)


def serve(
    ctx: typer.Context,
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    *,
    host: Annotated[str | None, typer.Option("--host", help="Listen on this host instead of the declared one.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Listen on this port instead of the declared one.", min=0, max=65535)] = None,
    advertise: Annotated[str | None, typer.Option("--advertise", metavar="URL", help="The URL that clients use, for `status`.")] = None,
    server_id: Annotated[str | None, typer.Option("--id", metavar="NAME", help="Its id. Default: made from host, folder and port.")] = None,
) -> int:
    """Serve an environment in the foreground until Ctrl-C, SIGTERM or SIGHUP, on any machine that reaches the state and the store.

    It registers in the store, follows every deployment, and finishes the requests in flight when it is stopped.
    """
    from leptonctl.commands.serve import ListenAt
    from leptonctl.commands.serve import serve as command

    terminal = terminal_of(ctx)
    at = ListenAt(host=host, port=port, advertise=advertise, id=server_id)
    return command(terminal.session(), environment, at, say=terminal.remark)
