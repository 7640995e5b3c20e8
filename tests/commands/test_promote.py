"""`promote`: what it binds has served in the environment that it comes from."""

from pathlib import Path

import pytest

from tests import projects

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}
ENVIRONMENTS = {"dev": "models: {line: v1}", "prod": "models: {}"}


@pytest.mark.parametrize(
    ("file", "old", "new"), [("model-line.yaml", "v1: {}", "v1: {params: {C: 3.0}}"), ("environment-dev.yaml", "line: v1", "line: v2")]
)
def test_what_has_not_served_is_not_promoted(tmp_path: Path, file: str, old: str, new: str) -> None:
    """An edit of the version in place, and (brother) another version, neither of them applied."""
    root = projects.tiny_project(tmp_path, models=MODELS, environments=ENVIRONMENTS)
    for name, models in ENVIRONMENTS.items():
        text = f"kind: Environment\nname: {name}\nplatform: {{type: server, run: elsewhere}}\n{models}\n"
        (root / f"environment-{name}.yaml").write_text(text, encoding="utf-8")
    result = projects.run("apply", "--yes", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    projects.edit(root / file, old, new)
    before = {path.name: path.read_bytes() for path in root.glob("*.yaml")}
    refused = projects.run("promote", "line", "dev", "prod", "--yes", cwd=root)
    assert (refused.returncode, "error[not-served]" in refused.stderr, "apply --only environment/dev" in refused.stderr) == (5, True, True)
    assert {path.name: path.read_bytes() for path in root.glob("*.yaml")} == before
    projects.edit(root / file, new, old)
    promoted = projects.run("promote", "line", "dev", "prod", "--yes", cwd=root)
    assert (promoted.returncode, "trained" in promoted.stdout) == (0, False), promoted.stdout + promoted.stderr
