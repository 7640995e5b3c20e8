"""docs/how-to/search.md."""

from tests import projects
from tests.how_to.reader import Reader


def test_search(reader: Reader) -> None:
    """And what the YAML says at the end is what the search has found."""
    reader.follow("docs/how-to/search.md")
    assert "search" not in (reader.root / "leptonctl.yaml").read_text(encoding="utf-8")
    assert projects.run("plan", "--detailed-exitcode", cwd=reader.root).returncode == 0
