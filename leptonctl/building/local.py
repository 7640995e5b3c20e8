"""Runs steps in warm worker processes on this machine. Owns the queue and the slots; does not know what steps do."""

import os
import select
import signal
import time
from collections import deque
from typing import Self

from leptonctl.building.messages import CompletedMessage, FailedMessage, Greeting, Message, ProgressMessage, StartedMessage
from leptonctl.building.slot import Slot
from leptonctl.spi.running import Completed, ExecutorBackend, Failed, Lost, Outcome, Produced, Progressed, StepError, Task, Workplace
from leptonctl.storage.durable import make_folder, sweep

GRACE_S = 1.0
PARALLELISM = 2
WAIT_FACTOR, LEAST_WAIT_S, MOST_WAIT_S = 3.0, 2.0, 10.0
"""Another worker is started after tasks have waited three times as long as its start takes, within these bounds."""
IMPORTS = 2.5
"""How many times as long as its first task the start of a worker takes: the first task reads rows, and later ones import more."""
GAIN = 1.5
"""Another worker is started for work of a known amount when it saves this many times its own start."""
LEAST_POLL_S = 0.01
LOG_AGE_S = 7 * 86_400.0
CANCELLED = "It was stopped on request."


class Patience:
    """Decides when another worker pays: after tasks have waited longer than a worker takes to import what it needs, or at once when
    many tasks of a kind wait that is known to take long.

    The first task of a worker is the measure, because it contains imports: ten small fits are done before another worker could begin.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._waited = 0.0
        self._wait_s = LEAST_WAIT_S
        self._start_s = LEAST_WAIT_S
        self._durations: dict[str, list[float]] = {}

    def record(self, op: str, seconds: float) -> None:
        """Take the duration of a task as a measure for its kind."""
        self._durations.setdefault(op, []).append(seconds)

    def is_worth(self, task: Task, waiting: int) -> bool:
        """Whether another worker saves more than it costs, if every waiting task takes as long as earlier tasks of this kind.

        The shortest of at least two counts, because the first of a kind may contain imports.
        """
        durations = self._durations.get(task.op, ())
        return len(durations) > 1 and min(durations) * (waiting + task.behind) / 2 > GAIN * self._start_s

    def record_first(self, seconds: float) -> None:
        """Take the duration of a worker's first task as the measure."""
        self._wait_s = min(max(WAIT_FACTOR * IMPORTS * seconds, LEAST_WAIT_S), MOST_WAIT_S)
        self._start_s = min(IMPORTS * seconds, LEAST_WAIT_S)

    def remaining(self, *, waiting: bool) -> float:
        """How many more seconds tasks have to wait before another worker pays; 0 restarts the count. `waiting`: a task waits now."""
        now = time.monotonic()
        self._waited += now - self._since if self._since is not None else 0.0
        self._since = now if waiting else None
        remaining_s = self._wait_s - self._waited
        if remaining_s > 0 or not waiting:
            return max(remaining_s, LEAST_POLL_S)
        self._waited = 0.0
        return 0.0


class LocalExecutor:
    """At most `parallelism` workers, each started when it pays and used for many tasks.

    The first is started at once if the workplace names modules to import ahead. The time of its imports counts as part of its first task.
    """

    def __init__(self, place: Workplace) -> None:
        self._greeting = Greeting(project=os.fsencode(place.project.absolute()), store=place.store, ahead=tuple(place.ahead))
        self._parallelism = parallelism_of(place)
        self._log_folder = place.logs
        self._queue: deque[Task] = deque()
        self._slots: list[Slot] = []
        self._started = 0
        self._worker_limit = 1
        self._patience = Patience()
        self._ready: list[Outcome] = []
        if place.ahead:
            self._start()

    def submit(self, task: Task) -> None:
        self._queue.append(task)
        self._hand_out()

    def poll(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        while not self._ready and (self._queue or any(slot.task for slot in self._slots)):
            wait = max(0.0, deadline - time.monotonic())
            if not self._listen(min(wait, self._hand_out())) and wait == 0.0:
                break
        outcomes, self._ready = self._ready, []
        return outcomes

    def cancel(self) -> None:
        self._ready += [Lost(id=task.id, why=CANCELLED, cancelled=True) for task in self._queue]
        self._queue.clear()
        for slot in [slot for slot in self._slots if slot.task]:
            if slot.task is not None:
                self._ready.append(Lost(id=slot.task.id, why=CANCELLED, cancelled=True))
            slot.kill()
            self._slots.remove(slot)

    def close(self) -> None:
        """End all workers. Unfinished tasks are dropped silently; call `cancel` first to get their outcomes."""
        self._queue.clear()
        for slot in self._slots:
            if slot.task or not slot.task_count:
                slot.kill()  # one without a finished task may still be importing
            else:
                slot.finish(GRACE_S)
            slot.drop_empty_log()
        self._slots.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self) -> float:
        """Give tasks to idle workers. Returns how many seconds to wait until another worker pays."""
        while self._queue:
            slot = next((slot for slot in self._slots if slot.task is None), None)
            if slot is None and len(self._slots) < self._worker_limit:
                slot = self._start()
            if slot is not None:
                slot.give(self._queue.popleft())
            elif self._worker_limit == self._parallelism:
                break
            elif not self._patience.is_worth(self._queue[0], len(self._queue)) and (wait_s := self._patience.remaining(waiting=True)) > 0:
                return wait_s
            else:
                self._worker_limit += 1
        self._patience.remaining(waiting=False)
        return MOST_WAIT_S

    def _start(self) -> Slot:
        if self._started == 0:
            make_folder(self._log_folder)
            sweep(self._log_folder, LOG_AGE_S, prefix="worker-")
        self._started += 1
        slot = Slot(self._greeting, self._log_folder / f"worker-{os.getpid()}-{self._started}.log")
        self._slots.append(slot)
        return slot

    def _listen(self, timeout: float) -> bool:
        """Wait for any worker and process its messages. False when there were none."""
        by_handle = {slot.events: slot for slot in self._slots}
        readable = _readable(list(by_handle), timeout)
        for handle in readable:
            slot = by_handle[handle]
            messages = slot.read()
            if messages is None:
                self._remove_dead(slot)
            else:
                for message in messages:
                    self._process(slot, message)
        self._hand_out()
        return bool(readable)

    def _process(self, slot: Slot, message: Message) -> None:
        if isinstance(message, StartedMessage):
            slot.has_begun, slot.imports = True, slot.imports + message.imports
            return
        if isinstance(message, ProgressMessage):
            self._ready.append(_progress_of(message))
            return
        if slot.task_count == 0:
            self._patience.record_first(slot.imports + message.seconds)
        if slot.task is not None:
            self._patience.record(slot.task.op, message.seconds)
        slot.task, slot.task_count = None, slot.task_count + 1
        self._ready.append(_failure_of(message) if isinstance(message, FailedMessage) else _completion_of(message))

    def _remove_dead(self, slot: Slot) -> None:
        """Free the slot of a dead worker for a new one. Its task is lost, or queued again if the worker had not begun it."""
        self._slots.remove(slot)
        code = slot.kill()
        if slot.task is None:
            return
        if slot.task_count and not slot.has_begun:
            self._queue.appendleft(slot.task)  # the worker died before it began the task: another one can do it
        else:
            self._ready.append(Lost(id=slot.task.id, why=_reason(code), log=slot.log_tail()))


def _readable(handles: list[int], timeout: float) -> list[int]:
    poller = select.poll()
    for handle in handles:
        poller.register(handle, select.POLLIN | select.POLLHUP)
    return [handle for handle, _ in poller.poll(timeout * 1000)]


def _reason(code: int) -> str:
    if code == -signal.SIGKILL:
        return "Its worker process was killed (SIGKILL): by a person, or by the system because memory ran out."
    if code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
        return f"Its worker process crashed ({name}) in native code."
    return f"Its worker process ended with exit code {code}."


def _progress_of(message: ProgressMessage) -> Progressed:
    return Progressed(
        id=message.id, seconds=message.seconds, message=message.message, iteration=message.iteration, of=message.of, loss=message.loss,
        notice=message.notice,
    )  # fmt: skip


def _completion_of(message: CompletedMessage) -> Completed:
    produced = Produced(artifacts=message.artifacts, outputs=message.outputs)
    return Completed(id=message.id, produced=produced, seconds=message.seconds, provenance=message.provenance)


def _failure_of(message: FailedMessage) -> Failed:
    problem = StepError(
        id=message.error, summary=message.summary, detail=message.detail, hint=message.hint,
        file=message.file, line=message.line, column=message.column,
    )  # fmt: skip
    return Failed(id=message.id, error=problem, seconds=message.seconds)


def parallelism_of(place: Workplace) -> int:
    """How many steps run at the same time."""
    setting = place.settings.get("parallelism")
    return max(1, setting) if isinstance(setting, int) else PARALLELISM


EXECUTOR = ExecutorBackend(
    name="local",
    description="Worker processes on this machine.",
    open=LocalExecutor,
    settings={
        "parallelism": {
            "description": "Steps that run at the same time.",
            "type": "integer",
            "minimum": 1,
            "maximum": 256,
            "default": PARALLELISM,
        },
    },
    starts_ahead=True,
)
