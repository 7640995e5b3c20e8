"""docs/how-to/move.md, and what a plan says where `state:` was edited first."""

from tests import projects
from tests.how_to.reader import Reader


def test_the_page(reader: Reader) -> None:
    file = reader.root / "leptonctl.yaml"
    assert projects.run("apply", "--yes", cwd=reader.root).returncode == 0
    text = file.read_text(encoding="utf-8")
    projects.edit(file, "format: 1\n", reader.swapped("format: 1\nstate: /srv/lepton/state\nstore: /srv/lepton/store\n"))
    warned = projects.run("plan", cwd=reader.root).stdout
    assert "warning[state-left-behind]" in warned
    assert "the servers of dev are its own" in warned
    assert "leptonctl.yaml:4:8" in warned
    file.write_text(text, encoding="utf-8")
    assert "state-left-behind" not in projects.run("plan", cwd=reader.root).stdout
    reader.follow("docs/how-to/move.md")
    assert "state-left-behind" not in projects.run("plan", cwd=reader.root).stdout
    (model,) = projects.served(reader.root, "dev")["models"]
    assert (model["version"], model["deployment"]) == ("v1", 2)
