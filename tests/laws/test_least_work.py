"""What was computed once is not computed again: edits reverted, versions forgotten and declared again, gates loosened, effects undone."""

import json
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import GATE
from tests import projects
from tests.laws.matrix import append, swap

LINE, TREE, DATA, PLACES = "models/line.yaml", "models/tree.yaml", "data.yaml", "environments.yaml"
NOTHING = {"prepared": 0, "trained": 0, "exported": 0, "evaluated": 0, "cross_validated": 0, "compared": 0, "bound": 0}


def apply(root: Path, code: int = 0, **counts: int) -> dict:
    """Apply, and check that exactly this was done."""
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    finished = projects.finished(done)
    assert {word: finished[word] for word in NOTHING} == {**NOTHING, **counts}
    return finished


def digests(root: Path, address: str) -> tuple[str, str]:
    entry = projects.state_of(root)["current"][address]
    return entry["digest"], entry["artifact"]


def test_a_reverted_edit_computes_nothing(served_copy: Path) -> None:
    before = digests(served_copy, "environment/dev/line")
    swap(LINE, "C: 0.5", "C: 0.25")(served_copy)
    apply(served_copy, trained=1, exported=1, evaluated=1, bound=1)
    assert digests(served_copy, "environment/dev/line") != before
    swap(LINE, "C: 0.25", "C: 0.5")(served_copy)
    apply(served_copy, bound=1)
    assert digests(served_copy, "environment/dev/line") == before
    assert projects.served(served_copy, "dev")["models"][0]["live_artifact"] == before[1]


def test_restored_data_computes_nothing(served_copy: Path) -> None:
    file = served_copy / "data" / "first.csv"
    content = file.read_bytes()
    file.write_bytes(content + b"9.5,1.5,below\n")
    apply(served_copy, prepared=1, trained=3, exported=3, evaluated=3, bound=1)
    file.write_bytes(content)
    apply(served_copy, bound=1)


def test_reverted_metrics_evaluate_nothing(copy: Path) -> None:
    swap(LINE, "[accuracy, f1]", "[accuracy]")(copy)
    apply(copy, evaluated=3)
    swap(LINE, "[accuracy]", "[accuracy, f1]")(copy)
    apply(copy)


def test_a_version_forgotten_and_declared_again_is_taken_from_the_store(copy: Path) -> None:
    text = (copy / TREE).read_text(encoding="utf-8")
    swap(TREE, "  large: {params: {max_depth: 4}}\n", "")(copy)
    apply(copy)
    assert "model/tree@large" not in projects.state_of(copy)["current"]
    (copy / TREE).write_text(text, encoding="utf-8")
    apply(copy)
    assert "model/tree@large" in projects.state_of(copy)["current"]


def test_an_apply_does_not_repeat_a_build(served_copy: Path) -> None:
    append(LINE, "  v4: {params: {C: 7.0}}\n")(served_copy)
    swap(PLACES, "line: v2", "line: v4")(served_copy)
    serial = projects.state_of(served_copy)["serial"]
    built = projects.run("build", "line@v4", "--json", cwd=served_copy)
    assert built.returncode == 0, built.stdout
    assert projects.finished(built)["trained"] == 1
    assert projects.state_of(served_copy)["serial"] == serial
    apply(served_copy, bound=1)


def test_a_destroyed_environment_is_only_bound_again(served_copy: Path) -> None:
    assert projects.run("destroy", "dev", "--yes", cwd=served_copy).returncode == 0
    apply(served_copy, bound=2)


def test_a_gate_that_failed_passes_without_training_once_it_is_loosened(served_copy: Path) -> None:
    swap(PLACES, "accuracy: {min: 0.5}", "recall: {max: 0.01}")(served_copy)
    swap(PLACES, "line: v1", "line: v2")(served_copy)
    # recall is not among the metrics of the model: the gate asks for it
    apply(served_copy, GATE, evaluated=1)
    assert projects.state_of(served_copy)["current"]["environment/prod/line"]["digest"] == digests(served_copy, "model/line@v1")[0]
    swap(PLACES, "{max: 0.01}", "{max: 1}")(served_copy)
    apply(served_copy, bound=1)
    assert projects.served(served_copy, "prod")["models"][0]["version"] == "v2"


@pytest.mark.parametrize("times", [2])
def test_an_apply_without_changes_keeps_the_serial(copy: Path, times: int) -> None:
    state = (copy / ".leptonctl" / "state" / "state.json").read_bytes()
    for _ in range(times):
        done = projects.run("apply", "--yes", "--json", cwd=copy)
        assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["apply_started", "apply_finished"]
        apply(copy)
    assert (copy / ".leptonctl" / "state" / "state.json").read_bytes() == state


def test_data_that_gives_the_same_rows_trains_nothing(served_copy: Path) -> None:
    """Other bytes with the same rows: they are prepared again, and the steps that read them are adopted."""
    before = digests(served_copy, "environment/dev/tree")
    file = served_copy / "data" / "first.csv"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    apply(served_copy, prepared=1, bound=1)
    after = digests(served_copy, "environment/dev/tree")
    assert (after[0] != before[0], after[1]) == (True, before[1])
    assert projects.run("verify", "tree@small", cwd=served_copy).returncode == 0
    assert projects.served(served_copy, "dev")["healthy"]
