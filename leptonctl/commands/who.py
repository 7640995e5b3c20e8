"""Who acts: this process as the owner of claims and locks, and as the author of history records."""

import sys

from leptonctl.commands.session import Session
from leptonctl.core.frozen import replace
from leptonctl.core.state import Author, Owner
from leptonctl.project import git
from leptonctl.storage.owner import current_owner


def owner_of(session: Session, command: str = "", *, reason: str = "") -> Owner:
    """This process in the form for claims, locks and records. `reason` is what the user gave as `--reason`."""
    commit = git.head(session.root, sorted(session.sources))
    if commit is None:
        return replace(current_owner(command or _command(), None), reason=reason)
    return replace(current_owner(command or _command(), commit.hash, dirty=bool(commit.dirty)), reason=reason)


def author_of(owner: Owner, command: str) -> Author:
    """The author of a change, for the history: who, with which command, from which commit and why."""
    return Author(command=command, by=owner.user, host=owner.host, commit=owner.commit, dirty=owner.dirty, reason=owner.reason)


def _command() -> str:
    """The command line of this process, with bytes that are not UTF-8 replaced, since records cannot hold them."""
    return " ".join(["leptonctl", *sys.argv[1:]]).encode("utf-8", "replace").decode()
