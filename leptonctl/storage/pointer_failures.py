"""What can be wrong with a state that is read or written, as failures for people."""

from leptonctl.core.codec import BadRecord
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.spi.storage import StateCorrupt, StorageError


def missing(place: str, lineage: str, project: str) -> Failure:
    """The store knows the project, and there is no state: it was lost, or this is a second clone."""
    return fail(
        "missing-state",
        "The store is marked as used, but its state is not there",
        f"{place} is missing; the store belongs to lineage {lineage} of project {project}.",
        hint="put the state back from a backup, or name the state that the project uses elsewhere as `state:`; else name a new `store:`",
    )


def went_away(place: str) -> Failure:
    """There was a state a moment ago."""
    return fail("missing-state", "The state went away while it was used", place, hint="put the state back and run again")


def refused(refusal: StorageError) -> Failure:
    """The medium of the state refuses."""
    return fail("state-failed", "The state could not be read or written", refusal.detail, hint=refusal.hint)


def corrupt(place: str, problem: StateCorrupt) -> Failure:
    """What is there is not a state."""
    if problem.missing:
        return fail("lost-state", "The state is missing", problem.detail, hint=problem.hint)
    return fail("corrupt-state", "The state cannot be read", problem.detail or place, hint=problem.hint)


def unreadable(place: str, problem: BadRecord) -> Failure:
    """What is there says that it is a state, and is not as a state must be."""
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
        f"{place} is there, but it is not a state ({problem}). It is not taken for a missing state, and nothing was changed.",
        hint="put back the copy before it (a folder keeps it as state.json.backup); results are in the store and are not built again",
    )
