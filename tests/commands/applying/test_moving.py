"""The environments of an apply, called in this process with real servers: what is healed, moved, held and left out, and what is reported of each."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from leptonctl.commands.session import Session
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import Failure
from leptonctl.core.event import ApplyFinished, Event, StepFailed, StepFinished, StepProgress, StepSkipped
from tests import projects

apply_command = import_module("leptonctl.commands.apply")
MODELS = {"line": {"v1": "{}"}, "word": {"v1": "{}"}}
BOTH = "models: {line: v1, word: v1}\n"
# a few rows lie on the wrong side of the line
HOLDS = "gates: [{models: line, accuracy: {min: 1}}]\n"
Apply = Callable[..., tuple[int, list[Event]]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = projects.tiny_project(tmp_path_factory.mktemp("built"), MODELS, {})
    result = projects.run("build", cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr
    return project / ".leptonctl" / "store"


@pytest.fixture
def root(tmp_path: Path, built: Path) -> Iterator[Path]:
    """`dev`, whose gate holds one of two bindings, before `qa`; both versions are built."""
    project = projects.tiny_project(tmp_path, MODELS, {"dev": BOTH + HOLDS, "qa": BOTH})
    shutil.copytree(built, project / ".leptonctl" / "store")
    yield project
    projects.stop_servers(project)


@pytest.fixture
def apply(root: Path) -> Apply:
    def act(consent: Callable[..., bool] = lambda _plan: True) -> tuple[int, list[Event]]:
        events: list[Event] = []
        outcome = apply_command.apply(Session.open(root), apply_command.Request(), consent=consent, reporter=events.append)
        return outcome.exit_code, events

    return act


def bound(events: list[Event]) -> dict[str, str]:
    return {e.address: e.message for e in events if isinstance(e, StepFinished) and e.op == "bind"}


def last(events: list[Event]) -> ApplyFinished:
    assert isinstance(events[-1], ApplyFinished)
    return events[-1]


def kill(root: Path, name: str) -> None:
    pid = projects.status_record(projects.environment_of(root, name).url).pid
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while pid in projects.processes(root):
        assert time.monotonic() < deadline


def test_an_apply_writes_nothing_before_consent(root: Path, apply: Apply) -> None:
    """Nor what it was not asked for (brother): the record of a hold that has ended is dropped by the apply that goes on."""
    assert apply()[0] == 6
    assert list(projects.recorded(root).held) == ["environment/dev/line"]
    for name in ("dev", "qa"):
        projects.edit(root / f"environment-{name}.yaml", BOTH, "models: {word: v1}\n")
    projects.edit(root / "environment-dev.yaml", HOLDS, "")
    file = root / ".leptonctl" / "state" / "state.json"
    before = file.read_bytes()
    assert apply(lambda _plan: False)[0] == 1
    unexpected = apply_command.Request(expect="sha256:0")
    with pytest.raises(Failure):
        apply_command.apply(Session.open(root), unexpected, consent=lambda _plan: True, reporter=lambda _event: None)
    assert file.read_bytes() == before
    assert apply()[0] == 0
    assert projects.recorded(root).held == {}


def test_each_binding_moves_is_held_or_is_left_out(root: Path, apply: Apply) -> None:
    projects.edit(root / "environment-dev.yaml", HOLDS, HOLDS + "switch: together\n")
    code, events = apply()
    assert code == 6
    assert bound(events) == {"environment/qa/line": "unbound → v1", "environment/qa/word": "unbound → v1"}
    (held,) = [e for e in events if isinstance(e, StepFailed)]
    assert (held.address, held.gate, held.diagnostic.id, [j.passed for j in held.judgements]) == (
        "environment/dev/line", True, "gate-failed", [False],
    )  # fmt: skip
    assert [(e.op, e.address, e.because) for e in events if isinstance(e, StepSkipped)] == [
        ("bind", "environment/dev/word", "bind of environment/dev/line")
    ]
    progress = [e for e in events if isinstance(e, StepProgress) and e.op == "bind"]
    assert {e.address for e in progress} == {"environment/qa"}
    assert all(0 <= e.seconds < 60 for e in progress)
    assert (last(events).ok, last(events).done["bound"], last(events).skipped, last(events).healed, last(events).changed) == (
        False,
        2,
        1,
        (),
        (),
    )
    assert {model["name"] for model in projects.served(root, "qa")["models"]} == {"line", "word"}
    # the gate gone, both move: dev before qa, which stays
    projects.edit(root / "environment-dev.yaml", HOLDS + "switch: together\n", "")
    code, events = apply()
    assert (code, set(bound(events))) == (0, {"environment/dev/line", "environment/dev/word"})


def test_what_does_not_move_is_healed_and_what_moves_is_not(root: Path, apply: Apply) -> None:
    projects.edit(root / "environment-dev.yaml", HOLDS, "")
    assert apply()[0] == 0
    kill(root, "dev")
    kill(root, "qa")
    projects.edit(root / "environment-qa.yaml", "models:", "requests: strict\nmodels:")
    code, events = apply()
    assert (code, bound(events), last(events).healed, last(events).changed) == (0, {}, ("dev",), ("qa",))
    for name in ("dev", "qa"):
        assert set(projects.status_record(projects.environment_of(root, name).url).models) == {"line", "word"}
    assert projects.environment_of(root, "qa").requests == "strict"
    # an environment that is no longer declared comes after those that are
    (root / "environment-dev.yaml").unlink()
    projects.edit(root / "environment-qa.yaml", "line: v1, ", "")
    code, events = apply()
    assert code == 0
    assert list(bound(events).items()) == [
        ("environment/qa/line", "v1 → unbound"), ("environment/dev/line", "v1 → unbound"), ("environment/dev/word", "v1 → unbound"),
    ]  # fmt: skip


def test_an_environment_that_cannot_serve_stops_no_other(root: Path, apply: Apply) -> None:
    """Neither when it is moved nor when it is healed: something takes its port after the plan."""
    projects.edit(root / "environment-dev.yaml", HOLDS, "")
    port = int((root / "environment-dev.yaml").read_text().partition("port: ")[2].partition("}")[0])
    taken: list[socket.socket] = []

    def taking_the_port(_plan: Plan) -> bool:
        taken.append(socket.create_server(("127.0.0.1", port)))
        return True

    code, events = apply(taking_the_port)
    assert (code, set(bound(events))) == (1, {"environment/qa/line", "environment/qa/word"})
    failed = {e.address: e.diagnostic.id for e in events if isinstance(e, StepFailed)}
    assert failed == {"environment/dev/line": "port-in-use", "environment/dev/word": "port-in-use"}
    assert not last(events).ok
    taken.pop().close()
    assert apply()[0] == 0
    kill(root, "dev")
    kill(root, "qa")
    code, events = apply(taking_the_port)
    taken.pop().close()
    assert (code, last(events).healed) == (1, ("qa",))
    assert [(e.address, e.op, e.diagnostic.id) for e in events if isinstance(e, StepFailed)] == [("environment/dev", "bind", "port-in-use")]
