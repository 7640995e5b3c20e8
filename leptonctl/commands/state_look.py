"""`state list` and `state show`: the state as it is stored, without a plan or a comparison with the YAML."""

from leptonctl.commands.session import Session
from leptonctl.core.address import full
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json
from leptonctl.storage.standing import read_standing

NO_STATE = "nothing has been applied yet"


def list_pointers(session: Session) -> dict[str, Json]:
    """Every address with what it points to."""
    stored = session.pointers.stored_state()
    if stored is None:
        return {"lineage": None, "serial": 0, "pointers": []}
    state = stored[0]
    rows = [{"address": address, **_row(pointer)} for address, pointer in sorted(state.current.items())]
    return {"lineage": state.lineage, "serial": state.serial, "pointers": [*rows]}


def show_pointer(session: Session, address: str) -> dict[str, Json]:
    """One pointer with its steps. Failure `unknown-address` when the state has none there."""
    stored = session.pointers.stored_state()
    current = stored[0].current if stored else {}
    scope = full(address, current, session.address_kinds)
    if scope not in current:
        hint = did_you_mean(scope, current) or "leptonctl state list"
        raise fail("unknown-address", "No such address", f"{address} is not in the state", hint=hint)
    pointer = current[scope]
    steps: dict[str, Json] = {name: {"op": step.op, "key": step.key} for name, step in pointer.steps.items()}
    more: dict[str, Json] = {"declaration": pointer.declaration, "artifact": pointer.artifact, "package": pointer.package}
    return {"address": scope, **_row(pointer), **more, "effect": pointer.effect, "steps": steps}


def show_state(session: Session) -> dict[str, Json]:
    """The state itself, and whether it can be changed."""
    stored = session.pointers.stored_state()
    place = session.pointers.states.describe()
    if stored is None:
        return {"place": place, "lineage": None, "project": session.project.name, "serial": 0, "pointers": 0, "standing": NO_STATE}
    state = stored[0]
    owner = read_standing(session.objects, state.lineage).owner
    environments: list[Json] = [
        {"name": name, "deployment": record.deployment, "protected": record.protected, "destroyed": record.destroyed}
        for name, record in sorted(state.environments.items())
    ]
    return {
        "place": place,
        "lineage": state.lineage,
        "project": state.project,
        "id": state.id,
        "generation": state.generation,
        "store": state.store,
        "revision": state.revision,
        "serial": state.serial,
        "pointers": len(state.current),
        "environments": environments,
        "history": {"serial": state.history.serial, "id": state.history.id} if state.history else None,
        "owner": {"state": owner.state, "generation": owner.generation, "at": owner.at, "by": owner.by} if owner else None,
        "standing": _standing(session, state),
    }


def _standing(session: Session, state: State) -> str:
    """`current`, or why this state can be read but not changed."""
    try:
        session.pointers.read()
        session.pointers.check(state)
    except Failure as failure:
        return f"{failure.diagnostics[0].summary}: {failure.diagnostics[0].detail}"
    return "current"


def _row(pointer: Pointer) -> dict[str, Json]:
    return {"digest": pointer.digest, "version": pointer.version, "deployment": pointer.deployment, "at": pointer.at}
