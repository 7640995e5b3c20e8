"""Projects with a state and a store in a folder, as the tests of moves and claims need them."""

from dataclasses import dataclass
from pathlib import Path

from leptonctl.core.diagnostic import Failure
from leptonctl.core.state import HistoryRecord, Pointer, State
from leptonctl.spi.storage import Objects
from leptonctl.storage.folder import STORE
from leptonctl.storage.lineage import Hole
from leptonctl.storage.open import open_store
from leptonctl.storage.pointers import Move, Pointers
from leptonctl.storage.state_folder import FolderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Each access of `pointers` is like another command: nothing is carried over in memory."""

    folder: Path
    project: str = "toy"
    state_folder: str = "state"
    store_folder: str = "store"

    @property
    def objects(self) -> Objects:
        return open_store(self.store_folder, self.folder, {"": STORE}).objects

    @property
    def pointers(self) -> Pointers:
        return Pointers(states=FolderState(folder=self.folder / self.state_folder), objects=self.objects, project=self.project)

    @property
    def file(self) -> Path:
        return self.folder / self.state_folder / "state.json"

    @property
    def store(self) -> Path:
        return self.folder / self.store_folder

    @property
    def state(self) -> State:
        state = self.pointers.read()
        assert state is not None
        return state

    @property
    def history(self) -> list[HistoryRecord | Hole]:
        return list(self.pointers.history(self.state))

    @property
    def serials(self) -> list[int]:
        return [record.serial for record in self.history if isinstance(record, HistoryRecord)]


def bind(digest: str, address: str = "toy/a") -> Move:
    return lambda state: state.move({address: Pointer(digest=digest, version="v1", artifact=f"bytes of {digest}")})


def ids(failure: Failure) -> list[str]:
    return [problem.id for problem in failure.diagnostics]
