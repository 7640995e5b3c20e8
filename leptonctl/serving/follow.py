"""Follows an environment's head in the store: get ready what is staged, verify, report, swap.

Two threads beside serving: one looks at the head and loads, one writes the server's record while the other loads. The
deployment in force is one reference; requests in flight keep the one they started with. Writes the server's record only.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from leptonctl.core import codec, layout
from leptonctl.core.frozen import Frozen, replace
from leptonctl.serving.deployment import LoadedDeployment, Refused, Supply, no_deployment, prepare
from leptonctl.serving.records import Records, behind
from leptonctl.serving.settings import Settings
from leptonctl.serving.standing import Beat, Standing, server_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leptonctl.core.deployment import Deployment, Head, ServerRecord
    from leptonctl.serving.deployment import ReadSecret

FOLLOWING, BEATING = "the store cannot be followed", "the record of this server cannot be written"


class Objects(Protocol):
    """All that a server may do with a store."""

    def get(self, path: str) -> tuple[bytes, str] | None: ...

    def put(self, path: str, data: bytes) -> None: ...

    def describe(self) -> str: ...


class NoStore(Exception):
    """The store is not there: not mounted, or not used yet. A server waits for it and never makes it."""


class Attempt(Frozen):
    """When a deployment could not be taken, in monotonic seconds, and for how long it is left alone: it may become good."""

    at: float
    pause_s: float


class Follower:
    """`identity` is the server's record before it serves."""

    def __init__(
        self,
        objects: Objects,
        identity: ServerRecord,
        read_secret: ReadSecret,
        settings: Settings,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._objects, self._identity, self._read_secret, self._settings, self._say = objects, identity, read_secret, settings, log
        self._records = Records(fetch=self._fetch, lineage=identity.lineage, environment=identity.environment)
        self._standing = Standing(current=no_deployment(identity.environment))
        self._beat: Beat | None = None
        self._last = 0
        self._attempts: dict[int, Attempt] = {}
        self._mentioned: set[str] = set()
        self._troubles = {FOLLOWING: "", BEATING: ""}
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._keep_following, self._keep_beating)]

    def current(self) -> LoadedDeployment:
        """The deployment in force."""
        return self._standing.current

    def status(self) -> ServerRecord:
        """What the server says of itself now."""
        record = server_record(self._identity, self._standing, self._beat or Beat())
        return record if record.note else replace(record, note=next(filter(None, self._troubles.values()), ""))

    def start(self) -> None:
        """Register, then follow. Registered first: an apply that finds no server moves the head without waiting for one."""
        self._guarded(self._register, FOLLOWING)
        self._guarded(self._report, BEATING)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop following and say so in the store. A load in progress is not waited for."""
        self._stopping.set()
        self._changed.set()
        self._threads[1].join(timeout=self._settings.heartbeat_s)
        self._guarded(lambda: self._report(stopped=True), BEATING)

    def step(self) -> None:
        """One look at the store. Raises what the store raises, and NoStore."""
        self._register()
        try:
            head = self._records.head()
        except Refused as problem:
            self._distrust(str(problem))
            return
        if head is None:
            self._distrust(f"{self._records.head_path} is not in the store" if self._standing.head.nonce else "")
            return
        reason = behind(head, self._standing.head)
        if reason is not None:
            where = f"{self._records.head_path} (deployment {head.deployment})"
            self._distrust(f"{where} is refused: {reason}", head.deployment, reason)
            return
        self._observe(head)
        if head.deployment != self._standing.current.number:
            self._take(head)
        if head.staged not in (0, head.deployment, self._standing.current.number):
            self._stage(head.staged)

    def _register(self) -> None:
        """From now on the server's record is written. Its beat goes on from what an earlier process of this server wrote there."""
        if self._beat is not None:
            return
        self._check_store()
        try:
            earlier = self._records.server(self._identity.id)
        except Refused as problem:
            self._say(f"{problem}; it is written anew")
            earlier = None
        self._last = earlier.deployment if earlier else 0
        self._beat = Beat(number=earlier.beat if earlier else 0)
        self._changed.set()

    def _check_store(self) -> None:
        if not self._records.is_store():
            msg = f"{self._objects.describe()} is not a store (it has no {layout.IDENTITY}); waiting for it"
            raise NoStore(msg)

    def _distrust(self, trouble: str, number: int = 0, reason: str = "") -> None:
        """What is there instead of a head to follow is reported; what serves serves on."""
        standing = self._standing
        failed = {**standing.failed, number: reason} if number not in (0, standing.current.number) else standing.failed
        if trouble and trouble != standing.trouble:
            self._say(trouble)
        self._move(replace(standing, trouble=trouble, failed=failed))

    def _observe(self, head: Head) -> None:
        """A head that is followed. What it no longer names is let go; whoever writes it anew asks for another attempt."""
        standing = self._standing
        if head.nonce != standing.head.nonce:
            self._attempts.clear()
        wanted = (head.deployment, head.staged)
        prepared = standing.prepared if standing.prepared is not None and standing.prepared.number in wanted else None
        current = standing.current
        if current.number == head.deployment and current.serial != head.serial:
            current = replace(current, serial=head.serial)
        failed = {number: why for number, why in standing.failed.items() if number in wanted and number != current.number}
        self._move(Standing(current=current, prepared=prepared, head=head, failed=failed))

    def _stage(self, number: int) -> None:
        prepared = self._standing.prepared
        if (prepared is not None and prepared.number == number) or not self._is_due(number):
            return
        deployment = self._prepare(number)
        if deployment is not None:
            self._move(replace(self._standing, prepared=deployment, failed=_without(self._standing, number)))
            self._say(f"deployment {number} is ready")

    def _take(self, head: Head) -> None:
        number, prepared = head.deployment, self._standing.prepared
        if not number:
            self._swap(no_deployment(self._identity.environment, head.serial), "no deployment is in force: nothing is served")
        elif prepared is not None and prepared.number == number:
            self._swap(replace(prepared, serial=head.serial), f"deployment {number} is in force")
        elif self._is_due(number):
            deployment = self._prepare(number)
            if deployment is not None:
                self._swap(replace(deployment, serial=head.serial), f"deployment {number} is in force")
            elif not self._standing.current.number:
                self._fall_back(head)

    def _swap(self, deployment: LoadedDeployment, message: str) -> None:
        standing = self._standing
        prepared = standing.prepared if standing.prepared is not None and standing.prepared.number != deployment.number else None
        self._move(replace(standing, current=deployment, prepared=prepared, failed=_without(standing, deployment.number)))
        self._last = deployment.number
        self._say(message)

    def _fall_back(self, head: Head) -> None:
        """A server that starts and cannot load the head serves the newest deployment before it that was in force."""
        for record in self._before(head):
            try:
                deployment = prepare(record, self._supply(record))
            except Refused:
                continue
            self._swap(deployment, f"deployment {deployment.number} is in force ({self._standing.note})")
            return

    def _before(self, head: Head) -> Iterator[Deployment]:
        """What was in force before the head, newest first; at last what this server itself served when it ran before."""
        named = self._readable(head.deployment)
        if named is not None:
            yield from self._records.in_force_before(named)
        last = self._readable(self._last) if self._last != head.deployment else None
        if last is not None and (named is None or named.incarnation == last.incarnation):
            yield last

    def _readable(self, number: int) -> Deployment | None:
        try:
            return self._records.deployment(number) if number else None
        except Refused:
            return None

    def _is_due(self, number: int) -> bool:
        """A deployment that failed is tried again only after a while."""
        attempt = self._attempts.get(number)
        return attempt is None or time.monotonic() >= attempt.at + attempt.pause_s

    def _prepare(self, number: int) -> LoadedDeployment | None:
        """The deployment, or None and its failure reported."""
        current = self._standing.current
        try:
            record = self._records.deployment(number)
            if record.serial < current.serial:
                msg = f"its serial {record.serial} is lower than {current.serial}, which is in force"
                raise Refused(msg)  # noqa: TRY301
            deployment = prepare(record, self._supply(record))
        except Refused as problem:
            self._fail(number, str(problem))
            return None
        except Exception as problem:  # noqa: BLE001 (every back end raises its own, and no file may end what serves)
            self._fail(number, f"{type(problem).__name__}: {problem}")
            return None
        self._mention(deployment)
        return deployment

    def _fail(self, number: int, reason: str) -> None:
        before, settings = self._attempts.get(number), self._settings
        pause_s = min(2 * before.pause_s, settings.retry_most_s) if before is not None else settings.retry_s
        self._attempts[number] = Attempt(at=time.monotonic(), pause_s=pause_s)
        if self._standing.failed.get(number) != reason:
            self._move(replace(self._standing, failed={**self._standing.failed, number: reason}))
            self._say(f"deployment {number} is refused: {reason}")

    def _mention(self, deployment: LoadedDeployment) -> None:
        for route in deployment.idle:
            if route not in self._mentioned:
                self._mentioned.add(route)
                self._say(f"{route} is recorded; this release offers main routes only")

    def _supply(self, record: Deployment) -> Supply:
        current, prepared = self._standing.current, self._standing.prepared
        known = {**(prepared.loaded if prepared is not None else {}), **current.loaded}
        since = self._records.since(record, current.number, current.since)
        return Supply(fetch=self._fetch, read_secret=self._read_secret, known=known, since=since, now=time.time())

    def _fetch(self, path: str) -> bytes | None:
        found = self._objects.get(path)
        return None if found is None else found[0]

    def _move(self, standing: Standing) -> None:
        if standing != self._standing:
            self._standing = standing
            self._changed.set()

    def _keep_following(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self.step, FOLLOWING)
            self._stopping.wait(self._settings.follow_s)

    def _keep_beating(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            self._guarded(self._report, BEATING)
            self._changed.wait(self._settings.heartbeat_s)

    def _report(self, *, stopped: bool = False) -> None:
        """Write the record, once the server has registered."""
        if self._beat is None:
            return
        self._check_store()
        self._beat = Beat(number=self._beat.number + 1, at=time.time(), stopped=stopped)
        path = layout.server(self._identity.lineage, self._identity.environment, self._identity.id)
        self._objects.put(path, codec.encode(self.status()))

    def _guarded(self, act: Callable[[], None], what: str) -> None:
        """A store that fails for a while must not end a server that serves; its trouble is told once."""
        trouble = ""
        try:
            act()
        except NoStore as problem:
            trouble = f"{what}: {problem}"
        except Exception as problem:  # noqa: BLE001 (every back end raises its own)
            trouble = f"{what}: {type(problem).__name__}: {problem}"
        if trouble and trouble != self._troubles[what]:
            self._say(trouble)
        self._troubles[what] = trouble


def _without(standing: Standing, number: int) -> dict[int, str]:
    return {other: why for other, why in standing.failed.items() if other != number}
