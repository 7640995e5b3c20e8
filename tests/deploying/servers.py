"""Real servers of real packages, moved by the switch: what the tests of the platform `server` share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from leptonctl.core.deployment import Route, ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.core.state import Environment, Owner, Pointer, State
from leptonctl.deploying import addresses
from leptonctl.deploying.desired import Desired
from leptonctl.deploying.server import PLATFORM, SETTINGS
from leptonctl.deploying.sites import Sites
from leptonctl.deploying.switch import Outcome, Switch
from leptonctl.spi.platforms import Site, filled
from leptonctl.storage import owner as owners
from leptonctl.storage.claims import Registration, claim_addresses
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.testing.packages import pointer_to, put_package
from tests.deploying.toy import ADDRESS, BINDING, NAME, author, run_switch

WEIGHTS = {"v0": 1.0, "v1": 2.0, "v2": 3.0, "v3": 4.0}
STORE = ".leptonctl/store"


def pointers_of(root: Path) -> Pointers:
    return Pointers(states=FolderState(folder=root / ".leptonctl" / "state"), objects=FolderObjects(root=root / STORE), project="real")


def state_of(root: Path) -> State:
    state = pointers_of(root).read()
    assert state is not None
    return state


def route(root: Path, version: str) -> Route:
    return put_package(pointers_of(root).objects, version, WEIGHTS[version])


def site_of(root: Path, port: int, **more: object) -> Site:
    pointers = pointers_of(root)
    settings = {"port": port, **{name: more.pop(name) for name in list(more) if name in SETTINGS}}
    place = {"root": root, "store": STORE, "objects": pointers.objects, "lineage": pointers.begin().lineage, "environment": NAME}
    return Site(**{**place, "settings": filled(SETTINGS, settings), **more})  # type: ignore[arg-type]


def binds(root: Path, version: str, port: int, **more: object) -> Callable[[State], Desired]:
    routes = route(root, version)
    settings = {name: more.pop(name) for name in list(more) if name in SETTINGS}
    bindings: dict[str, Pointer | None] = {BINDING: pointer_to(routes), ADDRESS: Pointer(digest="sha256:environment", effect=True)}
    environment = Environment(platform={"type": "server", "port": port, **settings})  # type: ignore[dict-item]
    return lambda _state: Desired(bindings=bindings, environment=environment, routes={BINDING: routes}, **more)  # type: ignore[arg-type]


def destroys(_state: State) -> Desired:
    return Desired(bindings={}, environment=None)


def switch_of(root: Path, claim: Registration, **more: object) -> Switch:
    pointers = pointers_of(root)
    sites = Sites(root=root, store=STORE, objects=pointers.objects, platforms={"server": PLATFORM})
    return Switch(pointers=pointers, claim=claim, sites=sites, **{"author": author(claim.owner.user), **more})  # type: ignore[arg-type]


@contextmanager
def switching(root: Path, user: str = "ann", **more: object) -> Iterator[Switch]:
    pointers_of(root).begin()
    who: Owner = replace(owners.current_owner("leptonctl apply", None), user=user)
    with claim_addresses(pointers_of(root), who, [ADDRESS, BINDING]) as claim:
        yield switch_of(root, claim, **more)


def move(root: Path, decide: Callable[[State], Desired], *, here: bool = True, **more: object) -> Outcome:
    with switching(root, **more) as switch:
        return run_switch(switch, decide, here=here)


def asked(port: int, timeout: float = 5.0) -> ServerRecord | None:
    return addresses.probe(f"http://127.0.0.1:{port}", timeout)


def until(holds: Callable[[], bool], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)
