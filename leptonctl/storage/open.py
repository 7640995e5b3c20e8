"""Opens the `store:` and the `state:` of a project by URI scheme, from given tables of back ends."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from leptonctl.core.diagnostic import INVALID, Failure, fail
from leptonctl.spi.storage import Objects, StateBackend, StateStore, StorageError, StoreBackend
from leptonctl.storage.guard import GuardedObjects, store_failures
from leptonctl.storage.pointer_failures import state_failed
from leptonctl.storage.store import Store


def open_objects(uri: str, root: Path, backends: Mapping[str, StoreBackend]) -> Objects:
    """The objects of a `store:`; a folder path is relative to `root`. Writes nothing. Its errors are StorageError.

    Failure `not-available` (exit 3) for a scheme without a back end.
    """
    backend = backends.get(scheme_of(uri))
    if backend is None:
        raise _unknown("store", uri, backends)
    with store_failures():
        return backend.open(uri, root)


def open_store(uri: str, root: Path, backends: Mapping[str, StoreBackend]) -> Store:
    """The store of a `store:`, opened by `open_objects`. Its errors are Failure `store-failed`."""
    return Store(objects=GuardedObjects(inner=open_objects(uri, root, backends)))


def open_state(uri: str, root: Path, backends: Mapping[str, StateBackend]) -> StateStore:
    """The state of a `state:`, opened as by `open_objects`."""
    backend = backends.get(scheme_of(uri))
    if backend is None:
        raise _unknown("state", uri, backends)
    try:
        return backend.open(uri, root)
    except StorageError as refusal:
        raise state_failed(refusal) from refusal


def scheme_of(uri: str) -> str:
    """The part before `://`; "" for the path of a folder."""
    scheme, mark, _ = uri.partition("://")
    return scheme.lower() if mark else ""


def _unknown(key: str, uri: str, schemes: Iterable[str]) -> Failure:
    scheme = scheme_of(uri) or "folder"
    names = ", ".join(f"{name}://" if name else "a folder" for name in sorted(schemes))
    return fail(
        "not-available",
        f"This kind of {key} is not available",
        # not the whole URI: it may contain a password
        f"`{key}: {scheme}://…` names a back end that is not installed; available: {names or 'none'}.",
        hint=f"write `{key}: .leptonctl/{key}`, or install the package that brings `{scheme}://`",
        exit_code=INVALID,
    )
