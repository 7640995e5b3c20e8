"""Columns that a dataset version names and its data does not have. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Json, Path
from leptonctl.language.resolve import Declared

MOST_SUGGESTIONS = 20


def unknown_columns(declared: Declared, columns: tuple[str, ...] | None, *, outside: bool) -> list[Diagnostic]:
    """Errors for column names that the file's header does not have. Names of a file outside the project are not suggested."""
    if columns is None:
        return []
    problems: list[Diagnostic] = []
    present, known = frozenset(columns), () if outside else columns
    for path, name in _column_names(declared.fields):
        if name not in present:
            # each suggestion compares the name with every column
            suggestion = did_you_mean(name, known) if len(problems) < MOST_SUGGESTIONS else ""
            span = declared.key_at(*path) if path[0] == "columns" else declared.at(*path)
            detail = "the data has no column of this name"
            problems.append(
                error(
                    "unknown-column",
                    "Dataset names a column that the data does not have",
                    detail,
                    span=span,
                    hint=suggestion or "write a name of the file's header",
                )
            )
    return problems


def _column_names(fields: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    if isinstance(fields.get("target"), str):
        yield ("target",), str(fields["target"])
    if isinstance(fields.get("id"), str):
        yield ("id",), str(fields["id"])
    for name in cast("dict[str, Json]", fields.get("columns") or {}):
        yield ("columns", name), name
    privacy = cast("dict[str, Json]", fields.get("privacy") or {})
    for part in ("drop", "hash"):
        for index, name in enumerate(cast("list[str]", privacy.get(part) or [])):
            yield ("privacy", part, index), name
    split = cast("dict[str, Json]", fields.get("split") or {})
    for part in ("by", "column", "time"):
        if isinstance(split.get(part), str):
            yield ("split", part), str(split[part])
