"""`history` as text: newest first, who and why, and how to roll back."""

from leptonctl.views.history import NOTHING, render_text

A, B = "sha256:" + "ab12" * 16, "sha256:" + "cd34" * 16
SWITCH = {
    "serial": 40, "at": "2026-11-21T15:12:39Z", "by": "mara", "host": "build7", "commit": "1a2b3c4d5e6f7890", "command": "apply",
    "environment": "prod", "deployment": 12,
    "changes": [{"address": "environment/prod/spam-filter", "before": A, "after": B, "before_version": "v1", "after_version": "v2",
                 "reason": "version switched"}],
    "evidence": [
        {"address": "environment/prod/spam-filter", "metric": "accuracy", "rule": "min", "limit": 0.85, "value": 0.9312, "bound": None,
         "candidate": 0.9312, "passed": True, "note": ""},
        {"address": "environment/prod/spam-filter", "metric": "f1", "rule": "max_drop", "limit": 0.01, "value": -0.004, "bound": 0.9,
         "candidate": 0.904, "passed": True, "note": ""},
    ],
}  # fmt: skip
FIRST = {
    "serial": 39, "at": "2026-11-21T15:00:00Z", "by": "ci", "host": None, "commit": None, "command": "apply",
    "changes": [
        {"address": "dataset/mail@2024-06", "before": None, "after": A, "before_version": None, "after_version": None},
        {"address": "environment/prod/old", "before": A, "after": None, "before_version": "v1", "after_version": None},
        {"address": "model/spam-filter@v1", "before": A, "after": B, "before_version": None, "after_version": None},
    ],
    "evidence": None,
}  # fmt: skip
WAY_BACK = {"binding": "prod/spam-filter", "version": "v1", "deployment": 11, "undoes": 12}
BUILD = {
    "address": "model/spam-filter@v2", "ops": ["export", "cross_validate", "train"], "at": "2026-11-21T15:10:00Z", "by": "mara",
    "seconds": 12.3, "metrics": {"accuracy": 0.9312, "cv_accuracy_mean": 0.92, "cv_accuracy_std": 0.01},
}  # fmt: skip


def test_changes_and_builds_newest_first():
    assert (
        render_text({"entries": [FIRST, SWITCH], "builds": [BUILD], "way_back": WAY_BACK}, now="2026-11-25T15:12:39Z")
        == """\
deployment 12 of prod  2026-11-21 15:12 UTC (4 days ago)  apply  by mara on build7, commit 1a2b3c4d5e6f
    environment/prod/spam-filter  v1 → v2  version switched
      ✓  accuracy  0.9312  ≥ 0.85
      ✓  f1 drop   -0.004  ≤ 0.01  (0.9 bound, 0.904 candidate)

built  2026-11-21 15:10 UTC (4 days ago)  model/spam-filter@v2  by mara
    train, export, cross-validate in 12 s: accuracy 0.9312, cv_accuracy_mean 0.92

recorded  2026-11-21 15:00 UTC (4 days ago)  apply  by ci, without a commit
    dataset/mail@2024-06  added
    environment/prod/old  v1 → unbound
    model/spam-filter@v1  ab12ab12ab12 → cd34cd34cd34

Last switch: deployment 12 of prod. `leptonctl rollback prod/spam-filter` brings v1 back."""
    )


def test_all_metrics_of_a_build_on_request():
    many = {**BUILD, "metrics": {f"m{number}": number for number in range(6)}}
    short, whole = (render_text({"entries": [], "builds": [many]}, verbose=verbose) for verbose in (False, True))
    assert ("m3 3, …" in short, "m5" in short, "m4 4, m5 5" in whole) == (True, False, True)


def test_held_bindings_are_shown_with_their_evidence():
    refused = {**SWITCH["evidence"][0], "value": 0.8, "candidate": 0.8, "passed": False}
    text = render_text(
        {"entries": [{**SWITCH, "deployment": None, "changes": [], "held": SWITCH["changes"], "evidence": [refused]}], "builds": []}
    )
    assert (
        text
        == """\
held in prod  2026-11-21 15:12 UTC  apply  by mara on build7, commit 1a2b3c4d5e6f
    environment/prod/spam-filter  v1 → v2  held by its gates
      ✗  accuracy  0.8  ≥ 0.85"""
    )


def test_several_bindings_name_whose_gate_it_was():
    other = {**SWITCH["evidence"][0], "address": "environment/prod/other"}
    text = render_text({"entries": [{**SWITCH, "evidence": [SWITCH["evidence"][0], other]}], "builds": []})
    assert "≥ 0.85  environment/prod/spam-filter\n" in text
    assert text.endswith("≥ 0.85  environment/prod/other")


def test_without_a_way_back_none_is_offered():
    first = {**SWITCH, "changes": [{**SWITCH["changes"][0], "before": None, "before_version": None}], "evidence": None}
    assert render_text({"entries": [first], "builds": [], "way_back": None}).endswith(
        "environment/prod/spam-filter  unbound → v2  version switched"
    )


def test_an_empty_history():
    assert render_text({"entries": [], "builds": []}) == NOTHING


def test_acts_are_listed():
    act = {"kind": "withdrawn", "model": "spam-filter", "version": "v1", "withdrawal": "w1", "reason": "it flags invoices"}
    text = render_text({"entries": [{**SWITCH, "acts": [act]}], "builds": []})
    assert "    withdrawn: spam-filter v1 (w1): it flags invoices" in text
    freeze = {"kind": "frozen", "model": "", "version": "", "withdrawal": "", "reason": "audit"}
    frozen = render_text({"entries": [{**SWITCH, "deployment": None, "changes": [], "evidence": [], "acts": [freeze]}], "builds": []})
    assert frozen.startswith("prod  2026")
    assert frozen.endswith("    frozen: prod: audit")


def test_what_a_comparison_left_out_stands_below_the_gates_of_its_binding():
    def gate(model, note):
        return {**SWITCH["evidence"][1], "address": f"environment/prod/{model}", "note": note}

    left = "{} of 435 rows left out: the bound version learned {}"
    evidence = [gate("b", left.format(9, 9)), gate("a", left.format(7, 7)), {**gate("b", left.format(9, 9)), "metric": "recall"}]
    lines = render_text({"entries": [{**SWITCH, "evidence": evidence}], "builds": []}).splitlines()
    shown = [next(word for word in ("prod/a", "prod/b", "9 of", "7 of") if word in line) for line in lines[2:]]
    assert shown == ["prod/b", "prod/b", "9 of", "prod/a", "7 of"]
