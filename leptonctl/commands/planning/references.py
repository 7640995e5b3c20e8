"""Records what a build, a saved plan or an apply relies on in the store, before `gc` can free it (protocols 6)."""

import secrets
from collections.abc import Iterable

from leptonctl.commands.planning.line import Planned
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.diagnostic import STALE, fail
from leptonctl.core.graph import Keys
from leptonctl.core.values import StepPlace
from leptonctl.storage import references
from leptonctl.storage.pointers import now


def new_id() -> str:
    """The id of a reference."""
    return secrets.token_hex(8)


def refer(session: Session, planned: Planned, id: str, command: str, keys: Keys | None = None) -> None:  # noqa: A002
    """Record that everything declared is referred to for `keep.builds`, with these keys (default: those of the plan)."""
    by_place = (keys or planned.settled.keys).by_place
    lineage = _lineage(session, planned)
    references.refer(session.objects, lineage, by_place, id=id, keep_s=session.settings.keep_builds_s, command=command, at=now())


def earlier_keys(session: Session, planned: Planned) -> dict[StepPlace, tuple[str, ...]]:
    """The keys that each step had before, newest first. Pointers do not have those of builds that were not applied."""
    return references.earlier_keys(session.objects, _lineage(session, planned))


def _lineage(session: Session, planned: Planned) -> str:
    return planned.state.lineage if planned.state is not None else layout.unborn(session.project.name)


def spare(session: Session, planned: Planned) -> None:
    """Keep `gc` from freeing the artifacts of results that this run reuses. Failure `swept` (exit 5) if it has just freed one."""
    swept = session.store.spare(_artifacts(planned))
    if swept:
        raise fail(
            "swept",
            "A result to reuse has just been freed",
            f"a gc freed {', '.join(sorted(swept))} at this moment",
            hint="run the same command again: it builds what is missing",
            exit_code=STALE,
        )


def _artifacts(planned: Planned) -> Iterable[str]:
    pointers = planned.state.current.values() if planned.state is not None else ()
    yield from (digest for result in planned.settled.results.values() for digest in result.artifacts.values())
    yield from (pointer.artifact for pointer in pointers if pointer.artifact is not None)
