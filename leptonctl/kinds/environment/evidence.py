"""The evidence for gates: the outputs of evaluations and comparisons as records. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.result import Result
from leptonctl.core.row_list import OWNERS


class EvaluateOutputs(Record):
    """Metrics of the candidate on its own evaluation rows, `rows` of them. A metric that is undefined on them is None or absent."""

    metrics: Mapping[str, float | None]
    rows: int

    def metric(self, name: str) -> float | None:
        """A metric; None when it is not a finite number."""
        return _finite(self.metrics.get(name))


class Pair(Record):
    """One metric of both versions on the same rows: `a` of the version bound now, `b` of the candidate. None where undefined."""

    a: float | None = None
    b: float | None = None


class Flips(Record):
    """How many rows change their label. share: in [0, 1]; None without labels or rows."""

    rows: int = 0
    changed: int = 0
    share: float | None = None


class CompareOutputs(Record):
    """The version bound now (a) and the candidate (b) on `rows` rows that neither was trained on; `excluded` rows were left out.

    excluded_by: how many of those each was trained on. not_comparable: why the comparison is not fair to both; "" when it is.
    """

    rows: int
    excluded: int = 0
    excluded_by: Mapping[str, int] = {}
    metrics: Mapping[str, Pair] = {}
    flips: Flips = Flips()
    notes: tuple[str, ...] = ()
    not_comparable: str = ""

    @property
    def grounds(self) -> str:
        """Which evaluation rows were left out, as a phrase; "" for none."""
        parts = [f"{OWNERS.get(version, version)} learned {count}" for version, count in self.excluded_by.items() if count]
        return f"{self.excluded} of {self.excluded + self.rows} rows left out: {', '.join(parts)}" if parts else ""

    def pair(self, name: str) -> tuple[float, float] | None:
        """A metric of (bound, candidate); None when one of them is not a finite number."""
        metric = self.metrics.get(name, Pair())
        bound, candidate = _finite(metric.a), _finite(metric.b)
        return None if bound is None or candidate is None else (bound, candidate)


class Evidence(Frozen):
    """What is known about a candidate.

    evaluations: its own; None for one that does not exist yet. comparison: with the version bound now; None until it exists.
    compares: False when no other version is bound. same: the bound version has the candidate's recipe. foreseen: why no comparison is
    possible, if that is known before it runs.
    unreadable: op -> what is wrong with its outputs, which count as absent.
    """

    evaluations: tuple[EvaluateOutputs | None, ...] = ()
    comparison: CompareOutputs | None = None
    compares: bool = True
    same: bool = False
    foreseen: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)


def evidence_of(
    evaluations: Iterable[Result | None], comparison: Result | None, *, compares: bool, same: bool = False, foreseen: tuple[str, ...] = ()
) -> Evidence:
    """The evidence in results, None for a result that does not exist yet. Malformed outputs count as absent."""
    unreadable: dict[str, str] = {}
    return Evidence(
        evaluations=tuple(_outputs(result, EvaluateOutputs, unreadable) for result in evaluations),
        comparison=_outputs(comparison, CompareOutputs, unreadable),
        compares=compares,
        same=same,
        foreseen=foreseen,
        unreadable=unreadable,
    )


T = TypeVar("T", EvaluateOutputs, CompareOutputs)


def _outputs(result: Result | None, kind: type[T], unreadable: dict[str, str]) -> T | None:
    if result is None:
        return None
    try:
        return convert(dict(result.outputs), kind)
    except BadRecord as problem:
        unreadable[result.op] = str(problem)
        return None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
