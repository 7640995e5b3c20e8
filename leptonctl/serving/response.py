"""Graph outputs -> response bytes. Equal outputs give equal bytes; a number that is not finite becomes null."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING

from leptonctl.serving.binary import SIZE, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from leptonctl.serving.model import Output

_text = json.encoder.encode_basestring_ascii


def head(name: str, version: str) -> str:
    """The beginning of every answer of one model."""
    return f'{{"model_name":{_text(name)},"model_version":{_text(version)},'


def body(start: str, request_id: str | None, outputs: Sequence[Output], tensors: Sequence[NDArray[np.generic]], rows: int) -> bytes:
    """An inference response. Raises ValueError when an output does not have as many values as its shape says."""
    parts = ",".join(_output(output, tensor, rows) for output, tensor in zip(outputs, tensors, strict=True))
    return _join(start, request_id, parts)


def binary_body(
    start: str,
    request_id: str | None,
    outputs: Sequence[Output],
    tensors: Sequence[NDArray[np.generic]],
    rows: int,
    *,
    is_binary: Sequence[bool],
) -> tuple[bytes, bytes]:
    """As `body`, with some outputs in binary form: the JSON, and the bytes after it. Numbers that are not finite stay as they are."""
    parts, tail = [], b""
    for output, tensor, in_tail in zip(outputs, tensors, is_binary, strict=True):
        if not in_tail:
            parts.append(_output(output, tensor, rows))
            continue
        _check_size(output, tensor.size, rows)
        values = pack(tensor, output.datatype)
        tail += values
        parts.append(f'{_output_start(output, rows)},"parameters":{{"{SIZE}":{len(values)}}}}}')
    return _join(start, request_id, ",".join(parts)), tail


def _join(start: str, request_id: str | None, parts: str) -> bytes:
    echo = "" if request_id is None else f'"id":{_text(request_id)},'
    return f'{start}{echo}"outputs":[{parts}]}}'.encode("ascii")


def _check_size(output: Output, size: int, rows: int) -> None:
    if size != rows * (output.width or 1):
        msg = f"output {output.graph} has {size} values for {rows} rows"
        raise ValueError(msg)


def _output_start(output: Output, rows: int) -> str:
    """The beginning of an output's object."""
    shape = f"{rows},{output.width}" if output.width is not None else f"{rows}"
    return f'{{"name":"{output.name}","shape":[{shape}],"datatype":"{output.datatype}"'


def _output(output: Output, tensor: NDArray[np.generic], rows: int) -> str:
    values = tensor.reshape(-1).tolist()
    _check_size(output, len(values), rows)
    if output.datatype == "BYTES":
        data = ",".join(map(_text, values))
    else:
        data = ",".join(map(repr, values))
        # repr writes nan and inf, which are not JSON; no finite number contains an "n"
        if "n" in data:
            data = ",".join(repr(value) if isfinite(value) else "null" for value in values)
    return f'{_output_start(output, rows)},"data":[{data}]}}'
