"""`explain` as text: what a digest is made of, to file and line."""

from leptonctl.views.explain import render_text

A, B = "sha256:" + "ab12" * 16, "sha256:" + "cd34" * 16
STORY = {
    "address": "model/spam-filter@v2",
    "digest": A,
    "recorded": B,
    "fields": [
        {"path": "params.C", "value": 0.5, "file": "models/spam.yaml", "line": 4, "column": 12},
        {"path": "seed", "value": 0, "file": None, "line": None, "column": None},
    ],
    "changed": [{"path": "params.C", "before": 1.0, "after": 0.5, "file": "models/spam.yaml", "line": 4, "column": 12}],
    "steps": [
        {
            "name": "train",
            "op": "train",
            "key": A,
            "cached": True,
            "at": "2026-11-21T15:00:00Z",
            "by": "mara",
            "host": "build7",
            "commit": "abc",
            "seconds": 4.2,
        },
        {
            "name": "cross_validate",
            "op": "cross_validate",
            "key": B,
            "cached": False,
            "at": None,
            "by": None,
            "host": None,
            "commit": None,
            "seconds": None,
        },
        {
            "name": "evaluate",
            "op": "evaluate",
            "key": None,
            "cached": False,
            "at": None,
            "by": None,
            "host": None,
            "commit": None,
            "seconds": None,
        },
    ],
    "builds": [
        {"at": "2026-11-21T15:00:00Z", "by": "mara", "host": "build7", "commit": None, "seconds": 4.2, "metrics": {"accuracy": 0.9}}
    ],
}


def test_the_parts_of_a_digest_are_listed():
    assert (
        render_text(STORY, width=200)
        == f"""\
model/spam-filter@v2  {A}
recorded as {B}: an apply would change it

What changed since it was recorded
  ~  params.C  1.0  →  0.5  models/spam.yaml:4:12

What determines it
  params.C  0.5  models/spam.yaml:4:12
  seed      0    default

Steps
  step            key
  train           ab12ab12ab12           done 2026-11-21 15:00 UTC in 4.2 s by mara on build7, commit abc
  cross-validate  cd34cd34cd34           no result yet
  evaluate        known after its build  no result yet

Built
  2026-11-21 15:00 UTC  in 4.2 s by mara on build7, without a commit
    accuracy 0.9"""
    )


def test_recorded_or_not():
    bare = {"fields": [], "changed": [], "steps": [], "builds": []}
    assert render_text({**STORY, **bare, "recorded": A}).endswith("recorded as this: nothing to do")
    assert render_text({**STORY, **bare, "recorded": None}).endswith("not recorded yet: an apply would create it")


def test_colour_changes_no_character():
    import re

    assert re.sub(r"\x1b\[[0-9]+m", "", render_text(STORY, color=True)) == render_text(STORY)


def test_a_held_node_is_not_reported_as_changing():
    held = {"reason": "accuracy 0.73, must be ≥ 0.93", "hint": "bind another version", "since": "2026-11-26T10:27:00Z"}
    text = render_text(STORY | {"held": held}, width=200)
    assert "an apply would change it" not in text
    assert (
        "an apply would not change it, held since 2026-11-26 10:27 UTC: accuracy 0.73, must be ≥ 0.93\n  hint: bind another version" in text
    )
    unmet = render_text(STORY | {"held": held | {"hint": None, "since": None}, "recorded": None}, width=200)
    assert "not recorded yet\nan apply would not change it, held: accuracy" in unmet
    assert "an apply would change it" in render_text(STORY | {"held": None}, width=200)
