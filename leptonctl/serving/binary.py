"""The binary form of tensors, an extension of the Open Inference Protocol: raw little-endian values after the JSON, in its order.

Inputs become the lists that JSON would have held, so that all later code treats both forms alike. Pure.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from leptonctl.serving.request import BadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leptonctl.core.values import Json
    from leptonctl.serving.model import Output

HEADER = b"inference-header-content-length"
"""Holds the length of the JSON at the beginning of the body; the tensors follow it."""
SIZE, ALL, ONE = "binary_data_size", "binary_data_output", "binary_data"
"""Parameters: the number of bytes of an input or output; whether a request asks for binary form of all outputs, or of one."""
LENGTH_BYTES = 4
DTYPES = {
    "BOOL": "u1", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


def json_length(value: bytes, size: int) -> int:
    """The number in the header `HEADER` of a body of `size` bytes. Raises BadRequest."""
    text = value.strip()
    if not text.isdigit() or len(text) > len(str(2**63)) or int(text) > size:
        msg = "Inference-Header-Content-Length must be the length of the JSON at the beginning of the body"
        raise BadRequest(msg)
    return int(text)


def read_tensors(request: dict[str, Json], data: bytes) -> None:
    """Give each input that has a binary size its values as `data`, as if they had been sent as JSON. Raises BadRequest."""
    inputs, position = request.get("inputs"), 0
    for item in inputs if isinstance(inputs, list) else ():
        size = _parameter(item, SIZE)
        if not isinstance(item, dict) or size is None:
            continue
        name = str(item.get("name"))[:64]
        if type(size) is not int or not 0 <= size <= len(data) - position or "data" in item:
            msg = f'input "{name}": {SIZE} must be the number of its bytes after the JSON, without "data" beside it'
            raise BadRequest(msg)
        item["data"] = _values(name, str(item.get("datatype")), data[position : position + size])
        position += size
    if position != len(data):
        msg = f"{len(data) - position} bytes after the JSON belong to no input"
        raise BadRequest(msg)


def binary_outputs(request: dict[str, Json], outputs: Sequence[Output]) -> tuple[bool, ...] | None:
    """For each output, whether the request asks for it in binary form; None when it asks for none."""
    requested = request.get("outputs")
    if requested is None and "parameters" not in request:
        return None
    items = requested if isinstance(requested, list) else []
    default = _parameter(request, ALL) is True
    by_name = {str(item.get("name")): value for item in items if isinstance(item, dict) and (value := _parameter(item, ONE)) is not None}
    is_binary = tuple(by_name.get(output.name, default) is True for output in outputs)
    return is_binary if any(is_binary) else None


def pack(tensor: NDArray[np.generic], datatype: str) -> bytes:
    """The values of an output, in row-major order."""
    if datatype != "BYTES":
        return tensor.astype(DTYPES[datatype]).tobytes()
    cells = [str(cell).encode() for cell in tensor.reshape(-1).tolist()]
    return b"".join(chain.from_iterable((len(cell).to_bytes(LENGTH_BYTES, "little"), cell) for cell in cells))


def _parameter(holder: Json, name: str) -> Json:
    parameters = holder.get("parameters") if isinstance(holder, dict) else None
    return parameters.get(name) if isinstance(parameters, dict) else None


def _values(name: str, datatype: str, data: bytes) -> list[Json]:
    if datatype == "BYTES":
        return _strings(name, data)
    dtype = DTYPES.get(datatype)
    if dtype is None or len(data) % np.dtype(dtype).itemsize:
        msg = f'input "{name}": {len(data)} bytes are not values of its datatype'
        raise BadRequest(msg)
    values: NDArray[np.generic] = np.frombuffer(data, dtype)
    cells: list[Json] = (values != 0).tolist() if datatype == "BOOL" else values.tolist()
    return cells


def _strings(name: str, data: bytes) -> list[Json]:
    cells: list[Json] = []
    end = 0
    while end < len(data):
        start = end + LENGTH_BYTES
        end = start + int.from_bytes(data[start - LENGTH_BYTES : start], "little")
        if start > len(data) or end > len(data):
            msg = f'input "{name}": value {len(cells) + 1} is longer than what was sent'
            raise BadRequest(msg)
        try:
            cells.append(data[start:end].decode())
        except UnicodeDecodeError:
            msg = f'input "{name}": value {len(cells) + 1} is not UTF-8'
            raise BadRequest(msg) from None
    return cells
