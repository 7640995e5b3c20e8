"""Scenarios in one text file each: input files, commands, and what they must print. Plays them with the real command line.

A case (`tests/cases/NAME.txt`) is free text, then sections that begin with `=== `:

    === file PATH        writes a file ($PORT1 … $PORT9 become free ports, the same ones throughout the case)
    === rm PATH          removes a file
    === run ARGUMENTS    runs `leptonctl ARGUMENTS` in the project's folder (NAME=VALUE before it: with this variable); its record:
    === exit N           its exit code, when not 0
    === stdout           what it printed, if anything
    === stderr

Values that differ from run to run get names: digests are numbered in order of appearance; times, dates, hosts and folders become
words. `python -m tests.golden --update [NAME …]` plays the cases again and writes the new output; review the diff.
"""

import getpass
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests import projects

CASES = Path(__file__).parent / "cases"
RECORD = ("exit", "stdout", "stderr")
_HEAD = re.compile(r"^=== (file|rm|run|exit|stdout|stderr)\b ?(.*)$")
_VARIABLE = re.compile(r"([A-Z]+)=(.*)")
_PROGRESS = re.compile(r"· (prepare|trial|search|train|command|export|import|decide|evaluate|cross-validate|compare|bind) ")
_NAMED = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<date>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC( \((just now|\d+ \w+ ago)\))?"), "<date>"),
    (re.compile(r"(under |over |\d+( \w+)? to )\d+ (s|min|h)\b"), "<time>"),
    (re.compile(r"\d+(\.\d+)? (ms|s|min|h)( \d+ (s|min))?(?![\w/])"), "<time>"),
    (re.compile(r'("(?:seconds|forecast_s|latency)": )\d[\d.e+-]*'), r"\1<time>"),
    (re.compile(r'("?pid"?:? )\d+'), r"\1<pid>"),
    (re.compile(r'("lineage": |lineage )"?[0-9a-f-]{8,}"?'), r"\1<lineage>"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `=== ` line and the lines below it."""

    word: str
    rest: str
    body: str


@dataclass(slots=True)
class Names:
    """Names for values that differ from run to run: the same name for the same value throughout a case."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Input text with real ports."""
        return re.sub(r"\$PORT\d", lambda m: str(self._port(m[0])), text)

    def _port(self, name: str) -> int:
        if name not in self.ports:
            self.ports[name] = projects.free_port()
        return self.ports[name]

    def clean(self, text: str) -> str:
        """Output in which the values of this run are replaced by names."""
        for folder in {str(self.folder.resolve()), str(self.folder)}:
            text = text.replace(folder, "$DIR")
        for name, port in self.ports.items():
            text = re.sub(rf"\b{port}\b", name, text)
        text = re.sub(r"\b(sha256:)?([0-9a-f]{64}|[0-9a-f]{12})\b", self._digest, text)
        for pattern, word in _NAMED:
            text = pattern.sub(word, text)
        text = re.sub(rf"(?<!\w){re.escape(socket.gethostname())}(?!\w)", "<host>", text)
        text = re.sub(rf"\b(by |\"by\": \"){re.escape(getpass.getuser())}\b", r"\1<user>", text)
        # whether a step runs long enough to report progress depends on the machine
        return "".join(line.rstrip() + "\n" for line in text.splitlines() if not _PROGRESS.match(line))

    def _digest(self, match: re.Match[str]) -> str:
        short = match[2][:12]
        return f"{match[1] or ''}<{self.digests.setdefault(short, f'digest {len(self.digests) + 1}')}>"


def sections(text: str) -> tuple[str, list[Section]]:
    """The free text above the first section, and the sections."""
    head: list[str] = []
    match: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines(keepends=True):
        start = _HEAD.match(line.rstrip("\n"))
        if start:
            match.append((start[1], start[2], []))
        elif line.startswith("=== "):
            msg = f"a case has no section of this kind: {line.strip()}"
            raise ValueError(msg)
        else:
            (match[-1][2] if match else head).append(line)
    return "".join(head), [Section(word=word, rest=rest, body="".join(body)) for word, rest, body in match]


def play(text: str, folder: Path) -> str:
    """The text of the case after it is played in this empty folder."""
    head, parts = sections(text)
    names = Names(folder)
    out = [head]
    try:
        for part in parts:
            if part.word in RECORD:
                continue
            out.append(f"=== {part.word} {part.rest}\n")
            if part.word == "run":
                out.append(_run(part.rest, folder, names))
                continue
            out.append(part.body)
            target = folder / part.rest
            if part.word == "rm":
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(names.fill(part.body).rstrip("\n") + "\n", encoding="utf-8")
    finally:
        if (folder / ".leptonctl" / "state").exists():
            leptonctl(["destroy", "--yes"], folder)
    return "".join(out).rstrip("\n") + "\n"


def leptonctl(arguments: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("LEPTON", "FORCE_COLOR", "GIT_", "COLUMNS"))}
    variables |= {"NO_COLOR": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}
    return projects.command(arguments, cwd=folder, variables=variables)


def _run(arguments: str, folder: Path, names: Names) -> str:
    words = shlex.split(names.fill(arguments))
    variables: dict[str, str] = {}
    while words and (match := _VARIABLE.fullmatch(words[0])):
        variables[match[1]] = match[2]
        words.pop(0)
    done = leptonctl(words, folder, **variables)
    out = [f"=== exit {done.returncode}\n"] if done.returncode else []
    for word, printed in (("stdout", done.stdout), ("stderr", done.stderr)):
        if printed:
            out.append(f"=== {word}\n{names.clean(printed)}")
    return "".join(out) + "\n"


def main(arguments: list[str]) -> int:
    """`--update [NAME …]`: play the named cases, or all, and write their new text."""
    if arguments[:1] != ["--update"]:
        sys.stderr.write("usage: python -m tests.golden --update [NAME …]\n")
        return 1
    for case in sorted(CASES.glob("*.txt")):
        if arguments[1:] and case.stem not in arguments[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            played = play(case.read_text(encoding="utf-8"), Path(folder))
        if played != case.read_text(encoding="utf-8"):
            case.write_text(played, encoding="utf-8")
            sys.stdout.write(f"rewrote {case.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
