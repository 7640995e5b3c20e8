"""Follows an environment's deployments in the store: stage, verify, report, swap.

Two threads beside serving: one looks at the pointers and loads, one keeps the heartbeat while the other loads. The
deployment in force is one reference; requests in flight keep the one they started with. Writes `servers/ENV/ID` only.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from leptonctl.serving.deployment import Deployment, Supply, bindings, identity, no_deployment, prepare
from leptonctl.serving.manifest import BadModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from leptonctl.serving.deployment import ReadSecret

HEARTBEAT_S = 2.0
# a deployment that could not be taken may become good: a secret is set, an artifact is restored; less and less often
RETRY_S, RETRY_MOST_S = 5.0, 300.0
# how far back a starting server looks for since when its models serve, and for a deployment to fall back to
LOOK_BACK = 100


class Objects(Protocol):
    """All that a server may do with a store."""

    def get(self, path: str) -> tuple[bytes, str] | None: ...

    def list(self, prefix: str) -> list[str]: ...

    def put(self, path: str, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this server is. `started` is in seconds since 1970."""

    id: str
    environment: str
    host: str
    pid: int
    url: str
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The content of `deployments/ENV/head` or `staged`."""

    deployment: int
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a server stands. `note` says why it serves something else than the head."""

    current: Deployment
    prepared: Deployment | None = None
    failed: Mapping[int, str] = field(default_factory=dict)
    note: str = ""


class Follower:
    def __init__(
        self,
        objects: Objects,
        who: Identity,
        read_secret: ReadSecret,
        *,
        interval: float = 0.1,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._objects, self._who, self._read_secret, self._interval, self._say = objects, who, read_secret, interval, log
        self._standing = Standing(current=no_deployment(who.environment))
        self._tried: dict[int, tuple[float, float]] = {}
        self._trouble = ""
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._follow, self._beat)]

    def current(self) -> Deployment:
        """The deployment in force."""
        return self._standing.current

    def start(self) -> None:
        """Register, then follow. Registered first: an apply that finds no server moves the head without waiting for one."""
        self._report()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop following and say so in the store. A load in progress is not waited for."""
        self._stopping.set()
        self._changed.set()
        self._threads[1].join(timeout=HEARTBEAT_S)
        self._report(stopped=True)

    def status(self) -> dict[str, Any]:
        """The page at /leptonctl/v1/status."""
        standing, who = self._standing, self._who
        return {
            "format_version": "1",
            "environment": who.environment,
            "deployment": standing.current.number,
            "serial": standing.current.serial,
            "lineage": standing.current.lineage,
            **{key: getattr(who, key) for key in ("id", "host", "pid", "url", "started")},
            "models": [{"name": name, **model} for name, model in _models(standing.current).items()],
            "ready": _ready(standing),
            "failed": _failed(standing),
            "note": standing.note,
        }

    def step(self) -> None:
        """One look at the store."""
        staged, head = self._pointer("staged"), self._pointer("head")
        standing = self._standing
        if staged is not None and staged.deployment > standing.current.number and staged != head and self._is_due(staged):
            self._stage(staged)
        if head is not None and head.deployment != standing.current.number and self._is_due(head):
            self._take(head)

    def _is_due(self, pointer: Pointer) -> bool:
        """A deployment that failed is tried again only after a while."""
        at, pause = self._tried.get(pointer.deployment, (0.0, 0.0))
        return time.monotonic() >= at + pause

    def _stage(self, staged: Pointer) -> None:
        prepared = self._standing.prepared
        if prepared is not None and prepared.number == staged.deployment:
            return
        deployment = self._prepare(staged)
        if deployment is not None:
            self._move(replace(self._standing, prepared=deployment, failed=_without(self._standing, staged.deployment)))
            self._say(f"deployment {staged.deployment} is ready")

    def _take(self, head: Pointer) -> None:
        prepared = self._standing.prepared
        deployment = prepared if prepared is not None and prepared.number == head.deployment else self._prepare(head)
        if deployment is not None:
            self._swap(replace(deployment, serial=head.serial), "")
        elif not self._standing.current.number:
            self._fall_back(head)

    def _swap(self, deployment: Deployment, note: str) -> None:
        failed = {number: why for number, why in self._standing.failed.items() if number > deployment.number}
        self._move(Standing(current=deployment, failed=failed, note=note))
        self._say(f"deployment {deployment.number} is in force" + (f" ({note})" if note else ""))

    def _fall_back(self, head: Pointer) -> None:
        """A server that starts and cannot load the head serves the newest deployment before it that was in force."""
        note = f"deployment {head.deployment} is the head and cannot be loaded: {self._standing.failed[head.deployment]}"
        for record in self._in_force_before(head):
            try:
                deployment = prepare(record, self._supply({}))
            except BadModel:
                continue
            self._swap(deployment, note)
            return

    def _prepare(self, pointer: Pointer) -> Deployment | None:
        """The deployment, or None and its failure reported."""
        number, current = pointer.deployment, self._standing.current
        try:
            _check_serial(pointer, current)
            record = self._record(number)
            since = {identity(m.name, {"digest": m.digest, "artifact": m.artifact}): m.since for m in current.models.values()}
            return prepare(record, self._supply(since or self._since(pointer, record)))
        except BadModel as problem:
            _, pause = self._tried.get(number, (0.0, RETRY_S / 2))
            self._tried[number] = (time.monotonic(), min(2 * pause, RETRY_MOST_S))
            if self._standing.failed.get(number) != str(problem):
                self._move(replace(self._standing, failed={**self._standing.failed, number: str(problem)}))
                self._say(f"deployment {number} is refused: {problem}")
            return None

    def _supply(self, since: Mapping[tuple[str, str, str], str]) -> Supply:
        standing = self._standing
        known = {**(standing.prepared.loaded if standing.prepared is not None else {}), **standing.current.loaded}
        return Supply(fetch=self._fetch, read_secret=self._read_secret, known=known, since=since, now=time.time())

    def _fetch(self, path: str) -> bytes | None:
        found = self._objects.get(path)
        return None if found is None else found[0]

    def _pointer(self, name: str) -> Pointer | None:
        data = self._fetch(f"deployments/{self._who.environment}/{name}")
        if data is None:
            return None
        value = json.loads(data)
        return Pointer(deployment=int(value["deployment"]), serial=int(value["serial"]))

    def _record(self, number: int) -> dict[str, Any]:
        """A deployment record of this environment. Raises BadModel."""
        data = self._fetch(f"deployments/{self._who.environment}/{number:08d}")
        if data is None:
            msg = "its record is not in the store"
            raise BadModel(msg)
        try:
            record: dict[str, Any] = json.loads(data)
        except ValueError as problem:
            msg = f"its record is not JSON: {problem}"
            raise BadModel(msg) from problem
        bindings(record)
        if (record["deployment"], record["environment"]) != (number, self._who.environment):
            msg = "its record is that of another deployment"
            raise BadModel(msg)
        return record

    def _in_force_before(self, head: Pointer) -> Iterator[dict[str, Any]]:
        """The records before the head that were in force, newest first.

        A record names the one before it as `previous`. Where it does not, one whose serial was used again never was in force.
        """
        number, serial, later = head.deployment, head.serial, self._readable(head.deployment)
        for _ in range(LOOK_BACK):
            linked = later is not None and "previous" in later
            number = int(later["previous"] or 0) if later is not None and linked else number - 1
            if number < 1:
                return
            later = self._readable(number)
            if later is not None and (linked or int(later["serial"]) < serial):
                serial = int(later["serial"])
                yield later

    def _readable(self, number: int) -> dict[str, Any] | None:
        try:
            return self._record(number)
        except BadModel:
            return None

    def _since(self, pointer: Pointer, record: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
        """From when on each model of the record has served without a break, by the records before it."""
        open_ends = {identity(name, binding) for name, binding in bindings(record).items()}
        since: dict[tuple[str, str, str], str] = {}
        for earlier in self._in_force_before(pointer):
            open_ends &= {identity(name, binding) for name, binding in bindings(earlier).items()}
            if not open_ends:
                break
            since.update(dict.fromkeys(open_ends, str(earlier.get("at", ""))))
        return since

    def _move(self, standing: Standing) -> None:
        self._standing = standing
        self._changed.set()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self.step, "the store cannot be followed")
            self._stopping.wait(self._interval)

    def _beat(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            self._report()
            self._changed.wait(HEARTBEAT_S)

    def _report(self, *, stopped: bool = False) -> None:
        path = f"servers/{self._who.environment}/{self._who.id}"
        data = json.dumps(server_record(self._who, self._standing, time.time(), stopped=stopped), ensure_ascii=False)
        self._guarded(lambda: self._objects.put(path, data.encode()), "the heartbeat cannot be written")

    def _guarded(self, act: Callable[[], None], what: str) -> None:
        """A store that fails for a while must not end a server that serves; its trouble is told once."""
        try:
            act()
        except Exception as problem:  # noqa: BLE001 (every back end raises its own)
            trouble = f"{what}: {type(problem).__name__}: {problem}"
            if trouble != self._trouble:
                self._say(trouble)
            self._trouble = trouble


def _check_serial(pointer: Pointer, current: Deployment) -> None:
    """The fence: whoever switches with an older view of the state than the one in force is refused."""
    if pointer.serial < current.serial:
        msg = f"its serial {pointer.serial} is lower than {current.serial}, which is in force"
        raise BadModel(msg)


def server_record(who: Identity, standing: Standing, now: float, *, stopped: bool) -> dict[str, Any]:
    """What stands at `servers/ENV/ID`."""
    return {
        "format_version": "1",
        **{key: getattr(who, key) for key in ("id", "host", "pid", "url", "started")},
        "heartbeat": now,
        "stopped": stopped,
        "deployment": standing.current.number,
        "serial": standing.current.serial,
        "lineage": standing.current.lineage,
        "ready": _ready(standing),
        "failed": _failed(standing),
        "note": standing.note,
        "models": _models(standing.current),
    }


def _models(deployment: Deployment) -> dict[str, dict[str, str]]:
    return {
        name: {"version": model.version, "digest": model.digest, "artifact": model.artifact, "since": model.since}
        for name, model in sorted(deployment.models.items())
    }


def _ready(standing: Standing) -> list[int]:
    """The deployments that this server could serve this instant."""
    return [d.number for d in (standing.current, standing.prepared) if d is not None and d.number]


def _failed(standing: Standing) -> dict[str, str]:
    return {str(number): why for number, why in sorted(standing.failed.items())}


def _without(standing: Standing, number: int) -> dict[int, str]:
    return {other: why for other, why in standing.failed.items() if other != number}
