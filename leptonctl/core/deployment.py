"""What an environment serves, as records: deployments with their routes, the head that names the one in force, and servers."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from leptonctl.core.codec import Record

Role: TypeAlias = Literal["main", "canary", "shadow"]


class Epoch(Record, order=True):
    """Who may move an environment: the generation of the state, and the token of the environment's lock (protocols 1)."""

    generation: int = 0
    token: int = 0


class Route(Record):
    """A version of a model in a deployment. `share` is its share of the requests, in [0, 1].

    `digest` is the version's; `package` and `artifact` (its ONNX bytes) are what answers. `files` are all files that a server
    loads, by name; `checks` is the digest of the contract's checks in force, None when there are none; `profile` that of the
    profile of its training rows, None where none was made. `keys`: step name -> the key of the result by which it was built.
    """

    version: str
    digest: str
    package: str
    artifact: str
    files: Mapping[str, str]
    role: Role = "main"
    share: float = 1.0
    checks: str | None = None
    profile: str | None = None
    metrics: Mapping[str, float] = {}
    keys: Mapping[str, str] = {}

    @property
    def beside(self) -> Mapping[str, str]:
        """The digests of what is kept beside the package, by name: checks and profile."""
        return {name: digest for name, digest in (("checks", self.checks), ("profile", self.profile)) if digest is not None}


class Deployment(Record, tag_field="format_version", tag="1"):
    """All bindings of an environment at one moment, written once. `previous` is the deployment in force before, None for the first.

    `requests` is lenient or strict; `at` is ISO 8601 in UTC. `commit` is the one it was applied from, `dirty`: declared files differed
    from it.
    """

    lineage: str
    environment: str
    deployment: int
    incarnation: int
    serial: int
    previous: int | None
    at: str
    by: str | None
    commit: str | None
    url: str | None
    requests: str
    models: Mapping[str, tuple[Route, ...]]
    dirty: bool = False

    def main(self, model: str) -> Route | None:
        """The route that answers for a model."""
        return next((route for route in self.models.get(model, ()) if route.role == "main"), None)


class Head(Record, tag_field="format_version", tag="1"):
    """The fence and the pointer of an environment in one object. Numbers of 0 mean none.

    `nonce` is random, so that no two heads have equal bytes. `staged` is the deployment that servers should load. `lineage` and
    `environment` say whose head it is; "" in older records.
    """

    epoch: Epoch
    nonce: str
    deployment: int = 0
    serial: int = 0
    staged: int = 0
    holder: str = ""
    lineage: str = ""
    environment: str = ""

    def is_of(self, lineage: str, environment: str) -> bool:
        """Whether it is the head of this environment. One of an older release, which does not say, counts as such."""
        return (self.lineage or lineage, self.environment or environment) == (lineage, environment)


class ServedModel(Record):
    """What a server serves for a model, and since when without interruption (ISO 8601)."""

    version: str
    digest: str
    package: str
    artifact: str
    since: str


class ServerRecord(Record, tag_field="format_version", tag="1"):
    """What a server reports about itself, in the store and at `/leptonctl/v1/status`.

    `beat` grows with every write: two readings show whether the server lives, without comparing clocks (protocols 4).
    `heartbeat` and `started` are seconds since 1970 by the server's clock, for people. `start` is in clock ticks since boot,
    `namespace` is that of the pid; with machine, boot and pid they identify a process. `ready`: deployments it could serve at
    once; `failed`: deployment -> why it cannot serve it; `note`: why it serves another deployment than the head names.
    """

    id: str
    lineage: str
    environment: str
    host: str
    pid: int
    url: str
    started: float
    machine: str = ""
    start: int | None = None
    boot: str | None = None
    namespace: str | None = None
    heartbeat: float = 0.0
    beat: int = 0
    stopped: bool = False
    deployment: int = 0
    serial: int = 0
    ready: tuple[int, ...] = ()
    failed: Mapping[str, str] = {}
    note: str = ""
    models: Mapping[str, ServedModel] = {}
