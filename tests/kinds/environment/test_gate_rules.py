"""Every rule with every kind of evidence, and an additional rule to show that one line in the table is enough."""

import pytest

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Gate, Judgement
from leptonctl.core.values import Json
from leptonctl.kinds.environment.evidence import CompareOutputs, EvaluateOutputs, Evidence, Flips, Pair
from leptonctl.kinds.environment.gate_block import gates_of
from leptonctl.kinds.environment.gate_rules import (
    COMPARE,
    NO_LABELS,
    NO_ROWS,
    NOTHING_BOUND,
    RULES,
    UNDEFINED,
    GreaterIsBetter,
    Rule,
    find_rule,
    limits,
    metrics_to_compare,
    metrics_to_evaluate,
    needs_comparison,
    own_metrics,
    rules_for,
)
from leptonctl.kinds.environment.gates import judgements
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.environment.schema import GATE
from tests.kinds.declared import ALL, CATALOG, sound

SMALLER_IS_BETTER = {"mae", "rmse", "log_loss"}
NAN, INF = float("nan"), float("inf")


def greater_is_better(metric: str) -> bool:
    """Called only for metrics of the catalog; flips is not one of them."""
    assert metric != "flips"
    return metric not in SMALLER_IS_BETTER


def gate(metric: str, rule: str, limit: float) -> Gate:
    return Gate(metric=metric, rule=rule, limit=limit)


def one(metric: str, rule: str, limit: float, evidence: Evidence) -> Judgement:
    (judgement,) = judgements([gate(metric, rule, limit)], evidence, greater_is_better)
    return judgement


def evaluated(rows: int = 40, /, **metrics: float | None) -> Evidence:
    return Evidence(evaluations=(EvaluateOutputs(metrics=metrics, rows=rows),))


def compared(metric: str, bound: float | None, candidate: float | None, *, rows: int = 30) -> Evidence:
    return Evidence(comparison=CompareOutputs(rows=rows, metrics={metric: Pair(a=bound, b=candidate)}))


def flipped(changed: int, rows: int) -> Evidence:
    return Evidence(comparison=CompareOutputs(rows=rows, flips=Flips(rows=rows, changed=changed, share=changed / rows)))


@pytest.mark.parametrize(
    ("rule", "limit", "passed"),
    [("min", 0.8, True), ("min", 0.9, True), ("min", 0.91, False), ("max", 0.91, True), ("max", 0.9, True), ("max", 0.89, False)],
)
def test_min_and_max_use_the_candidates_own_rows(rule: str, limit: float, passed: bool) -> None:
    expected = Judgement(gate=gate("f1", rule, limit), passed=passed, value=0.9, candidate=0.9, n=40)
    assert one("f1", rule, limit, evaluated(f1=0.9)) == expected


@pytest.mark.parametrize(("metric", "value"), [("r2", -0.4), ("r2", 0.0), ("mae", 0.0), ("mae", 1234567.891), ("log_loss", 34.5)])
def test_a_value_on_the_limit_passes_from_either_side(metric: str, value: float) -> None:
    assert one(metric, "min", value, evaluated(**{metric: value})).passed is True
    assert one(metric, "max", value, evaluated(**{metric: value})).passed is True


def test_a_metric_of_a_second_evaluation_and_its_rows() -> None:
    first, second = EvaluateOutputs(metrics={"accuracy": 1.0}, rows=10), EvaluateOutputs(metrics={"f1": 0.9}, rows=7)
    judgement = one("f1", "min", 0.5, Evidence(evaluations=(first, second)))
    assert (judgement.passed, judgement.n) == (True, 7)
    # the one that does not exist yet may have it
    assert one("f1", "min", 0.5, Evidence(evaluations=(first, None))) == Judgement(gate=gate("f1", "min", 0.5), passed=None)


@pytest.mark.parametrize("evidence", [Evidence(), Evidence(evaluations=(None,)), Evidence(evaluations=(None, None))])
@pytest.mark.parametrize(("metric", "rule"), [("f1", "min"), ("mae", "max"), ("f1", "max_drop"), ("flips", "max")])
def test_a_gate_is_undecided_before_its_evidence_exists(evidence: Evidence, metric: str, rule: str) -> None:
    assert one(metric, rule, 0.1, evidence) == Judgement(gate=gate(metric, rule, 0.1), passed=None)


@pytest.mark.parametrize("metrics", [{}, {"roc_auc": None}, {"roc_auc": NAN}, {"roc_auc": INF}, {"roc_auc": -INF}])
@pytest.mark.parametrize(("rule", "limit"), [("min", -10.0), ("max", 10.0)])
def test_a_metric_that_is_undefined_on_the_rows_does_not_pass(metrics: dict[str, float | None], rule: str, limit: float) -> None:
    judgement = one("roc_auc", rule, limit, evaluated(3, **metrics))
    assert (judgement.passed, judgement.value, judgement.note, judgement.held, judgement.n) == (False, None, UNDEFINED, "gate", 3)


@pytest.mark.parametrize(
    ("metric", "bound", "candidate", "drop"),
    [
        ("f1", 0.9, 0.8, 0.1), ("f1", 0.8, 0.9, -0.1), ("r2", 0.1, -0.4, 0.5), ("r2", -0.4, 0.1, -0.5), ("roc_auc", 0.75, 0.5, 0.25),
        ("mae", 1.0, 1.5, 0.5), ("mae", 1.5, 1.0, -0.5), ("rmse", 10.0, 10.125, 0.125), ("log_loss", 0.5, 0.25, -0.25),
    ],
)  # fmt: skip
def test_a_drop_is_how_much_worse_it_is(metric: str, bound: float, candidate: float, drop: float) -> None:
    judgement = one(metric, "max_drop", 0.2, compared(metric, bound, candidate))
    assert judgement.value == pytest.approx(drop)
    assert (judgement.bound, judgement.candidate, judgement.n, judgement.passed) == (bound, candidate, 30, drop <= 0.2)


@pytest.mark.parametrize(
    ("metric", "bound", "candidate", "limit"),
    [("accuracy", 0.95, 0.945, 0.005), ("f1", 0.8, 0.7, 0.1), ("mae", 0.3, 0.4, 0.1), ("mae", 1000.3, 1000.4, 0.1)],
)
def test_a_drop_on_the_limit_passes_despite_rounding(metric: str, bound: float, candidate: float, limit: float) -> None:
    judgement = one(metric, "max_drop", limit, compared(metric, bound, candidate))
    assert judgement.value is not None
    assert judgement.value > limit, "as floats the drop is above the limit, or this shows nothing"
    assert judgement.passed is True
    assert one(metric, "max_drop", limit * 0.9, compared(metric, bound, candidate)).passed is False


def test_a_value_off_the_limit_only_by_rounding_passes() -> None:
    assert one("mae", "max", 0.3, evaluated(mae=0.1 + 0.2)).passed is True
    assert one("r2", "min", 0.1, evaluated(r2=1 - 0.9)).passed is True
    assert one("flips", "max", 0.3, flipped(3, 10)).passed is True


def test_the_tolerance_is_far_below_what_a_row_can_change() -> None:
    assert one("accuracy", "max_drop", 0.0, compared("accuracy", 0.9, 0.9)).passed is True
    # one row of ten million
    assert one("accuracy", "max_drop", 0.0, compared("accuracy", 0.9, 0.9 - 1e-7)).passed is False
    assert one("accuracy", "min", 0.9, evaluated(accuracy=0.9 - 1e-7)).passed is False
    assert one("mse", "max", 1e-12, evaluated(mse=1.1e-12)).passed is False
    assert one("flips", "max", 0.0, flipped(1, 10_000_000)).passed is False


@pytest.mark.parametrize("limit", [NAN, INF])
def test_a_limit_that_is_not_a_number_passes_nothing(limit: float) -> None:
    assert one("f1", "min", limit, evaluated(f1=1.0)).passed is False


@pytest.mark.parametrize(("bound", "candidate"), [(None, None), (0.5, None), (None, 0.5), (NAN, 0.5), (0.5, NAN), (INF, 0.5), (0.5, -INF)])
def test_a_drop_of_an_undefined_metric_does_not_pass(bound: float | None, candidate: float | None) -> None:
    for judgement in (one("f1", "max_drop", 1.0, compared("f1", bound, candidate)), one("f1", "max_drop", 1.0, compared("r2", 0.9, 0.9))):
        assert (judgement.passed, judgement.value, judgement.note, judgement.held, judgement.n) == (False, None, UNDEFINED, "gate", 30)


@pytest.mark.parametrize(("changed", "passed"), [(0, True), (4, True), (5, True), (6, False), (100, False)])
def test_flips(changed: int, passed: bool) -> None:
    share = changed / 100
    expected = Judgement(gate=gate("flips", "max", 0.05), passed=passed, value=share, n=100, excluded=0)
    assert one("flips", "max", 0.05, flipped(changed, 100)) == expected


def test_flips_do_not_pass_on_a_regression() -> None:
    evidence = Evidence(comparison=CompareOutputs(rows=30, flips=Flips(rows=30)))
    judgement = one("flips", "max", 1.0, evidence)
    assert (judgement.passed, judgement.value, judgement.note, judgement.held, judgement.n) == (False, None, NO_LABELS, "gate", 30)


@pytest.mark.parametrize(("metric", "rule"), [("f1", "max_drop"), ("flips", "max")])
def test_without_rows_the_versions_are_not_comparable(metric: str, rule: str) -> None:
    judgement = one(metric, rule, 1.0, Evidence(comparison=CompareOutputs(rows=0, excluded=12)))
    assert (judgement.passed, judgement.value, judgement.note, judgement.held, judgement.n) == (False, None, NO_ROWS, "not_comparable", 0)


@pytest.mark.parametrize(("metric", "rule"), [("f1", "max_drop"), ("flips", "max")])
def test_the_reason_why_versions_are_not_comparable_is_given(metric: str, rule: str) -> None:
    why = "they predict different targets"
    judgement = one(metric, rule, 1.0, Evidence(comparison=CompareOutputs(rows=12, metrics={"f1": Pair(a=1.0, b=1.0)}, not_comparable=why)))
    assert (judgement.passed, judgement.value, judgement.note, judgement.held) == (False, None, f"not comparable: {why}", "not_comparable")


@pytest.mark.parametrize(("metric", "rule"), [("f1", "max_drop"), ("flips", "max")])
def test_a_comparison_gate_passes_when_nothing_else_is_bound(metric: str, rule: str) -> None:
    expected = Judgement(gate=gate(metric, rule, 0.0), passed=True, note=NOTHING_BOUND)
    assert one(metric, rule, 0.0, Evidence(compares=False)) == expected
    # a comparison with an earlier binding does not count
    assert one(metric, rule, 0.0, replace(compared("f1", 0.9, 0.1), compares=False)) == expected


def test_min_and_max_need_nothing_bound() -> None:
    evidence = replace(evaluated(f1=0.9), compares=False)
    assert one("f1", "min", 0.95, evidence).passed is False


def test_evidence_steps_follow_from_the_rules() -> None:
    gates = [gate("f1", "min", 0.5), gate("roc_auc", "max", 1.0), gate("accuracy", "max_drop", 0.1), gate("flips", "max", 0.1)]
    assert metrics_to_evaluate(gates, ["f1", "accuracy"]) == ("roc_auc",)
    assert metrics_to_evaluate(gates, []) == ("f1", "roc_auc")
    assert metrics_to_compare(gates) == ("accuracy",)
    assert needs_comparison(gates)


def test_flips_alone_compare_no_metric() -> None:
    gates = [gate("flips", "max", 0.1)]
    assert needs_comparison(gates)
    assert (metrics_to_evaluate(gates, []), metrics_to_compare(gates)) == ((), ())


def test_min_and_max_compare_nothing() -> None:
    assert not needs_comparison([gate("f1", "min", 0.1), gate("f1", "max", 0.9)])
    assert not needs_comparison([])


def test_a_metric_with_rules_of_its_own_has_no_others() -> None:
    assert [rule.name for rule in rules_for("f1")] == ["min", "max", "max_drop"]
    assert [rule.name for rule in rules_for("flips")] == ["max"]
    assert find_rule("flips", "max") is not find_rule("f1", "max")
    assert find_rule("flips", "min") is None
    assert find_rule("f1", "least") is None
    assert own_metrics() == ("flips",)


@pytest.mark.parametrize(
    ("metric", "rule", "words"),
    [("f1", "min", "f1 ≥ 0.85"), ("mae", "max", "mae ≤ 0.85"), ("f1", "max_drop", "f1 drop ≤ 0.85"), ("flips", "max", "flips ≤ 0.85")],
)
def test_a_rule_words_what_a_gate_requires(metric: str, rule: str, words: str) -> None:
    known_rule = find_rule(metric, rule)
    assert known_rule is not None
    assert known_rule.describe(gate(metric, rule, 0.85)) == words


def test_the_yaml_schema_has_the_limits_of_the_table() -> None:
    """A drop below zero would demand an improvement; the other limits may be any number."""
    number = {"type": "number"}
    assert (
        GATE["properties"]
        == limits()
        == {
            "comparable": {
                "enum": ["assume"],
                "description": "`assume`: judge the comparison even if it is not known to be fair to both versions.",
            },
            "min": {**number, "description": "Smallest value that passes."},
            "max": {**number, "description": "Largest value that passes."},
            "max_drop": {**number, "description": "How much worse it may be than the version bound now.", "minimum": 0},
        }
    )


def drop_at_most(gate: Gate, evidence: Evidence, greater: GreaterIsBetter) -> Judgement:
    """A rule with a statistical test: the drop may be at most the limit with confidence, by an interval twice as wide as it is."""
    assert evidence.comparison is not None
    bound, candidate = evidence.comparison.pair(gate.metric) or (0.0, 0.0)
    drop = bound - candidate if greater(gate.metric) else candidate - bound
    interval = (drop - 0.01, drop + 0.01)
    return Judgement(
        gate=gate, passed=interval[1] <= gate.limit, value=drop, interval=interval, test="toy test", n=evidence.comparison.rows
    )


def test_a_new_rule_is_one_value_in_the_table() -> None:
    sure = Rule(name="sure_drop", evidence=COMPARE, judge=drop_at_most, sign="≤", limit="drop to be sure of", label="sure {}".format)
    size = Rule(
        name="max", own_metric="size_mb", evidence="export", judge=lambda g, *_: Judgement(gate=g, passed=None), sign="≤", limit="most"
    )
    rules = (*RULES, sure, size)
    gates = [gate("f1", "min", 0.5), gate("mae", "sure_drop", 0.2), gate("size_mb", "max", 20.0)]
    assert metrics_to_compare(gates, rules) == ("mae",)
    assert metrics_to_evaluate(gates, [], rules) == ("f1",)
    assert needs_comparison(gates, rules)
    assert not needs_comparison(gates[:1] + gates[2:], rules)
    assert own_metrics(rules) == ("flips", "size_mb")
    assert set(limits(rules)) == {"min", "max", "max_drop", "sure_drop", "comparable"}
    assert limits(rules)["sure_drop"]["description"] == "Drop to be sure of."
    assert sure.describe(gates[1]) == "sure mae ≤ 0.2"
    evidence = replace(compared("mae", 1.0, 1.125), evaluations=evaluated(f1=0.9).evaluations)
    _, judgement, _ = judgements(gates, evidence, greater_is_better, rules=rules)
    assert (judgement.passed, judgement.value, judgement.interval, judgement.test, judgement.n) == (
        True,
        0.125,
        (0.115, 0.135),
        "toy test",
        30,
    )


RATIO = Rule(
    name="max_ratio", evidence=COMPARE, judge=drop_at_most, sign="≤", limit="how many times the bound version's", label="{} ratio".format,
    fits=lambda metric: metric.most == 1, range=lambda _metric: (0.0, None),
)  # fmt: skip
SIZE = Rule(
    name="max", own_metric="size_mb", own_range=(0.0, None), evidence="export", sign="≤", limit="most",
    judge=lambda g, *_: Judgement(gate=g, passed=None),
)  # fmt: skip


def read(gates: dict[str, Json]) -> tuple[tuple[Gate, ...], list[Diagnostic]]:
    """The `gates:` of an environment that has the two rules above as well."""
    (binding,) = bindings(sound(f"{ALL}gates: {{accuracy: {{min: 0.5}}}}\n")).values()
    declared = binding.declared
    return gates_of(replace(declared, fields={**declared.fields, "gates": gates}), binding.model, CATALOG, (*RULES, RATIO, SIZE))


def test_a_new_rule_says_which_limits_decide_something() -> None:
    """A ratio of accuracies may be above 1, unlike accuracy and the difference of two; a size has no end either."""
    gates, problems = read({"accuracy": {"max_ratio": 1.05}, "f1": {"max_ratio": 3}, "size_mb": {"max": 20}})
    assert problems == []
    assert [(g.metric, g.rule, g.limit) for g in gates] == [
        ("accuracy", "max_ratio", 1.05),
        ("f1", "max_ratio", 3),
        ("size_mb", "max", 20),
    ]


@pytest.mark.parametrize(
    ("metric", "rule", "limit", "detail"),
    [
        ("accuracy", "max_ratio", -0.5, "accuracy ratio is never below 0"),
        ("size_mb", "max", -1, "size_mb is never below 0"),
        ("accuracy", "max_drop", 1.05, "accuracy drop is between 0 and 1"),
        ("log_loss", "max", -0.1, "log_loss is never below 0"),
        ("flips", "max", 1.5, "flips is never above 1"),
    ],
)
def test_a_limit_beyond_the_range_of_its_rule_is_refused(metric: str, rule: str, limit: float, detail: str) -> None:
    gates, problems = read({metric: {rule: limit}})
    assert (gates, [(p.id, p.detail) for p in problems]) == ((), [("impossible-limit", detail)])


def test_a_rule_is_refused_for_a_metric_that_it_does_not_fit() -> None:
    gates, problems = read({"log_loss": {"max_ratio": 1.05, "min": 0.1}})
    assert [(g.metric, g.rule) for g in gates] == [("log_loss", "min")]
    assert [(p.id, p.detail) for p in problems] == [("unknown-rule", "a gate on log_loss has no `max_ratio`")]
    assert "max_ratio" not in (problems[0].hint or "")
