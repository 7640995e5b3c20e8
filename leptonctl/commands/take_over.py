"""Records, for a version that declares what another one has found, the results of that one which equal its own. Computes nothing.

An apply would take them over too, by content (early cutoff), but only where the version itself has had them, and a plan could not say so.
"""

from collections.abc import Mapping

from leptonctl.building.results import adopted_result
from leptonctl.building.work import Ready
from leptonctl.commands.planning.line import settle
from leptonctl.commands.planning.recheck import adopted
from leptonctl.commands.session import Session
from leptonctl.core.change import PlannedStep
from leptonctl.core.graph import content_of, key_from, needed_key
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.values import Step


def take_over(session: Session, address: str, earlier: Mapping[str, Result]) -> None:
    """Record results for the steps of a declared version. `earlier`: those of the other version, by the name of their step."""
    settled, _ = settle(session, session.pointers.read())
    known: dict[str, Result] = {}
    for step in settled.by_address[address].steps:
        needs = _needs(session, settled, step, known)
        key = key_from(step, needs) if needs is not None else None
        if needs is None or key is None:
            continue
        result = session.store.results([key]).get(key) or _equal(session, step, needs, key, earlier.get(step.name))
        if result is not None:
            known[step.name] = result


def _needs(session: Session, settled: Settled, step: Step, known: Mapping[str, Result]) -> dict[str, Result] | None:
    """The results that a step reads, by role; None while one is missing. `known`: those of its own address."""
    own = {role: place[1] for role, place in step.needs.items() if place[0] == step.address}
    if not known.keys() >= set(own.values()):
        return None
    keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in (*step.needs, *step.given) if role not in own}
    results = session.store.results([key for key in keys.values() if key is not None])
    if any(key not in results for key in keys.values()):
        return None
    return {**{role: known[name] for role, name in own.items()}, **{role: results[key] for role, key in keys.items() if key is not None}}


def _equal(session: Session, step: Step, needs: Mapping[str, Result], key: str, earlier: Result | None) -> Result | None:
    """The earlier result under the key of a step, recorded, if it was made from equal contents."""
    content = content_of(step, needs, session.ops)
    if earlier is None or not content or earlier.content != content or adopted(session, step, earlier) is not None:
        return None
    files = set(earlier.artifacts.values())
    if session.store.present(files) != files:
        return None
    planned = PlannedStep(step=step, key=key, cached=False)
    return session.store.put_result(adopted_result(Ready(planned=planned, needs=needs, key=key, content=content, order=0), earlier))
