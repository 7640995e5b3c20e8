"""Declarative config-as-code for the life of a machine-learning model."""

from typing import TYPE_CHECKING, Any

from leptonctl.release import __version__

if TYPE_CHECKING:
    from leptonctl.core.diagnostic import Diagnostic, Failure
    from leptonctl.core.event import Event
    from leptonctl.library.model import Model
    from leptonctl.library.project import Project
    from leptonctl.library.tables import Data, DataPreprocessor
    from leptonctl.library.versions import Version, create_version, publish_version, rollback_version, update_version
    from leptonctl.library.work import Unfinished

__all__ = [
    "Data",
    "DataPreprocessor",
    "Diagnostic",
    "Event",
    "Failure",
    "Model",
    "Project",
    "Unfinished",
    "Version",
    "__version__",
    "create_version",
    "publish_version",
    "rollback_version",
    "update_version",
]

# name -> the module that has it. Loaded on first use: every command imports this package
_MODULES = {
    "Data": "library.tables", "DataPreprocessor": "library.tables", "Diagnostic": "core.diagnostic", "Event": "core.event",
    "Failure": "core.diagnostic", "Model": "library.model", "Project": "library.project", "Unfinished": "library.work",
    "Version": "library.versions", "create_version": "library.versions", "publish_version": "library.versions",
    "rollback_version": "library.versions", "update_version": "library.versions",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'leptonctl' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"leptonctl.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
