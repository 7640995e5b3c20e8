"""How many steps an executor is handed at a time."""

from dataclasses import replace
from pathlib import Path

import pytest

from leptonctl.building.local import LocalExecutor
from leptonctl.commands.run import AT_ONCE, parallelism
from leptonctl.commands.session import Session
from leptonctl.core.values import Json
from leptonctl.kinds.project import Settings
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.running import ExecutorBackend


@pytest.mark.parametrize(("block", "expected"), [("", 2), ("executor: {parallelism: 5}\n", 5)])
def test_the_executor_s_own_setting(tmp_path: Path, block: str, expected: int) -> None:
    (tmp_path / "leptonctl.yaml").write_text(f"kind: Project\nname: p\nformat: 1\n{block}")
    assert parallelism(Session.open(tmp_path)) == expected


@pytest.mark.parametrize(("written", "default", "expected"), [({}, None, AT_ONCE), ({}, 3, 3), ({"parallelism": 0}, 3, 1)])
def test_an_executor_of_another_package(tmp_path: Path, written: dict[str, Json], default: int | None, expected: int) -> None:
    described = {"parallelism": {"type": "integer", "default": default}} if default else {"niceness": {"type": "integer", "default": 1}}
    theirs = ExecutorBackend(name="theirs", description="d", open=LocalExecutor, settings=described)
    session = Session(root=tmp_path)
    session.catalog = replace(load_catalog(), executors={"theirs": theirs})
    session.settings = Settings(executor="theirs", executor_settings=written)
    assert parallelism(session) == expected
