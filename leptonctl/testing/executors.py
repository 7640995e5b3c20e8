"""What every executor must keep, as one call. It raises AssertionError. Written against `spi.running` only."""

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Completed, Executor, Failed, Lost, Outcome, Progressed, Task
from leptonctl.testing.racing import require

STEPS = "leptonctl.testing.steps"
PATIENCE_S = 90.0
SOON_S = 15.0
LONG_S = 300
MANY = 12
ROUNDS = 500
INPUTS: dict[str, Json] = {
    "text": "grün, 緑, \u2028", "none": None, "yes": True, "big": 2**53, "small": 1e-300, "list": [1, 1.5, [], {}],
    "deep": {"a": {"b": ["c"]}},
}  # fmt: skip


def check_executor(open_executor: Callable[[], Executor], *, project: Path | None = None) -> None:
    """An executor: every task ends in exactly one outcome, whatever its step does; progress, cancelling and closing.

    `open_executor` opens one over the same store on every call, with room for two tasks or more. `project` is the folder it was
    opened with, where its workers can reach it: then it is seen that a cancelled step has really stopped.
    """
    with open_executor() as executor:
        _check_values(executor)
        _check_many(executor)
        _check_refusals(executor)
        _check_deaths(executor)
        _check_progress(executor)
        _check_waiting(executor)
    _check_artifacts(open_executor)
    _check_cancelling(open_executor, project)
    _check_closing(open_executor, project)


def _check_values(executor: Executor) -> None:
    need = Result(key="sha256:" + "ab" * 32, op="keep", artifacts={"a": "sha256:" + "cd" * 32}, outputs={"n": [1, None, "ü"]})
    executor.submit(_task("values", "echo", INPUTS, {"role": need}))
    ended = _ends(executor, "values")
    require(ended.produced.outputs["inputs"] == INPUTS, "a step gets its inputs as they are")
    needs: Json = {"role": [need.key, need.op, dict(need.artifacts), dict(need.outputs)]}
    require(ended.produced.outputs["needs"] == needs, "a step gets the results it needs as they are")
    require(ended.produced.artifacts == {}, "a step that keeps nothing has no artifacts")
    require(ended.seconds >= 0 and bool(ended.provenance), "it is said how long it took, and where it was done")


def _check_many(executor: Executor) -> None:
    for number in range(MANY):
        executor.submit(_task(f"many-{number}", "echo", {"number": number}))
    ended = _end(executor, {f"many-{number}" for number in range(MANY)})
    for number in range(MANY):
        outcome = ended[f"many-{number}"]
        require(isinstance(outcome, Completed), f"each of many tasks completes: {outcome}")
        if isinstance(outcome, Completed):
            require(outcome.produced.outputs["inputs"] == {"number": number}, "each task has its own outcome")


def _check_refusals(executor: Executor) -> None:
    executor.submit(_task("refused", "refuse"))
    outcome = _end(executor, {"refused"})["refused"]
    require(isinstance(outcome, Failed), f"a step that refuses its inputs fails: {outcome}")
    if isinstance(outcome, Failed):
        error = outcome.error
        parts = (error.id, error.summary, error.detail, error.hint, error.file, error.line, error.column)
        require(parts == ("bad-data", "No", "It is wrong.", "right it", "data/t.csv", 7, "age"), f"all that it said is told: {parts}")
    for step in ("fail", "nothing", "absent", "leave"):
        executor.submit(_task(step, step))
        outcome = _end(executor, {step})[step]
        wrong = isinstance(outcome, Failed | Lost) and bool(outcome.error.summary if isinstance(outcome, Failed) else outcome.why)
        require(wrong, f"a step with a bug fails, and says so ({step}): {outcome}")
    executor.submit(_task("after", "echo"))
    require(isinstance(_end(executor, {"after"})["after"], Completed), "the next task is done after any failure")


def _check_deaths(executor: Executor) -> None:
    tasks = {"first": "echo", "dies": "die", "dies too": "die", "last": "echo"}
    for id_, step in tasks.items():
        executor.submit(_task(id_, step))
    ended = _end(executor, set(tasks))
    for id_, step in tasks.items():
        outcome = ended[id_]
        if step == "echo":
            require(isinstance(outcome, Completed), f"the death of a worker takes no other task along: {outcome}")
        else:
            lost = isinstance(outcome, Lost) and bool(outcome.why) and not outcome.cancelled
            require(lost, f"the task of a worker that died is lost, and it is said why: {outcome}")


def _check_progress(executor: Executor) -> None:
    executor.submit(_task("counts", "count", {"of": ROUNDS}))
    said: list[Progressed] = []
    require(isinstance(_end(executor, {"counts"}, said)["counts"], Completed), "a step that tells its progress completes")
    require(bool(said), "progress is told")
    steps = [p.iteration or 0 for p in said]
    require(steps == sorted(set(steps)), f"progress only grows: {steps}")
    right = all(p.of == ROUNDS and p.message == f"round {p.iteration}" and p.loss == 1 / (p.iteration or 1) for p in said)
    require(right and all(p.id == "counts" and p.seconds >= 0 for p in said), "progress is told as it was said")


def _check_waiting(executor: Executor) -> None:
    started = time.monotonic()
    require(executor.poll(0.0) == [] and executor.poll(0.2) == [], "nothing happens where nothing was asked for")
    require(time.monotonic() - started < SOON_S, "waiting ends with its time")
    executor.submit(_task("short", "echo"))
    started = time.monotonic()
    outcomes: list[Outcome] = []
    while not outcomes and time.monotonic() - started < PATIENCE_S:
        outcomes = executor.poll(PATIENCE_S)
    require(bool(outcomes) and time.monotonic() - started < PATIENCE_S / 2, "waiting ends with the first outcome")


def _check_artifacts(open_executor: Callable[[], Executor]) -> None:
    text = "kept, grün"
    with open_executor() as executor:
        executor.submit(_task("keeps", "keep", {"text": text}))
        kept = _ends(executor, "keeps").produced.artifacts
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        require(kept == {"text.txt": digest}, f"an artifact is known by its digest: {kept}")
        executor.submit(_task("marks", "mark", {"key_id": "k1", "mark": "aa"}))
        require(_ends(executor, "marks").produced.outputs == {"same": True}, "the first mark of a key is recorded")
    need = Result(key="sha256:" + "ef" * 32, op="keep", artifacts=kept)
    with open_executor() as executor:
        executor.submit(_task("fetches", "fetch", {}, {"kept": need}))
        require(_ends(executor, "fetches").produced.outputs == {"text": text}, "what a step kept is in the store when it has completed")
        executor.submit(_task("marks", "mark", {"key_id": "k1", "mark": "bb"}))
        require(_ends(executor, "marks").produced.outputs == {"same": False}, "another mark of a recorded key is noticed")


def _check_cancelling(open_executor: Callable[[], Executor], project: Path | None) -> None:
    with open_executor() as executor:
        ids = {f"long-{number}" for number in range(MANY)}
        for id_ in sorted(ids):
            executor.submit(_task(id_, "tick", {"seconds": LONG_S, "file": "cancelled.trace" if project else None}))
        _until_progress(executor)
        started = time.monotonic()
        executor.cancel()
        ended = _end(executor, ids)
        require(time.monotonic() - started < SOON_S, "cancelling does not wait for steps")
        require(
            all(isinstance(o, Lost) and o.cancelled for o in ended.values()), f"what was running or waiting is lost, cancelled: {ended}"
        )
    _require_still(project, "cancelled.trace")


def _check_closing(open_executor: Callable[[], Executor], project: Path | None) -> None:
    executor = open_executor()
    for number in range(MANY):
        executor.submit(_task(f"long-{number}", "tick", {"seconds": LONG_S, "file": "closed.trace" if project else None}))
    _until_progress(executor)
    started = time.monotonic()
    executor.close()
    require(time.monotonic() - started < SOON_S, "closing does not wait for steps")
    _require_still(project, "closed.trace")
    executor.close()
    with open_executor() as unused:
        require(unused.poll(0.0) == [], "an executor that was given nothing has nothing to say")


def _until_progress(executor: Executor) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any(isinstance(outcome, Progressed) for outcome in executor.poll(0.5)):
        require(time.monotonic() < deadline, f"a long step tells its progress (within {PATIENCE_S} s)")


def _require_still(project: Path | None, name: str) -> None:
    if project is None:
        return
    file = project / name
    before = file.stat().st_size
    time.sleep(0.5)
    require(file.stat().st_size == before, "a step that was stopped does nothing more")


def _ends(executor: Executor, id_: str) -> Completed:
    outcome = _end(executor, {id_})[id_]
    if not isinstance(outcome, Completed):
        msg = f"not kept: the task completes: {outcome}"
        raise AssertionError(msg)  # noqa: TRY004  what is not kept is an assertion
    return outcome


def _end(executor: Executor, ids: set[str], progress: list[Progressed] | None = None) -> Mapping[str, Outcome]:
    """How tasks ended: each once, and nothing of it after that."""
    ended: dict[str, Outcome] = {}
    deadline = time.monotonic() + PATIENCE_S
    while ended.keys() != ids:
        require(time.monotonic() < deadline, f"every task ends: {sorted(ids - ended.keys())} did not (within {PATIENCE_S} s)")
        _hear(executor.poll(0.5), ids, ended, progress)
    # what is said twice is said late
    _hear(executor.poll(0.05), ids, ended, progress)
    return ended


def _hear(outcomes: list[Outcome], ids: set[str], ended: dict[str, Outcome], progress: list[Progressed] | None) -> None:
    for outcome in outcomes:
        require(outcome.id in ids, f"an outcome is of a task that was given: {outcome}")
        require(outcome.id not in ended, f"nothing is told of a task that has ended: {outcome}")
        if not isinstance(outcome, Progressed):
            ended[outcome.id] = outcome
        elif progress is not None:
            progress.append(outcome)


def _task(id_: str, step: str, inputs: Mapping[str, Json] | None = None, needs: Mapping[str, Result] | None = None) -> Task:
    return Task(id=id_, op=step, run=f"{STEPS}:{step}", inputs=inputs or {}, needs=needs or {})
