"""Records the results of one version for another version that declares the same, such as the winner of its search. Computes nothing.

An apply would adopt them too, by content (early cutoff), but only from an earlier build of the same address, and no plan could show it.
"""

from collections.abc import Mapping

from leptonctl.building.results import adopted_result
from leptonctl.building.work import Ready
from leptonctl.commands.planning.line import settle
from leptonctl.commands.planning.recheck import adoption_problem
from leptonctl.commands.session import Session
from leptonctl.core.change import PlannedStep
from leptonctl.core.graph import content_of, key_from, needed_key
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.values import Step


def record_equal_results(session: Session, address: str, earlier: Mapping[str, Result]) -> None:
    """Record results for the steps of a declared version. `earlier`: those of the other version, by the name of their step."""
    settled, _ = settle(session, session.pointers.read())
    results: dict[str, Result] = {}
    for step in settled.by_address[address].steps:
        needs = _needs(session, settled, step, results)
        key = key_from(step, needs) if needs is not None else None
        if needs is None or key is None:
            continue
        content = content_of(step, needs, session.ops)
        ready = Ready(planned=PlannedStep(step=step, key=key, cached=False), needs=needs, key=key, content=content, order=0)
        result = session.store.results([key]).get(key) or _equal(session, ready, earlier.get(step.name))
        if result is not None:
            results[step.name] = result


def _needs(session: Session, settled: Settled, step: Step, own_results: Mapping[str, Result]) -> dict[str, Result] | None:
    """The results that a step reads, by role; None while one is missing. `own_results`: of its own address, by step."""
    own = {role: place[1] for role, place in step.needs.items() if place[0] == step.address}
    if not own_results.keys() >= set(own.values()):
        return None
    roles = [role for role in (*step.needs, *step.needed_keys) if role not in own]
    keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in roles}
    results = session.store.results([key for key in keys.values() if key is not None])
    if any(key not in results for key in keys.values()):
        return None
    others = {role: results[key] for role, key in keys.items() if key is not None}
    return {**{role: own_results[name] for role, name in own.items()}, **others}


def _equal(session: Session, ready: Ready, earlier: Result | None) -> Result | None:
    """The earlier result, recorded under the key of a step, if it was computed from equal contents."""
    if earlier is None or not ready.content or earlier.content != ready.content:
        return None
    if adoption_problem(session, ready.planned.step, earlier) is not None:
        return None
    files = set(earlier.artifacts.values())
    if session.store.present(files) != files:
        return None
    return session.store.put_result(adopted_result(ready, earlier))
