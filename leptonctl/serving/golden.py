"""Replays the rows recorded at build through the server's own request path and compares the answers. Pure."""

from __future__ import annotations

import json
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from leptonctl.serving import decode
from leptonctl.serving.infer import Incomputable, infer
from leptonctl.serving.manifest import BadModel
from leptonctl.serving.tensors import BadRequest

if TYPE_CHECKING:
    from leptonctl.serving.model import LoadedModel

TOLERANCE = 1e-5


def replay(model: LoadedModel, golden: Any) -> None:
    """Raises BadModel when an answer differs from the recorded one: labels in anything, numbers by more than 1e-5."""
    try:
        request, recorded = golden["request"], {output["name"]: output for output in golden["response"]["outputs"]}
    except (KeyError, TypeError) as problem:
        msg = f"golden.json is not readable: {type(problem).__name__} {problem}"
        raise BadModel(msg) from problem
    try:
        answer = infer(model, decode.head("", ""), json.dumps(request).encode(), hashed=True)
    except (BadRequest, Incomputable) as problem:
        msg = f"the golden rows are refused: {problem}"
        raise BadModel(msg) from problem
    for output in json.loads(answer.body)["outputs"]:
        name = output["name"]
        if name not in recorded:
            msg = f'golden.json records no output "{name}"'
            raise BadModel(msg)
        _compare(name, _flat(recorded[name]["data"]), output["data"], output["shape"])


def _compare(name: str, recorded: list[Any], given: list[Any], shape: list[int]) -> None:
    if len(recorded) != len(given):
        msg = f'golden rows: output "{name}" has {len(given)} values, {len(recorded)} were recorded'
        raise BadModel(msg)
    width = len(given) // shape[0]
    for place, (before, now) in enumerate(zip(recorded, given, strict=True)):
        if not _equal(before, now):
            msg = f'golden row {place // width + 1}: output "{name}" is not what was recorded at build'
            raise BadModel(msg)


def _equal(before: Any, now: Any) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return before == now or isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(before, float) and now is None:
        return not isfinite(before)
    numbers = isinstance(before, int | float) and isinstance(now, float)
    return isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if numbers else bool(before == now)


def _flat(data: list[Any]) -> list[Any]:
    return [cell for row in data for cell in row] if data and isinstance(data[0], list) else data
