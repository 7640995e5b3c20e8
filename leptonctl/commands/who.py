"""The owner of what this process does: the process, its command and its commit."""

import sys

from leptonctl.commands.session import Session
from leptonctl.core.state import Owner
from leptonctl.project import git
from leptonctl.storage.owner import current_owner


def owner_of(session: Session, command: str = "") -> Owner:
    """This process in the form for claims, locks and records."""
    commit = git.head(session.root, sorted(session.sources))
    if commit is None:
        return current_owner(command or _command(), None)
    return current_owner(command or _command(), commit.hash, dirty=bool(commit.dirty))


def _command() -> str:
    """The command line of this process, with bytes that are not UTF-8 replaced, since records cannot hold them."""
    return " ".join(["leptonctl", *sys.argv[1:]]).encode("utf-8", "replace").decode()
