"""docs/http.md: every request of the page is sent to a real server, and gets the answer of the page."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.pages import fetched

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "http.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the project that `leptonctl init` writes is served."""
    root = tmp_path_factory.mktemp("http")
    assert projects.run("init", cwd=root).returncode == 0
    projects.new_ports(root)
    try:
        done = projects.run("apply", "--yes", cwd=root)
        assert done.returncode == 0, done.stdout + done.stderr
        yield projects.served(root, "dev")["url"]
    finally:
        projects.stop_servers(root)


def test_the_requests_of_the_page_get_its_answers(url: str) -> None:
    blocks = FENCE.findall(PAGE)
    commands = [body for language, body in blocks if language == "sh"]
    (expected,) = (json.loads(body) for language, body in blocks if language == "json")
    by_column, packed, metadata = (json.loads(fetched(command.replace(HERE, url))) for command in commands)
    for answer in (by_column, packed):
        label, probabilities = answer["outputs"]
        assert label == expected["outputs"][0]
        assert probabilities["data"] == pytest.approx(expected["outputs"][1]["data"], abs=1e-5)
        assert probabilities | {"data": ()} == expected["outputs"][1] | {"data": ()}
    assert json.loads(metadata["parameters"]["classes"]) == ["above", "below"]
    assert {"digest", "package", "artifact"} <= metadata["parameters"].keys()


def test_the_python_of_the_page_works(url: str) -> None:
    (script,) = (body for language, body in FENCE.findall(PAGE) if language == "python")
    done = subprocess.run([sys.executable, "-c", script.replace(HERE, url)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "['above']\n"), done.stderr


def test_the_paths_of_the_page_exist_and_take_its_methods(url: str) -> None:
    rows = re.findall(r"^\| (`/.*?) \| (GET|POST) \|", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for paths, method in rows:
        for path, own_method in re.findall(r"`(/[^`]*)`(?: \((POST)\))?", paths):
            address = url + path.replace("NAME", "model").replace("VERSION", "v1")
            request = urllib.request.Request(address, method="OPTIONS")
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert (own_method or method) in answer.headers["Allow"], path
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/v2/nothing", timeout=10)
    assert refused.value.code == 404
    refused.value.close()
