"""Declarations of columns and privacy that no data can satisfy: ranges, fill values, keys. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.contract import TYPE_PHRASES, ColumnType, matches
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Json
from leptonctl.language.resolve import Declared


def check_problems(declared: Declared, name: str, spec: Mapping[str, Json], *, hashed: bool) -> Iterator[Diagnostic]:
    """What is wrong with the checks and the fill value of a column that is neither ignored nor of dates."""
    kind = "string" if hashed and "type" not in spec else spec.get("type")
    low, high = spec.get("min"), spec.get("max")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        detail = f"{name}: `min` is {low} and `max` is {high}, so that no value is allowed"
        span = declared.at("columns", name, "min")
        yield error("empty-range", "A range allows no value", detail, span=span, hint="exchange `min` and `max`")
    limit = next((key for key in ("min", "max") if spec.get(key) is not None), None)
    if limit is not None and kind in ("string", "boolean"):
        detail = f"{name}: `{limit}` is for numbers, but the {'column is hashed' if hashed else f'type is {kind}'}"
        hint = f"declare `type: number`, or remove `{limit}`" if not hashed else f"remove `{limit}`"
        span = declared.at("columns", name, limit)
        yield error("range-type", "A range is declared for a column that has no order", detail, span=span, hint=hint)
    if spec.get("missing") is None:
        return
    if hashed:
        detail = f"{name}: the column is hashed and has a `missing` value"
        span = declared.at("columns", name, "missing")
        yield error("private-fill", "A private column cannot be filled", detail, span=span, hint="remove `missing`")
    elif kind in TYPE_PHRASES and not matches(cast("ColumnType", kind), spec["missing"]):
        detail = f"{name}: `missing` is not {TYPE_PHRASES[cast('ColumnType', kind)]}"
        hint = _fill_hint(cast("ColumnType", kind), spec["missing"])
        span = declared.at("columns", name, "missing")
        yield error("fill-type", "A fill value is not of its column's type", detail, span=span, hint=hint)


def _fill_hint(kind: ColumnType, fill: Json) -> str:
    number = str(fill).strip().replace(",", ".")
    if kind == "string":
        return f'write it in quotes: `missing: "{str(fill).lower() if isinstance(fill, bool) else fill}"`'
    digits = number.replace(".", "", 0 if kind == "integer" else 1).removeprefix("-")
    if kind in ("number", "integer") and digits.isdecimal():
        return f"write it without quotes and with a point: `missing: {number}`"
    return f"write {TYPE_PHRASES[kind]}, or change the column's type"


def privacy_problems(declared: Declared, target: str, privacy: Mapping[str, Json]) -> Iterator[Diagnostic]:
    """What is wrong with the privacy block, merged from base and version, and with a split by the target."""
    for part in ("drop", "hash"):
        names = cast("list[str]", privacy.get(part) or [])
        if target in names:
            detail, span = f'"{target}" is the target', declared.at("privacy", part, names.index(target))
            summary = "The target cannot be dropped, hashed or used for the split"
            yield error("private-target", summary, detail, span=span, hint="name other columns, or another `target`")
    split = declared.fields.get("split")
    for key in ("by", "column", "time"):
        if isinstance(split, dict) and split.get(key) == target:
            summary, hint = "The target cannot be dropped, hashed or used for the split", "name another column"
            yield error("private-target", summary, f'"{target}" is the target', span=declared.at("split", key), hint=hint)
    absent = [key for key in ("key", "key_id") if privacy.get(key) is None]
    if privacy.get("hash") and absent:
        detail = f"`hash` needs {' and '.join(f'`{key}`' for key in absent)}"
        hint = "write `key: {secret: {env: NAME}}` and `key_id: NAME` beside `hash`"
        span = declared.at("privacy", "hash")
        yield error("hash-without-key", "Columns are hashed without a key", detail, span=span, hint=hint)
