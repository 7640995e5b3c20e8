"""Follows an environment's head in the store: loads and verifies the staged deployment, reports, and swaps.

Two threads run alongside serving: one polls the head and loads deployments, the other keeps writing the server's record meanwhile.
The deployment in force is one reference; requests in flight keep the one they started with. Writes the server's record only.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from leptonctl.core import codec, layout
from leptonctl.core.frozen import replace
from leptonctl.serving.attempts import Attempts
from leptonctl.serving.condition import Beat, Condition, server_record
from leptonctl.serving.deployment import LoadedDeployment, Refused, Supply, no_deployment, prepare
from leptonctl.serving.records import Records, why_outdated
from leptonctl.serving.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leptonctl.core.deployment import Deployment, Head, ServerRecord
    from leptonctl.serving.deployment import ReadSecret

FOLLOWING, REPORTING = "the store cannot be followed", "the record of this server cannot be written"
RECOVERED = {FOLLOWING: "the store can be followed again", REPORTING: "the record of this server is written again"}


class Objects(Protocol):
    """The part of a store that a server may use."""

    def get(self, path: str) -> tuple[bytes, str] | None: ...

    def put(self, path: str, data: bytes) -> None: ...

    def describe(self) -> str: ...


class NoStore(Exception):
    """The store does not exist: it is not mounted or not used yet. A server waits for it and never creates it."""


class Follower:
    """Keeps the deployment in force in step with the head. `identity` is the server's record before it serves."""

    def __init__(
        self,
        objects: Objects,
        identity: ServerRecord,
        read_secret: ReadSecret,
        *,
        settings: Settings,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._objects, self._identity, self._read_secret, self._settings, self._log = objects, identity, read_secret, settings, log
        self._records = Records(fetch=self._fetch, lineage=identity.lineage, environment=identity.environment)
        self._condition = Condition(current=no_deployment(identity.environment))
        self._beat: Beat | None = None
        self._last_served = 0
        self._attempts = Attempts(settings.retry_s, settings.retry_most_s)
        self._logged_routes: set[str] = set()
        self._problems = {FOLLOWING: "", REPORTING: ""}
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._keep_following, self._keep_reporting)]

    def current(self) -> LoadedDeployment:
        """The deployment in force."""
        return self._condition.current

    def status(self) -> ServerRecord:
        """The server's record now."""
        record = server_record(self._identity, self._condition, self._beat or Beat())
        return record if record.note else replace(record, note=next(filter(None, self._problems.values()), ""))

    def start(self) -> None:
        """Register, then follow. Registering comes first: an apply that finds no server moves the head without waiting for one."""
        self._run_guarded(self._register, FOLLOWING)
        self._run_guarded(self._report, REPORTING)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop following and record it in the store. Does not wait for a load in progress."""
        self._stopping.set()
        self._changed.set()
        self._threads[1].join(timeout=self._settings.heartbeat_s)
        self._run_guarded(lambda: self._report(stopped=True), REPORTING)

    def step(self) -> None:
        """Read the head once and act on it. Raises what the store raises, and NoStore."""
        self._register()
        try:
            head = self._records.head()
        except Refused as problem:
            self._reject_head(str(problem))
            return
        if head is None:
            self._reject_head(f"{self._records.head_path} is not in the store" if self._condition.head.nonce else "")
            return
        reason = why_outdated(head, self._condition.head)
        if reason is not None:
            where = f"{self._records.head_path} (deployment {head.deployment})"
            self._reject_head(f"{where} is refused: {reason}", head.deployment, reason)
            # where an older copy of the store was put back, the next deployment is staged by the state that took over
            if head.epoch >= self._condition.head.epoch and head.staged not in (0, self._condition.current.number):
                self._stage(head.staged)
            return
        self._accept_head(head)
        if head.deployment != self._condition.current.number:
            self._activate(head)
        if head.staged not in (0, head.deployment, self._condition.current.number):
            self._stage(head.staged)

    def _register(self) -> None:
        """Start writing the server's record. Its beat continues from the record of an earlier process of this server."""
        if self._beat is not None:
            return
        self._check_store()
        try:
            earlier = self._records.server(self._identity.id)
        except Refused as problem:
            self._log(f"{problem}; it will be overwritten")
            earlier = None
        self._last_served = earlier.deployment if earlier else 0
        self._beat = Beat(number=earlier.beat if earlier else 0)
        self._changed.set()

    def _check_store(self) -> None:
        if not self._records.is_store():
            msg = f"{self._objects.describe()} is not a store (it has no {layout.IDENTITY}); waiting for it"
            raise NoStore(msg)

    def _reject_head(self, problem: str, number: int = 0, reason: str = "") -> None:
        """Report why the head in the store is not followed; the deployment in force keeps serving. `reason`: why `number` is refused."""
        condition = self._condition
        failed = {**condition.failed, number: reason} if number not in (0, condition.current.number) else condition.failed
        if problem and problem != condition.head_problem:
            self._log(problem)
        self._set_condition(replace(condition, head_problem=problem, failed=failed))

    def _accept_head(self, head: Head) -> None:
        """Follow a head: drop deployments that it no longer names. A rewritten head makes failed ones due again."""
        condition = self._condition
        if condition.head_problem:
            self._log(RECOVERED[FOLLOWING])
        if head.nonce != condition.head.nonce:
            self._attempts.clear()
        relevant = (head.deployment, head.staged)
        prepared = condition.prepared if condition.prepared is not None and condition.prepared.number in relevant else None
        current = condition.current
        if current.number == head.deployment and current.serial != head.serial:
            current = replace(current, serial=head.serial)
        failed = {number: why for number, why in condition.failed.items() if number in relevant and number != current.number}
        self._set_condition(Condition(current=current, prepared=prepared, head=head, failed=failed))

    def _stage(self, number: int) -> None:
        prepared = self._condition.prepared
        if (prepared is not None and prepared.number == number) or not self._attempts.is_due(number):
            return
        deployment = self._prepare(number)
        if deployment is not None:
            self._set_condition(replace(self._condition, prepared=deployment, failed=_remove_number(self._condition, number)))
            self._log(f"deployment {number} is ready")

    def _activate(self, head: Head) -> None:
        number, prepared = head.deployment, self._condition.prepared
        if not number:
            self._swap(no_deployment(self._identity.environment, head.serial), "no deployment is in force: nothing is served")
        elif prepared is not None and prepared.number == number:
            self._swap(replace(prepared, serial=head.serial), f"deployment {number} is in force")
        elif self._attempts.is_due(number):
            deployment = self._prepare(number)
            if deployment is not None:
                self._swap(replace(deployment, serial=head.serial), f"deployment {number} is in force")
            elif not self._condition.current.number:
                self._fall_back(head)

    def _swap(self, deployment: LoadedDeployment, message: str) -> None:
        condition = self._condition
        prepared = condition.prepared if condition.prepared is not None and condition.prepared.number != deployment.number else None
        self._set_condition(replace(condition, current=deployment, prepared=prepared, failed=_remove_number(condition, deployment.number)))
        self._last_served = deployment.number
        self._log(message)

    def _fall_back(self, head: Head) -> None:
        """Serve the newest earlier deployment that loads, when a starting server cannot load the head's."""
        for record in self._earlier_records(head):
            try:
                deployment = prepare(record, self._supply(record))
            except Refused:
                continue
            self._swap(deployment, f"deployment {deployment.number} is in force ({self._condition.note})")
            return

    def _earlier_records(self, head: Head) -> Iterator[Deployment]:
        """The deployments in force before the head's, newest first, then the one that an earlier process of this server served."""
        record = self._readable_record(head.deployment)
        if record is not None:
            yield from self._records.in_force_before(record)
        last = self._readable_record(self._last_served) if self._last_served != head.deployment else None
        if last is not None and (record is None or record.incarnation == last.incarnation):
            yield last

    def _readable_record(self, number: int) -> Deployment | None:
        try:
            return self._records.deployment(number) if number else None
        except Refused:
            return None

    def _prepare(self, number: int) -> LoadedDeployment | None:
        """Load a deployment. Reports a failure and returns None."""
        current = self._condition.current
        try:
            record = self._records.deployment(number)
            if record.serial < current.serial:
                msg = f"its serial {record.serial} is lower than {current.serial}, the one in force"
                raise Refused(msg)  # noqa: TRY301
            deployment = prepare(record, self._supply(record))
        except Refused as problem:
            self._fail(number, str(problem))
            return None
        except Exception as problem:  # noqa: BLE001 - each back end raises its own, and no file may stop the server
            self._fail(number, f"{type(problem).__name__}: {problem}")
            return None
        self._log_idle_routes(deployment)
        return deployment

    def _fail(self, number: int, reason: str) -> None:
        self._attempts.record_failure(number)
        if self._condition.failed.get(number) != reason:
            self._set_condition(replace(self._condition, failed={**self._condition.failed, number: reason}))
            self._log(f"deployment {number} is refused: {reason}")

    def _log_idle_routes(self, deployment: LoadedDeployment) -> None:
        for route in deployment.idle:
            if route not in self._logged_routes:
                self._logged_routes.add(route)
                self._log(f"{route} is recorded but not served; this release serves main routes only")

    def _supply(self, record: Deployment) -> Supply:
        current, prepared = self._condition.current, self._condition.prepared
        loaded = {**(prepared.loaded if prepared is not None else {}), **current.loaded}
        since = self._records.since(record, current.number, current.since)
        return Supply(fetch=self._fetch, read_secret=self._read_secret, loaded=loaded, since=since, now=time.time())

    def _fetch(self, path: str) -> bytes | None:
        entry = self._objects.get(path)
        return None if entry is None else entry[0]

    def _set_condition(self, condition: Condition) -> None:
        if condition != self._condition:
            self._condition = condition
            self._changed.set()

    def _keep_following(self) -> None:
        while not self._stopping.is_set():
            self._run_guarded(self.step, FOLLOWING)
            self._stopping.wait(self._settings.follow_s)

    def _keep_reporting(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            self._run_guarded(self._report, REPORTING)
            self._changed.wait(self._settings.heartbeat_s)

    def _report(self, *, stopped: bool = False) -> None:
        """Write the server's record, unless it has not registered yet."""
        if self._beat is None:
            return
        self._check_store()
        self._beat = Beat(number=self._beat.number + 1, at=time.time(), stopped=stopped)
        path = layout.server(self._identity.lineage, self._identity.environment, self._identity.id)
        self._objects.put(path, codec.encode(self.status()))

    def _run_guarded(self, action: Callable[[], None], purpose: str) -> None:
        """Run an action on the store. A store that fails for a while must not stop the server; each problem is logged once."""
        problem = ""
        try:
            action()
        except NoStore as error:
            problem = f"{purpose}: {error}"
        except Exception as error:  # noqa: BLE001 - each back end raises its own
            problem = f"{purpose}: {type(error).__name__}: {error}"
        if problem and problem != self._problems[purpose]:
            self._log(problem)
        if self._problems[purpose] and not problem:
            self._log(RECOVERED[purpose])
        self._problems[purpose] = problem


def _remove_number(condition: Condition, number: int) -> dict[int, str]:
    return {other: why for other, why in condition.failed.items() if other != number}
