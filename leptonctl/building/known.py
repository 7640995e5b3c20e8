"""The results that a run has read or built, and which of them its steps read. Reads the store in batches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from leptonctl.building.work import Built, Ready, Work
from leptonctl.core.graph import needed_key
from leptonctl.core.result import Result
from leptonctl.core.values import Step, StepPlace
from leptonctl.storage.store import Store


@dataclass(slots=True, kw_only=True)
class KnownResults:
    """Results by key, from the plan, the store and this run."""

    store: Store
    work: Work
    built: Built
    _by_key: dict[str, Result] = field(init=False, default_factory=dict)
    _earlier: Mapping[StepPlace, tuple[str, ...]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._by_key.update(self.work.known)

    def __contains__(self, key: str | None) -> bool:
        return key in self._by_key

    def __getitem__(self, key: str) -> Result:
        return self._by_key[key]

    def get(self, key: str) -> Result | None:
        """The result of a key, None when it is not known."""
        return self._by_key.get(key)

    def add(self, result: Result) -> None:
        """Keep a result of this run."""
        self._by_key[result.key] = result

    def fetch(self, keys: Iterable[str]) -> None:
        """Read the results of all keys that are not known yet."""
        missing = {key for key in keys if key not in self._by_key}
        if missing:
            self._by_key.update(self.store.results(missing))

    def needed_result(self, step: Step, role: str) -> Result | None:
        """The result that a step reads in a role: from this run, or by key from an earlier one."""
        place = step.needs.get(role)
        if place is not None and place in self.built.results:
            return self.built.results[place]
        return self._by_key.get(needed_key(step, role, self.work.keys, self.work.current) or "")

    def needed_keys(self, step: Step) -> Iterable[str]:
        """The keys of the results that a step reads and that are not from this run."""
        for role in (*step.needs, *step.needed_keys):
            if step.needs.get(role) not in self.built.results:
                key = needed_key(step, role, self.work.keys, self.work.current)
                if key is not None:
                    yield key

    def earlier_keys(self, ready: Ready) -> tuple[str, ...]:
        """The keys recorded at this place before: their results may have been built from equal contents."""
        pointer = self.work.current.get(ready.planned.address)
        key = pointer.key(ready.planned.name) if pointer else None
        if self._earlier is None:
            self._earlier = self.work.advice.earlier_keys()
        return (*((key,) if key else ()), *self._earlier.get(ready.planned.step.place, ()))
