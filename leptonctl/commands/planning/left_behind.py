"""Warns of a state that a new `state:` leaves behind, together with its history and its servers."""

from contextlib import suppress

from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic, Failure, error
from leptonctl.core.frozen import replace
from leptonctl.core.state import State
from leptonctl.kinds.project_schema import STATE, STORE
from leptonctl.storage.open import open_state
from leptonctl.storage.pointers import Pointers


def forgotten_state(session: Session, state: State | None) -> Diagnostic | None:
    """The warning when the default place has a state of this project and `state:` names another place. `state`: the one in that place.

    There is none when both have the same lineage: then the other one is a copy.
    """
    new = session.settings.state
    if new == STATE or not (session.root / STATE).is_dir():
        return None
    old = _stored_state(session)
    if old is None or (state is not None and state.lineage == old.lineage):
        return None
    bound = sorted(name for name, record in old.environments.items() if not record.destroyed)
    if state is not None and not bound:
        return None
    history = "" if state is not None else f", where there is none: its history and its {len(old.current)} pointers are not used"
    serving = f"; the servers of {', '.join(bound)} are its own" if bound else ""
    # a URI may contain a password
    place = new if "://" not in new else f"{new.partition('://')[0]}://…"
    detail = f"{STATE} has a state of this project, and `state:` names {place}{history}{serving}"
    first = f"leptonctl destroy {bound[0]} --yes; " if bound else ""
    hint = f"without this edit: {first}then move {STATE} and {STORE} to the new place, and edit `state:` and `store:`"
    span = session.project.document.at("state")
    return replace(error("state-left-behind", "The state is left behind", detail, span=span, hint=hint), severity="warning")


def _stored_state(session: Session) -> State | None:
    """The state in the default place, if it can be read and belongs to this project."""
    with suppress(Failure, OSError):
        states = open_state(STATE, session.root, session.catalog.states)
        stored = Pointers(states=states, objects=session.objects, project=session.project.name).stored_state()
        return stored[0] if stored is not None and stored[0].project == session.project.name else None
    return None
