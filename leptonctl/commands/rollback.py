"""`rollback`: binds in the YAML what an earlier deployment of the environment bound, then applies. Trains nothing."""

from collections.abc import Collection, Iterable, Iterator

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.editing.bind_yaml import Rebinding, Say, bound_models, bound_version, environment_document, rebind
from leptonctl.commands.editing.ways_back import earlier, in_force, routes_of, ways_back
from leptonctl.commands.editing.write_back import lines_to_write_back
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.line import observe_environments
from leptonctl.commands.session import Session
from leptonctl.core.address import document, member_of
from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Withdrawal
from leptonctl.deploying.desired import complete_interrupted
from leptonctl.kinds.environment.binding import span_of
from leptonctl.kinds.environment.holding import readmit_command
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.environment.target import environment_and_member


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
    """Roll back `target`, ENV or ENV/MODEL, to deployment `to`; by default the last one that was in force before and bound something else.

    Lines of a version that have left the YAML are written back; `say` is called with that edit before consent is asked for.
    Exempt from the rewind check: the way back must not depend on what has been pushed (protocols 7).
    """
    name, model = environment_and_member(target)
    environment_document(session, name)
    record = _earlier(session, name, model) if to is None else _deployment(session, name, model, to)
    if model and record.main(model) is None:
        detail = f"deployment {record.deployment} of {name} has no {model}"
        hint = f"leptonctl history environment/{name}"
        raise fail("not-bound", "The deployment did not bind this model", detail, hint=hint)
    request = replace(request, command="rollback", allow_rewind=True)
    return rebind(session, _rebinding(session, record, model), request, consent=consent, reporter=reporter, say=say)


def _rebinding(session: Session, record: Deployment, model: str) -> Rebinding:
    """What to bind so that the environment serves a deployment again: all of it, or one model."""
    name, routes = record.environment, routes_of(record, model)
    versions: dict[str, str | None] = {m: route.version for m, route in routes.items() if bound_version(session, name, m) != route.version}
    if not model:
        versions |= dict.fromkeys(bound_models(session, name).keys() - routes.keys())
    title = ", ".join(f"{m} {routes[m].version}" if m in routes else f"no {m}" for m in (versions or routes))
    message = f"Roll back {name} to {title} (deployment {record.deployment})"
    try:
        lines = lines_to_write_back(session, name, record, routes)
    except Failure as failure:
        raise _with_other_ways(session, failure, name, model) from failure
    versions |= {line.model: line.bound for line in lines}
    return Rebinding(environment=name, bindings=versions, message=message, lines=tuple(lines))


def _with_other_ways(session: Session, failure: Failure, name: str, model: str) -> Failure:
    """The failure, with the deployments to return to instead."""
    ways = ways_back(session, session.pointers.read(), name, model)
    if not ways:
        return failure
    target = f"{name}/{model}" if model else name
    other = f"; without that you can run `leptonctl rollback {target} --to {ways[-1]}`"
    other += f" (or {_number_list(ways[:-1])})" if ways[1:] else ""
    return Failure([replace(d, hint=f"{d.hint}{other}") for d in failure.diagnostics], failure.exit_code)


def _deployment(session: Session, name: str, model: str, number: int) -> Deployment:
    """The deployment with a number. Failure `unknown-deployment`, which lists the numbers to return to."""
    state = session.pointers.read()
    lineage = session.lineage(state) if state else None
    numbers = in_force(session, state, name)
    record = lineage.deployment(name, number) if lineage and number in numbers else None
    if record is not None:
        return record
    detail = f"{name} has no deployment {number} that came into force"
    hint = f"{_numbers(name, numbers, ways_back(session, state, name, model))}; see `leptonctl history environment/{name}`"
    raise fail("unknown-deployment", "No such deployment", detail, hint=hint)


def _numbers(name: str, numbers: Collection[int], ways: Collection[int]) -> str:
    """The deployments of an environment, and which of them can be returned to."""
    if not numbers:
        return f"{name} has no deployment yet"
    known = f"{name} has deployment{'s' if len(numbers) > 1 else ''} {_number_list(numbers)}"
    if ways:
        return f"{known}; you can return to {_number_list(ways)}"
    return f"{known}, each bound now or withdrawn: there is nothing to return to"


def _number_list(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _earlier(session: Session, name: str, model: str) -> Deployment:
    """The newest deployment that was in force before the present one, bound something else and nothing that is withdrawn.

    Failure: not-bound, nothing-earlier, or that of a damaged record.
    """
    recorded = session.pointers.read()
    # the apply that follows settles an interrupted switch first, so the rollback starts from there
    state = complete_interrupted(recorded, observe_environments(session, recorded)) if recorded is not None else None
    search = earlier(session, state, name, model)
    if search.record is not None:
        return search.record
    if model and bound_version(session, name, model) is None:
        hint = did_you_mean(model, bound_models(session, name))
        raise fail("not-bound", "The environment does not bind this model", f"{name} has no {model}", hint=hint)
    if search.damaged:
        raise search.damaged[0]
    raise _nothing_earlier(session, name, model, search.withdrawn)


def _nothing_earlier(session: Session, name: str, model: str, skipped: Iterable[Withdrawal]) -> Failure:
    """The failure when there is no earlier deployment, with what to do instead: readmit a version, or undo an edit."""
    place = member_of("environment", name, model) if model else document("environment", name)
    withdrawn = sorted(skipped, key=lambda w: w.at)
    instead: list[str] = []
    if withdrawn:
        versions = ", ".join(f"{w.model} {w.version} ({w.id})" for w in withdrawn)
        detail = f"everything else that {place} has bound is withdrawn: {versions}"
        instead.append(readmit_command(name, withdrawn[-1].model, withdrawn[-1].version))
    else:
        detail = f"{place} has never bound anything else"
    instead += _edits_to_undo(session, name, model)
    hint = "; ".join(instead) or f"leptonctl history environment/{name}"
    return fail("nothing-earlier", "There is nothing to return to", detail, hint=hint)


def _edits_to_undo(session: Session, name: str, model: str) -> Iterator[str]:
    """Where the YAML declares another version than is bound, as after a hold, and what to write there instead."""
    state = session.pointers.read()
    for address, binding in sorted(bindings(session.declarations).items()):
        bound = state.current.get(address) if state else None
        concerned = binding.environment == name and model in {"", binding.model.declared.name}
        if concerned and bound is not None and bound.version != binding.version:
            span = span_of(binding)
            yield f"{span.file}:{span.line} binds {binding.version}, which is not bound: write {bound.version} to undo that edit"
