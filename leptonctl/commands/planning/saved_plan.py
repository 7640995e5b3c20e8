"""Writes and reads saved plans. One whose basis has changed, or that was edited, is refused: an apply does exactly what it shows.

The digest `text` covers every field of every object in the file, including those that this release does not know (ADR 0024).
"""

import json
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from leptonctl.core.canonical import digest
from leptonctl.core.change import Plan
from leptonctl.core.codec import BadRecord, Record, convert, plain
from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.values import Json
from leptonctl.project.edits import write_text
from leptonctl.storage.pointers import now

PLAN_HOURS = 24
# a hundred times a plan with 10,000 changes
MOST_BYTES = 1 << 30


class SavedPlan(Record, tag_field="format_version", tag="1"):
    """What `plan --out` writes. `expires`: seconds since 1970. `plan`: what people review; `text`: the digest of all other fields."""

    checksum = False

    saved_at: str
    expires: float
    only: tuple[str, ...] = ()
    binding: Mapping[str, str]
    plan: Mapping[str, Json]
    text: str


def save(plan: Plan, out: Path, addresses: Sequence[str]) -> None:
    """Write a plan to a file for `apply`."""
    from leptonctl.views.plan_json import plan_to_json

    obj: dict[str, Json] = plan_to_json(plan)
    saved = SavedPlan(
        saved_at=now(), expires=time.time() + PLAN_HOURS * 3600, only=tuple(addresses), binding=plan.binding, plan=obj, text=""
    )
    parts = plain(saved)
    parts["text"] = text_digest(parts)
    write_text(out, json.dumps(parts, ensure_ascii=False, indent=1) + "\n")


def read_saved(file: Path) -> SavedPlan:
    """Read a saved plan. Failure `bad-plan` when the file is not one, or was edited."""
    try:
        parts = _parse(_content(file))
        saved = convert(parts, SavedPlan)
        if saved.text == text_digest(parts):
            return saved
    except FileNotFoundError as reason:
        raise _bad_plan(file, "there is no such file", _address_hint(file)) from reason
    except OSError as reason:
        raise _bad_plan(file, reason.strerror or str(reason)) from reason
    except RecursionError as reason:
        raise _bad_plan(file, "it is nested too deeply") from reason
    except ValueError as reason:
        raise _bad_plan(file, str(reason)) from reason
    raise _bad_plan(file, "it was edited after it was saved, so it would not do what it shows")


def text_digest(parts: Mapping[str, Json]) -> str:
    """The digest of everything in the file of a saved plan, except the digest itself. Raises ValueError for NaN."""
    return digest({name: value for name, value in parts.items() if name != "text"})


def check_saved(saved: SavedPlan, plan: Plan) -> None:
    """Failure `stale-plan` (exit 5) when the saved plan has expired or anything it was made from has changed; names the parts."""
    hint = "run `leptonctl plan` again and review it"
    if time.time() > saved.expires:
        raise fail("stale-plan", "The saved plan has expired", f"it was saved at {saved.saved_at}", hint=hint, exit_code=STALE)
    changed = [part for part, value in plan.binding.items() if saved.binding.get(part) != value]
    if changed:
        summary = "What the saved plan was made from has changed"
        raise fail("stale-plan", summary, f"changed: {', '.join(changed)}", hint=hint, exit_code=STALE)


def is_same_configuration(saved: SavedPlan, plan: Plan) -> bool:
    """Whether a saved plan was made from the same declarations and data as this one, and so has the same goal."""
    return all(saved.binding.get(part) == plan.binding.get(part) for part in ("configuration", "data"))


def _content(file: Path) -> bytes:
    """The bytes of a file. Raises OSError for a device or a pipe, which may have no end."""
    info = file.stat()
    if not stat.S_ISREG(info.st_mode):
        msg = "it is not a file"
        raise OSError(msg)
    if info.st_size > MOST_BYTES:
        msg = "it is too large for a plan"
        raise OSError(msg)
    return file.read_bytes()


def _parse(data: bytes) -> dict[str, Json]:
    """The object in a JSON text. Raises BadRecord for a repeated key, which two readers may understand differently."""

    def without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        obj = dict(pairs)
        if len(obj) != len(pairs):
            names = [name for name, _ in pairs]
            msg = f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice"
            raise BadRecord(msg)
        return obj

    parsed = json.loads(data, object_pairs_hook=without_repeats)
    if not isinstance(parsed, dict):
        msg = "it is not an object"
        raise BadRecord(msg)
    return parsed


def _bad_plan(file: Path, why: str, hint: str = "") -> Failure:
    return fail("bad-plan", "The saved plan cannot be read", f"{file}: {why}", hint=hint or "make it with `leptonctl plan --out FILE`")


def _address_hint(file: Path) -> str:
    """The hint for a path that looks like an address; "" for any other."""
    is_address = "@" in file.name or any(part in ("dataset", "model", "environment") for part in file.parts[-3:-1])
    return "for an address: `leptonctl apply --only ADDRESS`; a plan is made with `leptonctl plan --out FILE`" if is_address else ""
