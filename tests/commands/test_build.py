"""`build` ends with what its plan announced: the gates of the bindings that an apply would move."""

import json
from pathlib import Path

from tests import projects
from tests.test_output_schemas import problems

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.0001}}", "v3": "{params: {C: 1.1}}"}}
GATES = "models: {line: v1}\ngates: {accuracy: {max_drop: 0.1}, flips: {max: 0.2}}"


def test_a_build_shows_the_gates_that_an_apply_would_decide(tmp_path: Path) -> None:
    """One that fails, the same when nothing is left to build, and (brother) one that passes; the next plan says the same."""
    root = projects.tiny_project(tmp_path, MODELS, {"dev": GATES})
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
    for number in range(2):
        built = projects.run("build", cwd=root)
        assert built.returncode == 0, built.stdout + built.stderr
        assert ("compare environment/dev/line" in built.stdout) == (number == 0)
        assert "environment/dev/line  v1 → v2  an apply holds it: a gate fails" in built.stdout
        assert "✗ flips" in built.stdout
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)["changes"]
    again = projects.finished(projects.run("build", "--json", cwd=root))
    (binding,) = again["gates"]
    assert (binding["address"], binding["after_version"], binding["passed"]) == ("environment/dev/line", "v2", False)
    assert [binding["gates"]] == [change["gates"] for change in planned if change["address"] == "environment/dev/line"]
    assert problems("apply_event", again) == []
    projects.edit(root / "environment-dev.yaml", "line: v2", "line: v3")
    assert "environment/dev/line  v1 → v3  an apply moves it: its gates pass" in projects.run("build", cwd=root).stdout
    projects.stop_servers(root)


def test_equal_rows_train_nothing_although_no_pointer_knows_the_build(tmp_path: Path) -> None:
    """Blank lines, and (brothers) other line ends, the same file as a list, and an apply; a changed row trains."""
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{}"}}, {})
    data = root / "data" / "points.csv"
    counters = ("prepared", "trained", "exported", "evaluated")

    def counts(*command: str) -> tuple[int, ...]:
        finished = projects.finished(projects.run(*command, "--json", cwd=root))
        return tuple(finished[name] for name in counters)

    assert counts("build") == (1, 1, 1, 1)
    data.write_bytes(data.read_bytes() + b"\n\n")
    assert counts("build") == (1, 0, 0, 0)
    projects.edit(root / "data.yaml", "source: data/points.csv", "source: [data/points.csv]")
    data.write_bytes(data.read_bytes().replace(b"\n", b"\r\n"))
    assert counts("apply", "--yes") == (1, 0, 0, 0)
    rows = data.read_bytes().split(b"\r\n")
    data.write_bytes(b"\r\n".join([*rows[:-3], rows[1], b""]))
    assert counts("build") == (1, 1, 1, 1)
