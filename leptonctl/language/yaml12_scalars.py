"""The value of an unquoted scalar by the core schema of YAML 1.2. Knows no nodes."""

import math
import re
from collections.abc import Mapping

from leptonctl.core.values import Json

LARGEST = 2**63 - 1
# more digits than a 64-bit integer has, leading zeros included; int() takes quadratic time
DIGITS = 30
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
WORDS: Mapping[str, Json] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


def plain(text: str) -> Json:
    """The value of an unquoted scalar by the core schema of YAML 1.2. Raises ValueError for numbers JSON cannot hold."""
    if not text or text[0] in "tTfFnN~":
        return WORDS.get(text, text)
    if text[0] not in "0123456789+-.":
        return text
    if INTEGER.fullmatch(text):
        number = int(text, 0) if text[:2] in ("0o", "0x") else int(text) if len(text) <= DIGITS else LARGEST + 1
        if abs(number) > LARGEST:
            msg = "is larger than 64 bits"
            raise ValueError(msg)
        return number
    if FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            msg = "is larger than any float"
            raise ValueError(msg)
        return value
    if NOT_FINITE.fullmatch(text):
        msg = "is not a finite number"
        raise ValueError(msg)
    return text
