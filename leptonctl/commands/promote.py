"""`promote`: binds in one environment the version that another one binds."""

from leptonctl.commands.apply import Consent, Request
from leptonctl.commands.editing.bind_yaml import Rebinding, bound_version, environment_document, rebind
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import fail
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
    message = f"Promote {model} {version} from {source} to {destination}"
    rebinding = Rebinding(environment=destination, bindings={model: version}, message=message)
    return rebind(session, rebinding, replace(request, command="promote"), consent=consent, reporter=reporter)
