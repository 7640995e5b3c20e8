"""The conformance suite of executors. Written against `spi.running` only."""

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Completed, Executor, Failed, Lost, Outcome, Progressed, Task
from leptonctl.testing.requirements import not_met, require

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
    """Check an executor: every task has exactly one outcome, whatever its step does; progress, cancelling and closing.

    `open_executor` opens an executor over the same store on every call, with room for at least two tasks. Pass the `project` folder
    that it was opened with if its workers can reach it, to check that a cancelled step has really stopped. Raises AssertionError.
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
    completed = _complete(executor, "values")
    require(completed.produced.outputs["inputs"] == INPUTS, "a step gets its inputs unchanged")
    needs: Json = {"role": [need.key, need.op, dict(need.artifacts), dict(need.outputs)]}
    require(completed.produced.outputs["needs"] == needs, "a step gets the results that it needs unchanged")
    require(completed.produced.artifacts == {}, "a step that stores nothing has no artifacts")
    require(completed.seconds >= 0 and bool(completed.provenance), "an outcome has its duration and provenance")


def _check_many(executor: Executor) -> None:
    for number in range(MANY):
        executor.submit(_task(f"many-{number}", "echo", {"number": number}))
    outcomes = _outcomes(executor, {f"many-{number}" for number in range(MANY)})
    for number in range(MANY):
        outcome = outcomes[f"many-{number}"]
        require(isinstance(outcome, Completed), f"each of many tasks completes: {outcome}")
        if isinstance(outcome, Completed):
            require(outcome.produced.outputs["inputs"] == {"number": number}, "each task has its own outcome")


def _check_refusals(executor: Executor) -> None:
    executor.submit(_task("refused", "refuse"))
    outcome = _outcomes(executor, {"refused"})["refused"]
    require(isinstance(outcome, Failed), f"a step that refuses its inputs fails: {outcome}")
    if isinstance(outcome, Failed):
        error = outcome.error
        parts = (error.id, error.summary, error.detail, error.hint, error.file, error.line, error.column)
        require(
            parts == ("bad-data", "No", "It is wrong.", "correct it", "data/t.csv", 7, "age"),
            f"every part of its error is reported: {parts}",
        )
    for step in ("fail", "nothing", "absent", "leave"):
        executor.submit(_task(step, step))
        outcome = _outcomes(executor, {step})[step]
        reported = isinstance(outcome, Failed | Lost) and bool(outcome.error.summary if isinstance(outcome, Failed) else outcome.why)
        require(reported, f"a step with a bug fails with a reason ({step}): {outcome}")
    executor.submit(_task("after", "echo"))
    require(isinstance(_outcomes(executor, {"after"})["after"], Completed), "the next task completes after any failure")


def _check_deaths(executor: Executor) -> None:
    tasks = {"first": "echo", "dies": "die", "dies too": "die", "last": "echo"}
    for id_, step in tasks.items():
        executor.submit(_task(id_, step))
    outcomes = _outcomes(executor, set(tasks))
    for id_, step in tasks.items():
        outcome = outcomes[id_]
        if step == "echo":
            require(isinstance(outcome, Completed), f"the death of a worker affects no other task: {outcome}")
        else:
            lost = isinstance(outcome, Lost) and bool(outcome.why) and not outcome.cancelled
            require(lost, f"the task of a worker that died is lost, with a reason: {outcome}")


def _check_progress(executor: Executor) -> None:
    executor.submit(_task("counts", "count", {"of": ROUNDS}))
    progress: list[Progressed] = []
    require(isinstance(_outcomes(executor, {"counts"}, progress)["counts"], Completed), "a step that reports progress completes")
    require(bool(progress), "progress is reported")
    iterations = [p.iteration or 0 for p in progress]
    require(iterations == sorted(set(iterations)), f"progress only grows: {iterations}")
    same = all(p.of == ROUNDS and p.message == f"round {p.iteration}" and p.loss == 1 / (p.iteration or 1) for p in progress)
    require(same and all(p.id == "counts" and p.seconds >= 0 for p in progress), "progress is reported unchanged")


def _check_waiting(executor: Executor) -> None:
    started = time.monotonic()
    require(executor.poll(0.0) == [] and executor.poll(0.2) == [], "an executor without tasks has no outcomes")
    require(time.monotonic() - started < SOON_S, "poll returns after its timeout")
    executor.submit(_task("short", "echo"))
    started = time.monotonic()
    outcomes: list[Outcome] = []
    while not outcomes and time.monotonic() - started < PATIENCE_S:
        outcomes = executor.poll(PATIENCE_S)
    require(bool(outcomes) and time.monotonic() - started < PATIENCE_S / 2, "poll returns with the first outcome")


def _check_artifacts(open_executor: Callable[[], Executor]) -> None:
    text = "kept, grün"
    with open_executor() as executor:
        executor.submit(_task("keeps", "keep", {"text": text}))
        artifacts = _complete(executor, "keeps").produced.artifacts
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        require(artifacts == {"text.txt": digest}, f"an artifact is named by its digest: {artifacts}")
        executor.submit(_task("marks", "mark", {"key_id": "k1", "mark": "aa"}))
        require(_complete(executor, "marks").produced.outputs == {"same": True}, "the first mark of a key is recorded")
    need = Result(key="sha256:" + "ef" * 32, op="keep", artifacts=artifacts)
    with open_executor() as executor:
        executor.submit(_task("fetches", "fetch", {}, {"kept": need}))
        require(_complete(executor, "fetches").produced.outputs == {"text": text}, "the artifacts of a completed step are in the store")
        executor.submit(_task("marks", "mark", {"key_id": "k1", "mark": "bb"}))
        require(_complete(executor, "marks").produced.outputs == {"same": False}, "another mark of a recorded key is noticed")


def _check_cancelling(open_executor: Callable[[], Executor], project: Path | None) -> None:
    with open_executor() as executor:
        ids = {f"long-{number}" for number in range(MANY)}
        for id_ in sorted(ids):
            executor.submit(_task(id_, "tick", {"seconds": LONG_S, "file": "cancelled.trace" if project else None}))
        _until_progress(executor)
        started = time.monotonic()
        executor.cancel()
        outcomes = _outcomes(executor, ids)
        require(time.monotonic() - started < SOON_S, "cancelling does not wait for steps")
        cancelled = all(isinstance(outcome, Lost) and outcome.cancelled for outcome in outcomes.values())
        require(cancelled, f"running and waiting tasks are lost as cancelled: {outcomes}")
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
        require(unused.poll(0.0) == [], "an unused executor has no outcomes")


def _until_progress(executor: Executor) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any(isinstance(outcome, Progressed) for outcome in executor.poll(0.5)):
        require(time.monotonic() < deadline, f"a long step reports its progress (within {PATIENCE_S} s)")


def _require_still(project: Path | None, name: str) -> None:
    if project is None:
        return
    file = project / name
    size = file.stat().st_size
    time.sleep(0.5)
    require(file.stat().st_size == size, "a stopped step does nothing more")


def _complete(executor: Executor, id_: str) -> Completed:
    outcome = _outcomes(executor, {id_})[id_]
    if not isinstance(outcome, Completed):
        raise not_met(f"the task completes: {outcome}")
    return outcome


def _outcomes(executor: Executor, ids: set[str], progress: list[Progressed] | None = None) -> Mapping[str, Outcome]:
    """Wait for the final outcome of each task; each must have exactly one, and nothing after it."""
    outcomes: dict[str, Outcome] = {}
    deadline = time.monotonic() + PATIENCE_S
    while outcomes.keys() != ids:
        require(time.monotonic() < deadline, f"every task ends: {sorted(ids - outcomes.keys())} did not (within {PATIENCE_S} s)")
        _collect(executor.poll(0.5), ids, outcomes, progress)
    # a second outcome of a task would arrive after the first
    _collect(executor.poll(0.05), ids, outcomes, progress)
    return outcomes


def _collect(polled: list[Outcome], ids: set[str], final: dict[str, Outcome], progress: list[Progressed] | None) -> None:
    for outcome in polled:
        require(outcome.id in ids, f"every outcome belongs to a submitted task: {outcome}")
        require(outcome.id not in final, f"nothing is reported of a task that has ended: {outcome}")
        if not isinstance(outcome, Progressed):
            final[outcome.id] = outcome
        elif progress is not None:
            progress.append(outcome)


def _task(id_: str, step: str, inputs: Mapping[str, Json] | None = None, needs: Mapping[str, Result] | None = None) -> Task:
    return Task(id=id_, op=step, run=f"{STEPS}:{step}", inputs=inputs or {}, needs=needs or {})
