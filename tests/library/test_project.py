"""The commands as methods of a project: typed results, failures, progress, and nothing of the process that is changed."""

import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

import leptonctl
from leptonctl import Failure, Project, Unfinished
from leptonctl.core.diagnostic import GATE, INVALID, LOCKED, STALE
from leptonctl.core.event import ApplyFinished, ApplyStarted, StepFinished, StepStarted
from leptonctl.library.monitoring import Sample, add_up, samples_of
from leptonctl.library.reports import Environment, Report, Served, Server, Validation
from leptonctl.views.html import preformat
from tests import projects
from tests.library.conftest import Applied
from tests.test_output_schemas import problems, schema


def test_the_results_are_those_of_the_commands(built: Applied, applied: Applied) -> None:
    project = applied.project
    assert (built.work.done["trained"], applied.work.done["trained"], applied.work.done["bound"]) == (2, 0, 1)
    assert [problems("apply_event", work.to_json()) for work in (built.work, applied.work)] == [[], []]
    served = project.status().environment("dev")
    assert (served.healthy, served.models[0].version, served.models[0].live_digest) == (True, "v1", served.models[0].digest)
    shown = project.show("line@v1")
    assert shown.metrics == shown.results[shown.current["model/line@v1"].digest].metrics
    assert shown.version is not None
    diff = project.diff("line@v1", "line@v2")
    assert [(field.path, field.b) for field in diff.fields] == [("params.C", 0.5)]
    assert (diff.metrics["accuracy"].a, problems("diff", diff.to_json())) == (shown.metrics["accuracy"], [])
    history = project.history("dev")
    assert [(move.address, move.after_version) for move in history.entries[0].changes if move.after_version] == [
        ("environment/dev/line", "v1")
    ]
    assert {row.version for row in project.leaderboard("line").rows} == {"v1", "v2"}
    plan = project.plan()
    assert (plan.pending, plan.applyable, plan.summary["keep"] > 0, plan.changes) == (False, False, True, ())
    assert project.validate().ok
    with pytest.raises(KeyError):
        project.status().environment("prod")


@pytest.mark.parametrize("command", ["status", "show", "show line@v1", "history", "plan", "validate"])
def test_json_is_what_the_command_prints_and_text_too(command: str, applied: Applied) -> None:
    name, *arguments = command.split()
    report: Report = getattr(applied.project, name)(*arguments)
    printed = json.loads(projects.run(*command.split(), "--json", cwd=applied.root).stdout)
    passing = ("plan_id", "seen", "heartbeat", "alive")
    assert without(report.to_json(), passing) == without(printed, passing)
    assert problems(name, report.to_json()) == []
    if command in ("status", "plan"):
        assert str(report).splitlines()[0] == projects.run(command, cwd=applied.root).stdout.splitlines()[0]
    assert report._repr_html_().startswith("<pre")
    assert "\x1b" not in report._repr_html_()
    assert repr(report).startswith(f"<{type(report).__name__}: ")


def without(value: object, names: tuple[str, ...]) -> object:
    """A JSON value without the keys whose values change from look to look."""
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value


def test_a_status_has_a_field_for_every_key() -> None:
    environment = schema("status")["properties"]["environments"]["items"]
    definitions = schema("status")["definitions"]
    for kind, described in ((Environment, environment), (Served, definitions["model"]), (Server, definitions["server"])):
        assert set(kind.__struct_fields__) == set(described["properties"])


def test_what_is_returned_cannot_be_changed(applied: Applied) -> None:
    status = applied.project.status()
    with pytest.raises(AttributeError):
        status.environments = ()  # type: ignore[misc]
    status.to_json()["environments"].clear()
    assert status.environments
    assert status.to_json()["environments"]


def test_every_event_comes_in_order_and_in_the_thread_of_the_call(built: Applied) -> None:
    events = [event for event, _ in built.calls]
    assert {thread for _, thread in built.calls} == {threading.get_ident()}
    assert isinstance(events[0], ApplyStarted)
    assert isinstance(events[-1], ApplyFinished)
    assert sum(isinstance(event, StepFinished) and event.op == "train" for event in events) == 2
    assert tuple(events) == built.work.events


CALLS = """
import gc, json, os, signal, sys, threading
gc.disable()
sys.argv = ["script", "--yes"]
import leptonctl
def seen():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)]
    mask = os.umask(0); os.umask(mask)
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    return environment, gc.isenabled(), os.getcwd(), handlers, sys.path[:], sys.argv[:], mask, sys.stdout, sys.stderr, threading.active_count()
before = seen()
project = leptonctl.Project.load(sys.path.pop())
before = (*before[:4], sys.path[:], *before[5:])
project.apply(reason="a script")
project.status(), project.predict("dev/line", [{"x": 1.0, "y": 2.0}]), project.diff("line@v1", "line@v2"), project.rollback
project.validate(), project.history(), project.show("line@v2")
sys.__stdout__.write(json.dumps([a == b for a, b in zip(before, seen(), strict=True)]))
"""


def test_nothing_is_printed_and_nothing_of_the_process_is_changed(copy: Path) -> None:
    """In a process of its own, since pytest changes much of it itself."""
    code = f"import sys; sys.path.append({str(copy)!r}){CALLS}"
    variables = {name: value for name, value in projects.environment().items() if name != "ORT_DISABLE_TELEMETRY"}
    result = subprocess.run([sys.executable, "-c", code], env=variables, cwd=copy.parent, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == [True] * 10
    entry = Project.load(copy).history("dev").entries[0]
    assert (entry.command, entry.reason) == ("apply", "a script")


LIGHT = """
import json, sys, time
started = time.process_time()
import leptonctl
first = time.process_time() - started
from leptonctl import *
print(json.dumps([first, time.process_time() - started, sorted(sys.modules)]))
"""


def test_the_library_loads_its_work_only_when_it_is_called() -> None:
    runs = [json.loads(subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    loaded = set(runs[0][2])
    assert not loaded & {
        "yaml",
        "numpy",
        "polars",
        "sklearn",
        "onnxruntime",
        "jinja2",
        "jsonschema",
        "typer",
        "click",
        "subprocess",
        "asyncio",
    }
    assert not [name for name in loaded if name.startswith(("leptonctl.kinds", "leptonctl.learning", "leptonctl.storage", "leptonctl.cli"))]
    assert min(first for first, _, _ in runs) < 0.06
    with pytest.raises(AttributeError):
        leptonctl.nothing
    assert set(leptonctl.__all__) <= set(dir(leptonctl))


def test_onnxruntime_is_loaded_nowhere_but_unreported() -> None:
    found: list[str] = []
    for file in Path(leptonctl.__file__).parent.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for place, line in enumerate(lines):
            if (load := re.match(r"( *)(import onnxruntime\b|from onnxruntime import)", line)) is not None:
                block = next(
                    (above for above in reversed(lines[:place]) if above.strip() and len(above) - len(above.lstrip()) < len(load[1])), ""
                )
                found.append(block.strip())
    assert found.count("with without_telemetry():") >= 2
    assert set(found) == {"with without_telemetry():", "if TYPE_CHECKING:"}


# --- failures ---------------------------------------------------------------------------------------------------------


def test_what_a_command_refuses_is_a_failure(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(Failure) as none:
        Project.load(tmp_path / "elsewhere")
    assert none.value.diagnostics[0].id == "no-folder"
    with pytest.raises(Failure) as none:
        Project.load(tmp_path)
    assert (none.value.exit_code, none.value.diagnostics[0].id) == (INVALID, "no-project")
    project = Project.load(copy)
    with pytest.raises(Failure, match="unknown-address"):
        project.show("line@v9")
    projects.edit(copy / "model-line.yaml", "logistic_regression", "logistic_regresion")
    found: Validation = project.validate()
    assert (found.ok, [d.id for d in found.diagnostics]) == (False, ["unknown-algorithm"])
    with pytest.raises(Failure) as invalid:
        project.plan()
    span = invalid.value.diagnostics[0].span
    assert (invalid.value.exit_code, span and (span.file, span.line)) == (INVALID, ("model-line.yaml", 6))


def interrupt(event: object) -> None:
    if isinstance(event, StepStarted):
        raise KeyboardInterrupt


def test_an_interrupt_a_failed_step_and_a_gate_say_what_was_done(copy: Path) -> None:
    project = Project.load(copy)
    projects.edit(copy / "model-line.yaml", "versions:\n", "versions:\n  bad: {algorithm: knn, params: {n_neighbors: 500}}\n")
    with pytest.raises(KeyboardInterrupt):
        project.build(progress=interrupt)
    assert projects.workers(copy) == {}, "the steps have ended"
    with pytest.raises(Unfinished) as failed:
        project.build()
    assert (failed.value.exit_code, failed.value.diagnostics[0].id) == (1, "too-many-neighbors")
    assert failed.value.work.done["trained"] == 0
    projects.edit(copy / "model-line.yaml", "  bad: {algorithm: knn, params: {n_neighbors: 500}}\n", "")
    gated = copy / "environment-dev.yaml"
    gated.write_text(gated.read_text() + "gates: {accuracy: {min: 0.999}}\n", encoding="utf-8")
    with pytest.raises(Unfinished) as held:
        project.apply()
    assert (held.value.exit_code, held.value.work.done["bound"]) == (GATE, 0)
    again = project.apply()
    assert again.held == ("environment/dev/line",), "a hold that is known fails no call"


def test_a_plan_is_applied_as_it_is_or_not_at_all(copy: Path) -> None:
    project = Project.load(copy)
    plan = project.plan("line@v2")
    projects.edit(copy / "model-line.yaml", "v2: {params: {C: 0.5}}", "v2: {params: {C: 0.25}}")
    with pytest.raises(Failure) as stale:
        project.apply(plan)
    assert (stale.value.exit_code, stale.value.diagnostics[0].id) == (STALE, "stale-effect")


def test_an_exception_of_the_callback_is_raised_when_the_work_is_done(copy: Path) -> None:
    calls = []

    def progress(event: object) -> None:
        calls.append(event)
        raise ZeroDivisionError

    projects.edit(copy / "environment-dev.yaml", "line: v1", "line: v2")
    project = Project.load(copy)
    with pytest.raises(ZeroDivisionError):
        project.apply(progress=progress)
    assert len(calls) == 1
    assert project.status().environment("dev").models[0].version == "v2"


def test_threads_are_like_processes(copy: Path) -> None:
    """Readers run side by side; of two applies that move one address the second is refused, or waits."""
    projects.edit(copy / "environment-dev.yaml", "line: v1", "line: v2")
    project, begun, go_on = Project.load(copy), threading.Event(), threading.Event()

    def slowly(_event: object) -> None:
        begun.set()
        go_on.wait(30)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(project.apply, progress=slowly)
        assert begun.wait(30)
        try:
            statuses = [pool.submit(project.status) for _ in range(2)]
            assert all(isinstance(one.result(30).to_json(), dict) for one in statuses)
            with pytest.raises(Failure) as second:
                project.apply()
            assert (second.value.exit_code, second.value.diagnostics[0].id) == (LOCKED, "lock-held")
            assert "leptonctl.Project.apply" in second.value.diagnostics[0].detail
            waiting = pool.submit(project.apply, wait=30)
        finally:
            go_on.set()
        assert first.result(60).done["bound"] == 1
        assert waiting.result(60).done["bound"] == 0


# --- rows and pages ---------------------------------------------------------------------------------------------------


def test_rows_in_memory_are_answered_as_those_of_a_file(applied: Applied, tmp_path: Path) -> None:
    rows = [{"x": 1.25, "y": 3.5}, {"x": 9, "y": 0.5}]
    file = tmp_path / "rows.csv"
    file.write_text("x,y\n1.25,3.5\n9,0.5\n", encoding="utf-8")
    answers = [applied.project.predict("dev/line", one) for one in (file, str(file), rows, pl.DataFrame(rows, strict=False))]
    assert {tuple(one.labels) for one in answers} == {("above", "below")}
    assert len({json.dumps([p.probabilities for p in one]) for one in answers}) == 1
    assert (len(answers[0]), answers[0].classes) == (2, ("above", "below"))
    assert problems("predict", answers[2].to_json()) == []
    assert "2 rows" in str(answers[0])
    assert answers[0].probabilities[0] == answers[0].predictions[0].probabilities


@pytest.mark.parametrize("rows", [3, "no-such-file.csv", [1, 2], [{"x": float("inf"), "y": 1}], [{"x": object(), "y": 1}], [{"x": 1}]])
def test_rows_that_cannot_be_predicted_are_a_failure(rows: object, applied: Applied) -> None:
    with pytest.raises(Failure) as refused:
        applied.project.predict("line@v1", rows)
    assert refused.value.diagnostics[0].hint


@pytest.mark.parametrize(
    ("rows", "id_", "detail"),
    [
        ([{"x": 1}], "missing-column", 'a row has no column "y".'),
        ([{"x": 1, "y": 2}, {"x": float("nan"), "y": 1}], "data-contract", "(row 2)"),
        ([{"x": "a", "y": 2}, {"x": "b", "y": 1}], "data-contract", "(rows 1, 2)"),
        ([], "usage", "the list is empty"),
        ([{}], "usage", "they have no columns"),
        ("none.csv", "missing-file", "none.csv"),
        ("wrong.csv", "data-contract", "(line 2)"),
        ("latin.csv", "bad-encoding", "latin.csv"),
    ],
)
def test_a_failure_speaks_of_the_rows_and_of_no_option(
    rows: object, id_: str, detail: str, applied: Applied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of a file that was written behind the caller's back; (brother) nor, for the caller's own file, of the command line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.csv").write_text("x,y\na,1\n", encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes(b"x,y\n1,\xe9\n")
    with pytest.raises(Failure) as refused:
        applied.project.predict("line@v1", rows)
    (problem,) = refused.value.diagnostics
    assert (problem.id, detail in problem.detail) == (id_, True), problem.detail
    assert problem.hint
    assert "--" not in problem.hint
    assert ".jsonl" not in str(refused.value)
    assert "cp1252" in problem.hint or id_ != "bad-encoding"


@pytest.mark.parametrize(("folder", "id_"), [("none", "no-folder"), (".", "no-project")])
def test_a_folder_without_a_project_is_told_in_the_words_of_the_library(folder: str, id_: str, tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        Project.load(tmp_path / folder)
    (problem,) = refused.value.diagnostics
    assert (problem.id, "-C" in problem.hint) == (id_, False)


def test_missing_cells_of_any_library_are_missing() -> None:
    from leptonctl.library.predictions import records_of

    class TwoNames:
        """As a frame of pandas after a merge, of whose columns of one name a dictionary has one."""

        columns = ("a", "b", "a")

        def to_dict(self, orient: str) -> list[dict]:
            assert orient == "records"
            return [{"a": 5, "b": 2}]

    class NAType:
        """As pandas calls it."""

    assert records_of([{"a": float("nan"), "b": NAType(), "c": None, "d": True}]) == [{"a": None, "b": None, "c": None, "d": True}]
    import numpy as np

    for twice in (TwoNames(), [{1: 2.0, "1": 3.0}]):
        with pytest.raises(Failure) as refused:
            records_of(twice)
        assert (refused.value.diagnostics[0].id, "more than once" in refused.value.diagnostics[0].detail) == ("duplicate-column", True)
    assert records_of([{"a": np.float32(1.5), "b": np.int64(3)}]) == [{"a": 1.5, "b": 3}]


def test_a_notebook_gets_no_element_that_a_project_wrote(copy: Path) -> None:
    evil = '<img src=x onerror="alert(1)">'
    projects.edit(copy / "model-line.yaml", "dataset: points", f"description: '{evil}'\ndataset: points")
    project = Project.load(copy)
    for report in (project.show("line@v1"), project.plan(), project.validate(), project.leaderboard("line")):
        assert "<img" not in report._repr_html_()
    assert "&lt;img" in project.show("line@v1")._repr_html_()
    assert preformat("\x1b[31ma<b\x1b[0m & \x1b]0;x\x07").count("\x1b") == 0
    assert ">a&lt;b</span> &amp; " in preformat("\x1b[31ma<b\x1b[0m & ")


def test_the_counters_of_all_servers_and_versions_are_added_up(applied: Applied) -> None:
    text = """# HELP leptonctl_inference_requests_total Inference requests by HTTP status.
leptonctl_inference_requests_total{model_name="line",model_version="v1",environment="dev",code="200"} 3
leptonctl_inference_requests_total{model_name="line",model_version="v2",environment="dev",code="200"} 1
leptonctl_inference_requests_total{model_name="line",model_version="v1",environment="dev",code="400"} 2
leptonctl_inference_rows_total{model_name="line",model_version="v1",environment="dev"} 30
leptonctl_contract_violations_total{model_name="line",model_version="v1",environment="dev",column="a \\"b\\" {c}",check="max"} 4
leptonctl_inference_duration_seconds_sum{model_name="line",model_version="v1",environment="dev"} 0.5
leptonctl_inference_duration_seconds_count{model_name="line",model_version="v1",environment="dev"} 4
process_open_fds 12
"""
    samples = [*samples_of(text)]
    assert samples[0] == Sample(
        name="leptonctl_inference_requests_total",
        labels={"model_name": "line", "model_version": "v1", "environment": "dev", "code": "200"},
        value=3,
    )
    environment = applied.project.status().environment("dev")
    seen = add_up(environment, environment.models[0], samples, {})
    assert (seen.requests, seen.rows, seen.seconds, seen.breaches) == ({"200": 4, "400": 2}, 30, 0.125, {'a "b" {c}': {"max": 4}})


@pytest.mark.parametrize("reason", ["two\nlines", "   ", "x" * 501], ids=["lines", "blank", "long"])
def test_the_reason_is_one_line_as_on_the_command_line(reason: str, applied: Applied) -> None:
    with pytest.raises(Failure, match="usage"):
        applied.project.apply(reason=reason)
