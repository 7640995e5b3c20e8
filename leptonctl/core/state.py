"""The state as a value: small pointers, and the pure moves from one state to the next. Never reads a clock: times are handed in."""

from collections.abc import Collection, Mapping
from typing import Literal

from leptonctl.core.codec import Record
from leptonctl.core.deployment import Epoch
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json


class StepPointer(Record):
    """Which result stands for a step of an address. `op` is its kind of work."""

    op: str
    key: str


class Pointer(Record):
    """What is current at one address.

    `declaration` names the recipe that lies in the store (`core.recipe`): equal declarations have equal recipes, notes and steps.
    `steps`: step name -> its result. `artifact` is the main artifact, where the kind has one; `package` is what a binding
    answers with. `version` and `deployment` stand on bindings only; `effect` on what is undone when it vanishes.
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
        """The step key that stands for a step."""
        found = self.steps.get(step)
        return found.key if found else None


class Owner(Record):
    """Who acts: a process of a machine, as claims, locks and records name it. `start` is in clock ticks since boot.

    `namespace` tells the pids of containers apart. `since` is ISO 8601 in UTC.
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
    since: str = ""


class Claim(Record):
    """A running apply: the addresses it will move. `beat` grows while it lives; `returns` go back to what was served before."""

    owner: Owner
    addresses: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    phase: Literal["building", "binding"] = "building"
    beat: int = 0


class Lock(Record):
    """An environment from its gate to its bind. `token` was issued with it and is never issued again (protocols 1)."""

    claim: str
    owner: Owner
    token: int
    beat: int = 0


class Served(Record):
    """A package that an environment has served healthily, by the deployment that brought it."""

    version: str
    digest: str
    deployment: int


class Environment(Record):
    """What is recorded of an environment. `platform` is its settings as declared, with `type`.

    `incarnation` counts from its first bind to its destroy, `served` is of this one: model -> package -> how it was served.
    `host` is where its server runs. `commit` is the last that was applied to it from a repository.
    """

    platform: Mapping[str, Json]
    protected: bool = False
    requests: str = "lenient"
    host: str = ""
    url: str | None = None
    deployment: int = 0
    commit: str | None = None
    incarnation: int = 1
    served: Mapping[str, Mapping[str, Served]] = {}
    destroyed: bool = False


class Seal(Record):
    """The recipe of a version that a protected environment has bound, for good."""

    digest: str
    declaration: str
    environment: str
    at: str


class Author(Record):
    """Who made a change, with what and why: what history records and pending switches carry."""

    command: str = ""
    by: str | None = None
    host: str | None = None
    commit: str | None = None


class Mark(Record):
    """Names one history record: its serial and its own id."""

    serial: int
    id: str


class Verdict(Record):
    """What a gate said of a binding, for the history. `rule` and `metric` as in YAML; `passed` None where it was not known."""

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


class Moved(Record):
    """A pointer before and after: digests, and on bindings the versions, artifact and package. None: absent."""

    address: str
    before: str | None = None
    after: str | None = None
    before_version: str | None = None
    after_version: str | None = None
    artifact: str | None = None
    package: str | None = None


class HistoryRecord(Record, tag_field="format_version", tag="1"):
    """One change of pointers, or one refusal by gates (`held`), naming the record before it."""

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


class Pending(Record):
    """A switch under way: all that completes it after a crash (law 8). Pointers of None are dropped."""

    deployment: int
    claim: str
    token: int
    pointers: Mapping[str, Pointer | None]
    environment: Environment | None
    seals: Mapping[str, Seal] = {}
    author: Author = Author()
    evidence: tuple[Verdict, ...] = ()
    held: tuple[Moved, ...] = ()


class State(Record, tag_field="format_version", tag="1"):
    """One object, replaced by compare-and-swap of (`revision`, `write`).

    `revision` grows by one with every write and `write` is random; `serial` grows with every change of a pointer. `id` and
    `generation` tell this state from one put back or copied (protocols 3); `store` is the identity of its store. `pending`:
    environment -> its switch; `applies`: id -> running apply; `locks`, `tokens`: environment -> its lock, and the last token.
    `history` names the newest history record; `latest` is that record itself until the store is known to have it: what the
    store holds is then never ahead of the state, unless an earlier state was put back.
    """

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

    def entries(self, prefix: str) -> dict[str, Pointer]:
        """The pointers below an address."""
        return {address: pointer for address, pointer in self.current.items() if address.startswith(prefix)}

    def without(self, lost: Collection[str]) -> "State":
        """The state less the built things among these addresses. What is bound stays known: it is what a binding is compared with."""
        return replace(self, current={a: p for a, p in self.current.items() if p.effect or a not in lost})

    def moved(self, pointers: Mapping[str, Pointer | None]) -> "State":
        """The pointers set (or dropped, for None), as one change: serial + 1."""
        current = {a: p for a, p in self.current.items() if pointers.get(a, p) is not None}
        current.update({a: p for a, p in pointers.items() if p is not None})
        return replace(self, current=current, serial=self.serial + 1)

    def epoch(self, token: int) -> Epoch:
        """The epoch of a lock of an environment."""
        return Epoch(generation=self.generation, token=token)


class OwnerRecord(Record, tag_field="format_version", tag="1"):
    """The state, by id and generation, that may move what lies below `projects/LINEAGE/`. `at` and `by`: when it took over, and who."""

    project: str
    state: str
    generation: int
    at: str = ""
    by: str = ""


class LineageName(Record, tag_field="format_version", tag="1"):
    """A lineage that was begun under a project's name. The lineage's `owner` is what holds."""

    project: str
    lineage: str


class StoreIdentity(Record, tag_field="format_version", tag="1"):
    """Which store this is; a state names its store by it."""

    id: str


class KeyMark(Record, tag_field="format_version", tag="1"):
    """What tells the key of a key id from another one without giving it away."""

    mark: str


class Recipe(Record, tag_field="format_version", tag="1"):
    """What was declared at an address when it was built, under the digest that its pointer names as `declaration`."""

    address: str
    recipe: Mapping[str, Json]
    notes: Mapping[str, Json] = {}
