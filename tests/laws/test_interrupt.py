"""Ctrl-C in a long training, as a terminal sends it: exit 130 at once, nothing left behind, and the next run continues."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.projects import events, recorded, run, start, workers

PATIENCE_S = 2.0
LONG = {
    "forest": "{algorithm: random_forest, params: {n_estimators: 200000}}",
    "sgd": "{algorithm: sgd, params: {max_iter: 2000000, tol: 0, n_iter_no_change: 2000000}}",
    "mlp": "{algorithm: mlp, params: {hidden_layer_sizes: [200, 200], max_iter: 1000000, n_iter_no_change: 1000000, tol: 0}}",
}


def wait_for_step(process, op: str) -> None:
    """Read the events until a step of this op has run for a moment."""
    for line in process.stdout:
        if json.loads(line)["type"] == "step_started" and json.loads(line)["op"] == op:
            break
    else:
        pytest.fail(process.stderr.read())
    time.sleep(1)


def workers_ended(root: Path) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while workers(root) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not workers(root)


@pytest.mark.parametrize("name", LONG if os.environ.get("LEPTONCTL_SOAK") else ["forest"])
def test_one_interrupt_stops_an_apply(tiny: Callable[..., Path], name: str) -> None:
    root = tiny({"line": {"v1": LONG[name], "v2": "{}"}}, {"dev": "models: {line: v2}"})
    process = start("apply", "--yes", "--json", "--only", "model/line@v1", cwd=root)
    wait_for_step(process, "train")
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    took = time.monotonic() - began
    assert process.returncode == 130, out + err
    assert took < PATIENCE_S, took
    assert workers_ended(root), workers(root)
    assert "Traceback" not in err
    last = events(out)[-1]
    assert (last["type"], last["ok"], last["trained"]) == ("apply_finished", False, 0)
    assert recorded(root).applies == {}
    # the interrupted apply blocks nothing
    (root / "model-line.yaml").write_text((root / "model-line.yaml").read_text().replace(LONG[name], "{params: {C: 3.0}}"))
    again = run("apply", "--yes", "--json", cwd=root)
    assert again.returncode == 0, again.stdout + again.stderr
    assert events(again.stdout)[-1]["prepared"] == 0, "what was finished before is not repeated"
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0


def test_two_interrupts_stop_an_apply_at_once(tiny: Callable[..., Path]) -> None:
    """An impatient second Ctrl-C ends it at once; the claim it may leave behind is that of a dead process."""
    root = tiny({"line": {"v1": LONG["forest"]}})
    process = start("apply", "--yes", "--json", cwd=root)
    wait_for_step(process, "train")
    began = time.monotonic()
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
    out, err = process.communicate(timeout=20)
    # one that comes while the interpreter ends is its own: it dies of the signal, which a shell reads as 130 too
    assert process.returncode in {130, -signal.SIGINT}, out + err
    assert time.monotonic() - began < PATIENCE_S
    assert "Traceback" not in err, err
    assert workers_ended(root), workers(root)
    (root / "model-line.yaml").write_text((root / "model-line.yaml").read_text().replace(LONG["forest"], "{}"))
    again = run("apply", "--yes", cwd=root)
    assert again.returncode == 0, again.stdout + again.stderr


def test_an_interrupt_stops_a_build_with_plain_output(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": LONG["sgd"]}})
    process = start("build", cwd=root)
    deadline = time.monotonic() + 20
    while not workers(root).keys() - {process.pid} and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert workers_ended(root), workers(root)


@pytest.mark.parametrize("module", ["click", "typer", "leptonctl.cli.terminal", "leptonctl.kinds"])
def test_an_interrupt_while_the_code_is_loaded(tiny: Callable[..., Path], module: str) -> None:
    """While it is still loading its own code, from our first line on. The interpreter itself reports what it has loaded."""
    root = tiny()
    process = start("plan", cwd=root, PYTHONPROFILEIMPORTTIME="1")
    # as little as a pipe can hold: it waits for the reader, so it cannot have ended when the reader is late
    fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("import time:") and line.split("|")[-1].strip() == module:
            os.killpg(process.pid, signal.SIGINT)
            break
    else:
        pytest.fail(f"{module} was not loaded: {''.join(lines)}")
    out, err = process.communicate(timeout=20)
    messages = "".join(line for line in err.splitlines(keepends=True) if not line.startswith("import time:"))
    if "Exception ignored" in messages:
        # it came during a callback of Python that ignores exceptions: the plan continues
        assert process.returncode == 0, out + err
    else:
        # Python itself turns 130 into the signal (130 to a shell as well) when the interrupt came while code from a string was executed,
        # as dataclasses do, although it was caught
        assert process.returncode in (130, -signal.SIGINT), out + err
        assert "Traceback" not in messages
        assert "to create" not in out
