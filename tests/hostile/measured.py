"""Runs command lines in forked children and measures each: exit code, output, processor time and peak memory.

Started as a process of its own, with the orders as JSON on standard input; the results are JSON on standard output.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from leptonctl.core.frozen import Frozen
from tests import forks, projects


class Measured(Frozen):
    """One finished command. `seconds`: of processor time, which a busy machine does not stretch. `peak_mib`: of its memory, with that of its children."""

    words: tuple[str, ...]
    code: int
    out: str
    seconds: float
    peak_mib: float


def run_all(orders: Sequence[tuple[Path, Sequence[str]]], *, limit_s: float) -> list[Measured]:
    """Each `leptonctl WORDS` in its folder, one after the other. What does not end within the limit is killed (code -9)."""
    text = json.dumps({"limit_s": limit_s, "orders": [{"cwd": str(cwd), "words": list(words)} for cwd, words in orders]})
    command = [sys.executable, "-m", "tests.hostile.measured"]
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=root, env=projects.environment(), check=False)
    assert done.returncode == 0, done.stderr
    return [Measured(**{**result, "words": tuple(result["words"])}) for result in json.loads(done.stdout)]


def main() -> int:
    """Fork for each order, and measure the child."""
    order = json.load(sys.stdin)
    forks.preload()
    print(json.dumps([_measure(Path(one["cwd"]), one["words"], order["limit_s"]) for one in order["orders"]]))
    return 0


def _measure(cwd: Path, words: list[str], limit_s: float) -> dict[str, object]:
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            _carry_out(cwd, words, out.fileno())
        handle = os.pidfd_open(pid)
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            if not selector.select(limit_s):
                os.killpg(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        os.close(handle)
        out.seek(0)
        text = out.read().decode(errors="replace")
    return {
        "words": words, "code": os.waitstatus_to_exitcode(status), "out": text,
        "seconds": round(usage.ru_utime + usage.ru_stime, 3), "peak_mib": round(usage.ru_maxrss / 1024, 1),
    }  # fmt: skip


def _carry_out(cwd: Path, words: list[str], out: int) -> None:
    """In a child: the command line, with its output in one file. Does not return."""
    code = 1
    try:
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        forks.begin({"cwd": str(cwd), "environment": dict(os.environ), "arguments": words})
        from leptonctl.__main__ import main as run

        code = run()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
