"""The state as a value: small pointers, and pure transitions from one state to the next. Never reads a clock: times are passed in."""

from collections.abc import Collection, Mapping
from typing import Literal

from leptonctl.core.codec import Record
from leptonctl.core.deployment import Epoch
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act, Freeze, HeldBinding, Withdrawal
from leptonctl.core.job import Job
from leptonctl.core.values import Json


class StepPointer(Record):
    """The current result of a step of an address. `op` is the step's kind of work."""

    op: str
    key: str


class Pointer(Record):
    """What is current at one address.

    `declaration` names the `Recipe` in the store: equal declarations have equal recipes, notes and steps.
    `steps`: step name -> its result. `artifact` is the main artifact, where the kind has one; `package` is what a binding
    answers with. `version` and `deployment` are set on bindings only. `effect`: it is undone when it is no longer declared.
    """

    digest: str
    declaration: str = ""
    artifact: str | None = None
    package: str | None = None
    steps: Mapping[str, StepPointer] = {}
    version: str | None = None
    deployment: int | None = None
    effect: bool = False
    at: str = ""

    def key(self, step: str) -> str | None:
        """The key of a step's current result, None when it has none."""
        pointer = self.steps.get(step)
        return pointer.key if pointer else None


class Owner(Record):
    """The process that acts, as claims, locks and records name it. `start` is in clock ticks since boot.

    `namespace` tells the pids of containers apart. `since` is ISO 8601 in UTC. `dirty`: declared files differed from the commit.
    `reason` is what the user gave as `--reason`. `job` is the CI job that it is part of, null outside CI.
    """

    user: str = ""
    host: str = ""
    machine: str = ""
    boot: str | None = None
    namespace: str | None = None
    pid: int = 0
    start: int | None = None
    command: str = ""
    commit: str | None = None
    dirty: bool = False
    since: str = ""
    reason: str = ""
    job: Job | None = None


class Claim(Record):
    """A running apply: the addresses it will move. `beat` grows while it lives; `returns` are the addresses that go back to
    what they served before.
    """

    owner: Owner
    addresses: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    phase: Literal["building", "binding"] = "building"
    beat: int = 0


class Lock(Record):
    """The lock of an environment, held from the gates to the bind. `token` was issued with it and is never issued again (protocols 1)."""

    claim: str
    owner: Owner
    token: int
    beat: int = 0


class Served(Record):
    """A package that an environment has served healthily, and the deployment that brought it."""

    version: str
    digest: str
    deployment: int


class Environment(Record):
    """The record of an environment. `platform` holds its settings as declared, with `type`.

    `served` belongs to the present incarnation, which began with the first bind: model -> package -> how it was served.
    `host` is where its server runs, and `folder` the project's folder there that starts it. `commit` is the last commit that was
    applied to it from a clean checkout: returns and applies of uncommitted files do not change it; `dirty`: what was applied last
    differed from it. `withdrawals` includes those that were readmitted.
    """

    platform: Mapping[str, Json]
    protected: bool = False
    requests: str = "lenient"
    host: str = ""
    folder: str = ""
    url: str | None = None
    deployment: int = 0
    commit: str | None = None
    dirty: bool = False
    incarnation: int = 1
    served: Mapping[str, Mapping[str, Served]] = {}
    destroyed: bool = False
    withdrawals: tuple[Withdrawal, ...] = ()

    def withdrawals_of(self, model: str, *, digest: str | None, package: str | None, artifact: str | None) -> tuple[Withdrawal, ...]:
        """The withdrawals of a recipe, package or graph that concern a model, also those that were readmitted.

        What was withdrawn from one model is withdrawn from others too, so that renaming a model does not let it in; except from a model
        that has served the same package here itself.
        """
        served = package in self.served.get(model, {})
        return tuple(
            w for w in self.withdrawals if w.covers(digest=digest, package=package, artifact=artifact) and (w.model == model or not served)
        )


class Seal(Record):
    """The recipe of a version that a protected environment has bound; it may not change any more."""

    digest: str
    declaration: str
    environment: str
    at: str


class Author(Record):
    """Who made a change, with which command and from which commit: part of history records and pending switches.

    `by` is who started the CI job, or a login name. `dirty`: declared files differed from the commit. `reason` is what the user
    gave as `--reason`. `job` is the CI job that made it, null outside CI.
    """

    command: str = ""
    by: str | None = None
    host: str | None = None
    commit: str | None = None
    dirty: bool = False
    reason: str = ""
    job: Job | None = None


class Mark(Record):
    """Names one history record: its serial and its own id."""

    serial: int
    id: str


class Verdict(Record):
    """A gate's judgement of a binding, for the history. `rule` and `metric` as in YAML; `passed` is None when it was unknown.

    `excluded`: how many evaluation rows were left out, because a version was trained on them. `assumed`: the YAML accepts a
    comparison that may not be valid.
    """

    address: str
    metric: str
    rule: str
    limit: float
    passed: bool | None = None
    value: float | None = None
    bound: float | None = None
    candidate: float | None = None
    low: float | None = None
    high: float | None = None
    test: str = ""
    n: int | None = None
    note: str = ""
    excluded: int | None = None
    assumed: bool = False


class Moved(Record):
    """A pointer before and after a change: digests, and on bindings the versions, artifact and package. None means absent."""

    address: str
    before: str | None = None
    after: str | None = None
    before_version: str | None = None
    after_version: str | None = None
    artifact: str | None = None
    package: str | None = None


class HistoryRecord(Record, tag_field="format_version", tag="1"):
    """One change of pointers, one refusal (`held`), or an act. `previous` names the record before it, None for the first.

    `base`: the record of the state that was restored; those between it and this one belong to the state that was replaced.
    """

    serial: int
    id: str
    previous: Mark | None
    at: str
    author: Author
    changes: tuple[Moved, ...] = ()
    held: tuple[Moved, ...] = ()
    environment: str | None = None
    deployment: int | None = None
    evidence: tuple[Verdict, ...] = ()
    recovered_by: str | None = None
    base: Mark | None = None
    acts: tuple[Act, ...] = ()


class Pending(Record):
    """A switch in progress: everything needed to complete it after a crash (protocols 2). Pointers and holds of None are dropped."""

    deployment: int
    claim: str
    token: int
    pointers: Mapping[str, Pointer | None]
    environment: Environment | None
    seals: Mapping[str, Seal] = {}
    author: Author = Author()
    evidence: tuple[Verdict, ...] = ()
    held: tuple[Moved, ...] = ()
    holds: Mapping[str, HeldBinding | None] = {}
    acts: tuple[Act, ...] = ()


class State(Record, tag_field="format_version", tag="1"):
    """One object, replaced by compare-and-swap of (`revision`, `write`).

    `revision` grows by one with every write and `write` is random; `serial` grows with every change of a pointer. `id` and
    `generation` distinguish this state from a restored or copied one (protocols 3); `store` is the identity of its store. `pending`:
    environment -> its switch; `applies`: id -> running apply; `locks`, `tokens`: environment -> its lock, and the last token.
    `history` names the newest history record; `latest` is that record itself until the store is known to have it: the history
    in the store is then never ahead of the state, unless an earlier state was restored. `frozen`: environment -> its freeze;
    `held`: address of a binding -> the hold that a run has met there.
    """

    checksum = False

    lineage: str
    project: str
    id: str = ""
    generation: int = 1
    store: str = ""
    revision: int = 0
    write: str = ""
    serial: int = 0
    current: Mapping[str, Pointer] = {}
    environments: Mapping[str, Environment] = {}
    sealed: Mapping[str, Seal] = {}
    pending: Mapping[str, Pending] = {}
    applies: Mapping[str, Claim] = {}
    locks: Mapping[str, Lock] = {}
    tokens: Mapping[str, int] = {}
    history: Mark | None = None
    latest: HistoryRecord | None = None
    frozen: Mapping[str, Freeze] = {}
    held: Mapping[str, HeldBinding] = {}

    def entries(self, prefix: str) -> dict[str, Pointer]:
        """The pointers below an address."""
        return {address: pointer for address, pointer in self.current.items() if address.startswith(prefix)}

    def without_builds(self, lost: Collection[str]) -> "State":
        """The state without the builds at these addresses. Bindings are kept, because new ones are compared with them."""
        return replace(self, current={a: p for a, p in self.current.items() if p.effect or a not in lost})

    def move(self, pointers: Mapping[str, Pointer | None]) -> "State":
        """The state with these pointers set (or dropped, for None) as one change: serial + 1."""
        current = {a: p for a, p in self.current.items() if pointers.get(a, p) is not None}
        current.update({a: p for a, p in pointers.items() if p is not None})
        return replace(self, current=current, serial=self.serial + 1)

    def holding(self, holds: Mapping[str, HeldBinding | None]) -> "State":
        """The state with these holds set (or dropped, for None); the same object when nothing changes."""
        if all(self.held.get(address) == hold for address, hold in holds.items()):
            return self
        merged = {**self.held, **holds}
        return replace(self, held={address: hold for address, hold in sorted(merged.items()) if hold is not None})

    def epoch(self, token: int) -> Epoch:
        """The epoch of an environment's lock."""
        return Epoch(generation=self.generation, token=token)
