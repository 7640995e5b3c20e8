"""Two dataset versions side by side: rows added and removed, and the contract, range and distance of each column."""

from collections.abc import Mapping
from typing import cast

from leptonctl.commands.session import Session
from leptonctl.commands.showing.show_dataset import ROW_RULES, columns_shown
from leptonctl.core.address import short
from leptonctl.core.frozen import fields
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, datasets

CONTRACT = ("type", "role", "nullable", "fill", "hashed", "min", "max", "values")
FIGURES = ("type", "missing", "distinct", "lowest", "highest")


def dataset_differences(session: Session, a: str, b: str, prepared: tuple[Result | None, Result | None]) -> dict[str, Json]:
    """The object `dataset` of `diff --json`. `prepared`: the result of `prepare` of each; None if its rows are not prepared."""
    from leptonctl.learning.reports.dataset_diff import RowsApart, distances, rows_apart

    declared = datasets(session.declarations)
    rules = _rules(declared[short(a)], declared[short(b)])
    counts = [sum(cast("dict[str, int]", result.outputs["rows"]).values()) if result else None for result in prepared]
    first, second = prepared
    if first is None or second is None:
        unread = RowsApart(reason="not both are prepared: run `leptonctl build`")
        return {"rows": {"a": counts[0], "b": counts[1], **fields(unread)}, "columns": [], "rules": rules}
    columns = [
        {str(c["name"]): c for c in columns_shown(session, declared[short(address)], result)}
        for address, result in zip((a, b), prepared, strict=True)
    ]
    rows = rows_apart(first, second, session.store)
    distance: dict[str, Json] = {name: {"name": "psi", **fields(one)} for name, one in distances(first, second, session.store).items()}
    # in the order of the second; columns that only the first has come last
    names = dict.fromkeys([*columns[1], *columns[0]])
    return {
        "rows": {"a": counts[0], "b": counts[1], **fields(rows)},
        "columns": [_column(name, columns[0].get(name), columns[1].get(name), distance.get(name)) for name in names],
        "rules": rules,
    }


def _rules(a: Dataset, b: Dataset) -> dict[str, Json]:
    """The rules about rows that differ, with their severity on each side."""
    declared = [cast("list[dict[str, Json]]", one.declared.fields.get("checks") or []) for one in (a, b)]
    sides = [{str(rule["rule"]): str(rule.get("severity", "fail")) for rule in rules} for rules in declared]
    names = dict.fromkeys([*sides[1], *sides[0]])
    return {rule: {"a": sides[0].get(rule), "b": sides[1].get(rule)} for rule in names if sides[0].get(rule) != sides[1].get(rule)}


def _column(name: str, a: Mapping[str, Json] | None, b: Mapping[str, Json] | None, distance: Json) -> Json:
    sides = a or {}, b or {}
    # `unique: false` is the default
    listed = [cast("dict[str, Json]", side.get("rules") or {}) for side in sides]
    rules = [{name: rule for name, rule in of.items() if rule is not False} for of in listed]
    pairs = [(path, sides[0].get(path), sides[1].get(path)) for path in CONTRACT]
    pairs += [(path, rules[0].get(path), rules[1].get(path)) for path in ROW_RULES]
    contract: list[Json] = [
        {"path": path, "a": first, "b": second}
        for path, first, second in pairs
        if a is not None and b is not None and _sort_values(path, first) != _sort_values(path, second)
    ]
    figures: dict[str, Json] = {path: {"a": sides[0].get(path), "b": sides[1].get(path)} for path in FIGURES}
    change = "added" if a is None else "gone" if b is None else "changed" if contract else "same"
    return {"name": name, "change": change, **figures, "contract": contract, "distance": distance}


def _sort_values(path: str, value: Json) -> Json:
    """A value to compare: the order of allowed values and classes does not matter."""
    return sorted(value, key=lambda one: (str(type(one)), str(one))) if path == "values" and isinstance(value, list) else value
