"""Checks the arguments of a call and converts them for the commands: a name in the YAML may be an integer in Python."""

import math
import operator
import os
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from leptonctl.core.diagnostic import fail

T = TypeVar("T")


def name_of(value: Any, what: str) -> str:
    """A name as in the YAML: 3 is "3". Failure `usage` unless it is a string or an integer: 1.10 would become 1.1."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise fail("usage", "A name is text", f"`{what}` is {value!r}, a {type(value).__name__}", hint=f'pass text: `{what}="…"`')


def name_or_none(value: Any, what: str) -> str | None:
    """A name that may be left out."""
    return None if value is None else name_of(value, what)


def names_of(values: Any, what: str) -> tuple[str, ...]:
    """Several names, or a single one. Failure `usage` for anything else."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return tuple(name_of(value, what) for value in values)
    return (name_of(values, what),)


def path_of(value: Any, what: str) -> Path:
    """A path, which may be a string. Failure `usage` for anything else."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise fail("usage", "A path is text or a pathlib.Path", f"`{what}` is a {type(value).__name__}", hint=f'pass `{what}="PATH"`')


def seconds_of(value: Any, what: str) -> float:
    """A number of seconds. Failure `usage` for anything else, including booleans and NaN."""
    if not isinstance(value, bool) and isinstance(value, Real) and not math.isnan(value):
        return float(value)
    raise fail("usage", "Seconds are a number", f"`{what}` is {value!r}, a {type(value).__name__}", hint=f"pass a number: `{what}=30`")


def number_or_none(value: Any, what: str) -> int | None:
    """An integer that may be left out. Failure `usage` for anything else, including 1.0 and "1"."""
    if value is None:
        return None
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        return operator.index(value)
    raise fail("usage", "This must be an integer", f"`{what}` is {value!r}, a {type(value).__name__}", hint=f"pass a number: `{what}=3`")


def algorithm_of(value: Any) -> str | None:
    """The name of an algorithm; for a class of scikit-learn, that of the class. Failure `usage` for an estimator, whose parameters would be
    lost.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, type):
        return value.__name__
    kind = type(value).__name__
    detail = f"`algorithm` is a {kind}, whose parameters are not part of a name"
    raise fail("usage", "An algorithm is passed by name", detail, hint=f'pass `algorithm="{kind}"`, and its parameters to `train`')


def require(value: Any, kind: type[T], hint: str) -> T:
    """The value. Failure `usage` unless it is of this kind."""
    if not isinstance(value, kind):
        raise fail("usage", f"This is not a {kind.__name__}", f"it is a {type(value).__name__}", hint=hint)
    return value
