"""Request bytes -> one flat list of Python values per input, checked for name, shape and datatype.

Owns the format of an inference request (Open Inference Protocol v2). Knows neither numpy nor the meaning of a column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from leptonctl.core.manifest import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leptonctl.core.manifest import ManifestColumn
    from leptonctl.core.values import Json
    from leptonctl.serving.intake import Intake

FLOATS = frozenset({"FP16", "FP32", "FP64"})
RANGES = {
    "UINT8": (0, 2**8 - 1), "UINT16": (0, 2**16 - 1), "UINT32": (0, 2**32 - 1), "UINT64": (0, 2**64 - 1),
    "INT8": (-(2**7), 2**7 - 1), "INT16": (-(2**15), 2**15 - 1), "INT32": (-(2**31), 2**31 - 1), "INT64": (-(2**63), 2**63 - 1),
}  # fmt: skip
NUMERIC = FLOATS | RANGES.keys()
ACCEPTED = {"number": NUMERIC, "integer": NUMERIC, "boolean": NUMERIC | {"BOOL"}, "string": frozenset({"BYTES"})}
NATURAL = {"number": "FP32", "integer": "FP32", "boolean": "BOOL", "string": "BYTES"}
VECTOR, MATRIX = 1, 2
QUOTE_LIMIT = 64

_decode = json.JSONDecoder().decode


class BadRequest(Exception):
    """The request is refused with `status`; the message tells the client what to correct."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class Input(NamedTuple):
    """One input as received. `data` is flat and has `rows` values, in the packed form `rows` times the width."""

    datatype: str
    data: list[Json]
    rows: int


def parse(body: bytes) -> dict[str, Json]:
    """The JSON object in `body`. NaN and Infinity are accepted: NaN is a missing cell. Raises BadRequest."""
    try:
        value: Json = _decode(body.decode())
    except UnicodeDecodeError as problem:
        msg = f"the body is not UTF-8 (byte {problem.start})"
        raise BadRequest(msg) from None
    except json.JSONDecodeError as problem:
        msg = f"the body is not JSON: {problem}"
        raise BadRequest(msg) from None
    except RecursionError:
        msg = "the body is nested too deeply"
        raise BadRequest(msg) from None
    except ValueError:
        # Python limits the digits of an integer because parsing one takes quadratic time
        msg = "the body contains an integer with too many digits"
        raise BadRequest(msg) from None
    if not isinstance(value, dict):
        msg = "the body must be a JSON object"
        raise BadRequest(msg)
    return value


def request_id(request: dict[str, Json]) -> str | None:
    """The `id` to echo, None when the request has none."""
    value = request.get("id")
    if value is not None and not isinstance(value, str):
        msg = '"id" must be a string'
        raise BadRequest(msg)
    return value


def requested_outputs(request: dict[str, Json], available: Sequence[str]) -> tuple[str, ...] | None:
    """The names under `outputs` in the order of the request, or None for all outputs."""
    outputs = request.get("outputs")
    if outputs is None:
        return None
    if not isinstance(outputs, list):
        msg = '"outputs" must be a list'
        raise BadRequest(msg)
    names: list[str] = []
    for item in outputs:
        if not isinstance(item, dict):
            msg = '"outputs" must be a list of objects with a "name"'
            raise BadRequest(msg)
        name = item.get("name")
        if not isinstance(name, str) or name not in available:
            msg = f"output {_quote(name)} does not exist; the model returns {_list(available)}"
            raise BadRequest(msg)
        if name in names:
            msg = f'output "{name}" is requested twice'
            raise BadRequest(msg)
        names.append(name)
    return tuple(names) or None


def read_inputs(intake: Intake, request: dict[str, Json]) -> tuple[dict[str, Input], int]:
    """The input of each column by name, and the number of rows. In the packed form the only name is `features`."""
    items = _input_items(request)
    columns = intake.columns
    inputs: dict[str, Input] = {}
    rows, skipped = -1, 0
    for item in items:
        if not isinstance(item, dict) or not isinstance(name := item.get("name"), str):
            msg = 'every input must be an object with a "name"'
            raise BadRequest(msg)
        if name in inputs:
            msg = f"input {_quote(name)} appears twice"
            raise BadRequest(msg)
        column = columns.get(name)
        if column is None and name in intake.unused_columns:
            skipped += 1
            continue
        # fast path: most inputs are flat vectors of the natural datatype, as long as the one before
        if column is not None and item.get("datatype") == (natural := NATURAL[column.type]):
            data, shape = item.get("data"), item.get("shape")
            if isinstance(data, list) and isinstance(shape, list) and len(data) == rows and shape == [rows] and type(shape[0]) is int:
                inputs[name] = Input(natural, data, rows)
                continue
        tensor = _input(intake, name, item, alone=len(items) - skipped == 1)
        if rows not in (tensor.rows, -1):
            msg = f'column "{name}" has {tensor.rows} rows, but the inputs before it have {rows}'
            raise BadRequest(msg)
        inputs[name] = tensor
        rows = tensor.rows
    _check_complete(intake, inputs)
    return inputs, rows


def _input_items(request: dict[str, Json]) -> list[Json]:
    items = request.get("inputs")
    if not isinstance(items, list) or not items:
        msg = '"inputs" must be a list with one input per column'
        raise BadRequest(msg)
    return items


def _input(intake: Intake, name: str, item: dict[str, Json], *, alone: bool) -> Input:
    column = intake.columns.get(name)
    if column is not None:
        return _column_input(item, column)
    if intake.packed and name == FEATURES and alone:
        return _packed_input(item, len(intake.columns))
    msg = f"column {_quote(name)} does not exist; the model takes {_list(list(intake.columns))}"
    raise BadRequest(msg)


def _check_complete(intake: Intake, inputs: dict[str, Input]) -> None:
    columns = intake.columns
    if len(inputs) == len(columns) or (FEATURES in inputs and FEATURES not in columns):
        return
    missing = [name for name in columns if name not in inputs]
    msg = f"column {_list(missing)} is missing" if len(missing) == 1 else f"columns {_list(missing)} are missing"
    raise BadRequest(msg)


def _column_input(item: dict[str, Json], column: ManifestColumn) -> Input:
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or not (datatype in ACCEPTED[column.type] or (column.words is not None and datatype == "BYTES")):
        msg = f'column "{column.name}" is of type {column.type}: datatype must be {NATURAL[column.type]}, not {_quote(datatype)}'
        raise BadRequest(msg)
    shape = _shape(column.name, item.get("shape"), 1)
    data = _flat(column.name, shape, item.get("data"), 1)
    if len(data) != shape[0]:
        msg = f'column "{column.name}" has the shape {shape} but {len(data)} values'
        raise BadRequest(msg)
    return Input(datatype, data, shape[0])


def _packed_input(item: dict[str, Json], width: int) -> Input:
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or datatype not in NUMERIC:
        msg = f'datatype of "{FEATURES}" must be FP32, not {_quote(datatype)}'
        raise BadRequest(msg)
    shape = _shape(FEATURES, item.get("shape"), width)
    if len(shape) != MATRIX:
        msg = f'"{FEATURES}" must have the shape [N, {width}]'
        raise BadRequest(msg)
    data = _flat(FEATURES, shape, item.get("data"), width)
    if len(data) != shape[0] * width:
        msg = f'"{FEATURES}" has the shape {shape} but {len(data)} values'
        raise BadRequest(msg)
    return Input(datatype, data, shape[0])


def _shape(name: str, shape: Json, width: int) -> list[int]:
    """The sizes in `shape`: the number of rows, and the width if it is there. Raises BadRequest."""
    form = "[N] or [N, 1]" if width == 1 else f"[N, {width}]"
    # exactly int: a boolean is not a size
    sizes = [size for size in shape if isinstance(size, int) and type(size) is int] if isinstance(shape, list) else []
    if not isinstance(shape, list) or len(shape) not in (VECTOR, MATRIX) or len(sizes) != len(shape):
        msg = f'shape of "{name}" must be {form}'
        raise BadRequest(msg)
    if len(sizes) == MATRIX and sizes[1] != width:
        msg = f'shape of "{name}" must be {form}, but its width is {_short(sizes[1])}'
        raise BadRequest(msg)
    if sizes[0] < 1:
        msg = f'"{name}" has no rows'
        raise BadRequest(msg)
    return sizes


def _flat(name: str, shape: list[int], data: Json, width: int) -> list[Json]:
    """The values in row-major order, from data that is flat or nested by rows. Raises BadRequest."""
    if not isinstance(data, list):
        msg = f'"{name}" has no list under "data"'
        raise BadRequest(msg)
    if len(shape) != MATRIX or not data or not isinstance(data[0], list):
        return data
    flat: list[Json] = []
    for number, row in enumerate(data, 1):
        if not isinstance(row, list) or len(row) != width:
            msg = f'"{name}", row {number}: nested data must have {width} value{"s" if width > 1 else ""} per row'
            raise BadRequest(msg)
        flat += row
    return flat


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**12 else "out of range"


def _quote(value: Json) -> str:
    if not isinstance(value, str):
        return "nothing" if value is None else "a value that is not a string"
    return json.dumps(value if len(value) <= QUOTE_LIMIT else value[:QUOTE_LIMIT] + "…", ensure_ascii=False)


def _list(names: Sequence[str], limit: int = 12) -> str:
    quoted = ", ".join(f'"{name}"' for name in names[:limit])
    return quoted + (f" and {len(names) - limit} more" if len(names) > limit else "")
