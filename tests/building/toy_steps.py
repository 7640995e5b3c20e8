"""The step functions of the toy ops of `tests.core.toy`, for real workers: they write strings, and obey `do` among their inputs.

Every step writes a line into `runs.txt` of the project when it starts.
"""

import os
import signal
import time

from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced


def write(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    draft = str(inputs["text"])
    _begin(draft, inputs, bench)
    text = "".join(str(needs[role].outputs["text"]) for role in sorted(needs)) + draft.strip()
    outputs: dict[str, Json] = {"text": text, "length": len(text), "draft": draft, "metrics": {"letters": len(text), "first": text[:1]}}
    return Produced(artifacts={"text": bench.artifacts.put_artifact(text.encode())}, outputs=outputs)


def measure(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    how = str(inputs["how"])
    _begin(how, inputs, bench)
    return Produced(outputs={"metrics": {how: needs["of"].outputs["length"]}})


def _begin(name: str, inputs: dict[str, Json], bench: Bench) -> None:
    with open(bench.project / "runs.txt", "a") as runs:
        runs.write(f"{name}\n")
    action = ACTIONS.get(str(inputs.get("do")))
    if action is not None:
        action(name, inputs, bench)


def _fail(*_: object) -> None:
    raise ProviderError("It cannot be written", id="bad-text", detail="the ink is dry", hint="fill it", file="a.csv", line=7, column="x")


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _say(_name: str, _inputs: dict[str, Json], bench: Bench) -> None:
    for i in range(3):
        bench.progress(message="line", iteration=i, of=3, loss=1.0 / (i + 1))
        time.sleep(0.15)


def _meet(name: str, inputs: dict[str, Json], bench: Bench) -> None:
    """Ends only when the other step has started too."""
    (bench.project / name).touch()
    end = time.monotonic() + 20
    while not (bench.project / str(inputs["other"])).exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def _wait(_name: str, _inputs: dict[str, Json], bench: Bench) -> None:
    (bench.project / "waiting").touch()
    end = time.monotonic() + 60
    while not (bench.project / "go").exists() and time.monotonic() < end:
        time.sleep(0.01)


ACTIONS = {"fail": _fail, "die": _die, "say": _say, "meet": _meet, "wait": _wait}
