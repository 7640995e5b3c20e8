"""Steps that `check_executor` runs, named like any step: "leptonctl.testing.steps:FUNCTION"."""

import os
import signal
import sys
import time
from pathlib import Path

from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

TICK_S = 0.05


def echo(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Return the inputs and the needs."""
    del bench
    keys: dict[str, Json] = {role: [result.key, result.op, dict(result.artifacts), dict(result.outputs)] for role, result in needs.items()}
    return Produced(outputs={"inputs": inputs, "needs": keys})


def keep(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Store `text` as an artifact."""
    del needs
    return Produced(artifacts={"text.txt": bench.artifacts.put_artifact(str(inputs["text"]).encode())})


def fetch(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Return the text of an artifact that another step has stored."""
    del inputs
    return Produced(outputs={"text": bench.artifacts.get_artifact(needs["kept"].artifacts["text.txt"]).decode()})


def mark(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Return whether a key mark is the first of its key id, or equals it."""
    del needs
    return Produced(outputs={"same": bench.check_key(str(inputs["key_id"]), str(inputs["mark"]))})


def refuse(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Raise a user error."""
    del inputs, needs, bench
    raise ProviderError("No", detail="It is wrong.", hint="correct it", id="bad-data", file="data/t.csv", line=7, column="age")


def fail(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Raise an unexpected error."""
    del inputs, needs, bench
    msg = "a bug of this step"
    raise RuntimeError(msg)


def leave(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Exit the interpreter."""
    del inputs, needs, bench
    sys.exit(3)


def die(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Kill the process, as a crash in native code would."""
    del inputs, needs, bench
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return Produced()


def nothing(inputs: dict[str, Json], needs: Needs, bench: Bench) -> None:
    """Return None instead of `Produced`."""
    del inputs, needs, bench


def count(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Report progress more often than can be displayed."""
    del needs
    of = int(str(inputs["of"]))
    for iteration in range(1, of + 1):
        bench.progress(message=f"round {iteration}", iteration=iteration, of=of, loss=1 / iteration)
        time.sleep(0.001)
    return Produced(outputs={"of": of})


def tick(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    """Work for `seconds`, appending to `file` of the project meanwhile."""
    del needs
    deadline = time.monotonic() + float(str(inputs["seconds"]))
    trace = bench.project / str(inputs["file"]) if inputs.get("file") else None
    while time.monotonic() < deadline:
        if trace is not None:
            _append_tick(trace)
        bench.progress(message="working")
        time.sleep(TICK_S)
    return Produced()


def _append_tick(file: Path) -> None:
    with file.open("a", encoding="utf-8") as trace:
        trace.write("tick\n")
