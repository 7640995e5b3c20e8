"""Worker processes: reused, replaced when they crash, ended with their executor. The steps are toys."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from leptonctl.building import local
from leptonctl.building.local import LocalExecutor, Patience
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Completed, Executor, Failed, Lost, Outcome, Progressed, Task, Workplace
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.owner import process_start
from leptonctl.testing import check_executor
from tests.building.workshop import REPO

TOY = """
import ctypes, os, signal, subprocess, sys, time
from leptonctl.core.diagnostic import fail
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Produced

runs = 0

def run(inputs, needs, bench):
    global runs
    runs += 1
    do = inputs["do"]
    print("doing", do)
    if do == "echo":
        digest = bench.artifacts.put_artifact(inputs["text"].encode())
        outputs = {"pid": os.getpid(), "runs": runs, "project": str(bench.project).encode("utf-8", "replace").decode(), "session": os.getsid(0),
                   "needs": {role: [r.key, dict(r.artifacts)] for role, r in needs.items()},
                   "env": {n: v for n, v in os.environ.items() if "THREADS" in n}, "path": sys.path[0]}
        return Produced(artifacts={"text": digest}, outputs=outputs)
    if do == "half":
        digest = bench.artifacts.put_artifact(b"half")
        assert bench.artifacts.get_artifact(digest) == b"half"
        raise ProviderError("Bad", id="bad")
    if do == "say no":
        raise ProviderError("Bad cell", id="bad-cell", detail="It is bad.", hint="mend it", file="a.csv", line=7, column="x")
    if do == "fail":
        raise fail("bad-thing", "A thing is bad", "Why.", hint="do so")
    if do == "bug":
        return {}["missing"]
    if do == "exit":
        sys.exit(3)
    if do == "memory":
        raise MemoryError
    if do == "not produced":
        return {}
    if do == "not json":
        return Produced(outputs={"x": float("nan")})
    if do == "key":
        return Produced(outputs={"same": bench.check_key("k1", inputs["mark"])})
    if do == "quit":
        os._exit(5)
    if do == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "killed":
        print("about to be killed")
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "progress":
        end = time.monotonic() + inputs["seconds"]
        count = 0
        while time.monotonic() < end:
            bench.progress(message="\\u00e9" * 9000, iteration=count, of=10, loss=float("inf"))
            count += 1
        bench.progress(message="last", iteration=count, loss=0.5)
        time.sleep(inputs["rest"])
        return Produced(outputs={"count": count})
    if do == "children":
        child = subprocess.Popen(["sleep", "600"])
        bench.progress(iteration=os.getpid(), of=child.pid)
        time.sleep(600)
    if do == "sleep":
        bench.progress(iteration=os.getpid())
        time.sleep(600)
    if do == "native":
        bench.progress(iteration=os.getpid())
        ctypes.PyDLL(None).sleep(600)
    raise AssertionError(do)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "toy_step.py").write_text(TOY)
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "lib"), str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return tmp_path / "project"


def open_executor(project: Path, parallelism: int = 1, ahead: Sequence[str] = ()) -> LocalExecutor:
    place = Workplace(
        project=project, store=".leptonctl/store", logs=project / ".leptonctl" / "logs", settings={"parallelism": parallelism}
    )
    return LocalExecutor(replace(place, ahead=ahead))


@pytest.fixture
def executor(project: Path) -> Iterator[LocalExecutor]:
    with open_executor(project) as executor:
        yield executor


def task(id: str, do: str, run: str = "toy_step:run", **inputs: Json) -> Task:
    return Task(id=id, op="toy", run=run, inputs={"do": do, **inputs})


def outcomes(executor: Executor, count: int = 1, seconds: float = 30.0) -> list[Outcome]:
    """Until `count` tasks have ended; progress included."""
    results: list[Outcome] = []
    deadline = time.monotonic() + seconds
    while sum(not isinstance(o, Progressed) for o in results) < count:
        assert time.monotonic() < deadline, results
        results += executor.poll(1.0)
    return results


def ended(executor: Executor, count: int = 1) -> list[Outcome]:
    return [o for o in outcomes(executor, count) if not isinstance(o, Progressed)]


def first_progress(executor: Executor) -> Progressed:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for outcome in executor.poll(1.0):
            if isinstance(outcome, Progressed):
                return outcome
    pytest.fail("no progress")


def has_ended(pid: int, within: float = 10.0) -> bool:
    return wait_for(lambda: process_start(pid) is None, within)


def wait_for(holds: Callable[[], bool], within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_it_passes_the_suite_of_executors(project: Path) -> None:
    check_executor(partial(open_executor, project, parallelism=2), project=project)


def test_a_step_gets_its_bench_and_returns_its_result(executor: LocalExecutor, project: Path) -> None:
    need = Result(key="sha256:aa", op="write", artifacts={"t": "sha256:bb"}, seconds=1.0)
    executor.submit(Task(id="one", op="toy", run="toy_step:run", inputs={"do": "echo", "text": "grün\u2028"}, needs={"of": need}))
    (done,) = ended(executor)
    assert isinstance(done, Completed)
    assert done.id == "one"
    assert done.seconds < 5
    assert open_store(".leptonctl/store", project, {"": STORE}).get_artifact(done.produced.artifacts["text"]) == "grün\u2028".encode()
    outputs = done.produced.outputs
    assert outputs["needs"] == {"of": ["sha256:aa", {"t": "sha256:bb"}]}
    assert outputs["project"] == str(project)
    assert outputs["pid"] == outputs["session"] != os.getpid()
    assert outputs["path"] not in ("", str(Path.cwd()), str(project))
    threads = outputs["env"]
    assert isinstance(threads, dict)
    assert {threads[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")} == {"1"}
    versions = done.provenance["versions"]
    assert isinstance(versions, dict)
    assert {"python", "leptonctl", "numpy", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "polars"} <= set(versions)
    assert {"at", "by", "host", "cpu", "threads"} <= set(done.provenance)


def test_a_project_s_folder_may_have_any_name(project: Path) -> None:
    """Also a name that is not UTF-8."""
    odd = project / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    with open_executor(odd) as executor:
        executor.submit(task("one", "echo", text="x"))
        (done,) = ended(executor)
    assert isinstance(done, Completed)
    assert (odd / ".leptonctl" / "store").is_dir()


def test_a_worker_is_reused(executor: LocalExecutor) -> None:
    for number in range(5):
        executor.submit(task(str(number), "echo", text="x" * 200_000))
    done = ended(executor, 5)
    assert [o.id for o in done] == list("01234")
    assert [o.produced.outputs["runs"] for o in done if isinstance(o, Completed)] == [1, 2, 3, 4, 5]


def test_independent_steps_run_side_by_side(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LEAST_WAIT_S", 0.0)
    with open_executor(project, parallelism=2) as executor:
        for number in range(3):
            executor.submit(task(str(number), "progress", seconds=0.2, rest=0.2))
        results = outcomes(executor, 3)
    first_end = next(n for n, o in enumerate(results) if not isinstance(o, Progressed))
    assert {o.id for o in results[:first_end]} == {"0", "1"}
    assert {o.id for o in results if isinstance(o, Completed)} == {"0", "1", "2"}


def test_a_second_worker_is_started_only_when_tasks_wait_for_longer_than_it_takes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def workers_of(tasks: int, limit: float) -> int:
        monkeypatch.setattr(local, "LEAST_WAIT_S", limit)
        with open_executor(project, parallelism=2) as executor:
            for number in range(tasks):
                executor.submit(task(f"{number} of {tasks}", "progress", seconds=0.05, rest=0.05))
            outcomes(executor, tasks)
            return len(executor._slots)

    assert workers_of(6, 30.0) == 1
    assert workers_of(20, 0.2) == 2


def test_a_second_worker_is_started_at_once_for_much_work_of_a_known_kind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once two tasks of the kind have ended, and not (brother) for a few more of them."""
    monkeypatch.setattr(local, "LEAST_WAIT_S", 30.0)

    def workers_of(behind: int) -> int:
        with open_executor(project, parallelism=2) as executor:
            for number in range(4):
                executor.submit(replace(task(f"{number} before {behind}", "progress", seconds=0.05, rest=0.05), behind=behind))
            outcomes(executor, 4)
            return len(executor._slots)

    assert workers_of(0) == 1
    assert workers_of(1000) == 2


def test_a_second_worker_that_died_is_replaced_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LEAST_WAIT_S", 0.0)
    with open_executor(project, parallelism=2) as executor:
        pids = []
        for name in ("one", "two"):
            executor.submit(task(name, "sleep"))
            pids.append(first_progress(executor).iteration)
        monkeypatch.setattr(local, "LEAST_WAIT_S", 30.0)
        executor.submit(task("three", "echo", text="x"))
        os.kill(pids[0] or 0, signal.SIGKILL)
        assert {type(outcome) for outcome in ended(executor, 2)} == {Lost, Completed}


def test_nothing_runs_before_the_first_task(project: Path) -> None:
    with open_executor(project) as executor:
        assert executor.poll(0.0) == []
    assert list(project.iterdir()) == []


def imported(project: Path, body: str = "") -> Path:
    """What the module `eager` creates when it is imported, before it runs `body`."""
    mark = project.parent / "imported"
    (project.parent / "lib" / "eager.py").write_text(f"import time\nopen({str(mark)!r}, 'w').close()\n{body}\n")
    return mark


def test_a_worker_imports_before_its_first_task_what_will_come(project: Path) -> None:
    """A module that cannot be imported (brother) fails the step that needs it, and no other."""
    mark = imported(project)
    with open_executor(project, ahead=("no_such_module", "eager", "toy_step")) as executor:
        assert wait_for(mark.exists)
        executor.submit(task("one", "echo", text="x"))
        executor.submit(task("two", "echo", run="no_such_module:run", text="x"))
        one, two = ended(executor, 2)
        (slot,) = executor._slots
        assert isinstance(one, Completed)
        assert one.produced.outputs["pid"] == slot._process.pid
        assert isinstance(two, Failed)
        assert two.error.id == "bug-in-step"


def test_imports_before_the_first_task_count_as_a_part_of_it(project: Path) -> None:
    """Otherwise a second worker, which imports as much, would seem to pay sooner."""
    imported(project, "time.sleep(0.3)")
    with open_executor(project, ahead=("eager",)) as executor:
        executor.submit(task("one", "echo", text="x"))
        ended(executor)
        assert executor._patience._start_s >= local.IMPORTS * 0.3


def test_a_worker_without_a_task_is_not_waited_for(project: Path) -> None:
    mark = imported(project, "time.sleep(600)")
    with open_executor(project, ahead=("eager",)) as executor:
        assert wait_for(mark.exists)
        pid = executor._slots[0]._process.pid
    assert has_ended(pid, within=0.0)
    assert list((project / ".leptonctl" / "logs").iterdir()) == []


@pytest.mark.parametrize(
    ("do", "id_", "place"),
    [("say no", "bad-cell", ("a.csv", 7, "x")), ("fail", "bad-thing", (None, None, None)), ("bug", "bug-in-step", (None, None, None)),
     ("exit", "bug-in-step", (None, None, None)), ("memory", "out-of-memory", (None, None, None)),
     ("not produced", "bug-in-step", (None, None, None)), ("not json", "bug-in-step", (None, None, None))],
)  # fmt: skip
def test_a_step_that_fails_gives_the_reason_and_the_worker_continues(
    executor: LocalExecutor, do: str, id_: str, place: tuple[str | None, int | None, str | None]
) -> None:
    executor.submit(task("bad", do))
    executor.submit(task("good", "echo", text="x"))
    bad, good = ended(executor, 2)
    assert isinstance(bad, Failed)
    assert bad.error.id == id_
    assert (bad.error.file, bad.error.line, bad.error.column) == place
    assert bad.error.summary
    assert bad.error.hint
    assert "Traceback" not in str(bad.error)
    assert isinstance(good, Completed)
    assert good.produced.outputs["runs"] == 2


def test_the_traceback_of_a_bug_is_in_the_log(executor: LocalExecutor, project: Path) -> None:
    executor.submit(task("bad", "bug"))
    ended(executor)
    (log,) = (project / ".leptonctl" / "logs").iterdir()
    assert "KeyError: 'missing'" in log.read_text()


@pytest.mark.parametrize("run", ["no_such_module:run", "toy_step:no_such_function", "toy_step", "toy_step:runs", ":", "toy_step:run:run"])
def test_a_missing_step_function_is_a_failure(executor: LocalExecutor, run: str) -> None:
    executor.submit(task("bad", "echo", run=run))
    executor.submit(task("good", "echo", text="x"))
    bad, good = ended(executor, 2)
    assert isinstance(bad, Failed)
    assert bad.error.id == "bug-in-step"
    assert isinstance(good, Completed)


@pytest.mark.parametrize(
    ("do", "why", "log"),
    [("quit", "exit code 5", "doing quit"), ("crash", "SIGSEGV", "Fatal Python error"), ("killed", "memory", "about to be killed")],
)
def test_a_crashed_worker_is_replaced(executor: LocalExecutor, do: str, why: str, log: str) -> None:
    for id_, what in (("before", "echo"), ("lost", do), ("after", "echo")):
        executor.submit(task(id_, what, text="x"))
    before, lost, after = ended(executor, 3)
    assert isinstance(lost, Lost)
    assert (lost.id, lost.cancelled) == ("lost", False)
    assert why in lost.why
    assert log in lost.log
    assert isinstance(before, Completed)
    assert isinstance(after, Completed)
    assert before.produced.outputs["pid"] != after.produced.outputs["pid"]


def test_an_idle_worker_that_dies_loses_no_task(executor: LocalExecutor) -> None:
    executor.submit(task("one", "echo", text="x"))
    (one,) = ended(executor)
    assert isinstance(one, Completed)
    pid = one.produced.outputs["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    assert has_ended(pid)
    executor.submit(task("two", "echo", text="x"))
    (two,) = ended(executor)
    assert isinstance(two, Completed)


def test_a_worker_that_cannot_start_fails_each_task_once(project: Path) -> None:
    with LocalExecutor(
        Workplace(project=project, store="s3://bucket/prefix", logs=project / "logs", settings={"parallelism": 1})
    ) as executor:
        executor.submit(task("one", "echo"))
        executor.submit(task("two", "echo"))
        lost = ended(executor, 2)
    assert [o.id for o in lost] == ["one", "two"]
    for outcome in lost:
        assert isinstance(outcome, Lost)
        assert "exit code 1" in outcome.why
        assert "not-available" in outcome.log


def test_progress_comes_at_once_and_ten_times_a_second(executor: LocalExecutor) -> None:
    executor.submit(task("warm", "echo", text="x"))
    ended(executor)
    started = time.monotonic()
    executor.submit(task("long", "progress", seconds=0.5, rest=0.4))
    first = first_progress(executor)
    assert time.monotonic() - started < 0.4
    assert (first.iteration, first.of, first.loss) == (0, 10, None)
    results = outcomes(executor)
    progress = [o for o in results if isinstance(o, Progressed)]
    assert 2 <= len(progress) <= 8
    assert (progress[-1].message, progress[-1].loss) == ("last", 0.5)
    assert isinstance(results[-1], Completed)


def test_a_step_does_not_wait_for_its_progress_to_be_read(executor: LocalExecutor) -> None:
    executor.submit(task("warm", "echo", text="x"))
    ended(executor)
    fcntl.fcntl(executor._slots[0].events, fcntl.F_SETPIPE_SZ, 4096)  # full after a few messages
    executor.submit(task("long", "progress", seconds=0.8, rest=0.0))
    time.sleep(2.0)
    (done,) = ended(executor)
    assert isinstance(done, Completed)
    assert done.seconds < 1.5


def test_cancel_ends_what_runs_and_what_waits_at_once(executor: LocalExecutor) -> None:
    executor.submit(task("running", "children"))
    executor.submit(task("waiting", "echo", text="x"))
    progress = first_progress(executor)
    started = time.monotonic()
    executor.cancel()
    results = executor.poll(0.0)
    assert time.monotonic() - started < 1
    assert {(o.id, o.cancelled) for o in results if isinstance(o, Lost)} == {("running", True), ("waiting", True)}
    assert progress.iteration is not None
    assert progress.of is not None
    assert has_ended(progress.iteration)
    assert has_ended(progress.of)
    executor.submit(task("next", "echo", text="x"))
    assert isinstance(ended(executor)[0], Completed)


def test_artifacts_of_a_failed_step_are_not_stored(executor: LocalExecutor, project: Path) -> None:
    """Artifacts are stored together when their step has ended."""
    executor.submit(task("bad", "half"))
    (bad,) = ended(executor)
    assert isinstance(bad, Failed)
    assert list(open_store(".leptonctl/store", project, {"": STORE}).artifacts()) == []


def test_closing_leaves_no_process_and_no_empty_log(project: Path) -> None:
    with open_executor(project, parallelism=2) as executor:
        executor.submit(task("one", "echo", text="x"))
        (one,) = ended(executor)
        executor.submit(task("two", "sleep"))
        executor.submit(task("three", "sleep"))
        busy = [first_progress(executor).iteration, first_progress(executor).iteration]
    assert isinstance(one, Completed)
    for pid in (one.produced.outputs["pid"], *busy):
        assert isinstance(pid, int)
        assert has_ended(pid, within=0.0)


def test_the_thread_that_started_a_worker_may_end(executor: LocalExecutor) -> None:
    thread = threading.Thread(target=lambda: executor.submit(task("long", "progress", seconds=0.1, rest=0.3)))
    thread.start()
    thread.join()
    assert isinstance(ended(executor)[0], Completed)


PARENT = """
import sys, time
from pathlib import Path
from leptonctl.building.local import LocalExecutor
from leptonctl.spi.running import Progressed, Task, Workplace

project = Path(sys.argv[1])
executor = LocalExecutor(Workplace(project=project, store="store", logs=project / "logs", settings={"parallelism": 2}))
for do in sys.argv[2:]:
    executor.submit(Task(id=do, op="toy", run="toy_step:run", inputs={"do": do}))
while True:
    for outcome in executor.poll(1.0):
        if isinstance(outcome, Progressed):
            print(outcome.iteration, outcome.of or outcome.iteration, flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("do", [("sleep", "native"), ("children", "children")])
def test_no_worker_outlives_its_executor(project: Path, sent: signal.Signals, do: tuple[str, str]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(project), *do], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for _ in do for word in parent.stdout.readline().split()]
    assert all(process_start(pid) is not None for pid in pids)
    parent.send_signal(sent)
    parent.wait()
    parent.stdout.close()
    assert [pid for pid in pids if not has_ended(pid)] == []


def test_an_executor_killed_while_a_worker_starts_leaves_none(project: Path) -> None:
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15):
        parent = subprocess.Popen([sys.executable, "-c", PARENT, str(project), "sleep"], start_new_session=True)
        assert wait_for(partial(has_log, project / "logs", parent.pid))
        time.sleep(delay)
        parent.kill()
        parent.wait()
    assert wait_for(lambda: workers_of(project) == [])


def has_log(logs: Path, pid: int) -> bool:
    return any(logs.glob(f"worker-{pid}-*.log"))


def workers_of(project: Path) -> list[int]:
    """Living processes that write a log of this project."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                target = os.readlink(folder / "fd" / "1")
            except OSError:
                continue
            if target.startswith(str(project)):
                found.append(int(folder.name))
    return found


def test_ctrl_c_in_the_terminal_does_not_reach_a_worker(project: Path) -> None:
    """A terminal signals the whole foreground group: here, the group of a parent in a session of its own."""
    parent = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PARENT, str(project), "sleep"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline().split()[0])
    os.killpg(parent.pid, signal.SIGINT)
    os.kill(worker, signal.SIGINT)
    time.sleep(0.2)
    assert process_start(worker) is not None
    parent.kill()
    parent.communicate()
    assert has_ended(worker)


def test_old_logs_are_removed_and_other_files_are_kept(project: Path) -> None:
    logs = project / ".leptonctl" / "logs"
    logs.mkdir(parents=True)
    for name in ("worker-1-1.log", "server.log"):
        (logs / name).write_text("old")
        os.utime(logs / name, (1e9, 1e9))
    with open_executor(project) as executor:
        executor.submit(task("one", "echo", text="x"))
        ended(executor)
        assert {path.name for path in logs.iterdir()} == {"server.log", f"worker-{os.getpid()}-1.log"}


def test_another_worker_has_to_save_more_than_its_imports_after_the_first_task_too():
    """The first task reads rows; what the worker imports for those after it takes longer than that."""
    patience, task = Patience(), Task(id="1", op="train", run="", inputs={})
    patience.record_first(0.4)
    for seconds in (1.0, 0.1):
        patience.record("train", seconds)
    assert not patience.is_worth(task, 25)
    assert patience.is_worth(task, 40)
    assert patience.remaining(waiting=True) > 3 * 0.4
