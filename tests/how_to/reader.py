"""Follows a page of docs/how-to as a reader does, from its first block to its last.

A block of `yaml`, `csv` or another text is written to the file that the line before it names ("Write `PATH`", "Add to `PATH`"), a `diff` edits
it ("In `PATH`"). The lines of an `sh` block are run in order and must exit with 0, or as their comment says (`# exits 6`). Each line of a `text`
block must have been printed by the commands before it, in order, where `…` stands for anything. Blocks of other languages are the test's own.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import projects
from tests.operations.pages import PATH, Done
from tests.operations.pages import shell as run_shell
from tests.test_docs import page

BLOCK = re.compile(r"(?:^(?P<lead>\S[^\n]*)\n+)?^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"\b(Write|Add to|[Ii]n) `([^`]+)`")
EXITS = re.compile(r"\s+# exits (\d+)\b.*$")
AUTHOR = {f"GIT_{who}_{what}": f"test{end}" for who in ("AUTHOR", "COMMITTER") for what, end in (("NAME", ""), ("EMAIL", "@example.org"))}
Own = Mapping[str, Callable[[str], object]]
"""What the test does with blocks of a language: called with the block's body."""


class Reader:
    """Someone with nothing but the page: `root` is the folder they are in, `swap` the page's ports and folders with those of the test."""

    def __init__(self, root: Path, swap: Mapping[str, str]) -> None:
        self.root, self.swap = root, dict(swap)
        self.variables: dict[str, str] = {}
        self.printed = ""

    def follow(self, name: str, *, section: str = "", own: Own | None = None) -> None:
        """Do all that the page says, or one section of it. Each block must be used."""
        text = page(name)
        if section:
            (text,) = re.findall(rf"^## {re.escape(section)}$.+?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        blocks = list(BLOCK.finditer(text))
        assert len(blocks) == len(re.findall(r"^ *```\w", text, re.MULTILINE)), "a block is not found"
        for block in blocks:
            self._do(block["language"], self.swapped(block["body"]), block["lead"] or "", own or {})

    def swapped(self, text: str) -> str:
        for old, new in self.swap.items():
            text = text.replace(old, new)
        return text

    def _do(self, language: str, body: str, lead: str, own: Own) -> None:
        place = PLACE.search(lead)
        if language in own:
            own[language](body)
        elif language == "sh":
            self.printed = "".join(self.run(*command) for command in commands(body))
        elif language == "text":
            assert_printed(body, self.printed)
        else:
            assert place, f"a {language} block has no place: {lead}"
            self._edit(place[1], self.root / place[2], language, body)

    def _edit(self, verb: str, file: Path, language: str, body: str) -> None:
        if language == "diff":
            assert verb in ("In", "in")
            lines = body.splitlines(keepends=True)
            old, new = ("".join(line[1:] for line in lines if line[0] in (" ", sign)) for sign in "-+")
            projects.edit(file, old, new)
            return
        assert verb in ("Write", "Add to")
        assert file.exists() == (verb == "Add to"), file
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(body)

    def run(self, command: str, code: int = 0) -> str:
        """What a command prints, with the variables that were exported before."""
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            self._export(words[1], command)
            return ""
        done = self._run(command, words)
        assert done.returncode == code, f"{command} exited with {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _run(self, command: str, words: list[str]) -> Done:
        if words[0] == "leptonctl" and not re.search(r"[|$<>&]", command):
            return projects.run(*words[1:], cwd=self.root, **self.variables)
        exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in {**AUTHOR, **self.variables}.items())
        return run_shell(exports + command, self.root, PATH)

    def _export(self, word: str, command: str) -> None:
        name, _, value = word.partition("=")
        self.variables[name] = run_shell(f'{command}; printf %s "${name}"', self.root).stdout if "$" in value else value


def commands(body: str) -> list[tuple[str, int]]:
    """The commands of a block with their exit codes: a line, or the lines up to the closing quote."""
    found, open_ = [], ""
    for line in body.splitlines():
        open_ += line + "\n"
        try:
            empty = not shlex.split(open_, comments=True)
        except ValueError:
            continue
        if not empty:
            exits = EXITS.search(open_.rstrip())
            found.append((EXITS.sub("", open_.rstrip()), int(exits[1]) if exits else 0))
        open_ = ""
    assert not open_, open_
    return found


def assert_printed(expected: str, printed: str) -> None:
    """Each line, but for white space, in this order."""
    left = re.sub(r"[ \t]+", " ", printed)
    for line in filter(None, map(str.strip, expected.splitlines())):
        pattern = r"[^\n]*".join(re.escape(re.sub(r"[ \t]+", " ", part.strip())) for part in line.split("…"))
        found = re.search(rf"^ *{pattern}", left, re.MULTILINE) if pattern else None
        assert found or line == "…", f"{line!r} is not in:\n{left}"
        if found:
            left = left[found.end() :]
