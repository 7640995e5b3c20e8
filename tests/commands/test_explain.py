"""`explain`: each field of a recipe with the place where it is written, or as a default."""

import json
from pathlib import Path

from tests import projects


def test_a_field_that_follows_from_a_written_one_is_no_default(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)

    def places(address: str) -> dict[str, tuple[str | None, int | None]]:
        story = json.loads(projects.run("explain", address, "--json", cwd=root).stdout)
        return {field["path"]: (field["file"], field["line"]) for field in story["fields"]}

    model, dataset, binding = places("line@v1"), places("points@first"), places("dev/line")
    assert model["target"] == model["data.target"] == ("data.yaml", 3)
    assert model["data.source.digest"] == dataset["source.digest"] == dataset["source.format"] == ("data.yaml", 5)
    assert binding["model"] == binding["version"] == ("environment-dev.yaml", 4)
    for default in ("seed", "epoch", "data.split.seed", "params"):
        assert model[default] == (None, None), default
