"""The records of a store, and the states that refer to them: what an address needs, and what is missing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from leptonctl.core import layout
from leptonctl.core.address import member_of, parse
from leptonctl.core.deployment import Deployment
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State
from leptonctl.storage.audit import Audit

T = TypeVar("T")
MOST = 3
"""How many addresses a command names."""


@dataclass(slots=True, kw_only=True)
class StoreView:
    """`state`: that of this project, None if it has none. `spared`: how many of an environment's newest deployments `gc` spares; what an
    older one lacks was freed, not lost. `users`: path of an artifact or record -> the addresses that need it.
    """

    audit: Audit
    state: State | None
    spared: int
    users: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.users = defaultdict(set)
        for result in self.all_of(Result):
            if result.address:
                self._use(layout.result(result.key), result.artifacts.values(), result.address)
        for address, pointer in self.pointers():
            self.users[layout.recipe(pointer.declaration)].add(address)
            for step in pointer.steps.values():
                result_record = self.result(step.key)
                self._use(layout.result(step.key), result_record.artifacts.values() if result_record else (), address)
        for deployment in self.all_of(Deployment):
            for model, routes in deployment.models.items():
                address = member_of("environment", deployment.environment, model)
                for route in routes:
                    self._use("", [*route.files.values(), *route.beside.values()], address)

    def _use(self, record: str, artifacts: Iterable[str], address: str) -> None:
        for path in (record, *map(layout.artifact, artifacts)):
            self.users[path].add(address)

    def pointers(self) -> Iterator[tuple[str, Pointer]]:
        """The pointers of this project's state, and those that other lineages had at their last move."""
        yield from (self.state.current if self.state else {}).items()
        for copy in self.all_of(State):
            if self.state is None or copy.lineage != self.state.lineage:
                yield from copy.current.items()

    def all_of(self, kind: type[T]) -> Iterator[T]:
        """All records of a kind."""
        return (record for record in self.audit.records.values() if isinstance(record, kind))

    def affected_addresses(self, path: str) -> tuple[str, ...]:
        """The addresses that need an artifact or a record."""
        return tuple(sorted(self.users.get(path, ())))

    def is_lost(self, digest: str) -> bool:
        """Whether an artifact is missing, and was not purged."""
        return digest not in self.audit.artifacts and layout.tombstone(digest) not in self.audit.records

    def is_purged(self, path: str) -> bool:
        """Whether an artifact was removed for good, according to its tombstone."""
        digest = layout.artifact_digest(path)
        return digest is not None and layout.tombstone(digest) in self.audit.records

    def result(self, key: str) -> Result | None:
        """The newest record of a key that has all of its artifacts, else the newest one."""
        records: list[Result] = []
        number = 1
        while isinstance(record := self.audit.records.get(layout.result(key, number)), Result):
            records.append(record)
            number += 1
        whole = (r for r in reversed(records) if self.audit.artifacts.issuperset(r.artifacts.values()))
        return next(whole, records[-1] if records else None)

    def declares(self, address: str, digest: str) -> bool:
        """Whether this project's state has the version with this digest at the address, so that it can be built again."""
        pointer = self.state.current.get(address) if self.state else None
        return pointer is not None and pointer.digest == digest

    def has_checks(self, address: str, checks: str) -> bool:
        """Whether a binding of this project's state has these checks now, so that an apply writes them again."""
        place, pointer = parse(address), self.state.current.get(address) if self.state else None
        if self.state is None or pointer is None or pointer.deployment is None:
            return False
        record = self.audit.records.get(layout.deployment(self.state.lineage, place.name, pointer.deployment))
        route = record.main(place.member or "") if isinstance(record, Deployment) else None
        return route is not None and route.checks == checks

    def build_command(self, addresses: Iterable[str]) -> str:
        """The command that builds what these addresses need; "" if this project's state has none of them.

        The results of a binding are those of its version; an apply of the binding writes only what the binding adds.
        """
        recorded = [address for address in addresses if self.state is not None and address in self.state.current]
        built = [address for address in recorded if parse(address).kind != "environment"]
        options = " ".join(f"--only {address}" for address in (built or recorded)[:MOST])
        return f"leptonctl apply {options} --yes" if recorded else ""
