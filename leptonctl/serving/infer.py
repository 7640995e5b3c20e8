"""One inference request, from request body to response body: encode, run, decode. Clients and golden rows share it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen
from leptonctl.serving import response
from leptonctl.serving.encode import Violation, encode
from leptonctl.serving.request import BadRequest, parse, request_id, requested_outputs

if TYPE_CHECKING:
    from leptonctl.serving.model import LoadedModel


class Incomputable(Exception):
    """The graph failed on a request that its contract allows."""


class Answer(Frozen, kw_only=False):
    body: bytes
    rows: int
    violations: tuple[Violation, ...]


def infer(model: LoadedModel, start: str, body: bytes, *, strict: bool = False, hashed: bool = False) -> Answer:
    """Answer a request body. `start` is how the answer begins, `hashed` as in `encode`. Raises BadRequest, Incomputable."""
    request = parse(body)
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
        return Answer(response.body(start, echo, outputs, tensors, encoded.rows), encoded.rows, encoded.violations)
    except Exception as problem:  # onnxruntime raises one exception class per status code, with no common base
        msg = "the model could not compute an answer for this request"
        raise Incomputable(msg) from problem


class ContractBroken(BadRequest):
    """A strict deployment refuses values outside the contract. The metrics still count its `violations`."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        first = violations[0]
        super().__init__(f'column "{first.column}", row {first.row}: the value breaks "{first.check}" of the contract')
