"""Times, people and metrics on one line."""

import pytest

from leptonctl.views.records import metrics_text, short, when, who

AT = "2026-11-21T12:00:00+00:00"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-21T12:00:59Z", "just now"),
        ("2026-11-21T12:05:59Z", "5 min ago"),
        ("2026-11-21T12:59:59Z", "59 min ago"),
        ("2026-11-21T13:00:00Z", "1 h ago"),
        ("2026-11-23T11:59:00Z", "47 h ago"),
        ("2026-11-23T12:00:00Z", "2 days ago"),
        ("2026-11-21T11:00:00Z", "just now"),
    ],
)
def test_how_long_ago(now, expected):
    assert when(AT, now) == f"2026-11-21 12:00 UTC ({expected})"


def test_times_of_any_zone_are_shown_in_utc():
    assert when("2026-11-21T13:30:00+01:30") == when("2026-11-21T12:00:00") == when(1795262400) == "2026-11-21 12:00 UTC"
    assert (when(None), when("soon")) == ("unknown", "soon")


def test_people_are_shown_by_what_is_known():
    assert who({"by": "mara", "host": "build7", "commit": "1a2b3c4d5e6f7890"}) == "mara on build7, commit 1a2b3c4d5e6f"
    assert (who({"by": None, "commit": "abc"}), who({})) == ("commit abc", "unknown")


def test_metrics_and_digests_are_shortened():
    many = {"a": 0.5, "a_std": 0.1, "b": 1.0, "c": 123456.0, "d": 0.1, "e": 0.2}
    assert metrics_text(many) == "a 0.5, b 1, c 1.235e+05, d 0.1, …"
    assert metrics_text(None) == ""
    assert metrics_text({"accuracy": 0.9312, "f1": 0.91}, columns=15) == ""
    assert metrics_text({"accuracy": 0.9312, "f1": 0.91}, columns=18) == "accuracy 0.9312, …"
    assert metrics_text({"accuracy": 0.9312}, columns=15) == "accuracy 0.9312"
    assert (short("sha256:0123456789abcdef"), short(None)) == ("0123456789ab", "none")
