"""The straight line of every command, and the only wiring: session -> planning -> applying; looking, editing and keeping beside it."""

from leptonctl.pipeline.outcome import Outcome
from leptonctl.pipeline.session import Session

__all__ = ["Outcome", "Session", *(_HOMES := {
    "plan": "planning", "show_plan": "planning", "apply": "applying", "build": "applying", "show": "looking", "status": "looking",
    "history": "looking", "diff": "looking", "explain": "looking", "pin": "editing", "rollback": "editing", "promote": "editing",
    "validate": "keeping", "schema": "keeping", "verify": "keeping", "predict": "keeping", "serve": "keeping", "destroy": "keeping",
    "gc": "keeping", "locks": "keeping", "release": "keeping", "init": "starting",
})]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load the module of a command when it is used: a plan pays for planning alone."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"leptonctl.pipeline.{_HOMES[name]}"), name)
