"""Which results in a shared store belong to this project: those that its lineage built, and those whose keys it uses."""

from collections.abc import Collection, Iterable

from leptonctl.commands.session import Session
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.storage.lineage import Hole


class Ownership(Frozen):
    """What identifies the results of a project. `lineage`: None before the first apply. `project`: its name. `keys`: the step keys that its
    declarations and its state use.
    """

    lineage: str | None
    project: str
    keys: frozenset[str] = frozenset()

    def has_built(self, result: Result) -> bool:
        """Whether this project built a result. Before its first apply a project is known only by its name."""
        lineage = result.provenance.get("lineage")
        return result.provenance.get("project") == self.project if lineage is None else lineage == self.lineage

    def holds(self, result: Result) -> bool:
        """Whether a result belongs to this project, no matter which project built it."""
        return result.key in self.keys or self.has_built(result)

    def builder(self, result: Result) -> str | None:
        """The project that built a result, if it is another one."""
        return None if self.has_built(result) else str(result.provenance.get("project") or "") or None


def ownership(session: Session, state: State | None, declared: Iterable[str | None] = ()) -> Ownership:
    """What belongs to this project. `declared`: the step keys of its declarations."""
    recorded = {step.key for pointer in state.current.values() for step in pointer.steps.values()} if state else set()
    keys = recorded | {key for key in declared if key is not None}
    return Ownership(lineage=state.lineage if state else None, project=session.project.name, keys=frozenset(keys))


def recorded_digests(session: Session, state: State | None) -> Collection[str]:
    """Every digest in the history of the lineage. They belong to the project even when their results have been freed."""
    records = session.pointers.history(state) if state is not None else ()
    changes = (change for record in records if not isinstance(record, Hole) for change in (*record.changes, *record.held))
    return {digest for change in changes for digest in (change.before, change.after) if digest is not None}
