"""Carrying out steps: toy steps in real worker processes over a real store. Order, parallelism, each key once, and what failure leaves."""

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from leptonctl.building.local import LocalExecutor
from leptonctl.building.scheduler import Building, Built
from leptonctl.building.task import Executor
from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Create
from leptonctl.core.diff import diff
from leptonctl.core.event import Event, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.plan import with_steps
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Node, Op, Result, Span, Step
from leptonctl.storage.store import Store, open_store

TOY = """
import os, signal, time
from pathlib import Path
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Made

def run(inputs, needs, bench):
    with open(bench.project / "runs.txt", "a") as log:
        log.write(inputs["text"] + "\\n")
    do = inputs.get("do")
    if do == "fail":
        raise ProviderError("It cannot be written", id="bad-text", detail="the ink is dry", hint="fill it", file="a.csv", line=7, column="x")
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "tell":
        for i in range(3):
            bench.progress(message="line", iteration=i, of=3, loss=1.0 / (i + 1))
            time.sleep(0.15)
    if do == "meet":
        # done only when the other one has begun as well
        (bench.project / inputs["text"]).touch()
        end = time.monotonic() + 20
        while not (bench.project / inputs["other"]).exists():
            assert time.monotonic() < end
            time.sleep(0.01)
    if do == "wait":
        (bench.project / "waiting").touch()
        end = time.monotonic() + 60
        while not (bench.project / "go").exists() and time.monotonic() < end:
            time.sleep(0.01)
    parts = [needs[role].outputs["text"] for role in sorted(needs) if role.startswith("part")]
    text = "".join(parts) + inputs["text"]
    return Made(artifacts={"text": bench.artifacts.put_artifact(text.encode())}, outputs={"text": text, "metrics": {"letters": len(text)}})
"""


def toy(address: str, text: str, *needs: Node, **inputs: Json) -> Node:
    """A node whose step writes its text after those of the nodes it needs."""
    fields: dict[str, Json] = {"text": text, "parts": [need.digest for need in needs]}
    key = digest({"op": "prepare", **fields})
    step = Step(
        op="prepare", address=address, key=key, spec=key, fields=fields, inputs={"text": text, **inputs},
        needs={f"part{i}": (need.address, "prepare") for i, need in enumerate(needs)}, exposes=("artifacts.text",),
    )  # fmt: skip
    place = Span(file="toy.yaml", line=1, column=1, end_column=2)
    return Node(address=address, digest=key, recipe={}, origins={}, span=place, steps=(step,), needs=tuple(n.address for n in needs))


def measured(node: Node, **inputs: Json) -> Node:
    """The node with a step that is keyed by the bytes it writes."""
    measure = Step(
        op="evaluate", address=node.address, key=None, spec=digest(["of", node.digest]), reads=("of.artifacts.text",),
        inputs={"text": "measure", **inputs}, needs={"of": (node.address, "prepare")},
    )  # fmt: skip
    return replace(node, steps=(*node.steps, measure))


@dataclass(slots=True, kw_only=True)
class Workshop:
    """A project folder with a store, the events told so far, and the means to build nodes in it."""

    root: Path
    events: list[Event] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None

    @property
    def store(self) -> Store:
        return open_store("store", self.root)

    @property
    def runs(self) -> list[str]:
        """The texts of the steps that workers took up, in order."""
        file = self.root / "runs.txt"
        return file.read_text().splitlines() if file.exists() else []

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def told(self, *kinds: type) -> list[tuple[str, str, Op]]:
        return [(e.type, e.address, e.op) for e in self.events if isinstance(e, kinds)]  # type: ignore[union-attr]

    def executor(self) -> Executor:
        steps = {"prepare": "toy_step", "evaluate": "toy_step", "compare": "toy_step"}
        return LocalExecutor(self.root, "store", 2, self.root / "logs", steps=steps)

    def build(
        self, nodes: Sequence[Node], *, current: Mapping[str, Entry] | None = None, results: Mapping[str, Result] | None = None,
        changes: Sequence[Change] | None = None, parallelism: int = 2,
    ) -> Built:  # fmt: skip
        """Build all of the nodes. What exists is adopted when `results` has it, or found on the way when not."""
        self.events.clear()
        nodes, current, results = in_order(nodes), current or {}, results or {}
        keys = resolve_keys(nodes, current, results)
        if changes is None:
            changes = with_steps(diff(nodes, current, keys), nodes, keys, current, results)
        building = Building(
            store=self.store, executor=self.executor, reporter=self.tell, owner={"commit": "abc"}, keys=keys.by_place, current=current,
            locate=lambda address, _: next((n.span for n in nodes if n.address == address), None), parallelism=parallelism,
            known=dict(results),
        )  # fmt: skip
        try:
            return building.run(changes)
        finally:
            assert not self.store.leases(), "no lease is left"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "toy_step.py").write_text(TOY)
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    return Workshop(root=tmp_path / "project")


def text_of(shop: Workshop, built: Built, address: str) -> str:
    return shop.store.get_artifact(built.results[address, "prepare"].artifacts["text"]).decode()


def test_steps_run_after_what_they_read(shop: Workshop) -> None:
    one = toy("toy/one", "1")
    two, three = toy("toy/two", "2", one), toy("toy/three", "3", one)
    four = measured(toy("toy/four", "4", two, three))
    built = shop.build([four, three, two, one])
    assert text_of(shop, built, "toy/four") == "12134"
    assert shop.runs[0] == "1"
    assert sorted(shop.runs[1:3]) == ["2", "3"]
    assert shop.runs[3:] == ["4", "measure"]
    assert sorted(built.done) == ["evaluate", *["prepare"] * 4]
    assert not built.failed
    assert not built.skipped
    # a step is told before what reads it, and begins before it ends
    order = [(e.type, e.address) for e in shop.events if e.op == "prepare"]  # type: ignore[union-attr]
    for before, after in (("one", "two"), ("one", "three"), ("two", "four"), ("three", "four")):
        assert order.index(("step_finished", f"toy/{before}")) < order.index(("step_started", f"toy/{after}"))


def test_what_was_built_is_recorded_under_the_keys_that_a_plan_will_ask_for(shop: Workshop) -> None:
    node = measured(toy("toy/one", "1"))
    built = shop.build([node])
    results = {r.key: r for r in built.results.values()}
    keys = resolve_keys([node], {}, results)
    stored = shop.store.results(key for op in ("prepare", "evaluate") if (key := keys.of("toy/one", op)))
    assert stored == results
    assert len(stored) == 2
    assert all(r.provenance["commit"] == "abc" and r.seconds > 0 for r in stored.values())


def test_independent_steps_run_side_by_side(shop: Workshop) -> None:
    built = shop.build([toy("toy/a", "a", do="meet", other="b"), toy("toy/b", "b", do="meet", other="a")])
    assert len(built.results) == 2


def test_no_more_run_than_there_is_room_for(shop: Workshop) -> None:
    most = 0
    running = 0

    def count(event: Event) -> None:
        nonlocal most, running
        running += isinstance(event, StepStarted) - isinstance(event, StepFinished)
        most = max(most, running)

    shop.on_event = count
    shop.build([toy(f"toy/{i}", str(i)) for i in range(4)], parallelism=1)
    assert most == 1
    assert len(shop.runs) == 4


def test_an_equal_key_is_built_once(shop: Workshop) -> None:
    built = shop.build([measured(toy(f"toy/{i}", "same")) for i in range(3)])
    assert shop.runs == ["same", "measure"]
    assert built.done == ["prepare", "evaluate"]
    assert len(built.results) == 6
    finished = [e for e in shop.events if isinstance(e, StepFinished)]
    assert sorted(e.adopted for e in finished) == [False, False, True, True, True, True]


def test_bytes_that_come_out_equal_are_measured_once(shop: Workshop) -> None:
    ab = measured(toy("toy/ab", "ab"))
    a = toy("toy/a", "a")
    built = shop.build([ab, a, measured(toy("toy/b", "b", a))])
    assert built.done.count("evaluate") == 1
    assert built.results["toy/ab", "evaluate"] == built.results["toy/b", "evaluate"]


def test_a_result_that_is_there_is_adopted_without_a_word(shop: Workshop) -> None:
    nodes = [measured(toy("toy/one", "1"))]
    first = shop.build(nodes)
    again = shop.build(nodes, results={r.key: r for r in first.results.values()})
    assert again.results == first.results
    assert shop.runs == ["1", "measure"]
    assert again.done == []
    assert shop.events == []


def test_a_result_that_somebody_else_made_meanwhile_is_told_as_adopted(shop: Workshop) -> None:
    nodes = [toy("toy/one", "1")]
    first = shop.build(nodes)
    again = shop.build(nodes)
    assert again.results == first.results
    assert shop.runs == ["1"]
    (event,) = shop.events
    assert isinstance(event, StepFinished)
    assert (event.adopted, event.seconds, event.metrics) == (True, 0.0, {"letters": 1})


def test_steps_in_place_are_read_by_key(shop: Workshop) -> None:
    """What stands is not listed, so nothing is done for it: its result is taken from the store when a step reads it."""
    one = toy("toy/one", "1")
    first = shop.build([one])
    current = {"toy/one": Entry(digest=one.digest, steps={"prepare": one.digest})}
    built = shop.build([one, toy("toy/two", "2", one)], current=current)
    assert text_of(shop, built, "toy/two") == "12"
    assert ("toy/one", "prepare") not in built.results
    assert shop.runs == ["1", "2"]
    assert first.results["toy/one", "prepare"].key == one.digest


def test_failure_skips_what_depends_on_it_and_nothing_else(shop: Workshop) -> None:
    bad = measured(toy("toy/bad", "bad", do="fail"))
    after = toy("toy/after", "x", bad)
    last = toy("toy/last", "y", after)
    good = measured(toy("toy/good", "good"))
    built = shop.build([bad, after, last, good])
    assert set(built.results) == {("toy/good", "prepare"), ("toy/good", "evaluate")}
    assert set(built.failed) == {("toy/bad", "prepare")}
    assert built.skipped == {
        ("toy/bad", "evaluate"): "prepare of toy/bad",
        ("toy/after", "prepare"): "prepare of toy/bad",
        ("toy/last", "prepare"): "prepare of toy/bad",
    }
    (failed,) = [e for e in shop.events if isinstance(e, StepFailed)]
    told = failed.diagnostic
    assert (told.id, told.summary, told.detail, told.hint) == ("bad-text", "It cannot be written", "the ink is dry (a.csv:7)", "fill it")
    assert told.span == bad.span
    assert not failed.gate
    assert all(e.because == "prepare of toy/bad" for e in shop.events if isinstance(e, StepSkipped))
    assert built.obstacle([("toy/good", "prepare"), ("toy/last", "prepare")]) == "prepare of toy/bad"
    assert built.obstacle([("toy/good", "prepare")]) is None


def test_a_run_after_a_failure_repeats_only_what_failed(shop: Workshop) -> None:
    good = toy("toy/good", "good")
    shop.build([good, toy("toy/bad", "bad", good, do="fail")])
    built = shop.build([good, toy("toy/bad", "bad", good)])
    assert text_of(shop, built, "toy/bad") == "goodbad"
    assert shop.runs == ["good", "bad", "bad"]


def test_a_lost_worker_is_a_failure_of_its_step_alone(shop: Workshop) -> None:
    bad, good = toy("toy/bad", "bad", do="die"), toy("toy/good", "good")
    built = shop.build([bad, toy("toy/after", "x", bad), good], parallelism=1)
    assert set(built.results) == {("toy/good", "prepare")}
    told = built.failed["toy/bad", "prepare"]
    assert told.id == "step-lost"
    assert "SIGKILL" in told.detail
    assert set(built.skipped) == {("toy/after", "prepare")}


def test_a_need_that_nobody_has_is_told_and_not_waited_for(shop: Workshop) -> None:
    """The store lost it after the plan was made."""
    gone = toy("toy/gone", "0")
    node = toy("toy/one", "1", gone)
    current = {"toy/gone": Entry(digest=gone.digest, steps={"prepare": gone.digest})}
    built = shop.build([gone, node], current=current)
    assert built.failed["toy/one", "prepare"].id == "missing-result"
    assert shop.runs == []


def test_binds_are_not_its_business(shop: Workshop) -> None:
    node = toy("toy/one", "1")
    bind = Step(op="bind", address="toy/one", key=None, spec="b")
    built = shop.build([replace(node, steps=(*node.steps, bind))])
    assert set(built.results) == {("toy/one", "prepare")}
    change = Create(address="toy/two", after="d")
    assert shop.build([], changes=[change]).complete(change)


def test_progress_is_told_between_start_and_end(shop: Workshop) -> None:
    shop.build([toy("toy/one", "1", do="tell")])
    kinds = [type(e) for e in shop.events]
    assert kinds[0] is StepStarted
    assert kinds[-1] is StepFinished
    said = [e for e in shop.events[1:-1] if isinstance(e, StepProgress)]
    assert len(said) == len(kinds) - 2
    assert [e.iteration for e in said] == sorted({e.iteration for e in said})
    assert (said[0].message, said[0].of, said[0].loss) == ("line", 3, 1.0)


def test_no_worker_is_started_when_nothing_is_to_be_done(shop: Workshop) -> None:
    shop.build([])
    assert not (shop.root / "logs").exists()


HOLDER = """
import sys, time
from pathlib import Path
from leptonctl.core.values import Result
from leptonctl.storage.store import open_store
root, key, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = open_store("store", root)
lease = store.step_lease(key, {"pid": 1})
assert lease is not None
print("held", flush=True)
sys.stdin.readline()
if how == "record":
    artifact = store.put_artifact(b"theirs")
    outputs = {"text": "theirs", "metrics": {}}
    store.put_result(Result(key=key, op="prepare", artifacts={"text": artifact}, outputs=outputs, provenance={}, seconds=1.0), "theirs")
lease.release() if how == "record" else sys.exit(1)
"""


@pytest.mark.parametrize(("how", "text"), [("record", "theirs"), ("die", "1")])
def test_a_key_that_another_process_builds_is_waited_for(shop: Workshop, how: str, text: str) -> None:
    """Its result is adopted; when it dies without one, the key is free again."""
    node = toy("toy/one", "1")
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(shop.root), node.digest, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        stdin = holder.stdin

        def let_go(event: Event) -> None:
            if isinstance(event, StepFinished) and event.address == "toy/two":
                stdin.close()

        # the other step does not wait; when it is done, the holder is told to go on
        shop.on_event = let_go
        built = shop.build([node, toy("toy/two", "2")])
    assert text_of(shop, built, "toy/one") == text
    assert shop.runs == (["2"] if how == "record" else ["2", "1"])


def test_an_interrupt_ends_the_workers_and_is_passed_on(shop: Workshop) -> None:
    done = toy("toy/done", "done")
    shop.build([done])

    def lose_patience() -> None:
        while not (shop.root / "waiting").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    node = toy("toy/one", "1", done, do="wait")
    current = {"toy/done": Entry(digest=done.digest, steps={"prepare": done.digest})}
    user = threading.Thread(target=lose_patience)
    user.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        shop.build([done, node], current=current)
    assert time.monotonic() - started < 30
    user.join()
    assert shop.store.get_result(node.digest) is None
    assert shop.store.get_result(done.digest) is not None
    assert not [p for p in Path("/proc").iterdir() if p.name.isdigit() and str(shop.root) in _command(p)]
    # and the next run does it
    (shop.root / "go").touch()
    assert text_of(shop, shop.build([done, node], current=current), "toy/one") == "done1"


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_results_are_json_that_a_later_reader_can_read(shop: Workshop) -> None:
    node = toy("toy/one", "1")
    shop.build([node])
    record = json.loads((shop.root / "store" / "results" / node.digest.removeprefix("sha256:")).read_text())
    assert {"format_version", "key", "op", "artifacts", "outputs", "provenance", "seconds", "address"} <= set(record)
    assert record["address"] == "toy/one"
