"""Gates against evidence: what passes, what does not, and what is not known yet."""

import pytest

from leptonctl.core.change import Gate, Judgement
from leptonctl.core.values import Json, Result
from leptonctl.kinds.gates import NOTHING_BOUND, judge


def evaluated(**metrics: Json) -> Result:
    return Result(key="e", op="evaluate", artifacts={}, outputs={"metrics": metrics}, provenance={}, seconds=0)


def compared(flips: Json = None, **metrics: Json) -> Result:
    return Result(key="c", op="compare", artifacts={}, outputs={"flips": flips, "metrics": metrics}, provenance={}, seconds=0)


def one(
    metric: str, rule: str, limit: float, *evaluations: Result | None, comparison: Result | None = None, compares: bool = True
) -> Judgement:
    (found,) = judge(
        [Gate(metric=metric, rule=rule, limit=limit)], evaluations=evaluations, comparison=comparison, compares=compares,
        greater_is_better=lambda name: name != "mae",
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("rule", "limit", "passed"), [("min", 0.8, True), ("min", 0.9, True), ("min", 0.91, False), ("max", 0.9, True), ("max", 0.89, False)]
)
def test_limits_are_inclusive(rule: str, limit: float, passed: bool) -> None:
    found = one("f1", rule, limit, evaluated(f1=0.9))
    assert (found.passed, found.value, found.candidate) == (passed, 0.9, 0.9)


def test_a_metric_of_a_second_evaluation() -> None:
    assert one("f1", "min", 0.5, evaluated(accuracy=1.0), evaluated(f1=0.9)).passed is True
    # the other may still have it
    assert one("f1", "min", 0.5, evaluated(accuracy=1.0), None).passed is None


def test_nothing_is_said_before_the_evidence_is_there() -> None:
    for found in (one("f1", "min", 0.5, None), one("f1", "max_drop", 0.1, None), one("flips", "max", 0.1, None)):
        assert (found.passed, found.value) == (None, None)


def test_a_metric_that_is_undefined_on_these_rows_does_not_pass() -> None:
    found = one("roc_auc", "min", 0.0, evaluated(accuracy=1.0))
    assert (found.passed, found.value, found.note) == (False, None, "undefined on these rows")


@pytest.mark.parametrize(
    ("metric", "bound", "candidate", "drop"),
    [("f1", 0.9, 0.8, 0.1), ("f1", 0.8, 0.9, -0.1), ("mae", 1.0, 1.5, 0.5), ("mae", 1.5, 1.0, -0.5)],
)
def test_a_drop_is_how_much_worse_it_is(metric: str, bound: float, candidate: float, drop: float) -> None:
    comparison = compared(**{metric: {"a": bound, "b": candidate}})
    found = one(metric, "max_drop", 0.2, comparison=comparison)
    assert found.value == pytest.approx(drop)
    assert (found.bound, found.candidate, found.passed) == (bound, candidate, drop <= 0.2)


def test_no_drop_at_all_is_a_limit_too() -> None:
    assert one("f1", "max_drop", 0.0, comparison=compared(f1={"a": 0.9, "b": 0.9})).passed is True
    assert one("f1", "max_drop", 0.0, comparison=compared(f1={"a": 0.9, "b": 0.89})).passed is False


@pytest.mark.parametrize("found", [{}, {"f1": {}}, {"f1": {"a": 0.5}}, {"f1": {"b": 0.5}}])
def test_a_drop_that_cannot_be_measured_does_not_pass(found: dict[str, Json]) -> None:
    judged = one("f1", "max_drop", 1.0, comparison=compared(**found))
    assert judged.passed is False
    assert judged.note


@pytest.mark.parametrize(("share", "passed"), [(0.05, True), (0.0, True), (0.051, False)])
def test_flips(share: float, passed: bool) -> None:
    found = one("flips", "max", 0.05, comparison=compared({"rows": 100, "changed": 5, "share": share}))
    assert (found.passed, found.value) == (passed, share)


@pytest.mark.parametrize("flips", [None, {}, {"rows": 0, "changed": 0, "share": None}, {"rows": 100, "changed": None, "share": None}])
def test_flips_that_cannot_be_counted_do_not_pass(flips: Json) -> None:
    assert one("flips", "max", 1.0, comparison=compared(flips)).passed is False


def test_there_is_nothing_to_drop_from_when_nothing_else_is_bound() -> None:
    for metric, rule in (("f1", "max_drop"), ("flips", "max")):
        found = one(metric, rule, 0.0, compares=False)
        assert (found.passed, found.note) == (True, NOTHING_BOUND)


def test_every_gate_has_its_verdict_in_order() -> None:
    gates = [
        Gate(metric="f1", rule="min", limit=0.5),
        Gate(metric="f1", rule="max", limit=0.5),
        Gate(metric="flips", rule="max", limit=0.5),
    ]
    found = judge(gates, evaluations=[evaluated(f1=0.9)], comparison=None, compares=True, greater_is_better=lambda _: True)
    assert [j.passed for j in found] == [True, False, None]
    assert [j.gate for j in found] == gates
