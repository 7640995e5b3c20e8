"""How many steps an executor is handed at a time."""

from pathlib import Path

import pytest

from leptonctl.commands.run import AT_ONCE, parallelism
from leptonctl.commands.session import Session
from leptonctl.core.values import Json
from leptonctl.kinds.project import Settings


@pytest.mark.parametrize(("block", "expected"), [("", 2), ("executor: {parallelism: 5}\n", 5)])
def test_the_executor_s_own_setting(tmp_path: Path, block: str, expected: int) -> None:
    (tmp_path / "leptonctl.yaml").write_text(f"kind: Project\nname: p\nformat: 1\n{block}")
    assert parallelism(Session.open(tmp_path)) == expected


@pytest.mark.parametrize(("settings", "expected"), [({"niceness": 1}, AT_ONCE), ({"parallelism": 3}, 3), ({"parallelism": 0}, 1)])
def test_an_executor_of_another_package(tmp_path: Path, settings: dict[str, Json], expected: int) -> None:
    session = Session(root=tmp_path)
    session.settings = Settings(executor="theirs", executor_settings=settings)
    assert parallelism(session) == expected
