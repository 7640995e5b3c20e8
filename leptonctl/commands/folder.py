"""Refuses effects in a folder that is a copy of another one: what the state records of servers is then not ours (protocols 5)."""

from collections.abc import Iterable

from leptonctl.commands.session import Session
from leptonctl.core.address import document
from leptonctl.core.diagnostic import Diagnostic, Failure, error
from leptonctl.core.state import Environment, State
from leptonctl.deploying import processes
from leptonctl.deploying.look import is_here
from leptonctl.storage import folder_identity

ADOPT = {
    "copied": "`leptonctl state adopt --copy` makes this folder a project of its own; to work on the original, change to its folder",
    "moved": "`leptonctl state adopt --moved` if the folder was moved; `leptonctl state adopt --copy` if it is a copy",
}


def folder_problem(session: Session, state: State | None, environments: Iterable[str]) -> Diagnostic | None:
    """Why effects on these environments are refused here; None when this folder is ours, or none of them runs here."""
    names = sorted(name for name in environments if runs_here(state.environments.get(name) if state else None))
    if not names:
        return None
    standing = folder_identity.standing(session.root)
    if standing.place == "unmarked":
        return _started_elsewhere(session, names)
    if standing.place in ADOPT and standing.record is not None:
        where = "which still exists" if standing.place == "copied" else "where it is no longer"
        detail = (
            f"{', '.join(document('environment', name) for name in names)} was recorded for {standing.record.path}, {where};"
            f" this folder is {session.root}."
        )
        return error("copied-folder", "This folder is not the one that the state was recorded for", detail, hint=ADOPT[standing.place])
    return None


def _started_elsewhere(session: Session, names: Iterable[str]) -> Diagnostic | None:
    """The problem of a folder without a record of its own in which a server is recorded that was started for another folder."""
    for name in names:
        server = processes.server_record(session.root, name)
        if server is not None and processes.is_running(server) and processes.is_for(session.root, server.pid) is False:
            detail = f"the server of {document('environment', name)} (pid {server.pid}) was started for another folder than {session.root}."
            return error("copied-folder", "This folder is not the one that the state was recorded for", detail, hint=ADOPT["copied"])
    return None


def own_folder(session: Session, state: State | None, environments: Iterable[str]) -> None:
    """Failure `copied-folder` before an effect on environments that run here; else this folder is recorded as theirs."""
    names = list(environments)
    problem = folder_problem(session, state, names)
    if problem is not None:
        raise Failure([problem])
    if any(runs_here(state.environments.get(name) if state else None) for name in names):
        folder_identity.mark(session.root)


def runs_here(record: Environment | None) -> bool:
    """Whether this host runs an environment, or would run a new one."""
    return is_here(record) and (record is None or record.platform.get("run") != "elsewhere")
