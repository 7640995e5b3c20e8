"""Writes `v1/*.json`: a state at five moments of a first apply, each as the state's own file.

`python -m tests.state_formats.write`, only until the format is released; after that a later format gets a folder of its own.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from leptonctl.core.frozen import replace
from leptonctl.core.state import Author, Claim, Environment, Owner, Pending, Pointer, Seal, Served, StepPointer, Verdict
from leptonctl.storage.claims import Registration, lock_environment, unlock_environment
from leptonctl.storage.pointers import Note, Pointers
from tests.storage.places import Place

FOLDER = Path(__file__).parent / "v1"
AT = "2026-11-25T12:00:00.000+00:00"
OWNER = Owner(
    user="ada", host="ci-3", machine="f2b1", boot="77aa", namespace="pid:[4026531836]", pid=812, start=190412,
    command="leptonctl apply", commit="4f0c1d2", since=AT,
)  # fmt: skip
AUTHOR = Author(command="leptonctl apply", by="ada", host="ci-3", commit="4f0c1d2")
ADDRESSES = ("dataset/points@first", "environment/prod", "environment/prod/line", "model/line@v1")
MODEL = "model/line@v1"


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def steps(**ops: str) -> Mapping[str, StepPointer]:
    return {name: StepPointer(op=op, key=digest(f"key of {name}")) for name, op in ops.items()}


BUILT: dict[str, Pointer | None] = {
    "dataset/points@first": Pointer(digest=digest("points"), declaration=digest("d1"), steps=steps(prepare="prepare"), at=AT),
    MODEL: Pointer(
        digest=digest("line"), declaration=digest("d2"), artifact=digest("model.onnx"), package=digest("package"), at=AT,
        steps=steps(train="train", export="export", evaluate="evaluate", by_side="evaluate"),
    ),
}  # fmt: skip
BOUND: dict[str, Pointer | None] = {
    "environment/prod": Pointer(digest=digest("prod"), declaration=digest("d3"), effect=True, at=AT),
    "environment/prod/line": Pointer(
        digest=digest("line"), declaration=digest("d4"), artifact=digest("model.onnx"), package=digest("package"), version="v1",
        deployment=1, effect=True, at=AT,
    ),
}  # fmt: skip
PROD = Environment(
    platform={"type": "server", "host": "127.0.0.1", "port": 8080}, protected=True, host="ci-3", url="http://127.0.0.1:8080",
    deployment=1, commit="4f0c1d2", served={"line": {digest("package"): Served(version="v1", digest=digest("line"), deployment=1)}},
)  # fmt: skip
SEALS = {MODEL: Seal(digest=digest("line"), declaration=digest("d2"), environment="prod", at=AT)}
EVIDENCE = (Verdict(address="environment/prod/line", metric="accuracy", rule="min", limit=0.8, passed=True, value=0.93, n=120),)
CLAIM = Registration(id="a1b2c3d4e5f6", owner=OWNER, addresses=frozenset(ADDRESSES))


def moments(pointers: Pointers) -> Iterator[str]:
    """A first apply that stops at each moment a file is of."""
    pointers.begin()
    yield "fresh"
    claim = Claim(owner=OWNER, addresses=ADDRESSES, beat=2)
    pointers.move(lambda s: replace(s, applies={CLAIM.id: claim}))
    yield "claimed"
    pointers.move(lambda s: s.move(BUILT), Note(author=AUTHOR))
    pointers.move(lambda s: lock_environment(s, "prod", CLAIM))
    yield "locked"
    pending = Pending(
        deployment=1, claim=CLAIM.id, token=1, pointers=BOUND, environment=PROD, seals=SEALS, author=AUTHOR, evidence=EVIDENCE
    )
    pointers.move(lambda s: replace(s, pending={"prod": pending}))
    yield "pending"
    done = {"pending": {}, "environments": {"prod": PROD}, "sealed": SEALS, "applies": {}}
    note = Note(author=AUTHOR, environment="prod", deployment=1, evidence=EVIDENCE)
    pointers.move(lambda s: replace(unlock_environment(s.move(BOUND), "prod", CLAIM), **done), note)
    yield "applied"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder=Path(folder), project="tiny")
        for name in moments(place.pointers):
            (FOLDER / f"{name}.json").write_bytes(place.file.read_bytes())


if __name__ == "__main__":
    main()
