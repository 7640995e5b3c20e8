"""Calls in threads that bind the same model: each has its turn, and none says that it bound what it has not."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leptonctl import Failure, Model, Project, create_version, publish_version, rollback_version
from leptonctl.commands.editing.bind_yaml import Rebinding, check_bound
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import LOCKED, STALE
from tests import projects

NAMES = [f"t{number}" for number in range(4)]


@pytest.fixture
def four(copy: Path) -> Path:
    """A project with four more versions, whose results are those of v2: to bind one trains nothing."""
    for name in NAMES:
        create_version(name, "line", f"the {name}", project=copy, params={"C": 0.5})
    return copy


def binding(root: Path) -> str:
    """What the YAML binds."""
    text = (root / "environment-dev.yaml").read_text(encoding="utf-8")
    return text.partition("{line: ")[2].partition("}")[0]


def test_threads_that_publish_each_bind_their_own_version(four: Path) -> None:
    project = Project.load(four)
    with ThreadPoolExecutor(4) as pool:
        works = [*pool.map(lambda name: publish_version(name, "line", project=project, wait=60), NAMES)]
    assert [str(work).partition("→ ")[2].split()[0] for work in works] == NAMES
    assert binding(four) == project.status().environment("dev").models[0].version
    assert not project.plan("dev/line").pending


def test_a_call_waits_for_another_one_and_a_return_for_no_training(four: Path) -> None:
    """Brothers of `publish_version`: `Model.deploy`, whose edit of the port waits too, and `promote`, also out of the environment."""
    project, begun, go_on = Project.load(four), threading.Event(), threading.Event()
    (four / "environment-late.yaml").write_text(
        f"kind: Environment\nname: late\nplatform: {{type: server, port: {projects.free_port()}}}\nmodels: {{}}\n", encoding="utf-8"
    )
    publish_version("v1", "line", "dev", project=project)
    publish_version("t1", "line", "dev", project=project)

    def slowly(_event: object) -> None:
        begun.set()
        go_on.wait(30)

    calls: list[Callable[[], object]] = [
        lambda: publish_version("t3", "line", "dev", project=project),
        lambda: Model(name="line", project=project).deploy(name="dev", version="t3", port=projects.free_port()),
        lambda: project.promote("line", "dev", "late"),
    ]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(publish_version, "t2", "line", "dev", project=project, progress=slowly)
        assert begun.wait(30)
        try:
            text = (four / "environment-dev.yaml").read_text(encoding="utf-8")
            for call in calls:
                with pytest.raises(Failure) as refused:
                    call()
                assert (refused.value.exit_code, refused.value.diagnostics[0].id) == (LOCKED, "lock-held")
                assert "environment/dev/line is held" in refused.value.diagnostics[0].detail
                assert "leptonctl.publish_version" in refused.value.diagnostics[0].detail
            assert (four / "environment-dev.yaml").read_text(encoding="utf-8") == text
            assert rollback_version("t1", "line", "dev", project=project).done["bound"] == 1
        finally:
            go_on.set()
        with pytest.raises(Failure) as late:
            first.result(60)
    assert late.value.exit_code == STALE
    assert (binding(four), project.status().environment("dev").models[0].version) == ("v1", "v1")


def test_what_is_applied_is_what_was_written(copy: Path) -> None:
    """An edit of another process that came between is not applied in its place."""
    session = Session.open(copy)
    check_bound(session, Rebinding(environment="dev", bindings={"line": "v1"}, message=""))
    for version in ("v2", None):
        with pytest.raises(Failure, match=r"edited-meanwhile.*dev binds line v1") as refused:
            check_bound(session, Rebinding(environment="dev", bindings={"line": version}, message=""))
        assert refused.value.exit_code == STALE
