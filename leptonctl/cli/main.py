"""The entry point. Every failure becomes a diagnostic and an exit code."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from leptonctl.cli.commands import root
from leptonctl.cli.suggestions import argument_hint, option_hint, option_word
from leptonctl.cli.terminal import Terminal, lost_output, write
from leptonctl.core.diagnostic import BUG, ERROR, INTERRUPTED, OK, Diagnostic, Failure, error
from leptonctl.release import __version__


def main(arguments: Sequence[str] | None = None, terminal: Terminal | None = None) -> int:
    """Run one command line and return its exit code. `terminal`: a new one, which keeps the session of the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    terminal = terminal or Terminal()
    code = _exit_code(list(sys.argv[1:] if arguments is None else arguments), terminal)
    if why := lost_output():
        # as text even with --json: JSON would go to standard output
        terminal.json = False
        detail = f"standard output: {why}; everything else was done"
        terminal.complain([error("output-lost", "The output could not be written", detail, hint="write it to another place")])
        return code or ERROR
    return code


def _exit_code(words: Sequence[str], terminal: Terminal) -> int:
    """Run a command line; whatever it raises is printed."""
    try:
        return _run(words, terminal)
    except Failure as failure:
        terminal.close()
        terminal.complain(failure.diagnostics)
        return failure.exit_code
    except click.UsageError as problem:
        terminal.json = terminal.json or "--json" in words
        terminal.complain([_usage(problem, words)])
        return ERROR
    except KeyboardInterrupt:
        terminal.close()
        write(sys.stderr, "Interrupted.\n")
        return INTERRUPTED
    except Exception as bug:  # noqa: BLE001 - a bug is reported, never shown as a traceback
        terminal.close()
        # click writes the help itself
        if isinstance(bug, BrokenPipeError) or (isinstance(bug, OSError) and lost_output()):
            return OK
        terminal.complain([_bug(bug, words, terminal.directory)])
        return BUG
    finally:
        terminal.close()


def _run(words: Sequence[str], terminal: Terminal) -> int:
    command = root()
    try:
        with command.make_context("leptonctl", list(words), obj=terminal, help_option_names=["-h", "--help"]) as ctx:
            if terminal.version:
                write(sys.stdout, f"leptonctl {__version__}\n")
                return OK
            code = command.invoke(ctx)
            if ctx.invoked_subcommand is None:
                write(sys.stdout, ctx.get_help() + "\n")
                return ERROR
            return int(code)
    except click.exceptions.Exit as end:
        return end.exit_code


def _usage(problem: click.UsageError, words: Sequence[str]) -> Diagnostic:
    command = problem.ctx.command_path if problem.ctx is not None else _command_path(words)
    hint = getattr(problem, "hint", "") or f"`{command} --help` lists its arguments and options"
    if isinstance(problem, click.NoSuchOption):
        typed = option_word(problem.option_name, words)
        options = [name for param in problem.ctx.command.params for name in param.opts] if problem.ctx is not None else []
        if problem.possibilities:
            hint = f'did you mean "{problem.possibilities[0]}"?'
        hint = option_hint(typed, options) or hint
        detail = f"`{command}` has no option {typed}."
        return error("unknown-option", "There is no such option", detail, hint=hint)
    if hasattr(problem, "hint"):
        return error("unknown-command", "There is no such command", problem.message, hint=hint)
    params = problem.ctx.command.params if problem.ctx is not None else []
    hint = argument_hint(command, problem.format_message(), [name for param in params for name in param.opts]) or hint
    return error("usage", "The command line is incomplete or not understood", problem.format_message(), hint=hint)


def _command_path(words: Sequence[str]) -> str:
    """The command that the words name, for a usage error without a context."""
    path: list[str] = ["leptonctl"]
    command: click.Command = root()
    for word in words:
        inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if inner is not None:
            path.append(word)
            command = inner
    return " ".join(path)


def _bug(bug: Exception, words: Sequence[str], directory: Path | None) -> Diagnostic:
    # imported here: they would add 10 ms to every run
    import traceback
    from datetime import UTC, datetime

    text = "".join(traceback.format_exception(bug))
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    head = f"leptonctl {__version__}, Python {sys.version}\nat {moment}, arguments {list(words)!r}\n\n"
    log = _write_log(directory, f"bug-{moment}-{os.getpid()}.log", head + text)
    detail = f"This is a bug in leptonctl, not a mistake of yours: {type(bug).__name__}. The details are in {log}."
    return error("internal", "leptonctl failed unexpectedly", detail, hint="report it with that file")


def _write_log(directory: Path | None, name: str, text: str) -> Path:
    """Write into `.leptonctl/logs` of the project around `directory` (default: the working folder), else to the temporary files."""
    try:
        start = (directory or Path()).absolute()
    except OSError:  # the working folder was removed
        start = Path("/")
    from leptonctl.storage.durable import DOT_FOLDER, LOGS

    project = next((f for f in (start, *start.parents) if os.path.isdir(f / DOT_FOLDER)), None)  # noqa: PTH112 - is_dir raises for a name that is too long
    if project is not None:
        try:
            (project / DOT_FOLDER / LOGS).mkdir(exist_ok=True)
            log = project / DOT_FOLDER / LOGS / name
            log.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            pass  # a read-only project: the log goes to the temporary files
        else:
            return log
    import tempfile

    log = Path(tempfile.gettempdir()) / name
    log.write_text(text, encoding="utf-8", errors="backslashreplace")
    return log


if __name__ == "__main__":
    sys.exit(main())
