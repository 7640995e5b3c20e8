"""`rollback`: binds in the YAML what an earlier deployment of the environment bound, then applies. Trains nothing."""

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.bind_yaml import Rebinding, bound_models, bound_version, environment_document, rebind
from leptonctl.commands.line import observe_environments
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.address import document, environment_and_member, member_of
from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace
from leptonctl.deploying.wanted import complete_interrupted
from leptonctl.storage.lineage import Hole


def rollback(session: Session, target: str, to: int | None, request: Request, *, consent: Consent, reporter: Reporter) -> Outcome:
    """Roll back `target`, ENV or ENV/MODEL, to deployment `to`; by default the newest earlier one that bound something else."""
    name, model = environment_and_member(target)
    environment_document(session, name)
    record = _earlier(session, name, model) if to is None else _deployment(session, name, to)
    if model and record.main(model) is None:
        raise fail(
            "not-bound",
            "The deployment did not bind this model",
            f"deployment {record.deployment} of {name} has no {model}",
            hint=f"leptonctl history environment/{name}",
        )
    versions = {m: route.version for m in record.models if (not model or m == model) and (route := record.main(m)) is not None}
    edits = {m: version for m, version in versions.items() if bound_version(session, name, m) != version}
    what = ", ".join(f"{m} {version}" for m, version in (edits or versions).items())
    message = f"Roll back {name} to {what} (deployment {record.deployment})"
    rebinding = Rebinding(environment=name, bindings=edits, message=message)
    return rebind(session, rebinding, replace(request, command="rollback"), consent=consent, reporter=reporter)


def _deployment(session: Session, name: str, number: int) -> Deployment:
    state = session.pointers.read()
    lineage = session.lineage(state) if state else None
    record = lineage.deployment(name, number) if lineage else None
    if record is None:
        numbers = ", ".join(map(str, lineage.deployments(name))) if lineage else ""
        detail = f"the deployments of {name} are {numbers}" if numbers else f"{name} has no deployments"
        raise fail("unknown-deployment", "No such deployment", detail, hint=f"leptonctl history environment/{name}")
    return record


def _earlier(session: Session, name: str, model: str) -> Deployment:
    """The newest earlier deployment that was in force and bound something else."""
    recorded = session.pointers.read()
    # the apply that follows settles an interrupted switch first, so the rollback starts from there
    state = complete_interrupted(recorded, observe_environments(session, recorded)) if recorded is not None else None
    environment = state.environments.get(name) if state else None
    if state is not None and environment is not None:
        lineage = session.lineage(state)
        bound = lineage.deployment(name, environment.deployment)
        # after a destroy nothing is bound, so any earlier deployment counts as different
        now = _packages(bound, model) if bound and not environment.destroyed else {}
        for number in sorted(_in_force(session, name), reverse=True):
            record = lineage.deployment(name, number) if number <= environment.deployment else None
            if record and _packages(record, model) and _packages(record, model) != now:
                return record
    if model and bound_version(session, name, model) is None:
        hint = did_you_mean(model, bound_models(session, name))
        raise fail("not-bound", "The environment does not bind this model", f"{name} has no {model}", hint=hint)
    place = member_of("environment", name, model) if model else document("environment", name)
    raise _nothing_earlier(name, place)


def _nothing_earlier(name: str, place: str) -> Failure:
    return fail(
        "nothing-earlier",
        "There is nothing to return to",
        f"{place} has never bound anything else",
        hint=f"leptonctl history environment/{name}",
    )


def _in_force(session: Session, name: str) -> set[int]:
    """Deployments that came into force according to the history. Nothing returns to a record whose switch failed."""
    state = session.pointers.read()
    records = session.pointers.history(state) if state else ()
    return {r.deployment for r in records if not isinstance(r, Hole) and r.environment == name and r.deployment}


def _packages(record: Deployment, model: str) -> dict[str, str]:
    return {m: route.package for m in record.models if (not model or m == model) and (route := record.main(m)) is not None}
