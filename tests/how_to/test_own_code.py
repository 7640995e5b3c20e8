"""docs/how-to/own-code.md, followed from top to bottom."""

from tests import projects
from tests.how_to.reader import Reader


def test_own_code(reader: Reader) -> None:
    reader.follow("docs/how-to/own-code.md")
    (model,) = projects.served(reader.root, "dev")["models"]
    assert (model["version"], model["digest"]) == ("v2", model["live_digest"])
    assert len((reader.root / "answers.csv").read_text().splitlines()) > 1
