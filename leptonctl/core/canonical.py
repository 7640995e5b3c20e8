"""Digests over a typed, length-safe canonical encoding of JSON values.

The encoding is compact JSON with sorted keys in ASCII: `1`, `1.0`, `true` and `"1"` differ, and strings are quoted,
so no two values share an encoding. A float is written as the shortest decimal that reads back equal.
"""

import hashlib
import json
from collections.abc import Mapping

from leptonctl.core.values import Json


def _as_dict(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} is not a JSON value"
    raise TypeError(msg)


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, check_circular=False, default=_as_dict
)


def encode(value: Json) -> bytes:
    """The canonical bytes of a JSON value. Raises ValueError for NaN and infinities, TypeError for other types."""
    return _ENCODER.encode(value).encode("ascii")


def digest(value: Json) -> str:
    """`sha256:<64 hex digits>` of the canonical encoding."""
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()
