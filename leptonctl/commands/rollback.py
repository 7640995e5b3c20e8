"""`rollback`: binds in the YAML what an earlier deployment of the environment bound, then applies. Trains nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.bind_yaml import Rebinding, Say, bound_models, bound_version, environment_document, rebind
from leptonctl.commands.line import observe_environments
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.commands.write_back import lines_to_write_back
from leptonctl.core.address import document, environment_and_member, member_of, parse
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Withdrawal
from leptonctl.core.state import Environment, State
from leptonctl.deploying.wanted import complete_interrupted
from leptonctl.kinds.binding import span_of
from leptonctl.kinds.environment import bindings
from leptonctl.kinds.holding import readmit_command
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.records import BadRecordAt


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
    """Roll back `target`, ENV or ENV/MODEL, to deployment `to`; by default the newest earlier one that bound something else.

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
    routes = _routes(record, model)
    edits: dict[str, str | None] = {m: route.version for m, route in routes.items() if bound_version(session, name, m) != route.version}
    if not model:
        edits |= dict.fromkeys(bound_models(session, name).keys() - routes.keys())
    what = ", ".join(f"{m} {routes[m].version}" if m in routes else f"no {m}" for m in (edits or routes))
    message = f"Roll back {name} to {what} (deployment {record.deployment})"
    lines = lines_to_write_back(session, name, record, routes)
    rebinding = Rebinding(environment=name, bindings=edits, message=message, lines=tuple(lines))
    request = replace(request, command="rollback", allow_rewind=True)
    return rebind(session, rebinding, request, consent=consent, reporter=reporter, say=say)


def _deployment(session: Session, name: str, model: str, number: int) -> Deployment:
    """The deployment of a number. Failure that lists the numbers to which one can return."""
    state = session.pointers.read()
    lineage = session.lineage(state) if state else None
    in_force = _in_force(session, name)
    record = lineage.deployment(name, number) if lineage and number in in_force else None
    if record is not None:
        return record
    what = f"{name} has no deployment {number} that came into force"
    hint = f"{_numbers(name, in_force, _ways_back(session, name, model))}; see `leptonctl history environment/{name}`"
    raise fail("unknown-deployment", "No such deployment", what, hint=hint)


def _numbers(name: str, in_force: Collection[int], ways: Collection[int]) -> str:
    """The deployments of an environment, and to which of them one can return."""
    if not in_force:
        return f"{name} has no deployment yet"
    known = f"{name} has deployment{'s' if len(in_force) > 1 else ''} {_listed(in_force)}"
    if ways:
        return f"{known}; one can return to {_listed(ways)}"
    return f"{known}, all of what is bound now or withdrawn: {name} has nothing to return to"


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _ways_back(session: Session, name: str, model: str) -> list[int]:
    """The numbers of the deployments to which one can return, whether they came before what is bound now or after it."""
    state = session.pointers.read()
    environment = state.environments.get(name) if state else None
    if state is None or environment is None:
        return []
    lineage = session.lineage(state)
    now = _bound_packages(lineage, state, name, model)
    return [n for n in sorted(_in_force(session, name)) if _is_way_back(environment, lineage.intact_deployment(name, n), model, now)]


def _bound_packages(lineage: LineageStore, state: State, name: str, model: str) -> dict[str, str]:
    """What is bound now, by model; nothing after a destroy, so that any earlier deployment counts as different.

    The way back must not depend on the record of what it leaves: without it the pointers say what is bound.
    """
    environment = state.environments[name]
    if environment.destroyed:
        return {}
    bound = lineage.intact_deployment(name, environment.deployment)
    if bound is not None:
        return _packages(_routes(bound, model))
    pointers = {parse(address).member or "": pointer for address, pointer in state.entries(member_of("environment", name, "")).items()}
    return {m: pointer.package for m, pointer in pointers.items() if pointer.package is not None and (not model or m == model)}


def _is_way_back(environment: Environment | None, record: Deployment | None, model: str, now: Mapping[str, str]) -> bool:
    """Whether a deployment bound something else than is bound now, and nothing of that is withdrawn."""
    routes = _routes(record, model) if record else {}
    return bool(routes) and _packages(routes) != now and not _withdrawn(environment, _others(routes, now))


def _earlier(session: Session, name: str, model: str) -> Deployment:
    """The newest earlier deployment that was in force, bound something else and nothing that is withdrawn."""
    recorded = session.pointers.read()
    # the apply that follows settles an interrupted switch first, so the rollback starts from there
    state = complete_interrupted(recorded, observe_environments(session, recorded)) if recorded is not None else None
    environment = state.environments.get(name) if state else None
    skipped: dict[str, Withdrawal] = {}
    damaged: list[BadRecordAt] = []
    if state is not None and environment is not None:
        lineage = session.lineage(state)
        now = _bound_packages(lineage, state, name, model)
        for number in sorted(_in_force(session, name), reverse=True):
            try:
                record = lineage.deployment(name, number) if number <= environment.deployment else None
            except BadRecordAt as failure:
                damaged.append(failure)
                continue
            routes = _routes(record, model) if record else {}
            if record is None or not routes or _packages(routes) == now:
                continue
            withdrawn = _withdrawn(environment, _others(routes, now))
            if not withdrawn:
                return record
            skipped |= {withdrawal.id: withdrawal for withdrawal in withdrawn}
    if model and bound_version(session, name, model) is None:
        hint = did_you_mean(model, bound_models(session, name))
        raise fail("not-bound", "The environment does not bind this model", f"{name} has no {model}", hint=hint)
    if damaged:
        raise damaged[0]
    raise _nothing_earlier(session, name, model, skipped.values())


def _nothing_earlier(session: Session, name: str, model: str, skipped: Iterable[Withdrawal]) -> Failure:
    """The failure, with what can be done instead: readmit, go to a later deployment after a restore, or take an edit back."""
    place = member_of("environment", name, model) if model else document("environment", name)
    withdrawn, ways = sorted(skipped, key=lambda w: w.at), _ways_back(session, name, model)
    instead: list[str] = []
    if ways:
        detail = f"{place} has bound nothing else before what it binds now"
        target = f"{name}/{model}" if model else name
        instead.append(f"later deployments did ({_listed(ways)}): `leptonctl rollback {target} --to {ways[-1]}`")
    elif withdrawn:
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


def _withdrawn(environment: Environment | None, routes: Mapping[str, Route]) -> list[Withdrawal]:
    """The withdrawals in force that cover one of these routes."""
    if environment is None:
        return []
    found = (w for m, r in routes.items() for w in environment.withdrawals_of(m, r.digest, r.package, r.artifact))
    return [w for w in found if w.readmitted is None]


def _in_force(session: Session, name: str) -> set[int]:
    """Deployments that came into force according to the history. Nothing returns to a record whose switch failed.

    Behind a hole in the history every record of the store counts: the way back must not depend on a lost record.
    """
    state = session.pointers.read()
    records = list(session.pointers.history(state)) if state else []
    numbers = {r.deployment for r in records if not isinstance(r, Hole) and r.environment == name and r.deployment}
    if state is not None and any(isinstance(r, Hole) for r in records):
        oldest = min(numbers, default=None)
        numbers |= {n for n in session.lineage(state).deployments(name) if oldest is None or n < oldest}
    return numbers


def _others(routes: Mapping[str, Route], now: Mapping[str, str]) -> dict[str, Route]:
    """The routes that answer with another package than now."""
    return {m: route for m, route in routes.items() if now.get(m) != route.package}


def _routes(record: Deployment, model: str) -> dict[str, Route]:
    """The main routes of a deployment, of one model or of all."""
    return {m: route for m in record.models if (not model or m == model) and (route := record.main(m)) is not None}


def _packages(routes: Mapping[str, Route]) -> dict[str, str]:
    return {model: route.package for model, route in routes.items()}
