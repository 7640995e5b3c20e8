"""The failures of reading and writing a state, in words for people."""

from leptonctl.core.codec import BadRecord
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.spi.storage import StateCorrupt, StorageError


def missing(place: str, lineage: str, project: str) -> Failure:
    """The store knows the project, but the state does not exist: it was lost, or this is a second clone."""
    return fail(
        "missing-state",
        "The store is marked as used, but its state is missing",
        f"{place} is missing; the store belongs to lineage {lineage} of project {project}.",
        hint="restore the state from a backup, or set `state:` to the one that the project uses elsewhere; else name a new `store:`",
    )


def vanished(place: str) -> Failure:
    """The state was removed during the command."""
    return fail("missing-state", "The state was removed while it was in use", place, hint="restore the state and run again")


def state_failed(refusal: StorageError) -> Failure:
    """The medium of the state reported an error."""
    return fail("state-failed", "The state could not be read or written", refusal.detail, hint=refusal.hint)


def corrupt(place: str, problem: StateCorrupt) -> Failure:
    """The state is damaged, or only its backup is left."""
    if problem.missing:
        return fail("lost-state", "The state is missing", problem.detail, hint=problem.hint)
    return fail("corrupt-state", "The state cannot be read", problem.detail or place, hint=problem.hint)


def unreadable(place: str, problem: BadRecord) -> Failure:
    """The state does not match its format, or has a newer one."""
    if problem.newer:
        return fail(
            "newer-format",
            "The state has a format this release does not know",
            f"{place}: {problem}.",
            hint="upgrade leptonctl to the release that wrote the state",
        )
    return fail(
        "corrupt-state",
        "The state cannot be read",
        f"{place} exists, but it is not a state ({problem}). It is not treated as missing, and nothing was changed.",
        hint="restore the previous copy (a folder keeps it as state.json.backup); results are in the store and are not built again",
    )
