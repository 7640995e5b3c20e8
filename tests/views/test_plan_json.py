import json

from leptonctl.core.change import Keep
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Gate, Judgement
from leptonctl.kinds.registry import OPS
from leptonctl.views.plan_json import plan_to_json
from tests.views.plans import BINDING, V1, V2, binding, edited, everything, new_version, plan, step


def test_every_key_of_the_contract_is_there() -> None:
    shown = plan_to_json(everything())
    assert list(shown) == [
        "format_version", "plan_id", "effect_id", "prior", "only", "changes", "drift", "diagnostics", "summary", "complete", "applyable",
    ]  # fmt: skip
    assert shown["prior"] == {"lineage": "line", "serial": 3}
    assert json.loads(json.dumps(shown)) == shown


def test_counters_are_integers_and_all_present() -> None:
    summary = plan_to_json(plan())["summary"]
    assert list(summary) == ["create", "update", "remove", "forget", "keep", "reuse", *OPS, "held", "warnings"]
    assert all(type(count) is int and count == 0 for count in summary.values())


def test_kept_addresses_are_counted_and_not_listed() -> None:
    shown = plan_to_json(plan(Keep(address=V1, before="sha256:1", after="sha256:1"), new_version()))
    assert [c["address"] for c in shown["changes"]] == [V2]
    assert (shown["summary"]["keep"], shown["summary"]["create"]) == (1, 1)


def test_a_cause_names_its_place_and_a_step_its_forecast() -> None:
    change = plan_to_json(plan(edited()))["changes"][0]
    assert change["because"][0] == {"file": "models/spam.yaml", "line": 12, "column": 9, "path": "params.C", "before": 1.0, "after": 0.5}
    assert change["steps"] == [{"name": "train", "op": "train", "key": "sha256:t1", "cached": True, "forecast_s": None}]
    assert change["action"] == "update"


def test_a_binding_carries_its_versions_and_gates() -> None:
    shown = plan_to_json(plan(binding()))
    change = shown["changes"][0]
    assert (change["address"], change["before_version"], change["after_version"]) == (BINDING, "v1", "v2")
    assert [(g["metric"], g["passed"]) for g in change["gates"]] == [("accuracy", True), ("f1", False), ("flips", None)]
    assert shown["applyable"] is False
    assert shown["summary"]["held"] == 1


def test_a_step_has_its_name_and_its_op() -> None:
    (change,) = plan_to_json(plan(replace(new_version(), steps=(step("evaluate", V2, "k", name="evaluate_by_country"),))))["changes"]
    assert [(s["name"], s["op"]) for s in change["steps"]] == [("evaluate_by_country", "evaluate")]


def test_a_gate_has_the_uncertainty_of_its_value() -> None:
    sure = Judgement(
        gate=Gate(metric="f1", rule="max_drop", limit=0.01),
        passed=True,
        value=0.003,
        interval=(-0.002, 0.009),
        test="paired bootstrap",
        n=812,
    )
    (change,) = plan_to_json(plan(replace(binding(), judgements=(sure,))))["changes"]
    assert change["gates"] == [
        {
            "metric": "f1", "rule": "max_drop", "limit": 0.01, "passed": True, "value": 0.003, "bound": None, "candidate": None,
            "interval": [-0.002, 0.009], "test": "paired bootstrap", "n": 812, "excluded": None, "assumed": False,
            "note": "",
        }
    ]  # fmt: skip


def test_drift_has_its_class() -> None:
    assert plan_to_json(everything())["drift"] == [
        {"address": "environment/prod", "class": "heal", "reason": "its server is not running", "recorded": "v1", "live": None}
    ]
