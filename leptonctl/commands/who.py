"""Who acts: this process as the owner of claims and locks, and as the author of records in the history."""

import sys

from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import fields, replace
from leptonctl.core.job import Job
from leptonctl.core.state import Author, Owner
from leptonctl.core.values import Json
from leptonctl.project import git
from leptonctl.project.ci import current_job
from leptonctl.storage.owner import actor, current_owner


def owner_of(session: Session, command: str = "", *, reason: str = "") -> Owner:
    """This process as an owner of claims and locks. `reason`: that of `--reason`."""
    commit = git.head(session.root, sorted(session.sources))
    command = command or session.caller or _command()
    owner = replace(current_owner(command, commit.hash if commit else None), reason=reason, job=current_job())
    return replace(owner, dirty=bool(commit.dirty)) if commit else owner


def require_reason(reason: str, command: str) -> None:
    """Failure `reason-missing` when a reason is blank."""
    if not reason.strip():
        raise fail("reason-missing", "A reason is required", "it is recorded in the history", hint=command)


def author_of(owner: Owner, command: str) -> Author:
    """The author of a change, for the history: who, with which command, from which commit and why."""
    return Author(
        command=command, by=actor(owner), host=owner.host, commit=owner.commit, dirty=owner.dirty, reason=owner.reason, job=owner.job
    )


def job_to_json(job: Job | None) -> dict[str, Json] | None:
    """A CI job in JSON, with every key."""
    return None if job is None else {name: value or None for name, value in fields(job).items()}


def _command() -> str:
    """The command line of this process, with bytes that are not UTF-8 replaced, since records cannot hold them."""
    return " ".join(["leptonctl", *sys.argv[1:]]).encode("utf-8", "replace").decode()
