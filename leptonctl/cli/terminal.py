"""Where and how the command line speaks: streams, colour, JSON or text, consent. The only code that prints."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from leptonctl.core.diagnostic import OK, Diagnostic, Failure, fail

if TYPE_CHECKING:
    from leptonctl.commands.session import Session
    from leptonctl.core.event import Reporter

T = TypeVar("T")
TICK_SECONDS = 0.5
PIPED_WIDTH = 100


@dataclass(slots=True, kw_only=True)
class Terminal:
    """Settled by the global options; remembers the session, so that errors can show its sources."""

    directory: Path | None = None
    json: bool = False
    no_color: bool = False
    verbose: bool = False
    version: bool = False
    _session: "Session | None" = None
    _over: Event = field(default_factory=Event)

    def session(self) -> "Session":
        """The project of the working folder, or of `-C`."""
        from leptonctl.commands.session import Session

        if self._session is None:
            self._session = Session.open(self.directory)
        return self._session

    @property
    def sources(self) -> Mapping[str, str]:
        """The texts of the project files; nothing where they cannot be read, since errors are shown with them."""
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

    def _colors(self, stream: TextIO) -> bool:
        if self.no_color or os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

    def show(self, value: Any, text: Callable[..., str], code: int = OK, **more: Any) -> int:
        """Print a value as JSON, or as `text(value, color=…, …)`; give the exit code back."""
        self.say(json_text(value) if self.json else text(value, color=self.color, **more))
        return code

    def say(self, text: str) -> None:
        """A text of whole lines on standard output."""
        if text:
            write(sys.stdout, text.rstrip("\n") + "\n")

    def aside(self, text: str) -> None:
        """What a person should read beside the output: standard output for people, standard error beside JSON."""
        write(sys.stderr if self.json else sys.stdout, text.rstrip("\n") + "\n")

    def complain(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Diagnostics on standard error, or as one JSON object on standard output."""
        found = tuple(diagnostics)
        if self.json:
            # on one line, since it may follow the JSON lines of an apply
            self.say(json_text({"diagnostics": [d.to_json() for d in found]}, indent=None))
            return
        from leptonctl.views.diagnostics import render

        write(sys.stderr, render(found, self.sources, color=self._colors(sys.stderr)).rstrip("\n") + "\n")

    def reporter(self) -> "Reporter":
        """Who tells of the work: JSON lines, or lines for people with a live part on a terminal."""
        from leptonctl.views.events import Console, JsonLines

        if self.json:
            return JsonLines(_to_stdout)
        tty = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        console = Console(_to_stdout, color=self.color, tty=tty, width=self.width, clock=monotonic)
        if tty:
            Thread(target=self._tick, args=(console.refresh,), daemon=True).start()
        return console

    def _tick(self, refresh: Callable[[], None]) -> None:
        while not self._over.wait(TICK_SECONDS):
            refresh()

    def close(self) -> None:
        """Nothing moves on the screen after this."""
        self._over.set()

    def consent(self, text: Callable[[T], str], *, given: bool, needed: Callable[[T], bool]) -> Callable[[T], bool]:
        """Show what would be done, then ask, unless consent was given on the command line or nothing needs it."""

        def ask(what: T) -> bool:
            if not self.json:
                write(sys.stdout, text(what) + "\n\n")
            if given or not needed(what):
                return True
            if self.json or not sys.stdin.isatty():
                raise fail(
                    "consent-missing",
                    "Nobody can be asked for consent here",
                    "Without a terminal, or with --json, consent is given on the command line.",
                    hint="add --yes, or apply a plan saved with `leptonctl plan --out FILE`",
                )
            return _yes()

        return ask


def _yes() -> bool:
    try:
        answer = input("Go on? Only “yes” does: ")
    except EOFError:
        return False
    return answer.strip() == "yes"


def json_text(value: object, indent: int | None = 2) -> str:
    """JSON that any output encoding carries."""
    return json.dumps(value, indent=indent, ensure_ascii=(sys.stdout.encoding or "").lower() not in {"utf-8", "utf8"})


def _to_stdout(text: str) -> None:
    write(sys.stdout, text)


def write(stream: TextIO, text: str) -> None:
    """Write and flush. A reader that went away (`| head`) ends the output, never the work."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
