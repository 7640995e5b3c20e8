"""The seam of the state's back end: one JSON object, replaced by compare-and-swap. Owns no shape beyond its revision.

Every back end passes `leptonctl.testing.check_state`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from leptonctl.core.diagnostic import INVALID, Failure, fail
from leptonctl.core.values import Json

FORMAT = "1"


class StateStore(Protocol):
    def read(self) -> dict[str, Any] | None:
        """The state; None before the first write. What is there but is no state is a Failure, never "no state"."""
        ...

    def swap(self, expected_revision: int | None, new: Mapping[str, Json]) -> bool:
        """Replace the state if its revision is still the expected one (None: if there is no state). Durable on return.

        `new["revision"]` must be one more than expected, else ValueError. False: it moved, and nothing was written.
        """
        ...

    def describe(self) -> str:
        """Where this is, for messages."""
        ...


def open_state(uri: str, root: Path) -> StateStore:
    """The back end a `state:` names; a folder path is relative to `root`. Writes nothing."""
    if "://" in uri:
        raise fail(
            "not-available",
            "This kind of state is not available yet",
            f'`state: {uri}` names a back end of scheme "{uri.partition("://")[0]}"; this release keeps the state in a folder.',
            hint="write `state: .leptonctl/state`",
            exit_code=INVALID,
        )
    from leptonctl.storage.state_folder import FolderState  # a remote back end does not load it

    return FolderState(folder=root / uri)


def encode(state: Mapping[str, Json]) -> bytes:
    """The bytes of a state: indented, so that a person can read it."""
    return (json.dumps(state, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def decode(data: bytes, place: str) -> dict[str, Any]:
    """The state in bytes that stand at `place`. Failure `corrupt-state` when they are none, `newer-format` for that of a later release."""
    if not data.strip():
        raise corrupt(place, "it is empty")
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as reason:
        raise corrupt(place, f"it is not JSON ({reason})") from reason
    if not isinstance(state, dict) or type(state.get("revision")) is not int or "format_version" not in state:
        raise corrupt(place, "it is JSON but not a state of leptonctl")
    version = str(state["format_version"])
    if version.partition(".")[0] != FORMAT:
        raise fail(
            "newer-format",
            "The state has a format this release does not know",
            f"{place} has format {version}; this release reads format {FORMAT}.",
            hint="upgrade leptonctl to the release that wrote the state",
        )
    return cast("dict[str, Any]", state)


def check_next(expected_revision: int | None, new: Mapping[str, Json]) -> None:
    """Raises ValueError unless `new` is the state that may follow the expected revision."""
    revision = new.get("revision")
    if type(revision) is not int or (expected_revision is not None and revision != expected_revision + 1):
        msg = f"the state after revision {expected_revision} cannot have revision {revision!r}"
        raise ValueError(msg)
    if "format_version" not in new:
        msg = "a state carries its format_version"
        raise ValueError(msg)


def corrupt(place: str, why: str) -> Failure:
    """What stands at `place` is no state."""
    return fail(
        "corrupt-state",
        "The state cannot be read",
        f"{place} is there, but {why}. It is not taken for a missing state, and nothing was changed.",
        hint=f"put back the copy before it: cp {place}.backup {place} (results are in the store and are not built again)",
    )
