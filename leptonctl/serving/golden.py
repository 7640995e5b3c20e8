"""Replays the rows recorded at the build through the server's request path and compares the answers. Pure."""

from collections.abc import Sequence
from math import isclose

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.manifest import GOLDEN_FILE
from leptonctl.core.values import Json
from leptonctl.serving import response as answers
from leptonctl.serving.infer import Incomputable, infer
from leptonctl.serving.manifest import BadModel, read_file
from leptonctl.serving.model import LoadedModel
from leptonctl.serving.request import BadRequest

TOLERANCE = 1e-5


class Tensor(Record):
    """One output of an answer. `data` is flat or nested by rows; null means a number that is not finite."""

    name: str
    shape: tuple[int, ...]
    data: tuple[Json, ...]


class Response(Record):
    """An inference response."""

    outputs: tuple[Tensor, ...]


class Golden(Record):
    """`golden.json`: an inference request and the exported graph's response at build."""

    request: dict[str, Json]
    response: Response


def read_golden(data: bytes) -> Golden:
    """The golden rows in the bytes of `golden.json`. Raises BadModel."""
    return read_file(data, GOLDEN_FILE, Golden)


def replay(model: LoadedModel, golden: Golden) -> None:
    """Raises BadModel when an answer differs from the recorded one: numbers by more than 1e-5, anything else at all."""
    recorded = {tensor.name: tensor for tensor in golden.response.outputs}
    try:
        answer = infer(model, answers.head("", ""), encode(golden.request), hashed=True)
    except (BadRequest, Incomputable) as problem:
        msg = f"the model refuses its golden rows: {problem}"
        raise BadModel(msg) from problem
    for output in decode(answer.body, Response).outputs:
        if output.name not in recorded:
            msg = f'golden.json has no output "{output.name}"'
            raise BadModel(msg)
        _compare(output, _flat(recorded[output.name].data))


def _compare(output: Tensor, recorded: Sequence[Json]) -> None:
    if len(recorded) != len(output.data):
        msg = f'golden rows: output "{output.name}" has {len(output.data)} values, {len(recorded)} were recorded'
        raise BadModel(msg)
    width = len(output.data) // output.shape[0]
    for place, (expected, actual) in enumerate(zip(recorded, output.data, strict=True)):
        if not _equal(expected, actual):
            msg = f'golden row {place // width + 1}: output "{output.name}" differs from the value recorded at build'
            raise BadModel(msg)


def _equal(expected: Json, actual: Json) -> bool:
    if isinstance(expected, int | float) and isinstance(actual, float):
        return isclose(expected, actual, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return expected == actual


def _flat(data: Sequence[Json]) -> Sequence[Json]:
    return [cell for row in data if isinstance(row, list) for cell in row] if data and isinstance(data[0], list) else data
