"""The providers that steps work with: those that are installed, or a catalog that is tried out."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog

_TRIAL: ContextVar[Catalog | None] = ContextVar("catalog", default=None)


def providers() -> Catalog:
    """The catalog in force. Reading the entry points takes time, so it is loaded once a process."""
    return _TRIAL.get() or _installed()


@contextmanager
def with_catalog(catalog: Catalog) -> Iterator[None]:
    """Inside, providers are those of this catalog: how one that is not installed is tried."""
    token = _TRIAL.set(catalog)
    try:
        yield
    finally:
        _TRIAL.reset(token)


@cache
def _installed() -> Catalog:
    return load_catalog()
