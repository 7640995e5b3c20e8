"""Eight applies at once: on overlapping addresses one runs and the others name it; on different addresses all run (law 5)."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.projects import edit, events, history_of, recorded, run, start, state_file, state_of

APPLIES = 8
# slow enough that the first still runs when the last of eight starts
SLOW = "{algorithm: mlp, params: {hidden_layer_sizes: [100], max_iter: 3000, n_iter_no_change: 1000000, tol: 0}}"


def wait_for(ready: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def begun(root: Path) -> bool:
    """Whether an apply has registered what it will move."""
    return state_file(root).exists() and bool(recorded(root).applies)


def holders(root: Path) -> list[dict]:
    listed = run("lock", "list", "--json", cwd=root)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    return json.loads(listed.stdout)["locks"]


def test_of_overlapping_applies_one_runs(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": SLOW}})
    running = [start("apply", "--yes", "--json", cwd=root) for _ in range(APPLIES)]
    ended = [(process, *process.communicate(timeout=120)) for process in running]
    codes = [process.returncode for process, _, _ in ended]
    assert sorted(codes) == [0] + [4] * (APPLIES - 1), [out + err for _, out, err in ended]
    winner = next(process for process, _, _ in ended if process.returncode == 0)
    for process, out, _ in ended:
        if process.returncode == 4:
            (problem,) = json.loads(out)["diagnostics"]
            assert problem["id"] == "lock-held"
            assert re.search(rf"held by \S+@\S+ pid {winner.pid}: leptonctl apply", problem["detail"])
    assert [record.serial for record in history_of(root)] == list(range(1, recorded(root).serial + 1))
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0


def test_applies_of_different_addresses_run_in_parallel(tiny: Callable[..., Path]) -> None:
    """Eight models of one environment, each applied by its own command at the same time."""
    names = [f"m{number}" for number in range(APPLIES)]
    root = tiny(
        {name: {"v1": f"{{params: {{C: {number + 1}}}}}"} for number, name in enumerate(names)},
        {"dev": f"models: {{{', '.join(f'{n}: v1' for n in names)}}}"},
    )
    running = [start("apply", "--yes", "--json", "--only", f"model/{n}", "--only", f"dev/{n}", cwd=root) for n in names]
    ended = [(process, *process.communicate(timeout=240)) for process in running]
    assert [process.returncode for process, _, _ in ended] == [0] * APPLIES, [out[-3000:] + err for p, out, err in ended if p.returncode]
    trained = [
        e["key"]
        for _, out, _ in ended
        for e in events(out)
        if e["type"] == "step_finished" and e["op"] in ("prepare", "train") and not e["adopted"]
    ]
    assert len(trained) == len(set(trained)) == APPLIES + 1, "each model once, the data once"
    current = state_of(root)["current"]
    assert {f"model/{n}@v1" for n in names} | {f"environment/dev/{n}" for n in names} <= set(current)
    records = history_of(root)
    assert [record.serial for record in records] == list(range(1, recorded(root).serial + 1))
    moved = [change.address for record in records for change in record.changes]
    assert sorted(a for a in moved if a.startswith(("model/", "environment/dev/"))) == sorted(
        a for n in names for a in (f"model/{n}@v1", f"environment/dev/{n}")
    )
    deployments = [record.deployment for record in records if record.deployment]
    assert deployments == sorted(set(deployments))
    assert holders(root) == []
    rest = run("apply", "--yes", cwd=root)
    assert rest.returncode == 0, rest.stdout + rest.stderr
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0


def test_a_dead_apply_holds_nothing(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": SLOW}})
    process = start("apply", "--yes", "--json", cwd=root)
    wait_for(lambda: begun(root))
    (held,) = holders(root)
    assert held["held"] is True
    assert held["phase"] == "building"
    assert held["owner"]["pid"] == process.pid
    process.kill()
    process.communicate()
    (left,) = holders(root)
    assert left["held"] is False
    began = time.monotonic()
    over = run("apply", "--yes", "--json", cwd=root)
    assert over.returncode == 0, over.stdout + over.stderr
    assert events(over.stdout)[-1]["trained"] == 1
    assert time.monotonic() - began < 40
    assert holders(root) == []


def test_a_released_claim_lets_another_apply_in(tiny: Callable[..., Path]) -> None:
    """Its former holder finishes its work and cannot overwrite what has moved meanwhile."""
    root = tiny({"line": {"v1": SLOW}})
    process = start("apply", "--yes", "--json", cwd=root)
    wait_for(lambda: begun(root))
    (held,) = holders(root)
    refused = run("apply", "--yes", cwd=root)
    assert refused.returncode == 4, refused.stdout + refused.stderr
    unknown = run("lock", "release", "nobody", cwd=root)
    assert unknown.returncode == 1
    assert "unknown-lock" in unknown.stderr
    released = run("lock", "release", held["id"], cwd=root)
    assert released.returncode == 0, released.stdout + released.stderr
    assert str(process.pid) in released.stdout
    second = run("apply", "--yes", "--json", cwd=root)
    out, err = process.communicate(timeout=120)
    assert (second.returncode, process.returncode) == (0, 5), second.stdout + out + err
    done = events(out)
    # the failure is reported like any other, and the last event counts what was done
    assert (done[-1]["type"], done[-1]["ok"]) == ("apply_finished", False)
    # whichever took the lease of the key first trained, and the other adopted
    assert done[-1]["trained"] + events(second.stdout)[-1]["trained"] == 1
    assert done[-2]["diagnostic"]["id"] == "taken-over"
    done += events(second.stdout)
    trained = [e for e in done if e["type"] == "step_finished" and e["op"] == "train" and not e["adopted"]]
    assert len(trained) == 1, "the step's own lease still keeps it from being done twice"
    assert run("plan", "--detailed-exitcode", cwd=root).returncode == 0
    assert [record.serial for record in history_of(root)] == list(range(1, recorded(root).serial + 1))


def test_an_apply_that_may_wait_goes_on_when_the_other_has_ended(tiny: Callable[..., Path]) -> None:
    """With `--lock-timeout` it plans again and finds done what both wanted; without time left it names the holder."""
    root = tiny({"line": {"v1": SLOW}})
    first = start("apply", "--yes", "--json", cwd=root)
    wait_for(lambda: begun(root))
    refused = run("apply", "--yes", "--lock-timeout", "1", cwd=root)
    assert (refused.returncode, "lock-held" in refused.stderr) == (4, True), refused.stdout + refused.stderr
    assert re.search(rf"Waiting up to 1 s: .* is held by \S+@\S+ pid {first.pid}: leptonctl apply", refused.stdout), refused.stdout
    patient = run("apply", "--yes", "--json", "--lock-timeout", "60", cwd=root)
    assert first.wait(timeout=60) == 0, first.communicate()
    assert patient.returncode == 0, patient.stdout + patient.stderr
    assert "Waiting up to 60 s: " in patient.stderr
    *_, last = events(patient.stdout)
    assert (last["type"], last["ok"], last["trained"], last["bound"]) == ("apply_finished", True, 0, 0)
    first.communicate()


def test_a_second_run_of_what_is_done_succeeds(tiny: Callable[..., Path]) -> None:
    """A merge job that is run again: with a saved plan, or with the effect that was reviewed."""
    root = tiny()
    assert run("plan", "--out", "saved.plan", cwd=root).returncode == 0
    effect = json.loads(run("plan", "--json", cwd=root).stdout)["effect_id"]
    for words in (("saved.plan",), ("saved.plan",), ("--yes", "--expect", effect)):
        done = run("apply", *words, cwd=root)
        assert done.returncode == 0, done.stdout + done.stderr
    assert recorded(root).serial == 2
    edit(root / "model-line.yaml", "v1: {}", "v1: {params: {C: 0.3}}")
    for words in (("saved.plan",), ("--yes", "--expect", effect)):
        done = run("apply", *words, cwd=root)
        assert (done.returncode, "stale" in done.stderr) == (5, True), done.stdout + done.stderr
