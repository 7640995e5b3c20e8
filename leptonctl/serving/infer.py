"""One inference request, from request body to response body: encode, run, decode. Clients and golden rows share it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen
from leptonctl.serving import binary, response
from leptonctl.serving.encode import Violation, encode
from leptonctl.serving.request import BadRequest, parse, request_id, requested_outputs

if TYPE_CHECKING:
    from leptonctl.serving.model import LoadedModel


class Incomputable(Exception):
    """The graph failed on a request that its contract allows."""


class Answer(Frozen, kw_only=False):
    """`length`: that of the JSON in the body when tensors in binary form follow it, else None."""

    body: bytes
    rows: int
    violations: tuple[Violation, ...]
    length: int | None = None


def infer(model: LoadedModel, start: str, body: bytes, *, strict: bool = False, hashed: bool = False, length: int | None = None) -> Answer:
    """Answer a request body. `start` begins the answer, `hashed` is as in `encode`, `length` is that of the JSON in the body if tensors
    follow it. Raises BadRequest, Incomputable.
    """
    request = parse(body if length is None else body[:length])
    if length is not None:
        binary.read_tensors(request, body[length:])
    echo = request_id(request)
    outputs = model.outputs
    names = requested_outputs(request, [output.name for output in outputs])
    if names is not None:
        outputs = tuple(next(output for output in outputs if output.name == name) for name in names)
    encoded = encode(model.intake, request, hashed=hashed)
    if strict and encoded.violations:
        raise ContractBroken(encoded.violations)
    try:
        tensors = model.session.run([output.graph for output in outputs], encoded.feed)
        is_binary = binary.binary_outputs(request, outputs)
        if is_binary is None:
            return Answer(response.body(start, echo, outputs, tensors, encoded.rows), encoded.rows, encoded.violations)
        head, tail = response.binary_body(start, echo, outputs, tensors, encoded.rows, is_binary=is_binary)
        return Answer(head + tail, encoded.rows, encoded.violations, len(head))
    except Exception as problem:  # onnxruntime raises one exception class per status code, with no common base
        msg = "the model could not compute an answer for this request"
        raise Incomputable(msg) from problem


class ContractBroken(BadRequest):
    """A strict deployment refuses values outside the contract. The metrics still count its `violations`."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        first = violations[0]
        super().__init__(f'column "{first.column}", row {first.row}: the value breaks "{first.check}" of the contract')
