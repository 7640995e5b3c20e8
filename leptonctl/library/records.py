"""The results of calls that read records: an address, two versions side by side, the history, the leaderboard."""

from collections.abc import Mapping
from time import time

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.library.reports import WIDTH, Answer


class Step(Frozen):
    """A step of a recorded address: its op, and the key of its result in the store."""

    op: str
    key: str


class Recorded(Frozen):
    """What an address points to. `version`, `deployment`: of a binding."""

    digest: str
    artifact: str | None
    package: str | None
    steps: Mapping[str, Step]
    at: str
    version: str | None = None
    deployment: int | None = None


class Outcome(Frozen):
    """The results of the steps of a digest. `metrics`: of the test rows, by name. `artifacts`: file -> digest. `evaluation`: curves and
    matrices.
    """

    metrics: Mapping[str, float | None]
    artifacts: Mapping[str, str]
    parity: Mapping[str, Json] | None
    provenance: Mapping[str, Json]
    evaluation: Mapping[str, Json] = {}
    seconds: Mapping[str, float] = {}
    package: str | None = None


class Shown(Answer):
    """What is recorded. `current`: by address. `results`: by digest. `version`, `dataset`: everything about the version that was named."""

    lineage: str | None
    serial: int
    current: Mapping[str, Recorded]
    results: Mapping[str, Outcome]
    version: Mapping[str, Json] | None = None
    dataset: Mapping[str, Json] | None = None

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of the one address that was named. KeyError if several addresses have results, or none."""
        digests = {one.digest for one in self.current.values() if one.digest in self.results}
        if len(digests) != 1:
            raise KeyError("name one address")
        return self.results[digests.pop()].metrics

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.show import render_text

        return render_text(self.to_json(), color=color, width=WIDTH, now=time())


class FieldDifference(Frozen):
    """A field of the recipe that differs, by its dotted path."""

    path: str
    a: Json
    b: Json


class MetricDifference(Frozen):
    """A metric of both sides. `better`: higher, lower, or None if neither is."""

    a: float | None
    b: float | None
    better: str | None = None


class Diff(Answer):
    """Two versions side by side. `flips`: the rows whose label differs. `dataset`: the differences of two dataset versions."""

    a: str
    b: str
    fields: tuple[FieldDifference, ...]
    metrics: Mapping[str, MetricDifference]
    flips: Mapping[str, Json] | None = None
    size: Mapping[str, Json] | None = None
    latency: Mapping[str, Json] | None = None
    dataset: Mapping[str, Json] | None = None

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.diff import render_text

        return render_text(self.content, color=color, width=WIDTH)


class Moved(Frozen):
    """An address that moved, with the digests and versions before and after."""

    address: str
    before: str | None
    after: str | None
    before_version: str | None
    after_version: str | None
    artifact: str | None
    package: str | None = None


class Entry(Frozen):
    """One change of pointers: who, when, from which commit, why, and what moved."""

    serial: int
    id: str
    at: str
    command: str
    by: str | None
    host: str | None
    commit: str | None
    dirty: bool
    reason: str
    environment: str | None
    deployment: int | None
    changes: tuple[Moved, ...]
    held: tuple[Moved, ...] = ()


class Build(Frozen):
    """Steps that were computed for an address. `search`: the winner of a search among them."""

    address: str
    ops: tuple[str, ...]
    at: str | None
    by: str | None
    seconds: float
    metrics: Mapping[str, Json]
    search: Mapping[str, Json] | None = None


class History(Answer):
    """Every change of a pointer and every build, newest first."""

    entries: tuple[Entry, ...]
    builds: tuple[Build, ...]
    way_back: Mapping[str, Json] | None = None

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.history import render_text

        return render_text(self.content, color=color, now=time())


class Row(Frozen):
    """A version on a leaderboard. `value`: of the metric that orders the board."""

    address: str
    version: str
    digest: str
    declared: bool
    built: bool
    value: float | None
    metrics: Mapping[str, Json]
    bound: tuple[Json, ...]
    algorithm: str | None
    params: Mapping[str, Json]


class Leaderboard(Answer):
    """All versions of a model that are declared or were once built, best first."""

    model: str
    task: str
    metric: str
    better: str | None
    rows: tuple[Row, ...]

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.leaderboard import render_text

        return render_text(self.content, color=color, width=WIDTH, now=time())
