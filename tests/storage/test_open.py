"""Stores and states by the scheme of their URI, from the tables they are opened with."""

from pathlib import Path
from typing import Any

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.spi.storage import Objects, StateBackend, StateStore, StorageError, StoreBackend
from leptonctl.storage.folder import STORE, FolderObjects
from leptonctl.storage.open import open_objects, open_state, open_store
from leptonctl.storage.state_folder import STATE, FolderState


def bucket(uri: str, root: Path) -> Objects:
    return FolderObjects(root=root / uri.partition("://")[2])


def database(uri: str, root: Path) -> StateStore:
    return FolderState(folder=root / uri.partition("://")[2])


STORES = {"": STORE, "toy": StoreBackend(scheme="toy", description="a toy", open=bucket)}
STATES = {"": STATE, "toy": StateBackend(scheme="toy", description="a toy", open=database)}


def test_a_path_is_a_folder_relative_to_the_project(tmp_path: Path) -> None:
    assert open_objects("store", tmp_path, STORES) == FolderObjects(root=tmp_path / "store")
    assert open_objects("/elsewhere/store", tmp_path, STORES) == FolderObjects(root=Path("/elsewhere/store"))
    assert open_state("../state", tmp_path, STATES) == FolderState(folder=tmp_path / "../state")


def test_a_scheme_names_its_back_end(tmp_path: Path) -> None:
    assert open_objects("toy://bucket", tmp_path, STORES) == FolderObjects(root=tmp_path / "bucket")
    assert open_objects("TOY://bucket", tmp_path, STORES) == FolderObjects(root=tmp_path / "bucket")
    assert open_state("toy://table", tmp_path, STATES) == FolderState(folder=tmp_path / "table")
    store = open_store("toy://bucket", tmp_path, STORES)
    assert store.get_artifact(store.put_artifact(b"x")) == b"x"
    assert (tmp_path / "bucket" / "artifacts").is_dir()


def test_an_unknown_scheme_names_the_known_ones_and_no_secret(tmp_path: Path) -> None:
    for act in (
        lambda: open_objects("s3://user:secret@bucket/prefix", tmp_path, STORES),
        lambda: open_store("s3://user:secret@bucket/prefix", tmp_path, STORES),
        lambda: open_state("s3://user:secret@host/db", tmp_path, STATES),
    ):
        with pytest.raises(Failure) as caught:
            act()
        (problem,) = caught.value.diagnostics
        assert (problem.id, caught.value.exit_code) == ("not-available", 3)
        assert "s3://" in problem.detail
        assert "a folder, toy://" in problem.detail
        assert "secret" not in problem.detail + problem.hint
        assert problem.hint
    assert list(tmp_path.iterdir()) == []


def test_a_back_end_that_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    def refuse(uri: str, root: Path) -> Any:
        raise StorageError("There is no such bucket.", "make it")

    for known_as, act in (
        ("store-failed", lambda: open_objects("x://bucket", tmp_path, {"x": StoreBackend(scheme="x", description="", open=refuse)})),
        ("state-failed", lambda: open_state("x://bucket", tmp_path, {"x": StateBackend(scheme="x", description="", open=refuse)})),
    ):
        with pytest.raises(Failure) as caught:
            act()
        assert [(p.id, p.detail, p.hint) for p in caught.value.diagnostics] == [(known_as, "There is no such bucket.", "make it")]
