"""The providers that steps use: the installed ones, or those of a trial catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog

_TRIAL: ContextVar[Catalog | None] = ContextVar("catalog", default=None)


def providers() -> Catalog:
    """The catalog in use. Reading entry points takes time, so the installed one is loaded once per process."""
    return _TRIAL.get() or _installed_catalog()


@contextmanager
def with_catalog(catalog: Catalog) -> Iterator[None]:
    """Use this catalog inside the block, to try a provider that is not installed."""
    token = _TRIAL.set(catalog)
    try:
        yield
    finally:
        _TRIAL.reset(token)


@cache
def _installed_catalog() -> Catalog:
    return load_catalog()
