"""`freeze` and `unfreeze`: hold every binding of an environment except returns, until it is unfrozen."""

from leptonctl.commands.apply import recover
from leptonctl.commands.editing.bind_yaml import environment_document
from leptonctl.commands.planning.folder import refuse_copy
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of, require_reason
from leptonctl.core.codec import plain
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act, Freeze
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.deploying.look import is_here
from leptonctl.storage.claims import claim_addresses
from leptonctl.storage.pointers import Note, now


def freeze(session: Session, environment: str, reason: str) -> dict[str, Json]:
    """Freeze an environment that is declared or recorded. Waits only for a switch that is under way."""
    require_reason(reason, f'leptonctl freeze {environment} --reason "…"')
    return _set(session, environment, reason.strip(), frozen=True)


def unfreeze(session: Session, environment: str, reason: str = "") -> dict[str, Json]:
    """Let the bindings of an environment move again. One that is not frozen stays as it is."""
    return _set(session, environment, reason.strip(), frozen=False)


def _set(session: Session, name: str, reason: str, *, frozen: bool) -> dict[str, Json]:
    refuse_copy(session, session.pointers.read(), [name])
    recover(session)
    recorded = session.pointers.read()
    record = recorded.environments.get(name) if recorded else None
    if record is None and not (recorded is not None and name in recorded.frozen):
        environment_document(session, name)
    if not frozen and (recorded is None or name not in recorded.frozen):
        return {"environment": name, "frozen": None, "changed": False}
    before = recorded.frozen.get(name) if recorded else None
    if frozen and before is not None and before.reason == reason:
        return {"environment": name, "frozen": plain(before), "changed": False, "before": None}
    session.pointers.begin()
    owner = owner_of(session, reason=reason)
    author = author_of(owner, "freeze" if frozen else "unfreeze")
    value = Freeze(at=now(), by=author.by, reason=reason) if frozen else None
    note = Note(author=author, environment=name, acts=(Act(kind="frozen" if frozen else "unfrozen", reason=reason),))
    with (
        claim_addresses(session.pointers, owner, [], liveness=session.liveness) as claim,
        # under the lock, so that a switch that has already checked for holds is over
        session.switch(claim, author).hold(name, here=is_here(record, session.root)) as locked,
    ):
        locked.note(note, lambda state: _set_freeze(state, name, value))
    return {"environment": name, "frozen": plain(value) if value else None, "changed": True, "before": plain(before) if before else None}


def _set_freeze(state: State, name: str, value: Freeze | None) -> State:
    others = {other: freeze_ for other, freeze_ in state.frozen.items() if other != name}
    return replace(state, frozen={**others, name: value} if value is not None else others)
