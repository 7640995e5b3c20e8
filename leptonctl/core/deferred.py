"""A mapping whose content is computed when it is first looked at: most plans look at few of the things that are declared. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Deferred(Mapping[K, V]):
    """A mapping that `load` returns, which is called once. Equal to any mapping with the same items."""

    __slots__ = ("_content", "_load")

    def __init__(self, load: Callable[[], Mapping[K, V]]) -> None:
        self._load: Callable[[], Mapping[K, V]] | None = load
        self._content: Mapping[K, V] = {}

    def _loaded(self) -> Mapping[K, V]:
        if self._load is not None:
            self._content = self._load()
            self._load = None
        return self._content

    def __getitem__(self, key: K) -> V:
        return self._loaded()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def __contains__(self, key: object) -> bool:
        return key in self._loaded()

    def __repr__(self) -> str:
        return repr(self._loaded())
