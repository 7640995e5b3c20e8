"""docs/how-to/query.md: its commands and its programs, against a real server."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests import projects
from tests.how_to.reader import BLOCK, Reader, assert_printed, commands
from tests.test_docs import page

NAME = "docs/how-to/query.md"
CLIENTS = ("requests", "tritonclient")


@pytest.fixture
def serving(reader: Reader) -> Reader:
    done = projects.run("apply", "--yes", cwd=reader.root)
    assert done.returncode == 0, done.stdout + done.stderr
    return reader


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here; the next test sends the same")
def test_the_page(serving: Reader) -> None:
    """A program whose library is not here is compiled only: `pip install -e '.[howto]'` brings both."""
    ran = True

    def program(body: str) -> None:
        nonlocal ran
        (client,) = (name for name in CLIENTS if re.search(rf"^(import|from) {name}\b", body, re.MULTILINE))
        compile(body, client, "exec")
        ran = importlib.util.find_spec(client) is not None
        if ran:
            done = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            serving.printed = done.stdout

    def text(body: str) -> None:
        nonlocal ran
        if ran:
            assert_printed(body, serving.printed)
        ran = True

    serving.follow(NAME, own={"python": program, "text": text})


def test_the_bodies_of_the_page_are_answered_without_any_client(serving: Reader) -> None:
    """The requests of the page from the standard library, where there is neither curl nor `requests`."""
    answers = []
    for block in BLOCK.finditer(page(NAME)):
        for command, _ in commands(serving.swapped(block["body"])) if block["language"] == "sh" else ():
            answers.append(sent(shlex.split(command)))
    assert [status for status, _ in answers] == [200, 200, 200, 200, 200, 400, 404]
    labels = [
        output["data"] for _, answer in answers for output in answer.get("outputs", ()) if output.get("data") and output["name"] == "label"
    ]
    assert labels == [["above", "below"], ["above"]]


def sent(words: list[str]) -> tuple[int, dict]:
    """Status and answer of a curl command of the page."""
    data = words[words.index("-d") + 1].removesuffix(";").encode() if "-d" in words else None
    (url,) = (word for word in words if word.startswith("http"))
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())
