"""Digests over a typed, length-safe canonical encoding of JSON values.

`1`, `1.0`, `True` and `"1"` encode differently; no concatenation of two values can equal another; mappings are
ordered by key. Every text and container carries its length, in the manner of netstrings.
"""

import hashlib
import math

from leptonctl.core.values import Json


def encode(value: Json) -> bytes:
    """The canonical bytes of a JSON value. Raises ValueError for NaN and infinities, TypeError for other types."""
    out: list[bytes] = []
    _encode(value, out)
    return b"".join(out)


def digest(value: Json) -> str:
    """`sha256:<64 hex digits>` of the canonical encoding."""
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()


def digest_bytes(data: bytes) -> str:
    """`sha256:<64 hex digits>` of raw bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _encode(value: Json, out: list[bytes]) -> None:
    if value is None:
        out.append(b"n")
    elif value is True:
        out.append(b"t")
    elif value is False:
        out.append(b"f")
    elif isinstance(value, int):
        out.append(b"i%d;" % value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            msg = "a digest takes finite numbers only"
            raise ValueError(msg)
        out.append(b"d" + float(value).hex().encode() + b";")
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        out.append(b"s%d:" % len(data))
        out.append(data)
    elif isinstance(value, list | tuple):
        out.append(b"l%d:" % len(value))
        for item in value:
            _encode(item, out)
    elif isinstance(value, dict):
        out.append(b"m%d:" % len(value))
        for key in sorted(value):
            if not isinstance(key, str):
                msg = f"mapping keys are text, not {type(key).__name__}"
                raise TypeError(msg)
            _encode(key, out)
            _encode(value[key], out)
    else:
        msg = f"not a JSON value: {type(value).__name__}"
        raise TypeError(msg)
