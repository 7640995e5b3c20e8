"""The base class of all values: a frozen, keyword-only struct (ADR 0022)."""

from typing import Any, dataclass_transform

import msgspec

field = msgspec.field
"""Declares a field with a `default_factory`."""
replace = msgspec.structs.replace
"""Returns a copy of a value with some fields changed."""
fields = msgspec.structs.asdict
"""Returns the fields of a value by name."""


class _KeywordOnly(msgspec.StructMeta):
    """Makes every value keyword-only: structs inherit `frozen`, but not `kw_only`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, metaclass=_KeywordOnly, frozen=True):
    """The base class of all values. Two values are equal when they have the same type and equal fields.

    Defining a struct class takes 8 µs, a dataclass with the same methods 270 µs, and a plan loads about eighty classes.
    """
