"""The reason that a command records in the history, as its callers pass it."""

REASON_LENGTH = 500


def reason_of(text: str | None) -> str:
    """A reason without surrounding spaces, "" for none. Raises ValueError, which says why, unless it is one line of bounded length."""
    if not text:
        return ""
    line = text.strip()
    if not line:
        msg = "write the reason, or leave it out"
    elif not line.isprintable():
        msg = "it must be one line of text, without control characters"
    elif len(line) > REASON_LENGTH:
        msg = f"it has {len(line)} characters; at most {REASON_LENGTH} are recorded"
    else:
        return line
    raise ValueError(msg)
