"""Refuses effects in a folder that is a copy of another one, whose servers are not its own (protocols 5)."""

import os
from collections.abc import Iterable

from leptonctl.commands.session import Session
from leptonctl.core.address import document
from leptonctl.core.diagnostic import Diagnostic, Failure, error
from leptonctl.core.state import State
from leptonctl.deploying import processes
from leptonctl.deploying.look import is_here
from leptonctl.kinds.environment.kind import environments
from leptonctl.spi.platforms import placement
from leptonctl.storage import folder_identity

ADOPT = {
    "copied": "`leptonctl state adopt --copy` makes this folder a project of its own; to work on the original, change to its folder",
    "moved": "`leptonctl state adopt --moved` if the folder was moved; `leptonctl state adopt --copy` if it is a copy",
}


def folder_problem(session: Session, state: State | None, names: Iterable[str]) -> Diagnostic | None:
    """Why effects on these environments are refused here; None if the state belongs to this folder, or none of them runs here."""
    return _problem(session, sorted(name for name in names if runs_here(session, state, name)))


def refuse_copy(session: Session, state: State | None, names: Iterable[str] | None = None) -> None:
    """Failure `copied-folder` before a record is written that would not reach the environments (None: all that are recorded here).

    Reads no YAML for all of them, since a state can be repaired while the YAML is invalid.
    """
    if names is None:
        live = {name: record for name, record in (state.environments if state else {}).items() if not record.destroyed}
        here = sorted(name for name, one in live.items() if placement(one.platform) == "here" and is_here(one, session.root))
        problem = _problem(session, here)
    else:
        problem = folder_problem(session, state, names)
    if problem is not None:
        raise Failure([problem])


def _problem(session: Session, names: list[str]) -> Diagnostic | None:
    if not names:
        return None
    standing = folder_identity.standing(session.root)
    if standing.place == "unmarked":
        return _foreign_server(session, names)
    if standing.place in ADOPT and standing.record is not None:
        where = "which still exists" if standing.place == "copied" else "which no longer exists"
        detail = (
            f"{', '.join(document('environment', name) for name in names)} {'was' if len(names) == 1 else 'were'} recorded for "
            f"{standing.record.path}, {where};"
            f" this folder is {session.root}."
        )
        return error("copied-folder", "This folder is not the one that the state was recorded for", detail, hint=ADOPT[standing.place])
    return None


def copy_reason(session: Session, state: State, name: str) -> str:
    """Why no server of an environment is started or healed in this folder: it is a copy; "" if it is not."""
    problem = folder_problem(session, state, [name])
    if problem is None:
        return ""
    reason = "this folder was moved or is a copy" if problem.hint == ADOPT["moved"] else "this folder is a copy"
    return f"{reason}: {problem.detail} {problem.hint}"


def _foreign_server(session: Session, names: Iterable[str]) -> Diagnostic | None:
    """The problem of a folder without a record of its own whose recorded server was started for another folder."""
    for name in names:
        server = processes.server_record(session.root, name)
        if server is not None and processes.is_running(server) and processes.is_for(session.root, server.pid) is False:
            detail = f"the server of {document('environment', name)} (pid {server.pid}) was started for another folder than {session.root}."
            return error("copied-folder", "This folder is not the one that the state was recorded for", detail, hint=ADOPT["copied"])
    return None


def own_folder(session: Session, state: State | None, names: Iterable[str]) -> None:
    """Failure `copied-folder` before an effect on environments that run here; otherwise record this folder as theirs."""
    names = list(names)
    problem = folder_problem(session, state, names)
    if problem is not None:
        raise Failure([problem])
    if any(runs_here(session, state, name) for name in names):
        folder_identity.mark(session.root)


def runs_here(session: Session, state: State | None, name: str) -> bool:
    """Whether this host runs an environment, or would run a new one."""
    record = state.environments.get(name) if state else None
    declared = environments(session.declarations).get(name)
    if record is None or record.destroyed:
        return declared is None or declared.placement == "here"
    return is_here(record, session.root) and "here" in {placement(record.platform), declared.placement if declared else ""}


def local_states(session: Session) -> list[Diagnostic]:
    """An error for each protected environment if the store is shared but the state is not: a clone would start its own state."""
    settings = session.settings
    if is_outside(session, settings.state) or not is_outside(session, settings.store):
        return []
    detail = f"the store is shared (`store: {settings.store}`), but `state: {settings.state}` exists in this folder alone"
    hint = "set `state:` to a place that everybody who applies can reach, as the store's"
    return [
        error(
            "local-state",
            "A protected environment needs a state that is as shared as its store",
            detail,
            span=environment.declared.at("protected"),
            hint=hint,
        )
        for environment in environments(session.declarations).values()
        if environment.protected
    ]


def is_outside(session: Session, uri: str) -> bool:
    """Whether a `store:` or `state:` is outside the project's folder."""
    root = os.path.realpath(session.root)
    return "://" in uri or not os.path.realpath(os.path.join(root, uri)).startswith(root + os.sep)  # noqa: PTH118 - a URI, or a path
