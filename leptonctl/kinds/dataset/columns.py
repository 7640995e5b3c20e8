"""The declared columns of a dataset: what steps read of them, and what is wrong with them. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias, cast

from leptonctl.core.date_formats import DATE_TYPES, BadFormat, DateType, pattern
from leptonctl.core.dates import PARTS, TIME_PARTS, missing_parts, part_name
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Json, Path
from leptonctl.kinds.dataset.column_checks import check_problems, privacy_problems
from leptonctl.language.resolve import Declared

Spec: TypeAlias = Mapping[str, Json]
TARGET = "it is the target"
OFFERED: Mapping[str, str] = {"date": "year, month, weekday", "datetime": "year, month, weekday, hour"}


def column_inputs(spec: Json) -> dict[str, Json]:
    """The declaration of a column as steps read it: words are strings, and an ignored column has no other field."""
    fields = dict(spec) if isinstance(spec, dict) else {}
    if fields.get("ignore") is True:
        return {"ignore": True}
    fields.pop("ignore", None)
    for name in ("when_true", "when_false"):
        if isinstance(fields.get(name), list):
            fields[name] = [_word(word) for word in cast("list[Json]", fields[name])]
    if "when_true" in fields:
        fields.setdefault("type", "boolean")
    return fields


def parts_of(columns: Mapping[str, Spec]) -> dict[str, tuple[str, ...]]:
    """The features that each column of dates gives, by its name."""
    return {
        name: tuple(part_name(name, str(part)) for part in cast("list[Json]", spec["parts"]))
        for name, spec in columns.items()
        if spec.get("type") in DATE_TYPES and isinstance(spec.get("parts"), list)
    }


def column_problems(declared: Declared, inputs: Mapping[str, Json]) -> Iterator[Diagnostic]:
    """What is wrong with the declarations of columns, apart from their names. `inputs` are those of `prepare`."""
    privacy = cast("dict[str, list[str]]", inputs["privacy"] or {})
    split = cast("dict[str, Json]", inputs["split"])
    uses = {str(split[key]): f"`split.{key}` reads it" for key in ("by", "column", "time") if key in split}
    uses |= {str(inputs["id"]): "it is the id"} if "id" in inputs else {}
    uses |= {str(inputs["target"]): TARGET} if inputs["target"] else {}
    yield from privacy_problems(declared, str(inputs["target"]), cast("dict[str, Json]", privacy))
    for name, spec in cast("dict[str, dict[str, Json]]", inputs["columns"]).items():
        if spec.get("ignore"):
            yield from _ignored(declared, name, uses)
        elif spec.get("type") in DATE_TYPES:
            yield from _dates(declared, name, spec, uses, privacy)
        else:
            yield from _others(declared, name, spec)
            if name not in privacy.get("drop", ()):
                yield from check_problems(declared, name, spec, hashed=name in privacy.get("hash", ()))


def _word(word: Json) -> str:
    return str(word).lower() if isinstance(word, bool) else str(word)


def _ignored(declared: Declared, name: str, uses: Mapping[str, str]) -> Iterator[Diagnostic]:
    if name in uses:
        detail = f"{name}: this column is ignored, but {uses[name]}"
        span, hint = declared.at("columns", name, "ignore"), "remove `ignore`"
        if (at := _own_use(declared, name)) is not None:
            # the base block ignores it, perhaps for the sake of other versions
            span, hint = declared.at(*at), f"write `columns: {{{name}: {{ignore: false}}}}` in the version"
        yield error("ignored-column", "An ignored column is in use", detail, span=span, hint=hint)


def _own_use(declared: Declared, name: str) -> Path | None:
    """Where this version itself reads a column that the base block ignores."""
    own = cast("dict[str, Spec | None]", declared.document.value.get("versions") or {}).get(declared.version) or {}
    columns = cast("dict[str, Spec | None]", own.get("columns") or {})
    if "ignore" in (columns.get(name) or {}):
        return None
    split = own.get("split")
    keys = [key for key in ("by", "column", "time") if isinstance(split, dict) and split.get(key) == name]
    return next(((key,) for key in ("id", "target") if own.get(key) == name), ("split", keys[0]) if keys else None)


def _dates(
    declared: Declared, name: str, spec: Spec, uses: Mapping[str, str], privacy: Mapping[str, Collection[str]]
) -> Iterator[Diagnostic]:
    at: Path = ("columns", name)
    kind = cast("DateType", spec["type"])
    if uses.get(name) == TARGET:
        hint = "predict a number, for example the days between two dates, or a class"
        yield _misused(declared, name, "a date cannot be predicted", hint)
        return
    if name in privacy.get("hash", ()):
        hint = "list the column under `privacy.drop`, or remove it from `privacy.hash`"
        yield _misused(declared, name, "a hashed date has no parts", hint)
    if name in privacy.get("drop", ()):
        return
    check = next((key for key in ("min", "max", "values") if key in spec), None)
    if check is not None:
        yield _unfitting(declared, (*at, check), "is for numbers and words, and this is a column of dates", f"remove `{check}`")
    parts = [str(part) for part in cast("list[Json]", spec.get("parts") or [])]
    if not parts and name not in uses:
        detail = f"{name}: a model learns from numbers: name the parts of the date that are features"
        hint = f"add `parts: [{OFFERED[kind]}]`, or `ignore: true`"
        yield error("date-without-parts", "A column of dates has no parts", detail, span=declared.at(*at, "type"), hint=hint)
    yield from _format(declared, name, spec.get("format"), kind, parts)


def _format(declared: Declared, name: str, form: Json, kind: DateType, parts: list[str]) -> Iterator[Diagnostic]:
    at: Path = ("columns", name)
    try:
        compiled = pattern(form if isinstance(form, str) else None, kind)
    except BadFormat as problem:
        hint = "write it as for `strptime`, for example `%d.%m.%Y %H:%M`"
        yield error("date-format", "A date format cannot be read", f"{name}: {problem}", span=declared.at(*at, "format"), hint=hint)
        return
    excluded = TIME_PARTS if kind == "date" else ()
    offered = ", ".join(part for part in PARTS if part not in excluded and not missing_parts(compiled, [part]))
    for place, part in enumerate(parts):
        if part in excluded:
            detail, hint = f"a date has no {part}", f"choose among {offered}, or declare `type: datetime`"
        elif missing_parts(compiled, [part]):
            detail, hint = f"the format has no {part}", f"choose among {offered}"
        else:
            continue
        span = declared.at(*at, "parts", place)
        yield error("date-part", "A date does not have this part", f"{name}: {detail}", span=span, hint=hint)


def _others(declared: Declared, name: str, spec: Spec) -> Iterator[Diagnostic]:
    at: Path = ("columns", name)
    kind = f"the type is {spec['type']}" if "type" in spec else "the column has no `type`"
    for key in ("parts", "format"):
        if key in spec:
            hint = f"write `type: datetime` or `type: date`, or remove `{key}`"
            yield _unfitting(declared, (*at, key), f"is for dates, but {kind}", hint)
            return
    if "when_false" in spec and "when_true" not in spec:
        yield _unfitting(declared, (*at, "when_false"), "needs `when_true` beside it", "write `when_true: [WORD]`")
    if "when_true" not in spec:
        return
    if "when_false" not in spec:
        yield _unfitting(declared, (*at, "when_true"), "needs `when_false` beside it", "write `when_false: [WORD]`")
    if spec.get("type") != "boolean":
        yield _unfitting(declared, (*at, "when_true"), f"is for booleans, but {kind}", "write `type: boolean`")
    false = {word.casefold() for word in cast("list[str]", spec.get("when_false") or [])}
    for index, word in enumerate(cast("list[str]", spec["when_true"])):
        if word.casefold() in false:
            detail = f"{name}: the word means true here and false under `when_false`; upper and lower case do not count"
            span = declared.at(*at, "when_true", index)
            yield error("ambiguous-word", "A word has two meanings", detail, span=span, hint="remove it from one of the two")


def _misused(declared: Declared, name: str, detail: str, hint: str) -> Diagnostic:
    span = declared.at("columns", name, "type")
    return error("date-use", "A date cannot be used like this", f"{name}: {detail}", span=span, hint=hint)


def _unfitting(declared: Declared, at: Path, detail: str, hint: str) -> Diagnostic:
    summary = "A field does not fit the type of its column"
    return error("column-field", summary, f"{at[1]}: `{at[2]}` {detail}", span=declared.at(*at), hint=hint)
