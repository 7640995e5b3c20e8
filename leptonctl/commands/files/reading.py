"""How the file of a `predict` or `update` is read: like the dataset of the version, unless the command line says otherwise."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from leptonctl.core.codec import convert
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

HINTS = {
    "bad-delimiter": "name the delimiter, for example `--delimiter ';'`",
    "data-contract": "correct the rows, or name a string that means missing: `--missing-value TEXT`",
    "empty-data": "check that the file is complete",
    "header-width": "write the file with the columns of the training file, or with a header line and `--header --skip-rows 0`",
}
"""Error id -> the hint for an input file, for which options take the place of the YAML."""
REQUIRED = "missing where the contract requires a value"
NUMBERS = "say how the file writes numbers"
OPTION = re.compile(r"`(encoding|delimiter|decimal|thousands): ([^`]+)`")
"""A key of the YAML that is also an option."""
CELL_OPTIONS = ("missing_values", "decimal", "thousands")
OPTIONS = ("encoding", "delimiter", "decimal", "thousands", "skip_rows")


class Reading(Frozen):
    """How the input is read, as far as the command line says. None: like the dataset of the version."""

    encoding: str | None = None
    delimiter: str | None = None
    missing_values: tuple[str, ...] | None = None
    decimal: str | None = None
    thousands: str | None = None
    header: bool | None = None
    skip_rows: int | None = None


def options_of(recorded: Mapping[str, Json], reader: Source, reading: Reading) -> SourceOptions:
    """The options of a dataset's source, overridden by those of the command line. For another format only those about cells.

    A decimal separator of the command line takes the same character from the dataset's thousands separator. Raises ProviderError:
    same-separator.
    """
    options = dict(cast("dict[str, Json]", recorded.get("options") or {}))
    if recorded.get("format") != reader.name:
        # the layout of a file depends on its format, but the meaning of its cells does not
        options = {name: value for name, value in options.items() if name in CELL_OPTIONS}
    options |= {name: value for name in OPTIONS if (value := getattr(reading, name)) is not None}
    if reading.missing_values is not None:
        options["missing_values"] = [*reading.missing_values]
    if reading.header is not None and reading.header is not _has_header(options):
        options["header"] = reading.header
    if reading.thousands is None and options.get("thousands") == reading.decimal:
        options["thousands"] = None
    merged = convert({name: value for name, value in options.items() if value is not None}, SourceOptions)
    if merged.thousands == merged.decimal:
        other = "." if merged.decimal == "," else ","
        raise ProviderError(
            "One character cannot separate both thousands and decimals",
            detail=f'The decimal and the thousands separator of the input are both "{merged.decimal}".',
            hint=f"add `--decimal '{other}'`" if reading.decimal is None else f"pass `--thousands '{other}'`, or leave it out",
            id="same-separator",
        )
    return merged


def _has_header(options: Mapping[str, Json]) -> bool:
    return options.get("header", True) is True


def with_header(options: SourceOptions, file: Path, reader: Source, *, names: Sequence[str], target: str) -> SourceOptions:
    """The options with column names for a file without header: those of the training file, or all of them but the target.

    `names`: of the columns of the training file, in its order; none if unknown. Raises ProviderError `header-width` unless the file has as
    many columns as the training file, or one less.
    """
    if options.header is True or reader.typed:
        return options
    width = len(reader.columns(file, replace(options, header=False)))
    names = names if isinstance(options.header, bool) else [*options.header]
    if names and width == len(names) - 1:
        return replace(options, header=[name for name in names if name != target])
    if names and width == len(names):
        return replace(options, header=[*names])
    expected = f"the training file has {len(names)}" if names else "the order of the columns in the training file is not known"
    raise ProviderError(
        "The header names another number of columns than the file has",
        detail=f"{file.name} has {width} columns and no header line, but {expected}.",
        id="header-width",
        file=str(file),
        line=1,
    )


def names_of(recorded: Mapping[str, Json], prepare: Result | None, declared: Sequence[str]) -> list[str]:
    """The columns of the training file in its order; [] if that is not known.

    `recorded`: its source in the recipe. `declared`: the columns of its dataset in the checkout, which may have changed.
    """
    rows = cast("dict[str, dict[str, list[Json]]]", (prepare.outputs if prepare else {}).get("row_lists") or {}).get("train", {})
    names = {*(str(cast("list[Json]", column)[0]) for column in rows.get("columns", ())), *map(str, rows.get("left_out", ()))}
    if names == set(declared):
        return [*declared]
    has_no_header = cast("dict[str, Json]", recorded.get("options") or {}).get("header") is False
    return [f"column_{place}" for place in range(1, len(names) + 1)] if has_no_header else []


def hint_of(problem: ProviderError) -> str:
    """The hint of a problem, with options of `predict` instead of keys of the YAML."""
    if problem.id == "bad-encoding":
        return problem.hint.replace("declare the file's encoding", "name the file's encoding").replace("`encoding: ", "`--encoding ")
    hint = HINTS.get(problem.id, problem.hint).replace("say `header: false`", "pass `--no-header`")
    if problem.id == "data-contract" and all(REQUIRED in line for line in problem.detail.splitlines()):
        fill = f"`columns: {{{problem.column}: {{missing: VALUE}}}}`"
        return f"fill the cells; or predict with a version whose dataset fills them: {fill}"
    if problem.id == "data-contract" and problem.hint.startswith(NUMBERS):
        hint = f"{problem.hint.partition('; or ')[0]}; or {hint}"
    return OPTION.sub(r"`--\1 \2`", hint) if problem.id in ("data-contract", "missing-column") else hint


def as_options(hint: str) -> str:
    """A hint with options of `update` instead of keys of the YAML."""
    return OPTION.sub(r"`--\1 \2`", hint.replace("declare the file's encoding", "name the file's encoding"))


def read_as(inputs: Mapping[str, Json], reading: Mapping[str, str]) -> dict[str, Json]:
    """The inputs of `prepare`, whose file is read with other options."""
    source = cast("dict[str, Json]", inputs["source"])
    options = {**cast("dict[str, Json]", source.get("options") or {}), **reading}
    if reading and options.get("thousands") == (options.get("decimal") or "."):
        raise fail(
            "same-separator",
            "One character cannot separate both thousands and decimals",
            f'both are "{options["thousands"]}" for the new file',
            hint="pass `--thousands` with another character",
        )
    return {**inputs, "source": {**source, "options": options}}


def refuse_reading(reading: Mapping[str, str], *, append: bool) -> None:
    """Failure when appended rows are to be read with other options: a version reads all of its own files alike."""
    if reading and append:
        detail = f"`--append` reads both files alike, and this one has another {' and '.join(reading)}"
        raise fail("usage", "Appended rows are written in another way", detail, hint="leave out `--append`, or convert the file")
