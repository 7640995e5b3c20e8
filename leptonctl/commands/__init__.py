"""The straight line of every command, and the only wiring: session -> planning -> applying; looking, editing and keeping beside it."""

from typing import TYPE_CHECKING

from leptonctl.commands.session import Session

if TYPE_CHECKING:
    from leptonctl.commands.applying import apply, build
    from leptonctl.commands.editing import pin, promote, rollback
    from leptonctl.commands.keeping import destroy, gc, locks, predict, release, schema, serve, validate, verify
    from leptonctl.commands.looking import diff, explain, history, show, status
    from leptonctl.commands.outcome import Outcome
    from leptonctl.commands.planning import plan, show_plan
    from leptonctl.commands.starting import init

__all__ = [
    "Outcome", "Session", "apply", "build", "destroy", "diff", "explain", "gc", "history", "init", "locks", "pin", "plan", "predict",
    "promote", "release", "rollback", "schema", "serve", "show", "show_plan", "status", "validate", "verify",
]  # fmt: skip

HOMES = {
    "applying": ("apply", "build"),
    "editing": ("pin", "promote", "rollback"),
    "keeping": ("destroy", "gc", "locks", "predict", "release", "schema", "serve", "validate", "verify"),
    "looking": ("diff", "explain", "history", "show", "status"),
    "outcome": ("Outcome",),
    "planning": ("plan", "show_plan"),
    "starting": ("init",),
}


def __getattr__(name: str) -> object:
    """Load the module of a command when it is used: a plan pays for planning alone."""
    from importlib import import_module

    for home, commands in HOMES.items():
        if name in commands:
            return getattr(import_module(f"leptonctl.commands.{home}"), name)
    raise AttributeError(name)
