"""`promote`: binds in one environment the version that another one binds."""

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.editing.bind_yaml import Rebinding, bound_version, environment_document, rebind
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.address import document, member_of, version_of
from leptonctl.core.diagnostic import STALE, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace


def promote(
    session: Session, model: str, source: str, destination: str, request: Request, *, consent: Consent, reporter: Reporter
) -> Outcome:
    """Bind in `destination` the version that `source` binds, in the YAML, then apply that binding."""
    for name in (source, destination):
        environment_document(session, name)
    version = bound_version(session, source, model)
    if version is None:
        hint = f"bind it under `models:` of {source}"
        raise fail("not-bound", "The environment does not bind this model", f"{source} has no {model}", hint=hint)
    _check_served(session, model, source, version)
    message = f"Promote {model} {version} from {source} to {destination}"
    rebinding = Rebinding(environment=destination, bindings={model: version}, message=message)
    return rebind(session, rebinding, replace(request, command="promote"), consent=consent, reporter=reporter)


def _check_served(session: Session, model: str, source: str, version: str) -> None:
    """Failure when `source` does not serve what would be bound: an edit was not applied there, or a binding was held."""
    state = session.pointers.read()
    pointer = state.current.get(member_of("environment", source, model)) if state is not None else None
    declared = session.declarations.built.get(version_of("model", model, version))
    if pointer is None or declared is None or (pointer.version, pointer.digest) == (version, declared.digest):
        return
    served, promoted = f"{pointer.version} ({pointer.digest[:19]}…)", f"{version} ({declared.digest[:19]}…)"
    raise fail(
        "not-served",
        "The environment does not serve what its YAML declares",
        f"{source} serves {model} {served}, and {promoted} is declared, which has not served there yet",
        hint=f"run `leptonctl apply --only {document('environment', source)}` first, or undo the edit",
        exit_code=STALE,
    )
