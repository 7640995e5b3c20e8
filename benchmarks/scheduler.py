"""What the scheduler costs its own process per version and per step: it runs steps that take no time, over a real folder store.

    python benchmarks/scheduler.py [--versions 1000 10000] [--folder /dev/shm] [--profile] [--again]

Each version has four steps: one by its declaration, two that read it, one that is keyed by the bytes of what it reads. A fake
executor reports each step as done at once, so only the parent is measured: order, keys, leases, events, and results written to
the store and read from it. CPU seconds are `time.process_time` of this process. `--again` measures a second build in which the first
step of each version has another key but the same outputs: all other steps are adopted (early cutoff).
"""

import argparse
import cProfile
import gc
import pstats
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from leptonctl.building.scheduler import Scheduler
from leptonctl.building.work import Built, Work
from leptonctl.core.canonical import digest
from leptonctl.core.diff import diff
from leptonctl.core.event import Event
from leptonctl.core.graph import declaration, in_order, resolve_keys
from leptonctl.core.plan import Settled, with_steps
from leptonctl.core.result import Result
from leptonctl.core.state import Owner, Pointer, StepPointer
from leptonctl.core.values import Json, Node, Op, Span, Step
from leptonctl.spi.running import Completed, Outcome, Produced, Task
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.store import Store

OPS = {
    op.name: op
    for op in (
        Op(name="gather", done="gathered", run="benchmarks:none", identity=("columns",)),
        Op(name="work", done="worked", run="benchmarks:none"),
        Op(name="press", done="pressed", run="benchmarks:none"),
        Op(name="weigh", done="weighed", run="benchmarks:none"),
    )
}
# as large as the record of thirty prepared columns
COLUMNS: Json = [
    {"name": f"column_{n}", "type": "number", "nullable": True, "fill": None, "min": None, "max": None, "values": None, "hash": False}
    for n in range(30)
]
PROVENANCE: dict[str, Json] = {"host": "here", "by": "me", "versions": {f"library{n}": "1.2.3" for n in range(9)}, "cpu": {"family": "6"}}


def version(number: int, mark: str) -> Node:
    """One version. `mark` changes the key of its first step and nothing else."""
    address = f"thing/t{number % 50}@v{number}"
    recipe: dict[str, Json] = {"number": number, "depth": number % 7}
    first: dict[str, Json] = {"number": number, "mark": mark}
    gather = _step("gather", address, first, {})
    work = _step("work", address, {"gather": gather.key, **recipe}, {"rows": (address, "gather")}, own=recipe)
    places = {"rows": (address, "gather"), "worked": (address, "work")}
    press = _step("press", address, {"work": work.key, "opset": 1}, places, own={"opset": 1, **recipe})
    weigh = Step(
        name="weigh", op="weigh", address=address, key=None, spec=digest({"of": press.key}), fields={"metrics": ["a", "b"]},
        reads=("pressed.artifacts.pressed", "rows.outputs.mark"), inputs={"metrics": ["a", "b"]},
        needs={"rows": (address, "gather"), "pressed": (address, "press")},
    )  # fmt: skip
    steps = (gather, work, press, weigh)
    return Node(
        address=address, digest=press.key or "", declaration=declaration(recipe, {}, steps), recipe=recipe, origins={},
        span=Span(file="a.yaml", line=1, column=1, end_column=2), steps=steps,
    )  # fmt: skip


def _step(op: str, address: str, fields: dict[str, Json], needs: dict[str, tuple[str, str]], *, own: dict[str, Json] | None = None) -> Step:
    key = digest({"op": op, **fields})
    return Step(name=op, op=op, address=address, key=key, spec=key, fields=fields, own=own, inputs=fields, needs=needs)


PRODUCES = {"gather": "rows", "work": "worked", "press": "pressed", "weigh": "weighed"}


@dataclass(slots=True, kw_only=True)
class InstantExecutor:
    """Every step is done as soon as it is submitted."""

    artifacts: Mapping[str, str]
    _done: deque[Outcome] = field(default_factory=deque)

    def submit(self, task: Task) -> None:
        number = task.inputs.get("number", 0)
        outputs: dict[str, Json] = {"metrics": {"a": 0.5, "b": 0.25}, "mark": number}
        if task.op == "gather":
            outputs["columns"] = COLUMNS
        produced = Produced(artifacts={PRODUCES[task.op]: self.artifacts[task.op]}, outputs=outputs)
        self._done.append(Completed(id=task.id, produced=produced, seconds=0.1, provenance=PROVENANCE))

    def poll(self, timeout: float) -> list[Outcome]:
        del timeout
        outcomes = list(self._done)
        self._done.clear()
        return outcomes

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def run(nodes: tuple[Node, ...], store: Store, current: Mapping[str, Pointer], artifacts: Mapping[str, str]) -> tuple[float, Built]:
    """CPU seconds of the scheduler, and what it built."""
    keys = resolve_keys(nodes, current, {})
    settled = Settled(nodes=nodes, keys=keys, current=current, by_address={node.address: node for node in nodes})
    changes = with_steps(settled, diff(nodes, current, keys))
    events: list[Event] = []
    work = Work(
        ops=OPS, keys=keys.by_place, current=current, known={}, owner=Owner(user="me"), parallelism=4, locate=lambda *_: None
    )  # fmt: skip
    scheduler = Scheduler(store=store, executor=lambda: InstantExecutor(artifacts=artifacts), reporter=events.append, work=work)
    started = time.process_time()
    built = scheduler.run(changes)
    return time.process_time() - started, built


def measure(count: int, folder: Path, *, again: bool, profile: bool) -> tuple[float, int]:
    """CPU seconds of one run over `count` versions, and the number of its steps."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="leptonctl-scheduler-") as root:
        store = open_store("store", Path(root), {"": STORE})
        artifacts = {op: store.put_artifact(op.encode()) for op in OPS}
        nodes = in_order(version(number, "x") for number in range(count))
        profiler = cProfile.Profile()
        if profile and not again:
            profiler.enable()
        seconds, built = run(nodes, store, {}, artifacts)
        if again:
            current = _pointers(nodes, built.results)
            nodes = in_order(version(number, "y") for number in range(count))
            if profile:
                profiler.enable()
            seconds, built = run(nodes, store, current, artifacts)
        profiler.disable()
        if profile:
            pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(35)
        return seconds, len(built.results)


def _pointers(nodes: tuple[Node, ...], results: Mapping[tuple[str, str], Result]) -> dict[str, Pointer]:
    steps = {node.address: {s.name: StepPointer(op=s.op, key=results[s.place].key) for s in node.steps} for node in nodes}
    return {node.address: Pointer(digest=node.digest, declaration=node.declaration, steps=steps[node.address]) for node in nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to create the store")
    parser.add_argument("--again", action="store_true", help="measure a second build in which all but the first steps are adopted")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    gc.disable()  # as the command line does
    print("| versions | steps | CPU s | ms a version | ms a step |\n| --- | --- | --- | --- | --- |")
    measure(50, arguments.folder, again=arguments.again, profile=False)
    for count in arguments.versions:
        seconds, steps = measure(count, arguments.folder, again=arguments.again, profile=arguments.profile)
        print(f"| {count:,} | {steps:,} | {seconds:.2f} | {seconds / count * 1000:.2f} | {seconds / steps * 1000:.3f} |", flush=True)


if __name__ == "__main__":
    main()
