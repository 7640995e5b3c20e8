"""`plan`: what would change, and why. Also reads a saved plan."""

from collections.abc import Sequence
from pathlib import Path

from leptonctl.commands.line import plan_project
from leptonctl.commands.saved_plan import read_saved, save
from leptonctl.commands.session import Session
from leptonctl.core.change import Plan
from leptonctl.core.values import Json


def plan(session: Session, *, only: Sequence[str] = (), out: Path | None = None) -> Plan:
    """The plan for these addresses (none: all). Failure (exit 3) when the configuration is invalid. `out`: also save it."""
    plan_ = plan_project(session, addresses=only).plan
    if out is not None:
        save(plan_, out, only)
    return plan_


def show_plan(file: Path) -> dict[str, Json]:
    """The plan in a saved plan file, in the form of `plan --json`."""
    return dict(read_saved(file).plan)
