"""What is wrong with the declared rules about rows, and with patterns and shares of columns. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from leptonctl.core.date_formats import DATE_TYPES
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import replace
from leptonctl.core.row_rules import NAMES, BadRule, Kind, Term, check_types, parse
from leptonctl.core.values import Json, Path, Span
from leptonctl.kinds.dataset.columns import parts_of
from leptonctl.language.resolve import Declared

BACKTRACKS = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\(\?(?:[=!>(]|<[=!]|P=)|[*+?}]\+)")
"""What an engine of linear time cannot do: back references, look-around, atomic groups, conditions."""
LIMITS = {"min_date": ">=", "max_date": "<="}
NEED_CELLS = ("pattern", "max_missing", "min_share")
"""Checks of columns that are run on the prepared rows again when they are edited."""
PRIVATE = "a rule would reveal a private column"
UNFITTING = "A field does not fit the type of its column"
RUST_ONLY = ("\\p", "\\P", "[[:", "&&", "\\z", "(?<")


def rule_problems(
    declared: Declared, inputs: Mapping[str, Json], columns: tuple[str, ...] | None, *, outside: bool
) -> Iterator[Diagnostic]:
    """What is wrong with the rules. inputs: those of `prepare`. columns: the file's header, None when it could not be read. outside: the
    file lies outside the project, so no column of it is suggested.
    """
    specs = cast("dict[str, dict[str, Json]]", inputs["columns"])
    kinds = {name: kind for name, spec in specs.items() if (kind := _kind_of(spec)) is not None}
    kinds |= dict.fromkeys((part for parts in parts_of(specs).values() for part in parts), "number")
    kept_out = _columns_kept_out(inputs)
    known = None if columns is None else {*columns, *kinds}
    for place, check in enumerate(cast("list[dict[str, Json]]", inputs.get("checks") or [])):
        text, at = str(check["rule"]), rule_place(declared.fields, place)
        try:
            rule = parse(text)
            for column in rule.columns():
                _check_column(column, kept_out, known, outside=outside)
            check_types(rule, kinds)
        except BadRule as problem:
            span = declared.at(*at)
            yield _rule_error(problem, _part_of(span, text, problem) if at[0] == "checks" else span)
    for name, spec in specs.items():
        yield from _column_problems(declared, name, spec, str(inputs["target"]))
        check_key = next((key for key in NEED_CELLS if key in spec), None)
        if check_key is not None and name in kept_out and kept_out[name] != PRIVATE:
            span = declared.at("columns", name, check_key)
            yield error("column-field", UNFITTING, f"{name}: {kept_out[name]}", span=span, hint=f"remove `{check_key}`")


def _kind_of(spec: Mapping[str, Json]) -> Kind | None:
    """The type of a column's cells by its declaration; None where the data decide."""
    if "type" in spec:
        return NAMES.get(str(spec["type"]))
    if "min" in spec or "max" in spec:
        return "number"
    if "when_true" in spec or "when_false" in spec:
        return "boolean"
    values = spec.get("values")
    words = [value for value in values if isinstance(value, str) and value[:1].isalpha()] if isinstance(values, list) else []
    return "text" if "pattern" in spec or {word.lower() for word in words} - {"true", "false", "nan", "inf", "infinity"} else None


def _check_column(column: Term, kept_out: Mapping[str, str], known: Collection[str] | None, *, outside: bool) -> None:
    name = str(column.value)
    if name in kept_out:
        raise BadRule(f"{name}: {kept_out[name]}", column.start, column.end, "compare other columns")
    if known is not None and name not in known:
        hint = did_you_mean(name, () if outside else sorted(known))
        raise BadRule("the data has no column of this name", column.start, column.end, hint, name=name)


def date_limits(fields: Mapping[str, Json]) -> list[tuple[Path, Json]]:
    """The rules that `min_date` and `max_date` of columns mean, each with its path in the YAML."""
    columns = cast("dict[str, dict[str, Json] | None]", fields.get("columns") or {})
    return [
        (("columns", name, key), {"rule": f"`{name}` {sign} '{spec[key]}'"})
        for name, spec in columns.items()
        for key, sign in LIMITS.items()
        if spec is not None and spec.get("type") in DATE_TYPES and key in spec
    ]


def rule_place(fields: Mapping[str, Json], place: int) -> Path:
    """The path of a rule in the YAML, by its index among the rules and date limits."""
    count = len(cast("list[Json]", fields.get("checks") or []))
    return ("checks", place, "rule") if place < count else date_limits(fields)[place - count][0]


def _columns_kept_out(inputs: Mapping[str, Json]) -> dict[str, str]:
    """The columns whose cells a rule cannot have, with the reason."""
    privacy = cast("dict[str, list[str]]", inputs["privacy"] or {})
    split = cast("dict[str, str]", inputs["split"])
    specs = cast("dict[str, dict[str, Json]]", inputs["columns"])
    reasons = {str(split[key]): "its cells are read only for the split" for key in ("by", "column") if key in split}
    if "time" in split and specs.get(split["time"], {}).get("type") not in ("date", "datetime"):
        reasons[split["time"]] = "its cells are read only for the split"
    reasons |= {name: "this column is ignored" for name, spec in specs.items() if spec.get("ignore")}
    bare = (name for name, spec in specs.items() if spec.get("type") in DATE_TYPES and not spec.get("parts"))
    reasons |= dict.fromkeys(bare, "nothing is kept of a date without `parts`")
    reasons |= {str(inputs["id"]): "only a hash of the id is kept"} if "id" in inputs else {}
    return reasons | {name: PRIVATE for part in ("drop", "hash") for name in privacy.get(part, ())}


def _rule_error(problem: BadRule, span: Span) -> Diagnostic:
    if problem.name:
        summary = "Dataset names a column that the data does not have"
        return error("unknown-column", summary, str(problem), span=span, hint=problem.hint or "write a name of the file's header")
    return error("bad-rule", "A rule cannot be read", str(problem), span=span, hint=problem.hint or "correct the rule")


def _part_of(span: Span, text: str, problem: BadRule) -> Span:
    """The part of the scalar that the problem is about; all of it where it has escapes or several lines."""
    quotes = span.end_column - span.column - len(text)
    if quotes not in (0, 2):
        return span
    start = span.column + quotes // 2 + problem.start
    return replace(span, column=start, end_column=start + problem.end - problem.start)


def _column_problems(declared: Declared, name: str, spec: Mapping[str, Json], target: str) -> Iterator[Diagnostic]:
    at: Path = ("columns", name)
    if "pattern" in spec:
        reason = _pattern_problem(str(spec["pattern"]))
        if reason:
            hint = "write it without look-around and back references"
            yield error("bad-pattern", "A pattern cannot be used", f"{name}: {reason}", span=declared.at(*at, "pattern"), hint=hint)
        if spec.get("type") not in (None, "string"):
            detail, hint = f"{name}: `pattern` is for text, but the type is {spec['type']}", "remove `pattern`, or write `type: string`"
            span = declared.at(*at, "pattern")
            yield error("column-field", UNFITTING, detail, span=span, hint=hint)
    key = next((key for key in LIMITS if key in spec and spec.get("type") not in DATE_TYPES), None)
    if key is not None:
        detail, hint = f"{name}: `{key}` is for dates", "write `type: date` or `type: datetime`, or `min` and `max` for numbers"
        yield error("column-field", UNFITTING, detail, span=declared.at(*at, key), hint=hint)
    if "min_share" in spec and name != target:
        detail = f"{name}: `min_share` is about the classes of the target, which is {target or 'not declared'}"
        hint = "move it to the target's column"
        yield error("column-field", UNFITTING, detail, span=declared.at(*at, "min_share"), hint=hint)


def _pattern_problem(pattern: str) -> str:
    """Why a pattern cannot be used; "" when it can, as far as Python can tell."""
    if BACKTRACKS.search(pattern):
        return "look-around, back references and atomic groups may take exponential time"
    if any(mark in pattern for mark in RUST_ONLY):
        return ""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as problem:
        return f"it is not a regular expression: {problem}"
    return ""
