"""The project that `leptonctl init` writes, with two more versions, built once: its copies bind without training."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.how_to.reader import Reader

CANDIDATES = "  v2: {params: {C: 0.1}}\n  v3: {params: {C: 2}}\n"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project of `init`, as it is written; the store also has the results of v2 and v3 of the pages, which no file declares."""
    root = tmp_path_factory.mktemp("how-to") / "try"
    root.mkdir()
    assert projects.run("init", cwd=root).returncode == 0
    file = root / "leptonctl.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\n---\nkind: Environment", f"\n{CANDIDATES}---\nkind: Environment"), encoding="utf-8")
    done = projects.run("build", cwd=root)
    assert (done.returncode, "3 trained" in done.stdout) == (0, True), done.stdout + done.stderr
    file.write_text(text, encoding="utf-8")
    yield root
    projects.stop_servers(root.parent)


@pytest.fixture
def reader(built: Path, tmp_path: Path) -> Iterator[Reader]:
    """A reader in a copy of that project, with ports of their own."""
    root = projects.copy_of(built, tmp_path / "try")
    text = (root / "leptonctl.yaml").read_text(encoding="utf-8")
    port = text.partition("port: ")[2].partition("}")[0]
    yield Reader(root, {"8080": port, "8081": str(projects.free_port()), "/srv/lepton": str(tmp_path / "shared")})
    projects.stop_servers(tmp_path)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has followed docs/how-to/private-columns.md in an empty folder."""
    root = tmp_path_factory.mktemp("shop")
    yield Reader(root, {"8080": str(projects.free_port())})
    projects.stop_servers(root)
