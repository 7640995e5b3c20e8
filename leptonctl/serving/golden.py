"""Replays the rows recorded at build through the server's own request path and compares the answers. Pure."""

from collections.abc import Sequence
from math import isclose

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.values import Json
from leptonctl.serving import decode as answers
from leptonctl.serving.infer import Incomputable, infer
from leptonctl.serving.manifest import BadModel, read_file
from leptonctl.serving.model import LoadedModel
from leptonctl.serving.tensors import BadRequest

TOLERANCE = 1e-5


class Tensor(Record):
    """One output of an answer. `data` is flat or nested by rows; null stands for a number that is not finite."""

    name: str
    shape: tuple[int, ...]
    data: tuple[Json, ...]


class Response(Record):
    """An inference response."""

    outputs: tuple[Tensor, ...]


class Golden(Record):
    """`golden.json`: an inference request and the answer that the exported graph gave at build."""

    request: dict[str, Json]
    response: Response


def read_golden(data: bytes) -> Golden:
    """The golden rows in the bytes of `golden.json`. Raises BadModel."""
    return read_file(data, "golden.json", Golden)


def replay(model: LoadedModel, golden: Golden) -> None:
    """Raises BadModel when an answer differs from the recorded one: labels in anything, numbers by more than 1e-5."""
    recorded = {tensor.name: tensor for tensor in golden.response.outputs}
    try:
        answer = infer(model, answers.head("", ""), encode(golden.request), hashed=True)
    except (BadRequest, Incomputable) as problem:
        msg = f"the golden rows are refused: {problem}"
        raise BadModel(msg) from problem
    for output in decode(answer.body, Response).outputs:
        if output.name not in recorded:
            msg = f'golden.json records no output "{output.name}"'
            raise BadModel(msg)
        _compare(output, _flat(recorded[output.name].data))


def _compare(output: Tensor, recorded: Sequence[Json]) -> None:
    if len(recorded) != len(output.data):
        msg = f'golden rows: output "{output.name}" has {len(output.data)} values, {len(recorded)} were recorded'
        raise BadModel(msg)
    width = len(output.data) // output.shape[0]
    for place, (before, now) in enumerate(zip(recorded, output.data, strict=True)):
        if not _equal(before, now):
            msg = f'golden row {place // width + 1}: output "{output.name}" is not what was recorded at build'
            raise BadModel(msg)


def _equal(before: Json, now: Json) -> bool:
    if isinstance(before, int | float) and isinstance(now, float):
        return isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return before == now


def _flat(data: Sequence[Json]) -> Sequence[Json]:
    return [cell for row in data if isinstance(row, list) for cell in row] if data and isinstance(data[0], list) else data
