"""The command that imports a file: `import` is a word of Python's, so the function has another name."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from leptonctl.cli.commands import as_command
from leptonctl.cli.options import terminal_of


def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file, inside the project: ONNX, .json or .ubj of XGBoost, .txt of LightGBM.")
    ],
    *,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model. A new one gets its own file.")],
    version: Annotated[str, typer.Option("--version", metavar="VERSION", help="The name of the new version.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME@VERSION", help="The rows to evaluate it on. Default: the model's.")
    ] = None,
    task: Annotated[
        Literal["classification", "regression"] | None, typer.Option("--task", help="What it predicts. Default: inferred from its outputs.")
    ] = None,
) -> int:
    """Write the YAML of a version that is a finished model, and describe the file. Comments stay; nothing is built."""
    from leptonctl.commands.import_file import Import, import_file
    from leptonctl.views.imported import imported_text

    terminal = terminal_of(ctx)
    request = Import(model=model, version=version, dataset=dataset, task=task)
    return terminal.show(import_file(terminal.session(), terminal.path(file), request), imported_text)


globals()["import"] = as_command("import", import_)
