"""What a freeze holds: every move but returns. Edits of the environment itself wait too, and a rollback is a return as a whole."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from leptonctl.commands import apply as apply_command
from leptonctl.commands.session import Session
from leptonctl.core.event import Event, StepFinished
from tests import projects

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}, "twin": {"v1": "{params: {C: 0.25}}"}}
FILE = "environment-prod.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the results of all versions."""
    project = projects.tiny_project(tmp_path_factory.mktemp("built"), MODELS, {})
    lep(project, "build")
    return project / ".leptonctl" / "store"


@pytest.fixture
def root(tmp_path: Path, built: Path) -> Iterator[Path]:
    """prod has served line v1, then line v2 and the twin, and is frozen."""
    root = projects.tiny_project(tmp_path, MODELS, {"prod": "protected: false\nrequests: lenient\nmodels: {line: v1}"})
    shutil.copytree(built, root / ".leptonctl" / "store")
    lep(root, "apply", "--yes")
    write(root, models="{line: v2, twin: v1}")
    lep(root, "apply", "--yes")
    lep(root, "freeze", "prod", "--reason", "audit")
    yield root
    projects.stop_servers(root)


def lep(root: Path, *arguments: str, code: int = 0) -> CompletedProcess[str]:
    done = projects.run(*arguments, cwd=root)
    assert done.returncode == code, f"{arguments} exits {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def write(root: Path, **lines: str) -> None:
    """Write lines of prod's document: key -> what follows it."""
    file = root / FILE
    text = file.read_text(encoding="utf-8")
    for key, value in lines.items():
        text = re.sub(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


def served(root: Path) -> dict[str, str]:
    environment = projects.served(root, "prod")
    assert environment["healthy"] is True
    return {model["name"]: model["version"] for model in environment["models"]}


def test_edited_settings_wait_and_the_server_runs_on(root: Path) -> None:
    """Each is held like a binding: exit 6 once, then a warning. The recorded settings stay in force, for returns and heals too."""
    platform = "{{type: server, host: {}, port: {}{}}}"
    recorded, port = projects.environment_of(root, "prod"), projects.free_port()
    before = recorded.platform["port"]
    (server,) = projects.processes(root)
    edits = {
        "platform": [
            platform.format("127.0.0.1", port, ""),
            # what an edit would meet is a problem of the day on which it may come
            platform.format("192.0.2.1", port, ""),
            platform.format("127.0.0.2", before, ""),
            platform.format("127.0.0.1", before, ", stop_s: 9"),
            platform.format("127.0.0.1", before, ", run: elsewhere"),
        ],
        "requests": ["strict"],
    }
    for key, values in edits.items():
        for value in values:
            write(root, **{key: value})
            (change,) = json.loads(lep(root, "plan", "--json", code=6).stdout)["changes"]
            assert (change["address"], change["hold"]["kind"]) == ("environment/prod", "frozen"), value
            lep(root, "apply", "--yes", code=6)
            assert (list(projects.processes(root)), projects.environment_of(root, "prod")) == ([server], recorded), value

    lep(root, "apply", "--yes")
    lep(root, "plan", "--detailed-exitcode")
    # a version that is new needs work, which an apply would do
    projects.edit(root / "model-line.yaml", "  v2:", "  v3: {params: {C: 0.125}}\n  v2:")
    lep(root, "plan", "--detailed-exitcode", code=2)
    lep(root, "rollback", "prod/line", "--yes")
    assert (served(root), list(projects.processes(root))) == ({"line": "v1", "twin": "v1"}, [server])
    after = projects.environment_of(root, "prod")
    assert (after.platform, after.requests) == (recorded.platform, recorded.requests)

    lep(root, "unfreeze", "prod")
    lep(root, "plan", "--detailed-exitcode", code=2)
    lep(root, "apply", "--yes")
    after = projects.environment_of(root, "prod")
    assert (after.platform["run"], after.requests, list(projects.processes(root))) == ("elsewhere", "strict", [])


def test_a_rollback_takes_out_what_came_later(root: Path) -> None:
    """The deployment that it returns to did not bind the twin: unbinding it is part of the return. An edit that does so is not."""
    write(root, models="{line: v2}")
    lep(root, "apply", "--yes", code=6)
    write(root, models="{line: v2, twin: v1}")
    done = lep(root, "rollback", "prod", "--to", "1", "--yes", "--json")
    assert projects.finished(done)["bound"] == 2
    assert served(root) == {"line": "v1"}
    assert projects.recorded(root).frozen["prod"].reason == "audit"


def test_a_freeze_during_a_build_holds_what_it_was_built_for(root: Path) -> None:
    """Between the plan and the bind: the results stay, the binding waits, exit 6."""
    lep(root, "unfreeze", "prod")
    projects.edit(root / "model-line.yaml", "  v2:", "  v3: {params: {C: 0.125}}\n  v2:")
    write(root, models="{line: v3, twin: v1}", requests="strict")
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepFinished) and event.op == "train":
            lep(root, "freeze", "prod", "--reason", "a holiday")

    outcome = apply_command.apply(Session.open(root), apply_command.Request(), consent=lambda _: True, reporter=report)
    assert outcome.exit_code == 6
    assert outcome.finished is not None
    assert (outcome.finished.done["trained"], outcome.finished.done["bound"], outcome.finished.held) == (1, 0, 2)
    assert served(root) == {"line": "v2", "twin": "v1"}
    assert projects.environment_of(root, "prod").requests == "lenient"
    # the same hold again is known, and nothing is built twice
    again = lep(root, "apply", "--yes", "--json")
    assert (projects.finished(again)["trained"], projects.finished(again)["held"]) == (0, 2)
    lep(root, "unfreeze", "prod")
    moved = projects.finished(lep(root, "apply", "--yes", "--json"))
    assert (moved["trained"], moved["bound"]) == (0, 1)
    assert served(root) == {"line": "v3", "twin": "v1"}
