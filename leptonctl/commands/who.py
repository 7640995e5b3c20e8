"""Who acts: this process, and the commit it acts from."""

import sys

from leptonctl.commands.session import Session
from leptonctl.core.state import Owner
from leptonctl.project import git
from leptonctl.storage.owner import current_owner


def owner_of(session: Session, command: str = "") -> Owner:
    """This process as claims, locks and records name it."""
    commit = git.head(session.root)
    return current_owner(command or _command(), commit.hash if commit else None)


def _command() -> str:
    """How this process was called. What of it is not UTF-8 (a folder's name may be anything) cannot be written into records."""
    return " ".join(["leptonctl", *sys.argv[1:]]).encode("utf-8", "replace").decode()
