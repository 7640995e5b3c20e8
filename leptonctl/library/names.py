"""Names as a caller passes them: what the YAML has as text may be a whole number in Python."""

from typing import Any, TypeVar

from leptonctl.core.diagnostic import fail

T = TypeVar("T")


def name_of(value: Any, what: str) -> str:
    """A name as the YAML has it: 3 is "3". Failure `usage` for what is neither text nor a whole number, as 1.10, which would be 1.1."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise fail("usage", "A name is text", f"`{what}` is {value!r}, a {type(value).__name__}", hint=f'pass text: `{what}="…"`')


def name_or_none(value: Any, what: str) -> str | None:
    """The same of what may be left out."""
    return None if value is None else name_of(value, what)


def algorithm_of(value: Any) -> str | None:
    """The name of an algorithm; of a class of scikit-learn its own. Failure `usage` for an estimator, whose parameters would be lost."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, type):
        return value.__name__
    kind = type(value).__name__
    detail = f"`algorithm` is a {kind}, whose parameters are no part of a name"
    raise fail("usage", "An algorithm is named", detail, hint=f'pass `algorithm="{kind}"`, and its parameters to `train`')


def require(value: Any, kind: type[T], hint: str) -> T:
    """The value. Failure `usage` unless it is of this kind."""
    if not isinstance(value, kind):
        raise fail("usage", f"This is not what is uploaded: a {kind.__name__}", f"it is a {type(value).__name__}", hint=hint)
    return value
