"""docs/tutorial.md, played by a reader with an empty folder: it shows what its commands print, and its images are what a terminal shows."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests import tutorial
from tests.pages import commands
from tests.screens import COLUMNS, frames, image, plain
from tests.test_docs import page
from tests.tutorial import IMAGES, Played, is_drawn, is_shown, page_after, play

TEXT = page("docs/tutorial.md")
NAMES = sorted(set(re.findall(r"images/([\w-]+)\.svg", TEXT)))
UPDATE = "if this is intended: python -m tests.tutorial"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(TEXT, tmp_path_factory.mktemp("tutorial"))


def drawing(name: str) -> str:
    return (IMAGES / f"{name}.svg").read_text(encoding="utf-8")


def test_the_page_shows_what_its_commands_print(played: Played) -> None:
    assert page_after(TEXT, played) == TEXT, UPDATE


@pytest.mark.parametrize("name", NAMES)
def test_an_image_shows_what_a_terminal_shows(name: str, played: Played) -> None:
    assert is_drawn(drawing(name), played.images[name]), UPDATE


def test_every_image_is_one_of_the_page_and_is_looked_at_somewhere() -> None:
    assert sorted(file.stem for file in IMAGES.iterdir()) == NAMES
    looked_at = set(re.findall(r"!\[[^\]]+\]\((?:docs/)?images/([\w-]+)\.svg\)", TEXT + page("README.md")))
    assert looked_at == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_whole_and_needs_nothing_from_the_network(name: str) -> None:
    drawn = drawing(name)
    root = ET.fromstring(drawn)
    assert not re.search(r"@import|url\(|href|src=|<image|<script", drawn)
    text = "".join(root.itertext())
    assert "$" in text
    assert "\x1b" not in text
    width = float(root.attrib["width"])
    for run in root.iter("{http://www.w3.org/2000/svg}text"):
        assert float(run.attrib["x"]) + float(run.attrib["textLength"]) <= width, run.text


# --- the player itself ---------------------------------------------------------------------------------------------------------------------


def test_a_block_is_read_into_its_commands() -> None:
    block = "cat > a <<'END'\n$x 'y\nEND\n\ncurl -d '{\n}' url\none \\\n  two\n# why\n"
    assert commands(block) == ["cat > a <<'END'\n$x 'y\nEND", "curl -d '{\n}' url", "one \\\n  two", "# why"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```sh\nfalse\n```\n", "false"),
        ("```sh\nfalse\ntrue\n```\n", "exit code 1 before true"),
        ("```sh\necho seen by nobody\n```\n", "seen by nobody"),
        ("```sh\necho a\n```\n```sh\ntrue\n```\n", "does not show"),
        ("```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```\n", "x: No such file"),
    ],
    ids=["failed", "failed before", "not shown at the end", "not shown", "no such edit"],
)
def test_a_page_that_does_not_work_is_noticed(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=reason):
        play(text, tmp_path)


def test_an_edit_a_folder_and_an_exit_code_are_those_of_the_page(tmp_path: Path) -> None:
    text = (
        "```sh\nmkdir in\ncd in\necho port 8080 > x\n```\n```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-port 8080\n+port 8081\n```\n"
        '```sh\ncat x; exit 3\necho "exit code $?"\n```\n```text\nold\n```\n'
    )
    played = play(text, tmp_path)
    (shown,) = played.outputs.values()
    assert shown == "port 8081\nexit code 3\n"
    assert page_after(text, played) == text.replace("old\n", shown)
    assert (tmp_path / "in" / "x").read_text(encoding="utf-8") not in {"port 8081\n", "port 8080\n"}, "a free port is used"


def test_an_output_may_leave_lines_out_and_differ_in_times_but_in_nothing_else() -> None:
    text = "one\n✓ train model/m@v1  1.2 s  f1 0.5\nthree\nlast\n"
    assert is_shown("…\n✓ train model/m@v1  34 ms  f1 0.5\n…\nlast\n", text)
    assert is_shown("one\n…\n", text)
    assert is_shown('{"data":[0.98576819896698]}\n', '{"data":[0.98576821]}\n')
    assert not is_shown('{"data":[0.98576819896698]}\n', '{"data":[0.98676819]}\n')
    for wrong in ("…\n✓ train model/m@v1  34 ms  f1 0.6\n…\n", "one\nthree\nlast\n", "one\n…\nthree\n", "…\nlast\nthree\n", ""):
        assert not is_shown(wrong, text), wrong


def test_an_image_may_differ_in_times_but_neither_in_text_nor_in_colour() -> None:
    drawn = image("✓ train  \x1b[32m1.2 s\x1b[0m  f1 0.5", "x")
    assert is_drawn(image("✓ train  \x1b[32m340 ms\x1b[0m  f1 0.5", "x"), drawn)
    for other in ("✓ train  \x1b[31m1.2 s\x1b[0m  f1 0.5", "✓ train  \x1b[32m1.2 s\x1b[0m  f1 0.6", "✓ train  1.2 s  f1 0.5"):
        assert not is_drawn(image(other, "x"), drawn), other
    assert image("a", "x") == image("a", "x")


def test_a_line_that_is_wider_than_a_terminal_widens_its_image() -> None:
    narrow, wide = (image(f"\x1b[1;31m{'a' * count}\x1b[0m<&", "x") for count in (COLUMNS - 2, COLUMNS + 8))
    assert [ET.fromstring(drawn).attrib["width"] for drawn in (narrow, wide)] == ["872", "956"]
    red, plain_run = re.findall(r"<text.*</text>", wide)
    assert 'class="b r">aaa' in red
    assert plain_run.endswith(">&lt;&amp;</text>")


def test_the_live_part_of_a_terminal_is_drawn_in_place() -> None:
    stream = "plan\n\n· train  1 s\n\x1b[1A\r\x1b[J· train  2 s\n\x1b[1A\r\x1b[J✓ train\n· export  1 s\n"
    assert list(frames(stream)) == ["plan\n\n· train  1 s\n", "plan\n\n· train  2 s\n", "plan\n\n✓ train\n· export  1 s\n"]
    assert plain(tutorial.screen([("one", "1\n"), ("two", stream + "\x1b[1A\r\x1b[J✓ export\n")], "· export")) == (
        "$ one\n1\n$ two\nplan\n\n✓ train\n· export  1 s\n"
    )
