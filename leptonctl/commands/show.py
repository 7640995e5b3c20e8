"""`show`: the recorded pointers with the joined results of their digests; of one address more, and of a version everything."""

from collections.abc import Sequence

from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.built_versions import named_version
from leptonctl.commands.recorded.results import gated_first, gated_metrics, join_results
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, full, parse
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json

FORMAT = "1.0"
AT_ONCE = 1000
"""The addresses whose results are held at the same time."""


def show(session: Session, name: str | None = None, *, trials: bool = False) -> dict[str, Json]:
    """The object of `show --json`, with nothing in it before the first apply.

    `name`: only this address; of a model's version or a binding with `version`, of a dataset's version with `dataset`. Failure
    `unknown-address`. `trials`: those of its search are asked for; Failure `no-search` when it has none.
    """
    state = session.pointers.read()
    shown = _recorded(session, state, None) if name is None else _show_address(session, state, name)
    version = shown.get("version")
    if trials and not (isinstance(version, dict) and version.get("search")):
        hint = "name a version that declares `search:`: `leptonctl show MODEL@VERSION --trials`"
        raise fail("no-search", "There are no trials to list", f"{name or 'the state'} has no search", hint=hint)
    return shown


def _recorded(session: Session, state: State | None, scope: str | None) -> dict[str, Json]:
    if state is None:
        return {"format_version": FORMAT, "lineage": None, "serial": 0, "current": {}, "results": {}}
    shown = {address: pointer for address, pointer in state.current.items() if scope is None or covers(scope, address)}
    results: dict[str, Json] = {}
    current: dict[str, Json] = {}
    ordered, gated = sorted(shown.items()), gated_metrics(session)
    if scope is None:
        session.release()
    for start in range(0, len(ordered), AT_ONCE):
        _join(session, gated, ordered[start : start + AT_ONCE], current, results)
    return {"format_version": FORMAT, "lineage": state.lineage, "serial": state.serial, "current": current, "results": results}


def _join(
    session: Session, gated: Sequence[str], shown: Sequence[tuple[str, Pointer]], current: dict[str, Json], results: dict[str, Json]
) -> None:
    """Add these addresses to what is shown."""
    keys = {address: {name: step.key for name, step in pointer.steps.items()} for address, pointer in shown}
    step_results = session.results({key for steps in keys.values() for key in steps.values()})
    for address, pointer in shown:
        outcome = join_results(keys[address], step_results)
        current[address] = _pointer(pointer, outcome.get("package"))
        if pointer.steps:
            results.setdefault(pointer.digest, {**outcome, "metrics": gated_first(gated, outcome["metrics"])})


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


def _show_address(session: Session, state: State | None, name: str) -> dict[str, Json]:
    from leptonctl.commands.showing.show_dataset import dataset_story
    from leptonctl.commands.showing.show_version import version_story

    settled, _ = settle(session, state)
    known = {*settled.by_address, *(state.current if state else {})}
    address = full(name, known, session.address_kinds)
    place = parse(address)
    shown = _recorded(session, state, address)
    version = named_version(session, settled, state, address if address in known else name)
    if version is not None:
        return {**shown, "version": version_story(session, state, version, place)}
    if place.kind == "dataset" and address in settled.by_address:
        return {**shown, "dataset": dataset_story(session, settled, address)}
    if not any(covers(address, other) for other in known):
        raise fail("unknown-address", "No such address", f"{name} is neither declared nor built", hint=did_you_mean(address, known))
    if place.kind == "environment" and state is not None and place.name in state.environments:
        return {**shown, "was": address}
    return shown
