"""`status` as text: what an operator reads first."""

from leptonctl.views.status import NOTHING, render_text

A, B = "sha256:" + "ab12" * 16, "sha256:" + "cd34" * 16

SPAM = {
    "name": "spam-filter", "version": "v2", "digest": A, "artifact": A, "since": "2026-11-21T15:12:39+00:00", "serial": 40, "deployment": 12,
    "metrics": {"accuracy": 0.931234, "f1": 0.9, "cv_accuracy_std": 0.01}, "live_digest": A, "live_artifact": A, "live_since": None, "drift": None,
}  # fmt: skip
WIDE = {**SPAM, "name": "分類", "version": "2024-06", "artifact": B, "serial": 4, "deployment": 3, "metrics": {}}
PROD = {
    "name": "prod",
    "url": "http://127.0.0.1:8080",
    "healthy": True,
    "protected": True,
    "commit": "1a2b3c4d5e6f7890",
    "models": [SPAM, WIDE],
}


def test_the_table_shows_what_serves_where_and_since_when():
    status = {"environments": [PROD, {"name": "staging", "url": None, "healthy": None, "models": []}]}
    assert (
        render_text(status, now="2026-11-21T18:13:00Z", width=120)
        == """\
prod  http://127.0.0.1:8080  healthy  protected  commit 1a2b3c4d5e6f
  model        version  since                           deployment  artifact      metrics
  spam-filter  v2       2026-11-21 15:12 UTC (3 h ago)          12  ab12ab12ab12  accuracy 0.9312, f1 0.9
  分類         2024-06  2026-11-21 15:12 UTC (3 h ago)           3  cd34cd34cd34

staging
  no model is bound"""
    )


def test_drift_is_shown_below_the_table_with_its_remedy():
    drifted = {
        **SPAM,
        "live_artifact": B,
        "live_since": "2026-11-21T14:00:00Z",
        "drift": {"class": "heal", "reason": "serves another artifact"},
    }
    plain = {**WIDE, "live_artifact": None, "drift": "not running"}
    lines = render_text({"environments": [{**PROD, "healthy": False, "models": [drifted, plain]}]}, width=200).split("\n")
    assert lines[0].split("  ")[2] == "not healthy"
    assert lines[-2:] == [
        "  ! spam-filter: serves another artifact (serves cd34cd34cd34 since 2026-11-21 14:00 UTC); `leptonctl apply` repairs it",
        "  ! 分類: not running; `leptonctl apply` repairs it",
    ]


def test_a_repair_moves_nothing_that_it_does_not_name():
    """Whoever repairs staging at night does not bind in production what waits there."""
    down = {**PROD, "name": "staging", "models": [{**SPAM, "drift": {"class": "heal", "reason": "not running"}}]}
    waiting = {"model": "spam-filter", "reason": "declared v2, bound v1", "file": None, "line": None}

    def hint(*environments: str) -> str:
        differences = [waiting | {"environment": name} for name in environments]
        text = render_text({"environments": [PROD, down], "differences": differences}, width=200)
        return next(line.partition("; ")[2] for line in text.split("\n") if "not running" in line)

    assert hint() == "`leptonctl apply` repairs it"
    assert hint("prod") == "`leptonctl apply --only environment/staging` repairs it"
    assert hint("staging") == "`leptonctl apply` repairs it, and binds what differs below"
    assert hint("prod", "staging") == "`leptonctl apply --only environment/staging` repairs it, and binds what differs below"


def test_a_decision_is_left_to_a_person():
    aborted = {**SPAM, "drift": [{"class": "decision", "reason": "the server aborted the canary"}]}
    text = render_text({"environments": [{**PROD, "models": [aborted]}]})
    assert text.endswith("! spam-filter: the server aborted the canary; yours to decide: make the YAML agree, or apply again")


def test_no_number_is_cut():
    many = {**SPAM, "metrics": {"accuracy": 0.931234, "balanced_accuracy": 0.91234, "precision": 0.9}}
    assert render_text({"environments": [{**PROD, "models": [many]}]}, width=90).endswith("ab12ab12ab12  accuracy 0.9312, …")


def test_an_environment_that_cannot_be_reached_is_not_called_unhealthy():
    text = render_text({"environments": [{**PROD, "healthy": None}]})
    assert text.startswith("prod  http://127.0.0.1:8080  not observed from here  protected")


FAR = {
    "id": "build-7-ab12cd34-8081", "host": "build-7", "url": "http://10.0.0.5:8081", "deployment": 3, "ready": [3], "stopped": False, "alive": True,
    "since": "2026-11-21T15:12:39Z", "seen": "2026-11-21T18:12:57Z", "heartbeat": 0.0, "reason": "",
}  # fmt: skip
NEAR = {**FAR, "id": "build-8", "url": "http://models-8.internal.example.org:8081", "deployment": 2, "alive": False}


def test_servers_elsewhere_are_listed_with_why_one_is_not_healthy():
    """A14; and all of it fits 80 columns, the URLs if there is room for all of them."""
    late = {
        **NEAR,
        "reason": "serves deployment 2, not deployment 3 (deployment 3 is the head and cannot be loaded: its bytes are damaged)",
    }
    prod = {**PROD, "placement": "elsewhere", "healthy": False, "reason": "x", "servers": [FAR]}
    lines = render_text({"environments": [prod]}, now="2026-11-21T18:13:00Z", width=80).split("\n")
    assert lines[0] == "prod  not healthy  elsewhere  protected  commit 1a2b3c4d5e6f"
    assert lines[-2:] == [
        "  server                 url                   serves  since    seen",
        "  build-7-ab12cd34-8081  http://10.0.0.5:8081  #3      3 h ago  3 s ago",
    ]
    text = render_text({"environments": [{**prod, "servers": [FAR, late]}]}, now="2026-11-21T18:13:00Z", width=80)
    assert "10.0.0.5" not in text
    assert all(len(line) <= 80 for line in text.split("\n"))
    assert text.split("\n")[-3:] == [
        "  build-8                #2      3 h ago  3 s ago",
        "  ! build-8 serves deployment 2, not deployment 3 (deployment 3 is the head and",
        "    cannot be loaded: its bytes are damaged)",
    ]


def test_nothing_is_bound():
    assert render_text({"environments": []}) == NOTHING


def test_control_characters_from_a_record_are_written_out():
    text = render_text({"environments": [{**PROD, "url": "http://x\x1b[2J", "models": []}]}, color=False)
    assert "\x1b" not in text
