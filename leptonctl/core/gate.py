"""Gates and judgements as values: what an environment requires of a version, and the outcome. Knows no rule by name."""

from typing import Literal, TypeAlias

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Span

HoldKind: TypeAlias = Literal["gate", "not_comparable", "withdrawn", "frozen", "together"]


class Gate(Frozen):
    """One rule of an environment on one metric. `rule` is its name in YAML, `span` the place of its limit.

    `assume`: the environment accepts the comparison although the versions may not be comparable.
    """

    metric: str
    rule: str
    limit: float
    span: Span | None = None
    assume: bool = False


class Judgement(Frozen):
    """The outcome of a gate on the evidence. `passed` None: not known yet.

    `value` is what is compared with the limit (for a drop: how much worse the candidate is). `bound` and `candidate` are the metric
    of the version bound now and of the candidate. `interval` is (low, high) of `value` where `test`, a procedure in a few words,
    gives one; `test` is "" where the value itself is compared. `n`: number of rows it was measured on; `excluded`: evaluation rows
    that were left out of a comparison, None where nothing is compared. `assumed`: the figures may not be comparable, and the gate
    assumes that they are. `held`: why a binding that does not pass is held.
    """

    gate: Gate
    passed: bool | None
    value: float | None = None
    bound: float | None = None
    candidate: float | None = None
    interval: tuple[float, float] | None = None
    test: str = ""
    n: int | None = None
    excluded: int | None = None
    assumed: bool = False
    note: str = ""
    held: HoldKind = "gate"


class Hold(Frozen):
    """Why a change does not move. `kind` is its first cause, `reason` a plain line with all of them; `hint` is a command or an edit.

    `package` is what would be bound, None while it is not built. `since`: when a run met this hold, "" when none has.
    """

    kind: HoldKind
    reason: str
    hint: str = ""
    package: str | None = None
    since: str = ""
