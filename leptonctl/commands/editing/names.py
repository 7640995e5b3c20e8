"""Names from the command line that are written into the YAML."""

import re

from leptonctl.core.diagnostic import fail
from leptonctl.language.explain_schema import NAME_PATTERN


def require_name(name: str, kind: str) -> None:
    """Failure `bad-name` unless the name is valid. `kind`: what it names: a model, and so its file, or a version."""
    if not re.fullmatch(NAME_PATTERN, name):
        hint = "use lower-case letters, digits, `.`, `_` and `-`, with a letter or a digit first"
        raise fail("bad-name", "This is not a name", f"{name!r} is not a valid name for a {kind}", hint=hint)
