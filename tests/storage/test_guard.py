"""An error of a medium is a Failure of the command, whichever operation it was."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.spi.storage import Objects, StorageError
from leptonctl.storage.guard import GuardedObjects

CALLS: dict[str, Callable[[GuardedObjects], object]] = {
    "get": lambda objects: objects.get("a"),
    "get_many": lambda objects: objects.get_many(["a"]),
    "create": lambda objects: objects.create("a", b""),
    "create_many": lambda objects: objects.create_many({"a": b""}),
    "replace": lambda objects: objects.replace("a", b"", None),
    "put": lambda objects: objects.put("a", b""),
    "delete": lambda objects: objects.delete("a"),
    "read": lambda objects: objects.read("a"),
    "write": lambda objects: objects.write("a", []),
    "present": lambda objects: objects.present(["a"]),
    "list": lambda objects: objects.list("a"),
    "entries": lambda objects: list(objects.entries("a")),
    "lease": lambda objects: objects.lease("a", {}, 1.0),
    "leases": lambda objects: objects.leases(""),
    "break_lease": lambda objects: objects.break_lease("a"),
}


class Away:
    """A bucket that cannot be reached."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        def refuse(*_: object) -> object:
            raise StorageError("The bucket cannot be reached.", "check the network")

        return refuse

    def describe(self) -> str:
        return "s3://bucket"


def test_every_call_is_guarded() -> None:
    seam = {name for name, _ in inspect.getmembers(Objects, inspect.isfunction) if not name.startswith("_")} - {"describe"}
    assert set(CALLS) == seam
    assert GuardedObjects(inner=Away()).describe() == "s3://bucket"  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CALLS)
def test_an_error_of_a_medium_is_a_failure(name: str) -> None:
    with pytest.raises(Failure) as caught:
        CALLS[name](GuardedObjects(inner=Away()))  # type: ignore[arg-type]
    (problem,) = caught.value.diagnostics
    assert (problem.id, problem.detail, problem.hint) == ("store-failed", "The bucket cannot be reached.", "check the network")


class Torn(Away):
    """A bucket that goes away while it is read."""

    def read(self, path: str) -> Iterator[bytes]:
        yield b"first"
        raise StorageError("The bucket cannot be reached.", "check the network")


def test_an_error_in_the_middle_of_a_stream_is_a_failure() -> None:
    chunks = GuardedObjects(inner=Torn()).read("a")  # type: ignore[arg-type]
    assert chunks is not None
    assert next(chunks) == b"first"
    with pytest.raises(Failure):
        next(chunks)
