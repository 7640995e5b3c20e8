"""`rollback`: binds in the YAML what an earlier deployment of the environment bound, then applies. Trains nothing."""

from collections.abc import Collection, Iterable, Iterator

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.editing.bind_yaml import Rebinding, Say, bound_models, bound_version, environment_document, rebind
from leptonctl.commands.editing.write_back import lines_to_write_back
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.line import observe_environments
from leptonctl.commands.session import Session
from leptonctl.commands.ways_back import earlier, in_force, routes_of, ways_back
from leptonctl.core.address import document, environment_and_member, member_of
from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Withdrawal
from leptonctl.deploying.desired import complete_interrupted
from leptonctl.kinds.environment.binding import span_of
from leptonctl.kinds.environment.holding import readmit_command
from leptonctl.kinds.environment.kind import bindings


def rollback(
    session: Session,
    target: str,
    to: int | None,
    request: Request,
    *,
    consent: Consent,
    reporter: Reporter,
    say: Say = lambda _text: None,
) -> Outcome:
    """Roll back `target`, ENV or ENV/MODEL, to deployment `to`; by default what served last before the present one and was something else.

    Lines of a version that have left the YAML are written back; `say` is called with that edit before consent is asked for.
    Exempt from the rewind check: the way back must not depend on what has been pushed (protocols 7).
    """
    name, model = environment_and_member(target)
    environment_document(session, name)
    record = _earlier(session, name, model) if to is None else _deployment(session, name, model, to)
    if model and record.main(model) is None:
        raise fail(
            "not-bound",
            "The deployment did not bind this model",
            f"deployment {record.deployment} of {name} has no {model}",
            hint=f"leptonctl history environment/{name}",
        )
    routes = routes_of(record, model)
    edits: dict[str, str | None] = {m: route.version for m, route in routes.items() if bound_version(session, name, m) != route.version}
    if not model:
        edits |= dict.fromkeys(bound_models(session, name).keys() - routes.keys())
    what = ", ".join(f"{m} {routes[m].version}" if m in routes else f"no {m}" for m in (edits or routes))
    message = f"Roll back {name} to {what} (deployment {record.deployment})"
    try:
        lines = lines_to_write_back(session, name, record, routes)
    except Failure as failure:
        raise _with_other_ways(session, failure, name, model) from failure
    edits |= {line.model: line.bound for line in lines}
    rebinding = Rebinding(environment=name, bindings=edits, message=message, lines=tuple(lines))
    request = replace(request, command="rollback", allow_rewind=True)
    return rebind(session, rebinding, request, consent=consent, reporter=reporter, say=say)


def _with_other_ways(session: Session, failure: Failure, name: str, model: str) -> Failure:
    """The failure with the deployments to which one can return instead."""
    ways = ways_back(session, session.pointers.read(), name, model)
    if not ways:
        return failure
    target = f"{name}/{model}" if model else name
    other = f"; what one can return to without it: `leptonctl rollback {target} --to {ways[-1]}`"
    other += f" (or {_listed(ways[:-1])})" if ways[1:] else ""
    return Failure([replace(d, hint=f"{d.hint}{other}") for d in failure.diagnostics], failure.exit_code)


def _deployment(session: Session, name: str, model: str, number: int) -> Deployment:
    """The deployment of a number. Failure that lists the numbers to which one can return."""
    state = session.pointers.read()
    lineage = session.lineage(state) if state else None
    numbers = in_force(session, state, name)
    record = lineage.deployment(name, number) if lineage and number in numbers else None
    if record is not None:
        return record
    what = f"{name} has no deployment {number} that came into force"
    hint = f"{_numbers(name, numbers, ways_back(session, state, name, model))}; see `leptonctl history environment/{name}`"
    raise fail("unknown-deployment", "No such deployment", what, hint=hint)


def _numbers(name: str, numbers: Collection[int], ways: Collection[int]) -> str:
    """The deployments of an environment, and to which of them one can return."""
    if not numbers:
        return f"{name} has no deployment yet"
    known = f"{name} has deployment{'s' if len(numbers) > 1 else ''} {_listed(numbers)}"
    if ways:
        return f"{known}; one can return to {_listed(ways)}"
    return f"{known}, all of what is bound now or withdrawn: {name} has nothing to return to"


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _earlier(session: Session, name: str, model: str) -> Deployment:
    """The newest deployment that was in force before the present one, bound something else and nothing that is withdrawn.

    A number is given once, and grows with time. Where an earlier state was restored, what served last before that has a higher number
    than what is bound now.
    """
    recorded = session.pointers.read()
    # the apply that follows settles an interrupted switch first, so the rollback starts from there
    state = complete_interrupted(recorded, observe_environments(session, recorded)) if recorded is not None else None
    found = earlier(session, state, name, model)
    if found.record is not None:
        return found.record
    if model and bound_version(session, name, model) is None:
        hint = did_you_mean(model, bound_models(session, name))
        raise fail("not-bound", "The environment does not bind this model", f"{name} has no {model}", hint=hint)
    if found.damaged:
        raise found.damaged[0]
    raise _nothing_earlier(session, name, model, found.withdrawn)


def _nothing_earlier(session: Session, name: str, model: str, skipped: Iterable[Withdrawal]) -> Failure:
    """The failure, with what can be done instead: readmit, or take an edit back."""
    place = member_of("environment", name, model) if model else document("environment", name)
    withdrawn = sorted(skipped, key=lambda w: w.at)
    instead: list[str] = []
    if withdrawn:
        what = ", ".join(f"{w.model} {w.version} ({w.id})" for w in withdrawn)
        detail = f"everything else that {place} has bound is withdrawn: {what}"
        instead.append(readmit_command(name, withdrawn[-1].model, withdrawn[-1].version))
    else:
        detail = f"{place} has never bound anything else"
    instead += _edits_to_take_back(session, name, model)
    hint = "; ".join(instead) or f"leptonctl history environment/{name}"
    return fail("nothing-earlier", "There is nothing to return to", detail, hint=hint)


def _edits_to_take_back(session: Session, name: str, model: str) -> Iterator[str]:
    """What the YAML binds otherwise than it is bound, as after a hold, and what to write there instead."""
    state = session.pointers.read()
    for address, binding in sorted(bindings(session.declarations).items()):
        bound = state.current.get(address) if state else None
        concerned = binding.environment == name and model in {"", binding.model.declared.name}
        if concerned and bound is not None and bound.version != binding.version:
            span = span_of(binding)
            yield f"{span.file}:{span.line} binds {binding.version}, which is not bound: write {bound.version} to take that back"
