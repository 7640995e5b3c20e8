"""A world in one process: projects and their clones on one store, commands that may be killed at any write, real followers, one clock.

A command runs as a process of its own would: with an owner of its own, and with nothing that it could still do once it was killed.
What serves is the server's own `Follower`, which loads and checks every package. Steps run here instead of in workers.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from leptonctl.building import scheduler
from leptonctl.commands import session, who
from leptonctl.core import layout
from leptonctl.core.deployment import Head, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.packed import decode_state
from leptonctl.core.state import Owner, State
from leptonctl.deploying import fence, fleet
from leptonctl.project import configuration
from leptonctl.project.catalog import load_catalog
from leptonctl.project.own_edits import OwnEdits
from leptonctl.serving.follow import Follower
from leptonctl.serving.settings import Settings
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.running import Bench, Completed, ExecutorBackend, Outcome, Task, Workplace
from leptonctl.storage import owner
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.open import open_store
from leptonctl.storage.state_folder import FolderState
from tests.projects import free_port, points

if TYPE_CHECKING:
    import pytest

MODEL = "line"
ENVIRONMENTS = ("staging", "prod")
WRITES = frozenset({"create", "create_many", "replace", "put", "delete", "write", "swap", "put_many"})
QUICK = Settings(follow_s=0.004, heartbeat_s=0.03, retry_s=0.01)
NAMESPACE = "pid:[command "
WAIT_S = 20.0


class Killed(BaseException):
    """What ends a command that is killed. Nothing of it does anything afterwards."""


@dataclass(slots=True, kw_only=True)
class Process:
    """A command that runs. It is killed instead of its write number `last`, counted from 0, or right after it (`after`)."""

    id: int = 0
    last: int | None = None
    after: bool = False
    writes: int = 0
    dead: bool = False

    def do(self, action: Callable[[], Any], *, writes: bool) -> Any:
        """Read or write, as long as this process lives."""
        if self.dead:
            raise Killed
        if not writes:
            return action()
        fatal = self.writes == self.last
        self.writes += 1
        result = action() if self.after or not fatal else None
        if fatal:
            self.dead = True
            raise Killed
        return result


class Mortal:
    """A store's objects, or a state, as one process sees them."""

    def __init__(self, inner: Any, process: Process) -> None:
        self._inner, self._process = inner, process

    def __getattr__(self, name: str) -> Any:
        method, process = getattr(self._inner, name), self._process
        return lambda *positional, **named: process.do(lambda: method(*positional, **named), writes=name in WRITES)


class Inline:
    """An executor that does a step when it is asked for outcomes."""

    def __init__(self, place: Workplace, catalog: Catalog, trained: list[str]) -> None:
        self._place, self._trained, self._waiting = place, trained, list[Task]()
        self._store = open_store(place.store, place.project, catalog.stores)

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def poll(self, timeout: float) -> list[Outcome]:
        del timeout
        done, self._waiting = self._waiting, []
        return [self._run(task) for task in done]

    def cancel(self) -> None:
        self._waiting.clear()

    def close(self) -> None:
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, task: Task) -> Outcome:
        module, _, function = task.run.partition(":")
        bench = Bench(project=self._place.project, artifacts=self._store, progress=lambda **_: None)
        produced = getattr(importlib.import_module(module), function)(dict(task.inputs), task.needs, bench)
        self._trained += [str(task.inputs.get("params"))] if task.op == "train" else []
        return Completed(id=task.id, produced=produced, seconds=0.1, provenance={})


class Watch(Liveness):
    """A killed command counts as alive at the first look after its death, and as dead from the next on: a term has passed by then."""

    watching: World

    def alive(self, name: str, owner: Owner, beat: int, term_s: float) -> bool:
        if not (owner.namespace or "").startswith(NAMESPACE):
            return super().alive(name, owner, beat, term_s)
        seen, self.watching.seen = owner.namespace in self.watching.seen, {*self.watching.seen, owner.namespace}
        return owner.namespace == self.watching.namespace or not seen


@dataclass(slots=True, kw_only=True)
class Clock:
    """The time of day of the world, in seconds ahead of the machine's, and that of the command that runs, which may be wrong."""

    ahead: float = 0.0
    skew: float = 0.0


@dataclass(slots=True, kw_only=True)
class World:
    """`clones`: name (`a1`: the first clone of project a) -> folder. `trained`: the parameters of every training so far."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    clones: dict[str, Path] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    followers: dict[tuple[str, str], Follower] = field(default_factory=dict)
    process: Process = field(default_factory=Process)
    seen: set[str | None] = field(default_factory=set)

    @property
    def namespace(self) -> str:
        """That of the command that runs: a container of its own, so that whether it lives shows only by its beat."""
        return f"{NAMESPACE}{self.process.id}]"

    @property
    def store(self) -> FolderObjects:
        return FolderObjects(root=self.root / "store")

    def run(self, clone: str, action: Callable[[session.Session], Any], *, kill: tuple[int, bool] | None = None) -> Any:
        """Run a command in a clone as a process. Returns its exit code and its outcome or failure; `None, None` when it was killed."""
        last, after = kill or (None, False)
        self.process = process = Process(id=self.process.id + 1, last=last, after=after)
        try:
            outcome = action(session.Session.open(self.clones[clone]))
        except Failure as failure:
            assert not process.dead
            return failure.exit_code or 1, failure
        except Killed:
            return None, None
        assert not process.dead, "a killed command went on"
        return getattr(outcome, "exit_code", 0), outcome

    def state(self, project: str) -> State | None:
        """The state of a project, without any checks."""
        folder = self.root / f"state-{project}"
        stored = FolderState(folder=folder).read() if folder.is_dir() else None
        return None if stored is None else decode_state(stored[0])

    def lineage(self, project: str) -> LineageStore | None:
        state = self.state(project)
        return None if state is None else LineageStore(objects=self.store, lineage=state.lineage)

    def head(self, project: str, environment: str) -> Head | None:
        lineage = self.lineage(project)
        found = lineage.head(environment) if lineage else None
        return found.head if found else None

    def follow(self, project: str) -> None:
        """Start the servers of a project's environments, once it has a lineage."""
        state = self.state(project)
        for environment in ENVIRONMENTS if state is not None else ():
            if (project, environment) not in self.followers:
                assert state is not None
                me = owner.current_owner("serve", None)
                record = ServerRecord(
                    id="one", lineage=state.lineage, environment=environment, host=me.host, machine=me.machine, pid=me.pid,
                    start=me.start, boot=me.boot, namespace=me.namespace, url="http://127.0.0.1:1", started=time.time(),
                )  # fmt: skip
                follower = Follower(self.store, record, lambda _: b"", settings=QUICK)
                self.followers[project, environment] = follower
                follower.start()

    def settle(self) -> None:
        """Wait until every server follows its head."""
        deadline = time.monotonic() + WAIT_S
        for (project, environment), follower in self.followers.items():
            while True:
                head, status = self.head(project, environment), follower.status()
                if head is None or status.deployment == head.deployment:
                    break
                assert time.monotonic() < deadline, (project, environment, head, status)
                time.sleep(0.002)

    def served(self, project: str, environment: str) -> str | None:
        """The version that answers in an environment."""
        follower = self.followers.get((project, environment))
        model = follower.status().models.get(MODEL) if follower else None
        return model.version if model else None

    def package(self, project: str, environment: str) -> str | None:
        follower = self.followers.get((project, environment))
        model = follower.status().models.get(MODEL) if follower else None
        return model.package if model else None

    def declared(self, clone: str, environment: str) -> str:
        """The version that a clone's YAML binds."""
        found = re.search(rf"\n  {MODEL}: (\w+)", self.file(clone, environment).read_text(encoding="utf-8"))
        assert found
        return found[1]

    def declare(self, clone: str, environment: str, version: str) -> None:
        file = self.file(clone, environment)
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"(\n  {MODEL}: )\w+", rf"\g<1>{version}", text), encoding="utf-8")

    def file(self, clone: str, environment: str) -> Path:
        return self.clones[clone] / f"environment-{environment}.yaml"

    def moving_parts(self, project: str) -> dict[str, bytes]:
        """Everything of a project that a command may move, but for what its servers write: path -> bytes."""
        state, lineage = self.root / f"state-{project}", self.lineage(project)
        folders = [state, *([self.root / "store" / layout.project(lineage.lineage)] if lineage else [])]
        files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
        return {str(file): file.read_bytes() for file in files if "/servers/" not in str(file)}

    def _catalog(self, cache: Path) -> Catalog:
        found, process = load_catalog(cache), self.process
        stores, states, executors = dict(found.stores), dict(found.states), dict(found.executors)
        folder, state = stores[""], states[""]
        stores[""] = replace(folder, open=lambda uri, root: Mortal(folder.open(uri, root), process))
        states[""] = replace(state, open=lambda uri, root: Mortal(state.open(uri, root), process))
        catalog = replace(found, stores=stores, states=states)
        inline = ExecutorBackend(
            name="local", description="", settings=executors["local"].settings, open=lambda place: Inline(place, catalog, self.trained)
        )
        return replace(catalog, executors={"local": inline})

    def _owner(self, command: str, commit: str | None, *, dirty: bool = False) -> Owner:
        return replace(owner.current_owner(command, commit, dirty=dirty), namespace=self.namespace)

    def _liveness(self, memory: Path | None = None) -> Liveness:
        watch = Watch(memory=memory)
        watch.watching = self
        return watch

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Put the world in the place of what commands see of the machine."""
        clock, now_s, now_ns = self.clock, time.time, time.time_ns
        patch.setattr(time, "time", lambda: now_s() + clock.ahead + clock.skew)
        patch.setattr(time, "time_ns", lambda: now_ns() + int((clock.ahead + clock.skew) * 1e9))
        patch.setattr(configuration, "load_catalog", self._catalog)
        patch.setattr(session, "Liveness", self._liveness)
        # what dies here is a command, not the machine
        patch.setattr(os, "fsync", lambda _handle: None)
        patch.setattr(fleet, "POLL_S", 0.002)
        patch.setattr(fence, "LOCK_POLL_S", 0.002)
        patch.setattr(scheduler, "POLL_S", 0.002)
        patch.setattr(who, "current_owner", self._owner)
        write, undo = OwnEdits.write, OwnEdits.undo
        patch.setattr(OwnEdits, "write", lambda own, *edit: self.process.do(lambda: write(own, *edit), writes=True))
        patch.setattr(OwnEdits, "undo", lambda own: self.process.do(lambda: undo(own), writes=True))


@contextmanager
def world(root: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two projects with two clones each on one store, with the same data and models, so that all they build is shared."""
    made = World(root=root)
    for project in ("a", "b"):
        for number in (1, 2):
            made.clones[f"{project}{number}"] = _clone(root, project, number)
    made.patch(patch)
    try:
        yield made
    finally:
        for follower in made.followers.values():
            follower.stop()


def _clone(root: Path, project: str, number: int) -> Path:
    folder = root / f"{project}{number}"
    folder.mkdir()
    (folder / "leptonctl.yaml").write_text(
        f"kind: Project\nname: {project}\nformat: 1\nstore: ../store\nstate: ../state-{project}\n", encoding="utf-8"
    )
    (folder / "points.csv").write_text(points(40), encoding="utf-8")
    (folder / "model.yaml").write_text(
        "kind: Dataset\nname: points\ntarget: side\nversions:\n  first: {source: points.csv}\n---\n"
        f"kind: Model\nname: {MODEL}\ndataset: points@first\ntask: classification\nalgorithm: logistic_regression\nversions:\n"
        "  v1: {}\n  v2: {params: {C: 0.5}}\n  v3: {params: {C: 0.1}}\n",
        encoding="utf-8",
    )
    for name in ENVIRONMENTS:
        (folder / f"environment-{name}.yaml").write_text(
            f"kind: Environment\nname: {name}\nplatform: {{type: server, port: {free_port()}, run: elsewhere}}\nmodels:\n  {MODEL}: v1\n",
            encoding="utf-8",
        )
    return folder
