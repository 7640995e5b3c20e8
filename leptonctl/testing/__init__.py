"""Conformance suites: one call checks one provider or back end against its contract. They raise AssertionError."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leptonctl.testing.executors import check_executor
    from leptonctl.testing.metrics import check_metric
    from leptonctl.testing.platforms import check_platform
    from leptonctl.testing.providers import check_preprocessor, check_trainer
    from leptonctl.testing.sources import check_source
    from leptonctl.testing.states import check_state
    from leptonctl.testing.stores import check_store

__all__ = [
    "check_executor", "check_metric", "check_platform", "check_preprocessor", "check_source", "check_state", "check_store", "check_trainer",
]  # fmt: skip

MODULES = {
    "executors": ("check_executor",),
    "metrics": ("check_metric",),
    "platforms": ("check_platform",),
    "providers": ("check_preprocessor", "check_trainer"),
    "sources": ("check_source",),
    "states": ("check_state",),
    "stores": ("check_store",),
}


def __getattr__(name: str) -> object:
    """Load a suite when it is used: the suites of back ends need none of the learning libraries."""
    from importlib import import_module

    for module, suites in MODULES.items():
        if name in suites:
            return getattr(import_module(f"leptonctl.testing.{module}"), name)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted(__all__)
