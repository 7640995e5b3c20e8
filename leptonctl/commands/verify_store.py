"""`verify --store`: reads every byte of the store, and names what is damaged or missing, whom it affects and how to repair it.

Needs the Project document alone: the rest of the YAML may be invalid, and data files may be absent. Writes nothing.
"""

from collections.abc import Callable

from leptonctl.commands.proving.store_problems import BACKUP, Problem, store_problems
from leptonctl.commands.proving.store_view import StoreView
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.codec import BadRecord
from leptonctl.core.packed import decode_state
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.kind import PROJECT
from leptonctl.kinds.project import KEEP_DEPLOYMENTS
from leptonctl.kinds.project_schema import STATE, STORE
from leptonctl.spi.storage import StateCorrupt, StateStore, StorageError
from leptonctl.storage.audit import ARTIFACT, Progress, audit
from leptonctl.storage.open import open_state, open_store
from leptonctl.storage.standing import read_standing, refuse_other_store
from leptonctl.storage.store import Store


def verify_store(session: Session, say: Callable[[Progress], None] = lambda _progress: None) -> dict[str, Json]:
    """The object of `verify --store --json`. Failure `wrong-store` when the store has nothing of this project, as when it is not mounted.

    `say`: called with the progress.
    """
    store, states, spared = _open(session)
    session.release()
    state, problems = _read_state(states)
    if state is not None and not store.objects.list(layout.project(state.lineage)):
        refuse_other_store(read_standing(store.objects, None), state, store.objects.describe())
    audited = audit(store.objects, say)
    problems += store_problems(StoreView(audit=audited, state=state, spared=spared))
    return {
        "store": store.objects.describe(),
        "artifacts": len(audited.artifacts),
        "bytes": audited.bytes,
        "records": len(audited.records) + sum(damage.kind != ARTIFACT for damage in audited.damaged),
        "state": state is not None,
        "problems": [problem.to_json() for problem in problems],
        "foreign": [*audited.foreign],
        "ok": not problems,
    }


def _open(session: Session) -> tuple[Store, StateStore, int]:
    """The store and the state that the Project document names, and its `keep.deployments`. Other documents may be invalid."""
    project = next((d for d in session.reading.checked[0] if d.kind == PROJECT), None)
    values = project.value if project is not None else {}
    store = open_store(str(values.get("store") or STORE), session.root, session.catalog.stores)
    keep = values.get("keep")
    deployments = keep.get("deployments") if isinstance(keep, dict) else None
    states = open_state(str(values.get("state") or STATE), session.root, session.catalog.states)
    return store, states, deployments if isinstance(deployments, int) else KEEP_DEPLOYMENTS


def _read_state(states: StateStore) -> tuple[State | None, list[Problem]]:
    """The state, not checked against the store, whose records may be damaged. None if there is no state, or it cannot be read."""
    try:
        stamped = states.read()
        return (None, []) if stamped is None else (decode_state(stamped[0]), [])
    except (StateCorrupt, StorageError, BadRecord) as reason:
        hint = getattr(reason, "hint", "") or BACKUP
        return None, [Problem(path="", kind="state", damage="damaged", detail=f"{states.describe()}: {reason}", mend=hint)]
