"""Which results and recipes of a shared store count as this project's: what its lineage built, or what it keys to. Never by name alone."""

from collections.abc import Collection, Iterable

from leptonctl.commands.session import Session
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.storage.lineage import Hole


class Ownership(Frozen):
    """`lineage`: None before the first apply. `project`: its name. `keys`: the step keys that its declarations and its state name."""

    lineage: str | None
    project: str
    keys: frozenset[str] = frozenset()

    def built(self, result: Result) -> bool:
        """Whether this project built it. Before its first apply a project is known by its name alone."""
        lineage = result.provenance.get("lineage")
        return result.provenance.get("project") == self.project if lineage is None else lineage == self.lineage

    def holds(self, result: Result) -> bool:
        """Whether it counts as this project's, whoever built it."""
        return result.key in self.keys or self.built(result)

    def builder(self, result: Result) -> str | None:
        """The project that built a result, where that is another one."""
        return None if self.built(result) else str(result.provenance.get("project") or "") or None


def ownership(session: Session, state: State | None, declared: Iterable[str | None] = ()) -> Ownership:
    """What counts as this project's. `declared`: the step keys that its declarations have now."""
    recorded = {step.key for pointer in state.current.values() for step in pointer.steps.values()} if state else set()
    keys = recorded | {key for key in declared if key is not None}
    return Ownership(lineage=state.lineage if state else None, project=session.project.name, keys=frozenset(keys))


def recorded_digests(session: Session, state: State | None) -> Collection[str]:
    """Every digest that the history of the lineage names: it counts as the project's, also when its results are freed."""
    records = session.pointers.history(state) if state is not None else ()
    changes = (change for record in records if not isinstance(record, Hole) for change in (*record.changes, *record.held))
    return {digest for change in changes for digest in (change.before, change.after) if digest is not None}
