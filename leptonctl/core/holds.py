"""What keeps a binding from moving, as records: withdrawals, freezes, and holds that a run has met (protocols 8, 9)."""

from typing import Literal

from leptonctl.core.codec import Record
from leptonctl.core.gate import HoldKind


class Readmission(Record):
    """Who let a withdrawn package back in, when and why."""

    at: str
    by: str | None = None
    reason: str = ""


class Withdrawal(Record):
    """A package that an environment moved back from. `id` is w1, w2 … within the environment.

    `digest` (of the recipe), `package` and `artifact` (of the graph) each tell it from what was returned to: "" where both had
    the same. `command` withdrew it; `deployment` is the one that was left. `readmitted` is None while it is withdrawn.
    """

    id: str
    model: str
    version: str
    digest: str
    package: str
    artifact: str
    at: str
    by: str | None = None
    reason: str = ""
    command: str = ""
    deployment: int = 0
    readmitted: Readmission | None = None

    def covers(self, *, digest: str | None, package: str | None, artifact: str | None) -> bool:
        """Whether this is what was withdrawn: the same recipe, package or graph, under whatever name of a version or a model."""
        pairs = ((self.digest, digest), (self.package, package), (self.artifact, artifact))
        return any(mine and mine == other for mine, other in pairs)


class Freeze(Record):
    """Why an environment is frozen, since when and by whom."""

    at: str
    by: str | None = None
    reason: str = ""


class HeldBinding(Record):
    """A hold that a run has met: (binding, package, reason). `package` is None where it was not built yet; `since` is ISO 8601."""

    version: str | None
    digest: str | None
    package: str | None
    kind: HoldKind
    reason: str
    since: str


class Act(Record):
    """What a history record holds apart from moves. `withdrawal` is its id; `model` and `version` are empty for a freeze.

    A binding that a gate holds has none: its verdicts are recorded.
    """

    kind: Literal["withdrawn", "readmitted", "frozen", "unfrozen", "held"]
    model: str = ""
    version: str = ""
    withdrawal: str = ""
    reason: str = ""
