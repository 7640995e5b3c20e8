"""docs/how-to/second-environment.md, update.md and retire.md, followed from top to bottom, and the command of docs/tables.md."""

import json
import re
import shutil

import pytest

from tests import projects
from tests.how_to.reader import Reader


def served(reader: Reader, environment: str) -> dict[str, str]:
    return {model["name"]: model["version"] for model in projects.served(reader.root, environment)["models"]}


def test_second_environment(reader: Reader) -> None:
    reader.follow("docs/how-to/second-environment.md")
    assert (served(reader, "dev"), served(reader, "prod")) == ({"model": "v3"}, {"model": "v1"})
    assert projects.served(reader.root, "prod")["models"][0]["live_digest"] == projects.served(reader.root, "prod")["models"][0]["digest"]


def test_update(reader: Reader) -> None:
    assert projects.run("apply", "--yes", cwd=reader.root).returncode == 0
    reader.follow("docs/how-to/update.md")
    assert served(reader, "dev") == {"model": "june"}


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_retire(reader: Reader) -> None:
    reader.follow("docs/how-to/retire.md")
    assert not projects.processes(reader.root)
    git = projects.git(reader.root, "show", "HEAD~2:leptonctl.yaml")
    (reader.root / "leptonctl.yaml").write_text(git, encoding="utf-8")
    assert "1 bound" in projects.run("apply", "--yes", cwd=reader.root).stdout, "all of it comes back without a training"
    assert served(reader, "dev") == {"model": "v2"}


def test_the_command_of_the_page_on_tables(reader: Reader) -> None:
    reader.follow("docs/tables.md")
    assert re.search(r"^ *x +number +\S+ [▁▂▃▄▅▆▇█]+ \S+ ", reader.printed, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_decide(reader: Reader) -> None:
    reader.follow("docs/how-to/decide.md")
    assert served(reader, "dev") == {"model": "careful"}
    assert json.loads(projects.run("plan", "--json", cwd=reader.root).stdout)["summary"]["train"] == 0
