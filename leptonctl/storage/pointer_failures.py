"""The failures of reading and writing a state, in words for people."""

from collections.abc import Mapping

from leptonctl.core.codec import BadRecord
from leptonctl.core.diagnostic import INVALID, Failure, fail
from leptonctl.core.state import State
from leptonctl.core.store_records import OwnerRecord
from leptonctl.spi.storage import StateCorrupt, StorageError


def missing(place: str, project: str, owners: Mapping[str, OwnerRecord]) -> Failure:
    """The store knows the project, but the state does not exist: it was lost, this is a second clone, or another project of this name."""
    known = "; ".join(f"lineage {lineage}" + (f", of {o.by or 'somebody'} since {o.at}" if o.at else "") for lineage, o in owners.items())
    return fail(
        "missing-state",
        "The store is marked as used, but its state is missing",
        f"{place} is missing; the store knows project {project}: {known}.",
        hint="if the state was lost: `leptonctl state adopt`, or `leptonctl state restore FILE` from a backup; if the project is used"
        " elsewhere too: set `state:` to the same place; if this is another project: give it another `name:`",
    )


def cannot_set_aside(place: str) -> Failure:
    """A state that cannot be read lies in a back end that cannot move it away."""
    return fail(
        "corrupt-state",
        "The state cannot be read",
        f"{place} cannot be read, and its back end cannot move it away.",
        hint="remove it there, then run the same command again",
    )


def other_project(place: str, state: State, project: str) -> Failure:
    """The state belongs to a project of another name."""
    return fail(
        "other-project",
        "The state belongs to a project of another name",
        f"{place} is the state of project {state.project} (lineage {state.lineage}), but leptonctl.yaml says `name: {project}`.",
        hint=f"`leptonctl state rename {project}` if the project was renamed; `name: {state.project}` if it was not;"
        " otherwise set `state:` to a place of its own",
        exit_code=INVALID,
    )


def vanished_state(place: str) -> Failure:
    """The state was removed during the command."""
    return fail(
        "missing-state",
        "The state was removed while it was in use",
        place,
        hint="`leptonctl state adopt`, or restore a backup with `leptonctl state restore FILE`; then run again",
    )


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
        hint="`leptonctl state adopt` takes over what the store knows; `leptonctl state restore FILE` continues from a copy"
        " (a folder keeps the previous state as state.json.backup)",
    )
