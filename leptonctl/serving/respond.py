"""Request -> response: a pure function of the request's bytes and the deployment in force, for any HTTP front end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from leptonctl.core.frozen import Frozen
from leptonctl.serving import binary
from leptonctl.serving.infer import ContractBroken, Incomputable, infer
from leptonctl.serving.pages import dump
from leptonctl.serving.request import BadRequest, parse

if TYPE_CHECKING:
    from leptonctl.serving.deployment import LoadedDeployment, ServedRoute
    from leptonctl.serving.encode import Violation

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""

JSON = (b"content-type", b"application/json")
BYTES = (b"content-type", b"application/octet-stream")
INDEX = "/v2/repository/index"


class RequestStats(Frozen, kw_only=False):
    """What the metrics count for one inference request. `model` is empty for an unknown model, so that clients cannot add series."""

    model: str = ""
    version: str = ""
    rows: int = 0
    violations: tuple[Violation, ...] = ()


class Response(Frozen, kw_only=False):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    stats: RequestStats | None = None


def respond(deployment: LoadedDeployment, method: str, path: str, headers: Headers, body: bytes) -> Response:
    """The response to a request. `path` has no query and may be percent-encoded; `body` is within the size limit."""
    served = deployment.infer.get(path)
    if served is not None and method == "POST":
        return _infer(deployment, served, headers, body)
    if "%" in path:
        path = unquote(path)
        served = deployment.infer.get(path)
        if served is not None and method == "POST":
            return _infer(deployment, served, headers, body)
    if served is not None:
        return other_method(method, "POST, OPTIONS")
    page = deployment.pages.get(path)
    if page is not None:
        return read(method, page)
    if path == INDEX:
        return _index(deployment, body) if method == "POST" else other_method(method, "POST, OPTIONS")
    return _unknown(deployment, method, path)


def read(method: str, body: bytes, content_type: bytes = JSON[1]) -> Response:
    """A page that can be read with GET and HEAD; other methods are refused."""
    if method not in ("GET", "HEAD"):
        return other_method(method, "GET, HEAD, OPTIONS")
    headers = ((b"content-type", content_type), (b"content-length", b"%d" % len(body)))
    return Response(200, headers, b"" if method == "HEAD" else body)


def refuse(status: int, message: str, *headers: tuple[bytes, bytes], stats: RequestStats | None = None) -> Response:
    """An error response: a JSON object with the one key `error`."""
    body = dump({"error": message})
    return Response(status, (JSON, (b"content-length", b"%d" % len(body)), *headers), body, stats)


def other_method(method: str, allow: str) -> Response:
    if method == "OPTIONS":
        return Response(204, ((b"allow", allow.encode()),), b"")
    return refuse(405, f"this path accepts {allow}", (b"allow", allow.encode()))


def too_large(limit: int) -> Response:
    return refuse(413, f"the body is larger than {limit} bytes", stats=RequestStats())


def _infer(deployment: LoadedDeployment, served: ServedRoute, headers: Headers, body: bytes) -> Response:
    try:
        length = _json_length(headers, len(body))
        answer = infer(served.model, served.start, body, strict=deployment.strict, length=length)
    except ContractBroken as problem:
        return refuse(400, str(problem), stats=RequestStats(served.name, served.version, 0, problem.violations))
    except BadRequest as problem:
        return refuse(problem.status, str(problem), stats=RequestStats(served.name, served.version))
    except Incomputable as problem:
        return refuse(500, str(problem), stats=RequestStats(served.name, served.version))
    stats = RequestStats(served.name, served.version, answer.rows, answer.violations)
    size = (b"content-length", b"%d" % len(answer.body))
    if answer.length is None:
        return Response(200, (JSON, size), answer.body, stats)
    return Response(200, (BYTES, size, (binary.HEADER, b"%d" % answer.length)), answer.body, stats)


def _json_length(headers: Headers, size: int) -> int | None:
    """The length of the JSON if tensors in binary form follow it. Raises BadRequest unless the body is uncompressed JSON in UTF-8."""
    length: int | None = None
    problem, is_bytes = None, False
    for name, value in headers:
        if name == b"content-type":
            kind, _, rest = value.strip().lower().partition(b";")
            if kind.strip() != b"application/json" or (b"charset" in rest and b"utf-8" not in rest and b"utf8" not in rest):
                problem = BadRequest("send the request as Content-Type: application/json in UTF-8", 415)
                is_bytes = kind.strip() == BYTES[1]
        elif name == binary.HEADER:
            length = binary.json_length(value, size)
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            msg = "send the body without Content-Encoding"
            raise BadRequest(msg, 415)
    if problem is not None and (length is None or not is_bytes):
        raise problem
    return length


def _index(deployment: LoadedDeployment, body: bytes) -> Response:
    """The repository index. Every model of a deployment is ready, so the `ready` filter of a request has no effect."""
    try:
        if body.strip():
            parse(body)
    except BadRequest as problem:
        return refuse(problem.status, str(problem))
    return Response(200, (JSON, (b"content-length", b"%d" % len(deployment.index))), deployment.index)


def _unknown(deployment: LoadedDeployment, method: str, path: str) -> Response:
    parts = path.split("/")
    inference = method == "POST" and parts[-1] == "infer"
    if path == "/v2/health/ready":
        return refuse(503, _why_no_models(deployment)) if method in ("GET", "HEAD") else other_method(method, "GET, HEAD, OPTIONS")
    if parts[:3] != ["", "v2", "models"] or len(parts) < len(["", "v2", "models", "NAME"]):
        return refuse(404, "this path does not exist; GET /v2/models lists the models")
    stats = RequestStats() if inference else None
    if not deployment.models:
        return refuse(503, _why_no_models(deployment), stats=stats)
    served = deployment.models.get(parts[3])
    if served is None:
        return refuse(404, "no model of this name is served here; GET /v2/models lists the models", stats=stats)
    if parts[4:5] == ["versions"] and parts[5:6] not in ([served.version], []):
        return refuse(404, f"this version is not served here; the model is at version {json.dumps(served.version)}", stats=stats)
    return refuse(404, "a model has no such path; see GET /v2/models/NAME, …/ready and POST …/infer", stats=stats)


def _why_no_models(deployment: LoadedDeployment) -> str:
    return "no model is bound in this environment" if deployment.number else "no deployment is in force"
