"""`Model.deploy`: binds a version, unless a later one has replaced it, so that a script can be run again."""

from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core.address import member_of
from leptonctl.core.diagnostic import OK, Failure, fail
from leptonctl.core.state import State
from leptonctl.library.binding import publish
from leptonctl.library.deployment import Deployment
from leptonctl.library.moving import moving
from leptonctl.library.versions import Version
from leptonctl.library.work import Progress, Recorder


def deploy(version: Version, environment: str, *, forward: bool, reason: str, wait: float, progress: Progress | None) -> Deployment:
    """See `Model.deploy`."""
    model, replaced_by = version.model, ""

    def move(session: Session, recorder: Recorder) -> Outcome:
        nonlocal replaced_by
        state, address = session.pointers.read(), member_of("environment", environment, model)
        replaced_by = _later(session, state, version, environment) or ""
        if replaced_by and forward:
            return Outcome(plan=plan_project(session, addresses=[address]).plan, exit_code=OK)
        if replaced_by and state is not None and state.environments[environment].protected:
            raise _superseding(version, environment, replaced_by)
        replaced_by = ""
        return publish(session, recorder, version.name, model, environment, reason=reason)

    work = moving(version.project.root, "deploy", move, bindings=lambda _session: [(environment, model)], wait=wait, progress=progress)
    bound, skipped = (replaced_by, version.name) if replaced_by else (version.name, None)
    return Deployment(project=version.project, environment=environment, model=model, version=bound, skipped=skipped, work=work)


def _later(session: Session, state: State | None, version: Version, environment: str) -> str | None:
    """The version that has replaced this one there: it is bound, and came after this one had served. None if this one was withdrawn."""
    record = state.environments.get(environment) if state else None
    pointer = state.current.get(member_of("environment", environment, version.model)) if state else None
    node = session.declarations.built.get(version.address)
    if record is None or pointer is None or node is None or pointer.digest == node.digest:
        return None
    served = record.served.get(version.model, {})
    bound = served.get(pointer.package or "")
    for package, one in served.items():
        if one.digest == node.digest and bound is not None and one.deployment < bound.deployment:
            is_withdrawn = any(
                w.readmitted is None for w in record.withdrawals_of(version.model, digest=node.digest, package=package, artifact=None)
            )
            return None if is_withdrawn else pointer.version
    return None


def _superseding(version: Version, environment: str, later: str) -> Failure:
    """The failure in a protected environment, where going back would withdraw the later version, just because a script is run again."""
    detail = f"{environment} has replaced {version.model} {version.name} with {later}, which going back would withdraw"
    hint = f'rollback_version("{later}", "{version.model}", "{environment}") goes back; deploy(…, forward=True) keeps {later}'
    return fail("superseded", "A later version serves in a protected environment", detail, hint=hint)
