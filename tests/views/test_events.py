import json
import re

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.event import ApplyFinished, ApplyStarted, Event, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.kinds.registry import OPS
from leptonctl.views.event_json import JsonLines
from leptonctl.views.events import Console
from tests.views.plans import BINDING, V1, V2, judged, span

STARTED = ApplyStarted(command="apply", plan_id="sha256:p", steps=4, reuse=1)
OPS_DONE = tuple(op.done for op in OPS.values())
NOTHING = dict.fromkeys(OPS_DONE, 0)
FINISHED = ApplyFinished(
    ok=False, done={**NOTHING, "trained": 1, "exported": 1, "evaluated": 1}, failed=1, skipped=1, serial=12, seconds=3.42
)
REFUSED = Diagnostic(
    id="gate-failed",
    severity="error",
    summary="A gate holds the binding",
    detail="f1 dropped.",
    span=span("env.yaml", 9, 3),
    hint="loosen it",
)
EVENTS: tuple[Event, ...] = (
    STARTED,
    StepStarted(op="train", name="train", address=V2, key="sha256:t"),
    StepProgress(op="train", name="train", address=V2, seconds=0.5, iteration=50, of=200, loss=0.41234567),
    StepFinished(op="train", name="train", address=V2, key="sha256:t", seconds=1.2, metrics={"accuracy": 0.9312, "f1": 0.9}),
    StepFailed(op="bind", name="bind", address=BINDING, key=None, seconds=0.01, diagnostic=REFUSED, gate=True, judgements=judged()),
    StepSkipped(op="evaluate", name="evaluate", address=V1, key=None, because=f"train {V1}"),
    FINISHED,
)
PLAIN = """\
✓ train model/spam-filter@v2  1.2 s  accuracy 0.9312, f1 0.9
✗ bind environment/prod/spam-filter  held by its gates
    ✓ accuracy  0.9312  ≥ 0.85
    ✗ f1 drop     0.03  ≤ 0.01  (0.94 bound, 0.91 candidate)
    ? flips             ≤ 0.05  (decided during the apply)
    error[gate-failed]: A gate holds the binding
    f1 dropped.
    --> env.yaml:9:3
    hint: loosen it
- evaluate model/spam-filter@v1  skipped: train model/spam-filter@v1 failed

Incomplete after 3.4 s: 1 trained, 1 exported, 1 evaluated, 1 skipped, 1 held by gates. Serial 12.
"""


def test_piped_lines_hold_no_control_characters() -> None:
    out: list[str] = []
    console = Console(out.append, color=False, tty=False)
    for event in EVENTS:
        console(event)
    assert "".join(out) == PLAIN


def test_piped_progress_comes_every_few_seconds_at_most() -> None:
    out: list[str] = []
    console = Console(out.append, color=False, tty=False)
    console(StepStarted(op="train", name="train", address=V2, key="k"))
    for tenth in range(1, 121):
        console(StepProgress(op="train", name="train", address=V2, seconds=tenth / 10, iteration=tenth, loss=1 / tenth))
    assert out == [f"· train {V2}  5.0 s  iteration 50, loss 0.02\n", f"· train {V2}  10 s  iteration 100, loss 0.01\n"]


def test_on_a_terminal_each_running_step_has_one_line_that_is_redrawn() -> None:
    now = [100.0]
    out: list[str] = []
    console = Console(out.append, color=False, tty=True, width=60, clock=lambda: now[0])
    for event in EVENTS[:2]:
        console(event)
    console(StepStarted(op="export", name="export", address=V1, key="e"))
    now[0] = 107.0
    console(EVENTS[2])
    console.refresh()
    assert _screen(out) == [f"· train {V2}  7 s  iteration 50 of 200, lo…", f"· export {V1}  7 s"]
    console(EVENTS[3])
    assert _screen(out) == [f"✓ train {V2}  1.2 s  accuracy 0.9312, f1 0.9", f"· export {V1}  7 s"]
    console(FINISHED)
    assert _screen(out)[-1].startswith("Incomplete after 3.4 s")
    assert not any(line.startswith("·") for line in _screen(out))
    before = len(out)
    console.refresh()
    assert len(out) == before


def _screen(out: list[str]) -> list[str]:
    """What a terminal would show: plays "up N lines and clear below" and newlines."""
    lines: list[str] = []
    for piece in re.split(r"(\x1b\[\d+A\r\x1b\[J)", "".join(out)):
        up = re.fullmatch(r"\x1b\[(\d+)A\r\x1b\[J", piece)
        if up:
            del lines[len(lines) - int(up[1]) :]
        else:
            lines += piece.split("\n")[:-1]
    return lines


def test_json_lines_hold_every_field_type_first() -> None:
    out: list[str] = []
    report = JsonLines(out.append)
    for event in EVENTS:
        report(event)
    assert all(line.endswith("\n") and "\n" not in line[:-1] for line in out)
    objects = [json.loads(line) for line in out]
    assert [next(iter(o)) for o in objects] == ["type"] * len(EVENTS)
    assert [o["type"] for o in objects] == [e.type for e in EVENTS]
    assert objects[4]["diagnostic"]["id"] == "gate-failed"
    assert objects[4]["judgements"][1]["passed"] is False
    # counters are beside the other fields, in the order of the table of ops
    assert list(objects[-1]) == [
        "type",
        "ok",
        *NOTHING,
        "failed",
        "skipped",
        "serial",
        "seconds",
        "healed",
        "changed",
        "held",
        "withdrawn",
        "warnings",
    ]
    assert objects[-1]["trained"] == 1
    assert [(o["name"], o["op"]) for o in objects[1:-1]] == [(e.name, e.op) for e in EVENTS[1:-1]]
    assert objects[0] == {"type": "apply_started", "command": "apply", "plan_id": "sha256:p", "steps": 4, "reuse": 1}


def test_the_last_line_names_what_was_done() -> None:
    out: list[str] = []
    console = Console(out.append, color=False, tty=False)
    console(ApplyStarted(command="rollback", plan_id="p", steps=1, reuse=0))
    console(ApplyFinished(ok=True, done={**NOTHING, "bound": 1}, failed=0, skipped=0, serial=13, seconds=0.2))
    assert out[-1] == "Rolled back in 0.2 s: 1 bound. Serial 13.\n", "after the plan there is an empty line already"


def test_an_unbinding_is_not_called_a_bind() -> None:
    """One binding goes and another moves; a label of a version may end in the word."""
    out: list[str] = []
    console = Console(out.append, color=False, tty=False)
    console(ApplyStarted(command="apply", plan_id="p", steps=2, reuse=0))
    for model, message in (("a", "v1 → unbound"), ("b", "unbound → v2"), ("c", "v2 → not-unbound")):
        console(StepFinished(op="bind", address=f"environment/dev/{model}", name="bind", key=None, seconds=0.1, message=message))
    console(ApplyFinished(ok=True, done={**NOTHING, "bound": 3}, failed=0, skipped=0, serial=13, seconds=0.2))
    assert "".join(out).splitlines() == [
        "✓ unbind environment/dev/a  0.1 s  v1 → unbound",
        "✓ bind environment/dev/b  0.1 s  unbound → v2",
        "✓ bind environment/dev/c  0.1 s  v2 → not-unbound",
        "",
        "Applied in 0.2 s: 2 bound, 1 unbound. Serial 13.",
    ]


def test_without_steps_the_last_line_is_left_to_the_plan() -> None:
    out: list[str] = []
    console = Console(out.append, color=False, tty=False)
    console(ApplyStarted(command="apply", plan_id="p", steps=0, reuse=0))
    console(ApplyFinished(ok=True, done=NOTHING, failed=0, skipped=0, serial=13, seconds=0.2))
    assert out == []


def test_two_steps_of_one_op_and_address_are_distinguished() -> None:
    out: list[str] = []
    console = Console(out.append, color=False, tty=True, clock=lambda: 0.0)
    for name in ("evaluate", "evaluate_by_country"):
        console(StepStarted(op="evaluate", name=name, address=V2, key=name))
    assert _screen(out) == [f"· evaluate {V2}  1 s", f"· evaluate-by-country {V2}  1 s"]
    console(StepFinished(op="evaluate", name="evaluate_by_country", address=V2, key="k", seconds=1.0, adopted=True))
    assert _screen(out) == [f"✓ evaluate-by-country {V2}  adopted", f"· evaluate {V2}  1 s"]
