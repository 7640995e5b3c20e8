"""`show`: the recorded pointers with the results of their digests; more about one address, and everything about a version."""

from collections.abc import Iterator, Sequence

from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.built_versions import named_version
from leptonctl.commands.recorded.results import gated_metrics, join_results, put_gated_first
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, full, parse
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json

FORMAT = "1.0"
AT_ONCE = 1000
"""How many addresses are joined with their results at a time."""


def show(session: Session, name: str | None = None, *, trials: bool = False) -> dict[str, Json]:
    """The object of `show --json`, which is empty before the first apply.

    `name`: only this address, with `version` for a model version or a binding, and `dataset` for a dataset version. `trials`: the trials
    of its search are to be listed. Failure: `unknown-address`, `no-search`.
    """
    state = session.pointers.read()
    report = _recorded_tree(session, state, None) if name is None else _show_address(session, state, name)
    version = report.get("version")
    if trials and not (isinstance(version, dict) and version.get("search")):
        hint = "name a version that declares `search:`: `leptonctl show MODEL@VERSION --trials`"
        raise fail("no-search", "There are no trials to list", f"{name or 'the state'} has no search", hint=hint)
    return report


def _recorded_tree(session: Session, state: State | None, scope: str | None) -> dict[str, Json]:
    if state is None:
        return {"format_version": FORMAT, "lineage": None, "serial": 0, "current": {}, "results": {}}
    pointers = sorted((address, pointer) for address, pointer in state.current.items() if scope is None or covers(scope, address))
    results: dict[str, Json] = {}
    current: dict[str, Json] = {}
    gated = gated_metrics(session)
    if scope is None:
        session.release()
    for start in range(0, len(pointers), AT_ONCE):
        for address, pointer, outcome in _join_results(session, pointers[start : start + AT_ONCE]):
            current[address] = _pointer(pointer, outcome.get("package"))
            if pointer.steps:
                results.setdefault(pointer.digest, {**outcome, "metrics": put_gated_first(gated, outcome["metrics"])})
    return {"format_version": FORMAT, "lineage": state.lineage, "serial": state.serial, "current": current, "results": results}


def _join_results(session: Session, pointers: Sequence[tuple[str, Pointer]]) -> Iterator[tuple[str, Pointer, dict[str, Json]]]:
    """These pointers, each with the joined results of its steps."""
    keys = {address: {name: step.key for name, step in pointer.steps.items()} for address, pointer in pointers}
    step_results = session.results({key for steps in keys.values() for key in steps.values()})
    for address, pointer in pointers:
        yield address, pointer, join_results(keys[address], step_results)


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
    report = _recorded_tree(session, state, address)
    version = named_version(session, settled, state, address if address in known else name)
    if version is not None:
        return {**report, "version": version_story(session, state, version, place)}
    if place.kind == "dataset" and address in settled.by_address:
        return {**report, "dataset": dataset_story(session, settled, address)}
    if not any(covers(address, other) for other in known):
        raise fail("unknown-address", "No such address", f"{name} is neither declared nor built", hint=did_you_mean(address, known))
    if place.kind == "environment" and state is not None and place.name in state.environments:
        return {**report, "was": address}
    return report
