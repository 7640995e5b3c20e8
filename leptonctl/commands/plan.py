"""`plan`: shows what would change, and why. Also reads a saved plan."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from leptonctl.commands.files.overwriting import refuse_overwriting
from leptonctl.commands.planning.line import Planned, plan_project
from leptonctl.commands.planning.references import new_id, refer, spare
from leptonctl.commands.planning.saved_plan import read_saved, save
from leptonctl.commands.session import Session
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json


def plan(session: Session, *, only: Sequence[str] = (), out: Path | None = None) -> Plan:
    """The plan for these addresses (none: all). `out`: also save it. Failure (exit 3) when the configuration is invalid."""
    if out is not None:
        refuse_overwriting(session, out)
    planned = plan_project(session, addresses=only)
    if out is not None:
        save(planned.plan, out, only)
        if planned.settled.results:
            _refer(session, planned)
    return planned.plan


def _refer(session: Session, planned: Planned) -> None:
    """Record what the plan reuses, if the store can be written: plans of a job that may only read it are valid too."""
    with suppress(Failure):
        refer(session, planned, new_id(), "plan --out")
        spare(session, planned)


def show_plan(file: Path) -> dict[str, Json]:
    """The plan in a saved plan file, in the form of `plan --json`."""
    return dict(read_saved(file).plan)
