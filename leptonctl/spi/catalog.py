"""The catalog: which providers exist, as one value for the pure stages. Imports no provider and reads no file itself."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen

if TYPE_CHECKING:
    from leptonctl.spi.learning import Metric, Preprocessor, Source, Trainer
    from leptonctl.spi.platforms import Platform
    from leptonctl.spi.running import ExecutorBackend
    from leptonctl.spi.storage import StateBackend, StoreBackend


def _none(_name: str) -> tuple[str, ...]:
    return ()


def _unknown(_role: str, _name: str) -> tuple[str, str] | None:
    return None


class Catalog(Frozen):
    """Trainers and metrics are keyed by (task, name), stores and states by URI scheme ("" is a folder), all others by name.

    The mappings may load a provider on first access. They also find aliases and names that are too many to list, without iterating over
    them: of those, `tasks_of` gives the tasks that have an algorithm of a name, and `others` gives all as (task or "step", name).
    `extended`: some trainers, metrics or preprocess steps come from other packages. refusal: ("algorithm" or "step", a known name
    that cannot be used as one) -> why, and what to use instead.
    """

    trainers: "Mapping[tuple[str, str], Trainer]"
    preprocessors: "Mapping[str, Preprocessor]"
    metrics: "Mapping[tuple[str, str], Metric]"
    sources: "Mapping[str, Source]"
    platforms: "Mapping[str, Platform]"
    executors: "Mapping[str, ExecutorBackend]"
    stores: "Mapping[str, StoreBackend]"
    states: "Mapping[str, StateBackend]"
    extended: bool = False
    tasks_of: Callable[[str], tuple[str, ...]] = _none
    others: Callable[[], tuple[tuple[str, str], ...]] = tuple
    refusal: Callable[[str, str], tuple[str, str] | None] = _unknown

    def source_for(self, path: str) -> "Source | None":
        """The source with the longest suffix that `path` ends with."""
        lower = path.lower()
        matches = [(len(s), source) for source in self.sources.values() for s in source.suffixes if lower.endswith(s)]
        return max(matches, key=lambda match: match[0])[1] if matches else None

    def names(self, table: Mapping[tuple[str, str], object], task: str) -> tuple[str, ...]:
        """The names in a table keyed by (task, name) that serve this task."""
        return tuple(sorted(name for t, name in table if t == task))
