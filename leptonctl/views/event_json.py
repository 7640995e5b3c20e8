"""The events of an apply as JSON lines."""

import json
from collections.abc import Callable
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.event import ApplyFinished, Event, StepProgress
from leptonctl.core.frozen import fields
from leptonctl.core.gate import Judgement
from leptonctl.views.plan_json import judgement_to_json


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as a JSON object: `type` first, then every field."""
    obj: dict[str, Any] = {"type": event.type}
    for name, field in fields(event).items():
        value = _plain(field)
        # the counters (trained, exported …) are on the same level as the other fields
        if isinstance(event, ApplyFinished) and name in {"gates", "next_apply"} and not value:
            continue  # only a build has the one, only a rollback the other
        if isinstance(event, StepProgress) and name == "notice" and not value:
            continue
        obj |= value if isinstance(event, ApplyFinished) and name == "done" else {name: value}
    return obj


def _plain(value: Any) -> Any:
    if isinstance(value, Diagnostic):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Judgement):
        return judgement_to_json(value)
    return value


class JsonLines:
    """One JSON object per line. `write` should flush."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        self._write(json.dumps(event_to_json(event), ensure_ascii=False) + "\n")
