"""`show`: the recorded pointers, with the joined results of their digests."""

from leptonctl.commands.results import join_results
from leptonctl.commands.session import Session
from leptonctl.core.state import Pointer
from leptonctl.core.values import Json

FORMAT = "1.0"


def show(session: Session) -> dict[str, Json]:
    """The object of `show --json`, with nothing in it before the first apply."""
    state = session.pointers.read()
    if state is None:
        return {"format_version": FORMAT, "lineage": None, "serial": 0, "current": {}, "results": {}}
    keys = {address: {name: step.key for name, step in p.steps.items()} for address, p in state.current.items()}
    step_results = session.store.results({key for steps in keys.values() for key in steps.values()})
    results: dict[str, Json] = {}
    current: dict[str, Json] = {}
    for address, pointer in sorted(state.current.items()):
        outcome = join_results(keys[address], step_results)
        current[address] = _pointer(pointer, outcome.get("package"))
        if pointer.steps:
            results.setdefault(pointer.digest, outcome)
    return {"format_version": FORMAT, "lineage": state.lineage, "serial": state.serial, "current": current, "results": results}


def _pointer(pointer: Pointer, package: Json) -> Json:
    bound: dict[str, Json] = {"version": pointer.version, "deployment": pointer.deployment} if pointer.version is not None else {}
    steps: dict[str, Json] = {name: {"op": step.op, "key": step.key} for name, step in pointer.steps.items()}
    return {
        "digest": pointer.digest,
        "artifact": pointer.artifact,
        "package": pointer.package or package,
        "steps": steps,
        "at": pointer.at,
        **bound,
    }
