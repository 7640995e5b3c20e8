"""Switches one environment in one move: pending, deployment record, servers ready, head, binding. Old set serves on when anything fails."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, Failure, error, fail
from leptonctl.core.observed import Live
from leptonctl.core.record import Entry, State, entry_to_json
from leptonctl.core.values import Json
from leptonctl.deploying import processes as servers
from leptonctl.deploying.fleet import host_name, port_problem
from leptonctl.kinds.live import HEARTBEAT_S, completed
from leptonctl.storage.claims import Claim, lock_environment, unlocked
from leptonctl.storage.pointers import Pointers, now
from leptonctl.storage.store import Store

READY_S = 60.0
SWAP_S = 10.0
HUNG_S = 3.0
POLL_S = 0.02
LOCK_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an environment should be after the switch.

    bindings: address -> the entry to write (None: unbound). environment: its own entry (None: it is no longer declared).
    platform, protected, requests: as declared. seals: model versions to seal. evidence, held: for the history.
    """

    name: str
    bindings: Mapping[str, Entry | None]
    environment: Entry | None
    platform: Mapping[str, Json]
    protected: bool
    requests: str
    seals: Mapping[str, dict[str, Json]]
    before: Mapping[str, tuple[str | None, str | None]]
    evidence: Json = None
    held: Sequence[Json] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The means of a switch. `store_uri` is what a started server is told to follow."""

    pointers: Pointers
    store: Store
    root: Path
    store_uri: str
    claim: Claim
    command: str
    commit: str | None
    progress: Callable[[str], None]

    def lock(self, name: str) -> State:
        """Hold the environment from the gate to the bind. An apply that switches it for other addresses is soon done: it is waited for."""
        deadline = time.monotonic() + READY_S + SWAP_S
        told = False
        while True:
            try:
                return self.pointers.move(lambda state: lock_environment(state, name, self.claim))
            except Failure as held:
                if time.monotonic() > deadline:
                    raise
                if not told:
                    self.progress(f"waiting: {problem_of(held).detail}")
                told = True
                time.sleep(LOCK_POLL_S)

    def unlock(self, name: str) -> None:
        """Give the environment back without a switch."""
        self.pointers.move(lambda state: unlocked(state, name, self.claim))

    def run(self, target: Target, live: Live | None) -> State:
        """Carry the switch through; the environment is locked. Until the head moves a failure leaves everything as it was."""
        state = self.pointers.read()
        assert state is not None
        stale = moved_since(state, target)
        if stale:
            raise fail(
                "stale-binding", "What this plan would replace has moved meanwhile", ", ".join(stale), hint="plan again", exit_code=5
            )
        record = self._record(target, state)
        number = cast("int", record["deployment"])
        history = {**self._told(target), "deployment": number}
        pending = {**self._pending(target, state, number), "history": history}
        self.pointers.move(lambda s: replace(s, pending={**s.pending, target.name: pending}))
        try:
            self._serve(target, record, live)
        except BaseException:
            head = self.store.head(target.name)
            if head is not None and head[0].get("deployment") == number:
                # servers follow the head: what it names is bound, whatever cut this short
                self._complete(target.name, history)
            else:
                self.pointers.move(lambda s: replace(s, pending={n: p for n, p in s.pending.items() if n != target.name}))
                if (live is None or live.here) and not state.entries(f"environment/{target.name}/"):
                    # nothing was served before: what was started for this has nothing to serve
                    servers.stop_server(root=self.root, environment=target.name)
            raise
        return self._complete(target.name, history)

    def _complete(self, name: str, history: Mapping[str, Json]) -> State:
        return self.pointers.move(lambda s: unlocked(completed(s, name), name, self.claim) if name in s.pending else s, history)

    def refuse(self, target: Target) -> None:
        """Tell the history that the gates let nothing through."""
        self.pointers.note(self._told(target))

    def _told(self, target: Target) -> dict[str, Json]:
        """Who, why and what the gates said, for a history record."""
        owner = self.claim.owner
        told: dict[str, Json] = {"command": self.command, "by": owner.get("user"), "host": owner.get("host"), "commit": self.commit}
        return {**told, "environment": target.name, "evidence": target.evidence, **({"held": list(target.held)} if target.held else {})}

    def heal(self, target: Target) -> None:
        """Start the server again; the set it serves is the head's."""
        self.progress("starting the server")
        self._start(target)

    def _record(self, target: Target, state: State) -> dict[str, Json]:
        """Write the immutable deployment record under the next free number."""
        prefix = f"environment/{target.name}/"
        entries = {a: e for a, e in {**state.entries(prefix), **target.bindings}.items() if e is not None}
        platform = target.platform
        head = self.store.head(target.name)
        record: dict[str, Json] = {
            "format_version": "1",
            "previous": cast("Json", head[0].get("deployment")) if head else None,
            "environment": target.name,
            "serial": state.serial + 1,
            "lineage": state.lineage,
            "at": now(),
            "by": self.claim.owner.get("user"),
            "commit": self.commit,
            "url": servers.url_of(str(platform["host"]), int(cast("int", platform["port"]))),
            "requests": target.requests,
            "models": {address.removeprefix(prefix): self._model(entry) for address, entry in sorted(entries.items())},
        }
        number = (
            max([*self.store.deployments(target.name), cast("int", state.environments.get(target.name, {}).get("deployment") or 0)]) + 1
        )
        while not self.store.put_deployment(target.name, number, {**record, "deployment": number}):
            number += 1
        return {**record, "deployment": number}

    def _model(self, entry: Entry) -> Json:
        export = self.store.get_result(entry.steps["export"])
        if export is None:
            raise fail("missing-artifact", "A bound artifact is not in the store", str(entry.artifact), hint="leptonctl build")
        evaluate = self.store.get_result(entry.steps["evaluate"]) if "evaluate" in entry.steps else None
        metrics = evaluate.outputs.get("metrics") if evaluate else None
        return {
            "version": entry.version,
            "digest": entry.digest,
            "artifact": entry.artifact,
            "artifacts": dict(export.artifacts),
            "metrics": metrics or {},
            "checks": entry.metadata.get("checks") or {},
        }

    def _pending(self, target: Target, state: State, number: int) -> dict[str, Json]:
        """All that completes the switch after a crash: the entries, the environment's record and the seals."""
        address = f"environment/{target.name}"
        entries: dict[str, Entry | None] = dict(target.bindings)
        recorded = state.current.get(address)
        if target.environment is None or recorded is None or recorded.digest != target.environment.digest:
            entries[address] = target.environment
        at = now()
        stamped = {
            a: replace(e, deployment=number if e.version is not None else None, at=at) if e is not None else None
            for a, e in entries.items()
        }
        return {
            "deployment": number,
            "claim": self.claim.id,
            "owner": dict(self.claim.owner),
            "entries": {a: entry_to_json(e) if e is not None else None for a, e in stamped.items()},
            "environment": self._environment(target, state, number, stamped),
            "sealed": cast("Json", dict(target.seals)),
        }

    def _environment(self, target: Target, state: State, number: int, entries: Mapping[str, Entry | None]) -> Json:
        if target.environment is None:
            return None
        old = state.environments.get(target.name, {})
        served = {m: dict(v) for m, v in cast("dict[str, dict[str, Json]]", old.get("served") or {}).items()}
        for address, entry in entries.items():
            if entry is not None and entry.artifact is not None and entry.version is not None:
                model = address.rpartition("/")[2]
                served.setdefault(model, {})[entry.artifact] = {"version": entry.version, "digest": entry.digest, "deployment": number}
        return {
            "platform": dict(target.platform),
            "protected": target.protected,
            "requests": target.requests,
            "host": old.get("host") or host_name(),
            "url": servers.url_of(str(target.platform["host"]), int(cast("int", target.platform["port"]))),
            "deployment": number,
            "commit": self.commit or old.get("commit"),
            "served": cast("Json", served),
        }

    def _serve(self, target: Target, record: Mapping[str, Json], live: Live | None) -> None:
        """Stage, wait until every registered server is ready, move the head, wait for the swap."""
        name, number = target.name, cast("int", record["deployment"])
        mark: dict[str, Json] = {"deployment": number, "serial": record["serial"]}
        self.store.stage(name, mark)
        here = live is None or live.here
        if target.environment is None:
            self._head(name, mark)
            if here:
                servers.stop_server(root=self.root, environment=name)
            return
        if here and record["models"]:
            self._start(target)
        self._wait(name, number, lambda s: number in _numbers(s.get("ready")), READY_S, "ready")
        self._head(name, mark)
        try:
            self._wait(name, number, lambda s: s.get("deployment") == number, SWAP_S, "serving")
        except Failure as late:
            # the head has moved: the binding is a fact, and a server that lags shows as drift
            self.progress(problem_of(late).detail)

    def _head(self, name: str, mark: Mapping[str, Json]) -> None:
        head = self.store.head(name)
        if not self.store.move_head(name, mark, head[1] if head else None):
            raise fail(
                "stale-head", "Another apply moved this environment meanwhile", f"environment/{name}", hint="plan again", exit_code=5
            )

    def _wait(self, name: str, number: int, done: Callable[[Mapping[str, Json]], bool], timeout: float, what: str) -> None:
        """Until all servers with a fresh heartbeat are so. Failure when one refuses the set or time runs out."""
        deadline = time.monotonic() + timeout
        told = time.monotonic()
        while True:
            alive = [
                s for s in self.store.servers(name) if not s.get("stopped") and time.time() - float(s.get("heartbeat") or 0) < HEARTBEAT_S
            ]
            for server in alive:
                refused = (server.get("failed") or {}).get(str(number))
                if refused:
                    raise fail(
                        "not-ready",
                        "A server refuses the new set; the old one serves on",
                        f"{server.get('id')}: {refused}",
                        hint="leptonctl status",
                    )
            if all(done(s) for s in alive):
                return
            if time.monotonic() > deadline:
                late = ", ".join(str(s.get("id")) for s in alive if not done(s))
                raise fail(
                    "not-ready",
                    "A server did not get ready in time; the old set serves on",
                    f"not {what} after {timeout:.0f} s: {late}",
                    hint="see its log, then apply again",
                )
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self.progress(f"waiting for {len(alive)} server{'s' if len(alive) != 1 else ''} to be {what}")
            time.sleep(POLL_S)

    def _start(self, target: Target) -> None:
        """This host's server, at the declared address: started unless it answers there already."""
        platform = target.platform
        host, port = str(platform["host"]), int(cast("int", platform["port"]))
        known = servers.server_record(self.root, target.name)
        running = known is not None and servers.is_running(known)
        if known is not None and running and known["url"] == servers.url_of(host, port) and servers.probe(known["url"], HUNG_S) is None:
            self.progress("the server does not answer: stopping it")
            running = not servers.stop_server(root=self.root, environment=target.name, timeout=HUNG_S)
        taken = port_problem(target.name, host, port, self.store)
        if taken is not None:
            raise fail("port-in-use", "The port of this environment is taken", taken, hint="choose another port, or stop what uses it")
        if not servers.port_free(host, port):
            return
        if running:
            servers.stop_server(root=self.root, environment=target.name)
        self.progress("starting the server")
        servers.start_server(root=self.root, environment=target.name, store_uri=self.store_uri, host=host, port=port)


def moved_since(state: State, target: Target) -> list[str]:
    """Addresses whose pointer is no longer what the plan saw."""
    found = []
    for address, before in target.before.items():
        entry = state.current.get(address)
        if ((entry.digest, entry.version) if entry else (None, None)) != before:
            found.append(address)
    return found


def problem_of(failure: Failure) -> Diagnostic:
    """The first error that a failure carries."""
    return failure.diagnostics[0] if failure.diagnostics else error("step-failed", str(failure))


def _numbers(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()
