"""A mapping whose content is computed on first use: most plans need little of what is declared. Pure."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Deferred(Mapping[K, V]):
    """The mapping that `load(part)` returns, called once. Equal to any mapping with the same items.

    `part` lets several mappings share one `load`: a function for each would take four times the memory. `known`: items that need
    no `load`.
    """

    __slots__ = ("_content", "_known", "_load")

    def __init__(self, load: Callable[[Any], Mapping[K, V]], part: object = None, known: Mapping[K, V] = NOTHING) -> None:
        self._load: Callable[[Any], Mapping[K, V]] | None = load
        self._content: Any = part
        self._known: Mapping[K, V] = known

    def _mapping(self) -> Mapping[K, V]:
        if self._load is not None:
            self._content = self._load(self._content)
            self._load = None
        content: Mapping[K, V] = self._content
        return content

    def __getitem__(self, key: K) -> V:
        return self._known[key] if key in self._known else self._mapping()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._mapping())

    def __len__(self) -> int:
        return len(self._mapping())

    def __contains__(self, key: object) -> bool:
        return key in self._known or key in self._mapping()

    def __reduce__(self) -> tuple[type[dict[K, V]], tuple[dict[K, V]]]:
        return dict, (dict(self),)

    def __repr__(self) -> str:
        return repr(self._mapping())
