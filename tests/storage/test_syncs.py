"""How often an apply syncs: the order of writes is fixed, their number is a cost."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.core.store_records import Recipe
from leptonctl.storage.batch import ArtifactBatch
from leptonctl.storage.claims import claim_addresses
from leptonctl.storage.leases import StepLeases
from leptonctl.storage.owner import current_owner
from leptonctl.storage.store import Store
from tests.storage.places import Place

STEPS = {"train": 1, "export": 3, "evaluate": 0}
"""Artifacts of each step: model.skops; model.onnx, manifest.json, golden.json; none."""
OWNER = current_owner("leptonctl apply", None)


@contextmanager
def counted() -> Iterator[list[int]]:
    real, calls = os.fsync, [0]

    def fsync(handle: int) -> None:
        calls[0] += 1
        real(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield calls


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def build(store: Store, leases: StepLeases, version: int) -> Pointer:
    """All steps of a version, as worker and parent store them."""
    for op, artifacts in STEPS.items():
        key = digest(f"{op} {version}")
        assert leases.take(key)
        batch = ArtifactBatch(store=store)
        files = {f"file{n}": batch.put_artifact(f"{op} {version} {n}".encode() * 100) for n in range(artifacts)}
        batch.flush()
        store.put_result(Result(key=key, op=op, artifacts=files))
        leases.release(key)
    steps = {op: StepPointer(op=op, key=digest(f"{op} {version}")) for op in STEPS}
    return Pointer(digest=digest(f"d{version}"), declaration=digest(f"r{version}"), steps=steps)


def apply(place: Place, versions: int, together: int) -> None:
    """A first apply of models whose pointers move `together` at a time."""
    pointers = place.pointers
    store = Store(objects=pointers.objects)
    pointers.begin()
    addresses = [f"model/m@v{version}" for version in range(versions)]
    with claim_addresses(pointers, OWNER, addresses), StepLeases(store, OWNER) as leases:
        for start in range(0, versions, together):
            done = range(start, min(start + together, versions))
            moved: dict[str, Pointer | None] = {addresses[version]: build(store, leases, version) for version in done}
            store.put_recipes({p.declaration: Recipe(address=a, recipe={"n": a}) for a, p in moved.items() if p is not None})
            pointers.move(lambda state, moved=moved: state.move(moved))


@pytest.mark.parametrize(("versions", "together", "most"), [(10, 10, 6.0), (40, 1, 7.0), (40, 2, 6.0)])
def test_an_apply_syncs_at_most_about_seven_times_per_step(tmp_path: Path, versions: int, together: int, most: float) -> None:
    with counted() as calls:
        apply(Place(folder=tmp_path), versions, together)
    average = calls[0] / (versions * len(STEPS))
    print(f"\n{versions} versions, {together} moved at a time: {calls[0]} fsyncs, {average:.2f} a step")
    assert average <= most
    state = Place(folder=tmp_path).state
    assert len(state.current) == versions


def test_what_each_write_costs(tmp_path: Path) -> None:
    """Each file once and its folder once, however many files are written together."""
    place = Place(folder=tmp_path)
    pointers = place.pointers
    store = Store(objects=pointers.objects)
    pointers.begin()
    with StepLeases(store, OWNER) as leases:
        build(store, leases, 0)  # makes the folders
        store.put_recipes({digest("r0"): Recipe(address="a", recipe={})})
        pointers.move(lambda state: state.move({"model/m@v0": Pointer(digest="d")}))
        costs = {}
        for what, act in {
            "a step without artifacts": lambda: store.put_result(Result(key=digest("1"), op="evaluate")),
            "three artifacts": lambda: store.put_artifacts([b"1", b"2", b"3"]),
            "an artifact that is there": lambda: store.put_artifact(b"1"),
            "ten recipes": lambda: store.put_recipes({digest(f"r{n}"): Recipe(address="a", recipe={}) for n in range(1, 11)}),
            "a move of pointers": lambda: pointers.move(lambda state: state.move({"model/m@v1": Pointer(digest="d")})),
            "a lease": lambda: (leases.take(digest("x")), leases.release(digest("x"))),
            "three steps": lambda: build(store, leases, 1),
        }.items():
            with counted() as calls:
                act()
            costs[what] = calls[0]
    assert costs == {
        "a step without artifacts": 2, "three artifacts": 4, "an artifact that is there": 1, "ten recipes": 11,
        "a move of pointers": 6, "a lease": 0, "three steps": 12,
    }  # fmt: skip
