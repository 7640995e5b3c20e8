"""docs/tutorial.md and its images: played from an empty folder, in the order of the page.

    ```sh                    commands, each of which must succeed, unless the next one is `echo "exit code $?"`
    ```text, json, markdown  what they print; a line `…` stands for any lines
    ```diff                  an edit
    images/NAME.svg          the screen of the commands above

`python -m tests.tutorial` plays the page and writes what has changed: outputs into the page, and images. Review the diff.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import projects
from tests.cli.test_terminal import on_a_terminal
from tests.golden import Names
from tests.pages import PATH, carry_out, commands
from tests.screens import COLUMNS, frames, image, plain

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE, IMAGES = CHECKOUT / "docs" / "tutorial.md", CHECKOUT / "docs" / "images"
PART = re.compile(r"^```(\w+)\n(.*?)^```$|images/([\w-]+)\.svg", re.MULTILINE | re.DOTALL)
OUTPUTS = {"text", "json", "markdown"}
LIVE = {"apply": "· export"}
"""Images of a command at work: the line that is live."""
LEFT_OUT = "…"
OF_THE_MACHINE = ("LEPTON", "FORCE_COLOR", "NO_COLOR", "GIT_", "GITHUB_", "GITLAB_", "CI", "COLUMNS", "USER", "LOGNAME")
_PORT = re.compile(r"\b808[0-9]\b")


@dataclass(slots=True)
class Desk:
    """Where a reader sits: a folder, and a shell that remembers the last exit code. Ports of the page become free ones."""

    folder: Path
    code: int = 0
    ports: dict[str, str] = field(default_factory=dict)

    def type(self, command: str) -> str:
        """What a command shows on a terminal of a hundred columns, in colour."""
        if command.startswith("cd "):
            self.folder /= command[3:]
            return ""
        if command == 'echo "exit code $?"':
            code, self.code = self.code, 0
            return f"exit code {code}\n"
        assert self.code == 0, f"exit code {self.code} before {command}"
        command = _PORT.sub(lambda port: self._free(port[0]), command)
        if command == "leptonctl apply":
            self.code, shown = on_a_terminal(["apply"], self.folder, b"yes\n", **variables())
        else:
            done = carry_out(command, self.folder, variables(FORCE_COLOR="1"))
            self.code, shown = done.returncode, done.stdout + done.stderr
        return self._of_the_page(shown)

    def edit(self, change: str) -> None:
        """Make an edit that the page shows as a diff."""
        change = _PORT.sub(lambda port: self._free(port[0]), change)
        done = subprocess.run(["git", "apply"], cwd=self.folder, input=change, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{change}{done.stderr}"

    def _free(self, port: str) -> str:
        return self.ports.setdefault(port, str(projects.free_port()))

    def _of_the_page(self, shown: str) -> str:
        """What was shown, as it would be on the reader's machine."""
        for port, free in self.ports.items():
            shown = re.sub(rf"\b{free}\b", port, shown)
        return re.sub(rf"(?<!\w){re.escape(socket.gethostname())}(?!\w)", "laptop", shown)


def variables(**more: str) -> dict[str, str]:
    """The variables of a reader by the name of Ada, who has no settings of her own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_MACHINE)}
    who = {
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    own = {"PATH": PATH, "LOGNAME": "ada", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": str(COLUMNS)}
    return kept | who | own | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | more


@dataclass(frozen=True, slots=True)
class Played:
    """What a page has shown: the text of each block of output by its place in the page, and the images by name."""

    outputs: Mapping[tuple[int, int], str]
    images: Mapping[str, str]


def play(page: str, folder: Path) -> Played:
    """Play a page in an empty folder."""
    desk, outputs, images = Desk(folder), dict[tuple[int, int], str](), dict[str, str]()
    unseen, typed = "", list[tuple[str, str]]()
    try:
        for part in PART.finditer(page):
            language, body, name = part.groups()
            if language == "sh":
                assert not unseen, f"the page does not show what this prints:\n{unseen}"
                typed = [(command, desk.type(command)) for command in commands(body)]
                unseen = "".join(shown for _, shown in typed)
            elif language == "diff":
                desk.edit(body)
            elif language in OUTPUTS:
                *_, last = frames("".join(shown for _, shown in typed))
                outputs[part.span(2)], unseen = "".join(f"{line.rstrip()}\n" for line in plain(last).splitlines()), ""
            elif name:
                images[name], unseen = image(screen(typed, LIVE.get(name)), " ; ".join(command for command, _ in typed)), ""
        assert (desk.code, unseen) == (0, ""), f"the page ends after {typed}"
    finally:
        projects.stop_servers(folder)
    return Played(outputs, images)


def screen(typed: Sequence[tuple[str, str]], live: str | None) -> str:
    """What stands on the terminal after these commands, or while the step `live` runs."""
    text = "".join(f"\x1b[2m$\x1b[0m \x1b[1m{command}\x1b[0m\n{shown}" for command, shown in typed)
    shown = list(frames(text))
    return shown[-1] if live is None else next(frame for frame in shown if plain(frame).splitlines()[-1].startswith(live))


def page_after(page: str, played: Played) -> str:
    """The page with the outputs that it should show. One that differs only in times, digests and the like stays."""
    if all(is_shown(page[start:end], text) for (start, end), text in played.outputs.items()):
        return page
    for (start, end), text in sorted(played.outputs.items(), reverse=True):
        if LEFT_OUT not in page[start:end].splitlines() or not is_shown(page[start:end], text):
            page = page[:start] + text + page[end:]
    return page


def is_shown(written: str, text: str) -> bool:
    """Whether a block of the page shows this output."""
    parts = [re.escape(part) for part in re.split(rf"^{LEFT_OUT}$\n", cleaned(written), flags=re.MULTILINE)]
    return re.fullmatch("(?:.*\n)*?".join(parts), cleaned(text)) is not None


def is_drawn(written: str, drawn: str) -> bool:
    """Whether an image shows the same screen: its text and colours, not the widths that times and names take."""
    widths = re.compile(r' (x|width|textLength|viewBox)="[\d. ]+"')
    first, second = (cleaned(widths.sub("", text)) for text in (written, drawn))
    return first == second


def cleaned(text: str) -> str:
    """Without what differs from run to run and from machine to machine (the last digits of a float too), and the spaces that align it."""
    short = re.sub(r"\b\d\.\d{7,}", lambda number: f"{float(number[0]):.4f}", text)
    return re.sub(r" {2,}", "  ", Names(Path("/nowhere")).clean(short))


def main() -> int:
    """Play the page; write what has changed."""
    written = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        played = play(written, Path(folder))
    files = {PAGE: page_after(written, played)}
    for name, drawn in played.images.items():
        file = IMAGES / f"{name}.svg"
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        files[file] = before if is_drawn(before, drawn) else drawn
    for file, text in files.items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {file.relative_to(CHECKOUT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
