"""Defaults that depend on the data: a step's fields are the same whether the YAML writes them out or not. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.graph import part_of
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.decision import POSITIVE
from leptonctl.kinds.model.weights import BINARY

AVERAGE = "average"


def without_implied(own: Mapping[str, Json], needs: Mapping[str, Result]) -> dict[str, Json]:
    """The fields without those that are declared as their defaults."""
    implied = _implied_fields(own, needs)
    return {name: value for name, value in own.items() if name not in implied}


def clear_implied(own: Mapping[str, Json], needs: Mapping[str, Result]) -> dict[str, Json]:
    """The same for steps whose undeclared fields are null."""
    return {**own, **dict.fromkeys(_implied_fields(own, needs))}


def _implied_fields(own: Mapping[str, Json], needs: Mapping[str, Result]) -> set[str]:
    """Which of `positive` and `average` are declared as their defaults: the last class, and binary or macro."""
    prepare = needs.get("prepare")
    classes = cast("list[Json] | None", part_of(prepare, "outputs.contract.classes")) if prepare is not None else None
    if not classes:
        return set()
    defaults = {POSITIVE: _text(classes[-1]), AVERAGE: "binary" if len(classes) <= BINARY else "macro"}
    return {name for name, default in defaults.items() if own.get(name) is not None and _text(own[name]) == default}


def _text(scalar: Json) -> str:
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
