"""The error handler of the command line: every error becomes a diagnostic and an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leptonctl.cli import commands, project
from leptonctl.cli.main import main
from leptonctl.core.diagnostic import fail
from tests import projects


def broken(_ctx: object) -> int:
    msg = "spilled\x1b[31m"
    raise ZeroDivisionError(msg)


def interrupted(_ctx: object) -> int:
    raise KeyboardInterrupt


def invalid(_ctx: object) -> int:
    raise fail("unknown-dataset", "Model names a dataset that is not declared", "no such thing", exit_code=3)


def put(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    """Let `leptonctl version` fail in this way."""

    def version(ctx: commands.typer.Context) -> int:
        return function(ctx)  # type: ignore[operator, no-any-return]

    monkeypatch.setattr(project, "version", version)


def test_a_bug_is_one_paragraph_and_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".leptonctl").mkdir()
    put(monkeypatch, broken)
    assert main(["version", "-C", str(tmp_path)]) == 7
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error[internal]" in shown.err
    assert "Traceback" not in shown.err
    log = next((tmp_path / ".leptonctl" / "logs").iterdir())
    assert str(log) in shown.err
    assert "ZeroDivisionError: spilled" in log.read_text(encoding="utf-8")


def test_a_bug_outside_a_project_is_logged_with_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    put(monkeypatch, broken)
    assert main(["-C", str(tmp_path), "version", "--json"]) == 7
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["id"] == "internal"
    assert len(list((tmp_path / "tmp").iterdir())) == 1


def test_an_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    put(monkeypatch, interrupted)
    assert main(["version"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_failure_gives_its_own_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    put(monkeypatch, invalid)
    assert main(["version"]) == 3
    assert "error[unknown-dataset]: Model names a dataset that is not declared\n  no such thing\n" in capsys.readouterr().err
    assert main(["--json", "version"]) == 3
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["detail"] == "no such thing"


@pytest.mark.parametrize("arguments", [["version", "--json"], ["--json", "version"], ["--no-color", "version", "--json", "-v"]])
def test_global_options_may_be_given_anywhere(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["version"]


@pytest.mark.parametrize("name", list(commands.COMMANDS))
def test_every_command_has_help_with_the_global_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"leptonctl {name}" in shown
    assert "--directory DIR" in shown


@pytest.mark.parametrize(
    ("arguments", "id_"),
    [
        (["plna"], "unknown-command"), (["--vresion"], "unknown-option"), (["plan", "--jsn"], "unknown-option"), (["explain"], "usage"),
        (["lock", "lisst"], "unknown-command"), (["lock"], "usage"), (["predict", "m@v", "--input", "x", "--format", "xml"], "usage"),
    ],
)  # fmt: skip
def test_usage_errors_exit_with_1(arguments: list[str], id_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert f"error[{id_}]" in capsys.readouterr().err
    assert main([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [d["id"] for d in found] == [id_]
    assert found[0]["hint"]


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "Commands:" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0


@pytest.mark.parametrize("words", [["version"], ["plan", "--help"], ["--help"]])
def test_a_reader_that_closes_the_pipe_is_not_an_error(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run([sys.executable, "-m", "leptonctl", *words], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_pipe_that_does_not_block_gets_all_of_it() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    code = "import sys; sys.argv[1:] = ['version']; from leptonctl.__main__ import main; from leptonctl.cli import main as cli; "
    code += "cli._run = lambda *_: cli.write(sys.stdout, 'x' * 1_000_000) or 0; main()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=write) as process, os.fdopen(read, "rb") as pipe:
        os.close(write)
        assert len(pipe.read()) == 1_000_000
    assert process.returncode == 0


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&-"])
def test_a_stream_that_is_closed_changes_no_exit_code(closed: str) -> None:
    for command, code in (("version", 0), ("nonsense", 1)):
        result = subprocess.run(
            ["sh", "-c", f'"$0" -m leptonctl {command} {closed}', sys.executable], capture_output=True, text=True, check=False
        )
        assert (result.returncode, "Traceback" in result.stderr) == (code, False)


def test_steps_run_where_a_stream_is_closed(tmp_path: Path) -> None:
    """Brother: workers get the streams of the command."""
    root = projects.tiny_project(tmp_path, models={"line": {"v1": "{}"}}, environments={})
    command = ["sh", "-c", '"$0" -m leptonctl build 2>&-', sys.executable]
    result = subprocess.run(command, cwd=root, env=projects.environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, "1 trained" in result.stdout) == (0, True), result.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize("command", ["version", "--json version", "plan --help"])
def test_an_output_that_cannot_be_written_is_said(command: str) -> None:
    """A full disk; the diagnostic is on standard error with --json, too."""
    result = subprocess.run(
        ["sh", "-c", f'"$0" -m leptonctl {command} > /dev/full', sys.executable], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr.splitlines()[0]) == (1, "error[output-lost]: The output could not be written")


@pytest.mark.parametrize(
    ("before", "ends"),
    [
        ("", "at exit"),
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "after\nat exit"),
        ("sys.setprofile(lambda *_: None)", "after\nat exit"),
    ],
)
def test_a_short_command_ends_its_process_once_all_is_written(before: str, ends: str) -> None:
    code = (
        f"import atexit, sys; atexit.register(print, 'at exit'); {before}\nsys.argv[1:] = ['nonsense']; from leptonctl.__main__ import main; "
        "code = main(); sys.setprofile(None); print('after'); sys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (1, ends)
    assert "error[unknown-command]" in result.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from leptonctl.cli.main import main; main(['--help']); "
        "print([m for m in ('rich', 'numpy', 'yaml', 'jinja2', 'jsonschema', 'leptonctl.commands') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "command"), [(["plan", "--only"], "plan"), (["--json", "state", "adopt", "--lineage"], "state adopt"), (["-C"], "")]
)
def test_an_option_without_its_value_leads_to_the_help_of_its_command(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    shown = capsys.readouterr()
    assert f"`leptonctl {command}".rstrip() + " --help`" in shown.out + shown.err
