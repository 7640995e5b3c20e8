"""What every value is: a frozen, keyword-only struct (ADR 0022)."""

from typing import Any, dataclass_transform

import msgspec

field = msgspec.field
"""A field with a `default_factory`."""
replace = msgspec.structs.replace
"""A value with some fields changed."""
fields = msgspec.structs.asdict
"""The fields of a value by name."""


class _KeywordOnly(msgspec.StructMeta):
    """Structs inherit `frozen`, but not `kw_only`: every value is given it."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, metaclass=_KeywordOnly, frozen=True):
    """The root of all values. Two are equal when they are of one type and their fields are equal.

    A class is defined in 8 µs; as a dataclass with the same methods it takes 270, and a plan loads some eighty of them.
    """
