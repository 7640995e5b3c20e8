"""How gates are shown: any rule in its own words, and after the value its uncertainty."""

import json
from pathlib import Path
from typing import Any

import pytest

from leptonctl.core.frozen import replace
from leptonctl.core.gate import Gate, Judgement
from leptonctl.core.state import Verdict
from leptonctl.kinds.environment.gate_rules import NOTHING_BOUND
from leptonctl.kinds.environment.gates import NOT_NEEDED
from leptonctl.views.history import render_text
from leptonctl.views.plan_json import judgement_to_json, plan_to_json, verdict_to_json
from leptonctl.views.plan_markdown import render as render_markdown
from leptonctl.views.plan_text import gates_table
from leptonctl.views.style import Style
from leptonctl.views.words import gate_cells
from tests.views.plans import binding, plan

SCHEMAS = Path(__file__).parents[2] / "schemas" / "output"
DROP = Gate(metric="f1", rule="max_drop", limit=0.01)
SURE = Judgement(gate=DROP, passed=True, value=0.004, bound=0.94, candidate=0.936, interval=(-0.002, 0.009), test="paired bootstrap", n=812)
BETWEEN = "-0.002 to 0.009, paired bootstrap, 812 rows"
JUDGED = (
    Judgement(gate=Gate(metric="accuracy", rule="min", limit=0.85), passed=True, value=0.9312, candidate=0.9312, n=40),
    SURE,
    Judgement(gate=Gate(metric="mae", rule="max", limit=2), passed=None),
    Judgement(gate=Gate(metric="flips", rule="max", limit=0.05), passed=False, n=0, note="no rows", held="not_comparable"),
)


def problems(name: str, value: object) -> list[str]:
    """What the schema of a command's JSON finds wrong with a value."""
    from jsonschema import Draft7Validator

    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return [error.message for error in Draft7Validator(schema).iter_errors(value)]


def cells(**more: Any) -> tuple[str, str, str, str]:
    return gate_cells(judgement_to_json(Judgement(gate=DROP, **more)))


def test_a_table_of_every_rule() -> None:
    assert (
        gates_table(map(judgement_to_json, JUDGED), Style(False), indent=2)
        == f"""\
  ✓ accuracy  0.9312  ≥ 0.85
  ✓ f1 drop    0.004  ≤ 0.01  (0.94 bound, 0.936 candidate; {BETWEEN})
  ? mae               ≤ 2  (decided during the apply)
  ✗ flips             ≤ 0.05  (no rows)"""
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"interval": (0.001, 0.002)}, "≤ 0.01  (0.001 to 0.002)"),
        ({"test": "sign test"}, "≤ 0.01  (sign test)"),
        ({"test": "sign test", "n": 1}, "≤ 0.01  (sign test, 1 row)"),
        ({"test": "sign test", "n": 0, "note": "too few"}, "≤ 0.01  (sign test, 0 rows; too few)"),
        ({"interval": (0.1, 0.1)}, "≤ 0.01  (0.1 to 0.1)"),
        ({"interval": (0.100001, 0.100002)}, "≤ 0.01  (0.100001 to 0.100002)"),
        ({"n": 30}, "≤ 0.01"),
    ],
)
def test_the_uncertainty_of_a_value(more: dict[str, Any], words: str) -> None:
    assert cells(passed=True, value=0.004, **more) == ("✓", "f1 drop", "0.004", words)


def test_a_note_replaces_the_waiting_text() -> None:
    assert cells(passed=None, note="a return needs no evidence")[3] == "≤ 0.01  (a return needs no evidence)"
    assert cells(passed=None)[3] == "≤ 0.01  (decided during the apply)"


def test_a_tick_is_only_for_what_was_measured() -> None:
    assert cells(passed=True, note=NOTHING_BOUND)[:3] == ("○", "f1 drop", "")
    assert cells(passed=True, value=0.0)[0] == "✓"
    assert cells(passed=False, note="not comparable")[0] == "✗"
    assert cells(passed=None, note=NOT_NEEDED)[0] == "-"


def test_a_rule_of_another_release_shows_its_name() -> None:
    gate = Gate(metric="f1", rule="sure_drop", limit=0.01)
    assert gate_cells(judgement_to_json(Judgement(gate=gate, passed=False, value=0.02))) == ("✗", "f1 sure_drop", "0.02", "0.01")


def test_a_plan_saved_without_the_newer_keys_still_reads() -> None:
    shown = {k: v for k, v in judgement_to_json(SURE).items() if k not in ("interval", "test", "n")}
    assert gate_cells(shown) == ("✓", "f1 drop", "0.004", "≤ 0.01  (0.94 bound, 0.936 candidate)")


def test_json_holds_every_field() -> None:
    assert judgement_to_json(SURE) == {
        "metric": "f1", "rule": "max_drop", "limit": 0.01, "passed": True, "value": 0.004, "bound": 0.94, "candidate": 0.936,
        "interval": [-0.002, 0.009], "test": "paired bootstrap", "n": 812, "excluded": None, "assumed": False, "note": "",
    }  # fmt: skip
    assert judgement_to_json(JUDGED[2]) == {
        "metric": "mae", "rule": "max", "limit": 2, "passed": None, "value": None, "bound": None, "candidate": None,
        "interval": None, "test": "", "n": None, "excluded": None, "assumed": False, "note": "",
    }  # fmt: skip


def test_gates_in_a_plan_are_what_the_schema_says() -> None:
    shown = plan_to_json(plan(replace(binding(), judgements=JUDGED)))
    assert problems("plan", shown) == []
    for key, wrong in (("interval", [1]), ("interval", [1, 2, 3]), ("test", None), ("n", 1.5), ("n", -1)):
        (change,) = shown["changes"]
        assert problems("plan", {**shown, "changes": [{**change, "gates": [{**change["gates"][0], key: wrong}]}]})
    for key in ("interval", "test", "n"):
        without = {k: v for k, v in shown["changes"][0]["gates"][0].items() if k != key}
        assert problems("plan", {**shown, "changes": [{**shown["changes"][0], "gates": [without]}]})


def test_a_comment_shows_the_uncertainty_of_a_value() -> None:
    lines = render_markdown(plan(replace(binding(), judgements=JUDGED))).splitlines()
    assert f"| ✓ f1 drop | `environment/prod/spam-filter` | 0.004 | ≤ 0.01  (0.94 bound, 0.936 candidate; {BETWEEN}) |" in lines
    assert [line[2] for line in lines if "| `environment/prod/spam-filter` |" in line and line[2] in "✗?✓"] == ["✗", "?", "✓", "✓"]


VERDICT = Verdict(
    address="environment/prod/spam", metric="f1", rule="max_drop", limit=0.01, passed=True, value=0.004, bound=0.94, candidate=0.936,
    low=-0.002, high=0.009, test="paired bootstrap", n=812,
)  # fmt: skip


def test_the_history_shows_gates_as_the_plan_did() -> None:
    assert verdict_to_json(VERDICT) == {"address": "environment/prod/spam", **judgement_to_json(SURE)}
    change = {
        "address": "environment/prod/spam", "before": "sha256:1", "after": "sha256:2", "before_version": "v1", "after_version": "v2",
        "artifact": "sha256:a", "package": "sha256:p",
    }  # fmt: skip
    entry = {
        "serial": 7, "id": "a1", "at": "2026-11-21T15:12:39Z", "by": "mara", "host": None, "commit": None, "dirty": False, "reason": "",
        "job": None, "command": "apply",
        "environment": "prod", "deployment": 3, "changes": [change], "evidence": [verdict_to_json(VERDICT)], "acts": [],
    }  # fmt: skip
    history = render_text({"entries": [entry], "builds": [], "way_back": None})
    assert f"      ✓  f1 drop  0.004  ≤ 0.01  (0.94 bound, 0.936 candidate; {BETWEEN})" in history
    assert problems("history", {"entries": [entry], "builds": [], "way_back": None}) == []
