"""Names from the command line or a program that are written into the YAML."""

import re

from leptonctl.core.diagnostic import fail
from leptonctl.language.fits import NAME_PATTERN


def require_name(name: str, kind: str) -> None:
    """Failure `bad-name` unless the name is valid. `kind`: what it names, as `model` (and so its file) or `version`."""
    if not re.fullmatch(NAME_PATTERN, name):
        detail = f"{kind} {name!r}: a name is 1 to 63 lower-case letters, digits, `.`, `_`, `-`, and begins with a letter or digit"
        raise fail("bad-name", "A name has characters that are not allowed", detail, hint=f"use {slug(name, kind)}")


def slug(text: str, otherwise: str) -> str:
    """A string as a valid name in the YAML. `otherwise`: the name if nothing of the string remains."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63] or otherwise
