"""The options that say how a table named on the command line is written, where its dataset does not."""

from typing import Annotated, Literal, TypeAlias

import typer


def options_on_line(**options: str | None) -> dict[str, str]:
    """The options that are on the command line."""
    return {name: value for name, value in options.items() if value is not None}


Encoding: TypeAlias = Annotated[str | None, typer.Option("--encoding", help="The file's encoding. Default: as its dataset declares.")]
Delimiter: TypeAlias = Annotated[str | None, typer.Option("--delimiter", help="The file's delimiter. Default: as its dataset declares.")]
Decimal: TypeAlias = Annotated[
    Literal[".", ","] | None, typer.Option("--decimal", help="The decimal separator of its numbers. Default: as its dataset declares.")
]
Thousands: TypeAlias = Annotated[
    Literal[".", ",", " ", "'", "_"] | None,
    typer.Option("--thousands", help="The separator between groups of three digits. Default: as its dataset declares."),
]
MissingValues: TypeAlias = Annotated[
    list[str] | None, typer.Option("--missing-value", help="A string that means missing (repeatable). Default: as its dataset declares.")
]
Header: TypeAlias = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether the file has a header line. Default: as its dataset declares.")
]
SkipRows: TypeAlias = Annotated[
    int | None, typer.Option("--skip-rows", help="Lines to skip at the top of the file. Default: as its dataset declares.", min=0)
]
