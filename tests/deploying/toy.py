"""A toy platform for the switch: its "server" is a thread that follows the head in the store, and its models are words."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Deployment, Head, Route, ServedModel, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.state import Author, Environment, Owner, Pointer, State
from leptonctl.deploying.desired import Desired, pointers_after
from leptonctl.deploying.sites import Sites
from leptonctl.deploying.switch import Outcome, Point, Switch
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Observation, Platform, Say, Site
from leptonctl.spi.storage import Objects
from leptonctl.storage import owner as owners
from leptonctl.storage.claims import Registration, claim_addresses
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState

NAME, MODEL = "prod", "line"
ADDRESS, BINDING = f"environment/{NAME}", f"environment/{NAME}/{MODEL}"
POINTS = get_args(Point)
PLATFORM_SETTINGS = {"type": "toy", "patience_s": 5.0}


def pointers_of(root: Path) -> Pointers:
    return Pointers(states=FolderState(folder=root / "state"), objects=FolderObjects(root=root / "store"), project="toy")


def state_of(root: Path) -> State:
    state = pointers_of(root).read()
    assert state is not None
    return state


def lineage_of(root: Path) -> LineageStore:
    return pointers_of(root).lineage(state_of(root))


# --- the platform ------------------------------------------------------------------------------------------------------


def _until(site: Site, number: int, done: Callable[[ServerRecord], bool], what: str) -> None:
    deadline = time.monotonic() + float(str(site.settings["patience_s"]))
    lineage = LineageStore(objects=site.objects, lineage=site.lineage)
    while True:
        servers = [s for s in lineage.servers(site.environment) if not s.stopped]
        for server in servers:
            if str(number) in server.failed:
                raise ProviderError("It refuses", detail=f"{server.id}: {server.failed[str(number)]}", id="not-ready")
        found = lineage.head(site.environment)
        if found is None or number not in {found.head.deployment, found.head.staged or found.head.deployment}:
            raise ProviderError("It is no longer desired", detail=f"deployment {number}", id="not-ready")
        if all(done(server) for server in servers):
            return
        if time.monotonic() > deadline:
            raise ProviderError("It is late", detail=f"not {what}: {', '.join(s.id for s in servers if not done(s))}", id="not-ready")
        time.sleep(0.002)


def _stage(site: Site, deployment: Deployment, say: Say) -> None:
    (site.root / "staged").write_text(str(deployment.deployment))


def _ready(site: Site, deployment: Deployment, say: Say) -> None:
    number = deployment.deployment
    _until(site, number, lambda server: number in (*server.ready, server.deployment), "ready")


def _activate(site: Site, head: Head, say: Say) -> None:
    _until(site, head.deployment, lambda server: server.deployment == head.deployment, "serving")


def _observe(site: Site) -> Observation:
    servers = LineageStore(objects=site.objects, lineage=site.lineage).servers(site.environment)
    return Observation(running=bool(servers), answering=servers[0] if servers else None, servers=servers)


def _remove(site: Site, say: Say) -> None:
    (site.root / "removed").write_text("")


TOY = Platform(
    name="toy",
    description="A thread that follows.",
    settings={"patience_s": {"type": "number", "default": 5.0, "description": "Seconds to wait.", "x-restart": False}},
    problems=lambda _site, _seen: (),
    stage=_stage,
    ready=_ready,
    activate=_activate,
    observe=_observe,
    remove=_remove,
)


@dataclass(slots=True, kw_only=True)
class Follower:
    """The toy's server. `refuse`: packages it cannot load. `deaf`: it does not move to another head."""

    lineage: LineageStore
    id: str = "one"
    refuse: set[str] = field(default_factory=set)
    deaf: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    registered: threading.Event = field(default_factory=threading.Event)
    seen: list[int] = field(default_factory=list)
    record: ServerRecord | None = None

    def run(self) -> None:
        me = owners.current_owner("toy", None)
        self.record = ServerRecord(
            id=self.id, lineage=self.lineage.lineage, environment=NAME, host=me.host, machine=me.machine, pid=me.pid, start=me.start,
            boot=me.boot, namespace=me.namespace, url="", started=time.time(),
        )  # fmt: skip
        self.put()
        self.registered.set()
        while not self.over.wait(0.002):
            self.look()

    def look(self) -> None:
        found = self.lineage.head(NAME)
        assert self.record is not None
        before = self.record
        if found is None:
            return
        head = found.head
        if head.staged and head.staged not in before.ready:
            self.load(head.staged)
        if head.deployment != self.record.deployment and not self.deaf and head.serial >= self.record.serial:
            deployment = self.lineage.deployment(NAME, head.deployment) if head.deployment else None
            models = {} if deployment is None else {
                name: ServedModel(version=r.version, digest=r.digest, package=r.package, artifact=r.artifact, since=deployment.at)
                for name, (r,) in deployment.models.items()
            }  # fmt: skip
            self.record = replace(self.record, deployment=head.deployment, serial=head.serial, models=models, ready=(head.deployment,))
            self.seen.append(head.deployment)
        if self.record is not before:
            self.put()

    def load(self, number: int) -> None:
        assert self.record is not None
        deployment = self.lineage.deployment(NAME, number)
        bad = [r.package for (r,) in deployment.models.values() if r.package in self.refuse] if deployment else ["no record"]
        if bad:
            self.record = replace(self.record, failed={**self.record.failed, str(number): f"cannot load {bad[0]}"})
        else:
            self.record = replace(self.record, ready=(*self.record.ready, number))

    def put(self) -> None:
        assert self.record is not None
        self.record = replace(self.record, beat=self.record.beat + 1)
        self.lineage.objects.put(layout.server(self.lineage.lineage, NAME, self.id), encode(self.record))


@contextmanager
def following(root: Path, **more: object) -> Iterator[Follower]:
    follower = Follower(lineage=lineage_of(root), **more)  # type: ignore[arg-type]
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    try:
        assert follower.registered.wait(60)
        yield follower
    finally:
        follower.over.set()
        thread.join()


# --- what is desired ----------------------------------------------------------------------------------------------------


def route(_address: str, pointer: Pointer) -> Route:
    package = str(pointer.package)
    return Route(version=str(pointer.version), digest=pointer.digest, package=package, artifact=package, files={"model.onnx": package})


def routes_after(state: State, bindings: Mapping[str, Pointer | None]) -> dict[str, Route]:
    """The routes of an environment after these bindings have moved."""
    return {address: route(address, bound) for address, bound in pointers_after(state, NAME, bindings).items()}


def pointer(version: str) -> Pointer:
    digest = f"sha256:{version}"
    return Pointer(digest=digest, artifact=f"package of {version}", package=f"package of {version}", version=version, effect=True)


def environment(state: State | None = None, **more: object) -> Environment:
    recorded = state.environments.get(NAME) if state else None
    desired = recorded or Environment(platform=PLATFORM_SETTINGS)
    return replace(desired, platform=PLATFORM_SETTINGS, **more)


def binds(version: str, *, before: str | None = None, check: bool = False, **more: object) -> Callable[[State], Desired]:
    """A decision to bind a version of the one model; with `check` only while `before` is what is bound."""

    def decide(state: State) -> Desired:
        bindings: dict[str, Pointer | None] = {BINDING: pointer(version)}
        if ADDRESS not in state.current:
            bindings[ADDRESS] = Pointer(digest="sha256:environment", effect=True)
        seen = {BINDING: (f"sha256:{before}", before) if before else (None, None)} if check else {}
        routes = routes_after(state, bindings)
        return Desired(bindings=bindings, environment=environment(state), routes=routes, before=seen, **more)  # type: ignore[arg-type]

    return decide


def destroys(_state: State) -> Desired:
    return Desired(bindings={}, environment=None)


def owner(user: str, host: str = "") -> Owner:
    me = owners.current_owner(f"leptonctl apply of {user}", None)
    return replace(me, user=user, host=host or me.host)


def author(user: str) -> Author:
    return Author(command="apply", by=user, host="here", commit=f"commit of {user}")


def switch_of(root: Path, claim: Registration, **more: object) -> Switch:
    pointers = pointers_of(root)
    platforms = more.pop("platforms", {"toy": TOY})
    sites = Sites(root=root, store="store", objects=pointers.objects, platforms=platforms)
    return Switch(pointers=pointers, claim=claim, sites=sites, **{"author": author(claim.owner.user), **more})  # type: ignore[arg-type]


def run_switch(switch: Switch, decide: Callable[[State], Desired], *, here: bool = True) -> Outcome:
    """Lock the environment, decide by its state, and move it."""
    with switch.hold(NAME, here=here) as locked:
        return switch.move(locked, decide(locked.state), here=here)


def jumping() -> Liveness:
    """A reader for which ages pass between any two reads: a holder that does not beat in between is dead."""
    now = [0.0]

    def clock() -> float:
        now[0] += 1000
        return now[0]

    return Liveness(clock=clock)


@contextmanager
def patient(root: Path, who: Owner, pointers_of: Callable[[Path], Pointers] = pointers_of) -> Iterator[Registration]:
    """A claim of all addresses, once a holder that does not beat has been seen so for the term."""
    reader = jumping()
    for _ in range(10):
        try:
            with claim_addresses(pointers_of(root), who, [ADDRESS, BINDING], liveness=reader) as claim:
                yield claim
        except Failure as failure:
            if failure.diagnostics[0].id != "lock-held":
                raise
        else:
            return
    raise AssertionError("the holder is never taken for dead")


def chain(root: Path) -> list[object]:
    """The history from the oldest record to the newest; fails where it has a hole."""
    state = state_of(root)
    records = list(lineage_of(root).history(state.history))
    assert not [r for r in records if isinstance(r, Hole)], records
    return records[::-1]


def objects_of(root: Path) -> Objects:
    return pointers_of(root).objects
