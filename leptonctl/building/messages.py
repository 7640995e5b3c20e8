"""The messages between an executor and its worker processes, one JSON line each."""

from collections.abc import Mapping
from typing import TypeAlias

from leptonctl.core.codec import Record
from leptonctl.core.result import Result
from leptonctl.core.values import Json


class Greeting(Record):
    """The first line to a worker. `project`: the folder as bytes, because a name need not be valid UTF-8. `store`: as in the YAML.

    `ahead`: modules to import before the first order comes.
    """

    project: bytes
    store: str
    ahead: tuple[str, ...] = ()


class Order(Record):
    """One step to do; `run` names the step function, "module:function"; `key` is the step's, "" where it has none."""

    id: str
    op: str
    run: str
    inputs: Mapping[str, Json]
    needs: Mapping[str, Result] = {}
    key: str = ""


class StartedMessage(Record, tag_field="type", tag="begun"):
    """The worker has begun its order. `imports`: with the first order, the seconds that the imports ahead took."""

    imports: float = 0.0


class ProgressMessage(Record, tag_field="type", tag="progressed"):
    """How far a step is, `seconds` after it began. `notice`: the message is a notice for people."""

    id: str
    seconds: float
    message: str = ""
    iteration: int | None = None
    of: int | None = None
    loss: float | None = None
    notice: bool = False


class CompletedMessage(Record, tag_field="type", tag="completed"):
    """What a step produced; its artifacts are durable."""

    id: str
    seconds: float
    artifacts: Mapping[str, str]
    outputs: Mapping[str, Json]
    provenance: Mapping[str, Json]


class FailedMessage(Record, tag_field="type", tag="failed"):
    """Why a step failed, in the parts of `spi.running.StepError`."""

    id: str
    seconds: float
    error: str
    summary: str
    detail: str = ""
    hint: str = ""
    file: str | None = None
    line: int | None = None
    column: str | None = None


Message: TypeAlias = StartedMessage | ProgressMessage | CompletedMessage | FailedMessage
