"""What a step's own fields are when a default that only the data tell is written out: the same as if it were not. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.graph import part_of
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.decision import POSITIVE

AVERAGE = "average"


def left_out(own: Mapping[str, Json], needs: Mapping[str, Result]) -> dict[str, Json]:
    """The fields without the averaging that is in force anyway."""
    named = _in_force(own, needs)
    return {name: value for name, value in own.items() if name not in named}


def as_null(own: Mapping[str, Json], needs: Mapping[str, Result]) -> dict[str, Json]:
    """The same for steps in which what is not declared stands as null."""
    return {**own, **dict.fromkeys(_in_force(own, needs))}


def _in_force(own: Mapping[str, Json], needs: Mapping[str, Result]) -> set[str]:
    """Which of `positive` and `average` are declared as what they are by default: the last class, and binary or macro."""
    prepare = needs.get("prepare")
    classes = cast("list[Json] | None", part_of(prepare, "outputs.contract.classes")) if prepare is not None else None
    if not classes:
        return set()
    defaults = {POSITIVE: _text(classes[-1]), AVERAGE: "binary" if len(classes) <= 2 else "macro"}  # noqa: PLR2004
    return {name for name, default in defaults.items() if own.get(name) is not None and _text(own[name]) == default}


def _text(scalar: Json) -> str:
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
