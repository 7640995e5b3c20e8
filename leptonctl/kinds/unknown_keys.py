"""What to write instead of a key or a parameter that is not known: the words of other tools first, then similar ones of ours."""

from collections.abc import Mapping

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.values import Json


def key_hint(key: str, known: Mapping[str, Json], value: Json, *, parameter: bool) -> str:
    """The hint for a key of documents, or for a parameter. known: those that are allowed here, with their schemas."""
    # a sound project needs none of these words
    from leptonctl.kinds.foreign_keys import foreign_hint, misspelled_hint

    hint = foreign_hint(key, known, value, parameter=parameter) or did_you_mean(key, known)
    if parameter and not hint.startswith(("did", "write", "remove")):
        return misspelled_hint(key, known) or hint
    return hint
