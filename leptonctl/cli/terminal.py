"""The output of the command line: streams, colour, JSON or text, and consent. The only code that prints."""

import gc
import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from leptonctl.core.diagnostic import OK, Diagnostic, Failure, fail
from leptonctl.core.frozen import replace

if TYPE_CHECKING:
    from leptonctl.commands.session import Session
    from leptonctl.core.event import Reporter

T = TypeVar("T")
TICK_SECONDS = 0.5
SIGNAL_SECONDS = 0.2
PIPED_WIDTH = 100
LEAST_WIDTH = 40
UNLIMITED = 100_000


@dataclass(slots=True, kw_only=True)
class Terminal:
    """Where output goes, and how. The global options set its fields; it keeps the session, to show errors with lines of its files."""

    directory: Path | None = None
    json: bool = False
    no_color: bool = False
    verbose: bool = False
    version: bool = False
    _session: "Session | None" = None
    _closed: Event = field(default_factory=Event)

    def session(self) -> "Session":
        """The project of the working folder, or of `-C`."""
        from leptonctl.commands.session import Session

        if self._session is None:
            self._session = Session.open(self.directory)
        return self._session

    def path(self, file: Path) -> Path:
        """A path from the command line, relative to the folder of `-C`."""
        return self.directory / file if self.directory is not None else file

    @property
    def sources(self) -> Mapping[str, str]:
        """The text of the project files, to show errors with; empty when they cannot be read."""
        try:
            return self._session.sources if self._session is not None else {}
        except (Failure, OSError):
            return {}

    @property
    def color(self) -> bool:
        return self._colors(sys.stdout)

    @property
    def width(self) -> int:
        return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if sys.stdout.isatty() else PIPED_WIDTH

    @property
    def table_width(self) -> int:
        """The columns that tables may fill: those of the terminal, or of COLUMNS; without limit with -v and in a pipe or a file."""
        columns = os.environ.get("COLUMNS", "")
        if self.verbose:
            return UNLIMITED
        if columns.isdecimal() and int(columns) > 0:
            return max(int(columns), LEAST_WIDTH)
        return max(self.width, LEAST_WIDTH) if sys.stdout.isatty() else UNLIMITED

    @property
    def is_screen(self) -> bool:
        """Whether the output can be drawn again in place."""
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def _colors(self, stream: TextIO) -> bool:
        if self.no_color or os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

    def show(self, value: Any, text: Callable[..., str], code: int = OK, **more: Any) -> int:
        """Print a value as JSON, or as `text(value, color=…, …)`, then what the command left out; return the exit code."""
        left_out = [d if code else replace(d, severity="warning") for d in (self._session.left_out if self._session else ())]
        if self.json:
            self.say(json_text({**value, "diagnostics": [d.to_json() for d in left_out]} if left_out else value))
            return code
        self.say(text(value, color=self.color, **more))
        if left_out:
            self.complain(left_out)
        return code

    def warn_of_left_out(self) -> None:
        """After events: print what the command left out as warnings. Not with JSON, where the last event stays the last line."""
        if self._session is not None and self._session.left_out and not self.json:
            self.complain(replace(problem, severity="warning") for problem in self._session.left_out)

    def say(self, text: str, *, whole: bool = False) -> None:
        """Print text on standard output, its lines fitted to the terminal. `whole`: as they are."""
        if text:
            write(sys.stdout, (text if whole or self.json else self.fit(text)).rstrip("\n") + "\n")

    def aside(self, text: str) -> None:
        """Print what a person should read beside the output: on standard output, or with JSON on standard error."""
        write(sys.stderr if self.json else sys.stdout, self.fit(text).rstrip("\n") + "\n")

    def fit(self, text: str) -> str:
        """The text with lines that fit the terminal. Output for a program, or with -v, stays as it is."""
        if self.verbose or not sys.stdout.isatty():
            return text
        from leptonctl.views.fit import fit

        return fit(text, self.table_width)

    def remark(self, text: str) -> None:
        """Print a line about the work for a person: on standard error, and not with JSON."""
        if not self.json:
            write(sys.stderr, self.fit(text) + "\n")

    def complain(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Print diagnostics on standard error, or as one JSON object on standard output."""
        problems = tuple(diagnostics)
        if self.json:
            # on one line, since it may follow the JSON lines of an apply
            self.say(json_text({"diagnostics": [d.to_json() for d in problems]}, indent=None))
            return
        from leptonctl.views.diagnostics import render

        width = self.table_width if sys.stdout.isatty() else UNLIMITED
        text = render(problems, self.sources, color=self._colors(sys.stderr), width=width)
        write(sys.stderr, self.fit(text).rstrip("\n") + "\n")

    def reporter(self) -> "Reporter":
        """The reporter of events: JSON lines, or lines for people with a live part on a terminal."""
        from leptonctl.views.event_json import JsonLines
        from leptonctl.views.events import Console

        # __main__ turned it off, but a command with events may run for long
        gc.enable()
        if self.json:
            return JsonLines(_to_stdout)
        tty = self.is_screen
        room = self.table_width if tty else UNLIMITED
        console = Console(_to_stdout, color=self.color, tty=tty, width=self.width, room=room, clock=monotonic)
        if tty:
            Thread(target=self._tick, args=(console.refresh,), daemon=True).start()
        return console

    def _tick(self, refresh: Callable[[], None]) -> None:
        while not self._closed.wait(TICK_SECONDS):
            refresh()

    def close(self) -> None:
        """Stop the live part: the screen no longer changes by itself."""
        self._closed.set()

    def consent(
        self, text: Callable[[T], str], *, assume_yes: bool, needed: Callable[[T], bool], hint: str = "add --yes"
    ) -> Callable[[T], bool]:
        """A function that shows what would be done, then asks, unless consent is assumed or not needed.

        `hint`: how to give consent where nobody can be asked.
        """

        def ask(effect: T) -> bool:
            if not self.json:
                write(sys.stdout, self.fit(text(effect)) + "\n\n")
            if assume_yes or not needed(effect):
                return True
            if self.json or not sys.stdin.isatty():
                raise fail(
                    "consent-missing",
                    "Consent cannot be asked for here",
                    "Without a terminal, or with --json, consent has to be given on the command line.",
                    hint=hint,
                )
            return _yes()

        return ask


def _yes() -> bool:
    write(sys.stdout, 'Continue? Type "yes" to confirm: ')
    # a signal that comes just before a blocking read would wait for the answer
    while not select.select([sys.stdin], [], [], SIGNAL_SECONDS)[0]:
        pass
    try:
        answer = input()
    except EOFError:
        return False
    return answer.strip() == "yes"


def json_text(value: object, indent: int | None = 2) -> str:
    """A value as JSON that standard output can encode."""
    return json.dumps(value, indent=indent, ensure_ascii=(sys.stdout.encoding or "").lower() not in {"utf-8", "utf8"})


def _to_stdout(text: str) -> None:
    write(sys.stdout, text)


_lost: list[str] = []
"""Why standard output could not be written."""


def write(stream: TextIO, text: str) -> None:
    """Write and flush. A reader that went away (`| head`) or a full disk ends the output, never the work."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _drop(stream)
    except OSError as problem:
        if stream is sys.stdout:
            _lost.append(problem.strerror or str(problem))
        _drop(stream)


def lost_output() -> str:
    """Why some of the output could not be written; "" if all of it was, or its reader went away."""
    write(sys.stdout, "")
    return "".join(_lost[:1])


def _drop(stream: TextIO) -> None:
    """Send everything that is still written to a stream to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
