"""Request bytes -> flat lists of Python values per input, checked against name, shape and datatype.

Owns the form of an inference request (Open Inference Protocol v2). Knows nothing of numpy or of what a column means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from leptonctl.core.manifest import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leptonctl.core.manifest import ManifestColumn
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
SHOWN = 64

_decode = json.JSONDecoder().decode


class BadRequest(Exception):
    """The request is refused with `status`; the text tells the client what to mend."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class Given(NamedTuple):
    """One input as it came: `data` is flat and as long as `rows` (times the width, for the packed form)."""

    datatype: str
    data: list[Any]
    rows: int


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. NaN and Infinity are read: NaN is a missing cell."""
    try:
        value = _decode(body.decode())
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
        # Python bounds the digits of an integer, since reading one takes quadratic time
        msg = "the body holds an integer of too many digits"
        raise BadRequest(msg) from None
    if type(value) is not dict:
        msg = "the body must be a JSON object"
        raise BadRequest(msg)
    return value


def request_id(request: dict[str, Any]) -> str | None:
    """The `id` to echo."""
    given = request.get("id")
    if given is not None and type(given) is not str:
        msg = '"id" must be a string'
        raise BadRequest(msg)
    return given


def requested(request: dict[str, Any], known: Sequence[str]) -> tuple[str, ...] | None:
    """The names under `outputs` in their order, or None when all are wanted."""
    outputs = request.get("outputs")
    if not outputs:
        if outputs is not None and type(outputs) is not list:
            msg = '"outputs" must be a list'
            raise BadRequest(msg)
        return None
    if type(outputs) is not list or any(type(item) is not dict for item in outputs):
        msg = '"outputs" must be a list of objects with a "name"'
        raise BadRequest(msg)
    names = [item.get("name") for item in outputs]
    for position, name in enumerate(names):
        if name not in known:
            msg = f"output {_quote(name)} does not exist; the model gives {_list(known)}"
            raise BadRequest(msg)
        if name in names[:position]:
            msg = f'output "{name}" is requested twice'
            raise BadRequest(msg)
    return tuple(names)


def read_inputs(intake: Intake, request: dict[str, Any]) -> tuple[dict[str, Given], int]:
    """Every column's input by name, and the number of rows. The packed form gives the one name `features`."""
    inputs = request.get("inputs")
    if type(inputs) is not list or not inputs:
        msg = '"inputs" must be a list with one input per column'
        raise BadRequest(msg)
    columns, packed = intake.columns, intake.packed
    given: dict[str, Given] = {}
    rows = -1
    for item in inputs:
        name = item.get("name") if type(item) is dict else None
        if type(name) is not str:
            msg = 'every input must be an object with a "name"'
            raise BadRequest(msg)
        if name in given:
            msg = f"input {_quote(name)} is given twice"
            raise BadRequest(msg)
        column = columns.get(name)
        if column is not None:
            data, shape = item.get("data"), item.get("shape")
            # most inputs are like the one before them: a flat vector of the natural datatype and the same length
            if (
                type(data) is list
                and len(data) == rows
                and shape == [rows]
                and type(shape[0]) is int
                and item.get("datatype") == NATURAL[column.type]
            ):
                given[name] = Given(NATURAL[column.type], data, rows)
                continue
            found = _column_input(item, column)
        elif packed and name == FEATURES and len(inputs) == 1:
            found = _packed_input(item, len(columns))
        else:
            msg = f"column {_quote(name)} does not exist; the model takes {_list(list(columns))}"
            raise BadRequest(msg)
        if rows not in (found.rows, -1):
            msg = f'column "{name}" has {found.rows} rows, the inputs before it have {rows}'
            raise BadRequest(msg)
        given[name] = found
        rows = found.rows
    if len(given) < len(columns) and FEATURES not in given.keys() - columns.keys():
        missing = [name for name in columns if name not in given]
        msg = f"column {_list(missing)} is missing" if len(missing) == 1 else f"columns {_list(missing)} are missing"
        raise BadRequest(msg)
    return given, rows


def _column_input(item: dict[str, Any], column: ManifestColumn) -> Given:
    datatype, data = item.get("datatype"), item.get("data")
    shape: Any = item.get("shape")
    if type(datatype) is not str or datatype not in ACCEPTED[column.type]:
        msg = f'column "{column.name}" is of type {column.type}: datatype must be {NATURAL[column.type]}, not {_quote(datatype)}'
        raise BadRequest(msg)
    rows = _rows(column.name, shape, 1)
    data = _flat(column.name, shape, data, 1)
    if len(data) != rows:
        msg = f'column "{column.name}" has the shape {shape} and {len(data)} values'
        raise BadRequest(msg)
    return Given(datatype, data, rows)


def _packed_input(item: dict[str, Any], width: int) -> Given:
    datatype, data = item.get("datatype"), item.get("data")
    shape: Any = item.get("shape")
    if type(datatype) is not str or datatype not in NUMERIC:
        msg = f'datatype of "{FEATURES}" must be FP32, not {_quote(datatype)}'
        raise BadRequest(msg)
    rows = _rows(FEATURES, shape, width)
    if len(shape) != MATRIX:
        msg = f'"{FEATURES}" must have the shape [N, {width}]'
        raise BadRequest(msg)
    data = _flat(FEATURES, shape, data, width)
    if len(data) != rows * width:
        msg = f'"{FEATURES}" has the shape {shape} and {len(data)} values'
        raise BadRequest(msg)
    return Given(datatype, data, rows)


def _rows(name: str, shape: Any, width: int) -> int:
    """The number of rows that `shape` announces."""
    form = "[N] or [N, 1]" if width == 1 else f"[N, {width}]"
    if type(shape) is not list or len(shape) not in (VECTOR, MATRIX) or any(type(size) is not int for size in shape):
        msg = f'shape of "{name}" must be {form}'
        raise BadRequest(msg)
    if len(shape) == MATRIX and shape[1] != width:
        msg = f'shape of "{name}" must be {form}, its width is {_short(shape[1])}'
        raise BadRequest(msg)
    rows: int = shape[0]
    if rows < 1:
        msg = f'"{name}" has no rows'
        raise BadRequest(msg)
    return rows


def _flat(name: str, shape: list[int], data: Any, width: int) -> list[Any]:
    """The values in row-major order: they may come flat, or nested as the shape says."""
    if type(data) is not list:
        msg = f'"{name}" has no list under "data"'
        raise BadRequest(msg)
    if len(shape) != MATRIX or not data or type(data[0]) is not list:
        return data
    flat: list[Any] = []
    for number, row in enumerate(data, 1):
        if type(row) is not list or len(row) != width:
            msg = f'"{name}", row {number}: nested data must hold {width} value{"s" if width > 1 else ""} a row'
            raise BadRequest(msg)
        flat += row
    return flat


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**12 else "out of range"


def _quote(value: Any) -> str:
    if type(value) is not str:
        return "nothing" if value is None else "what is not a string"
    return json.dumps(value if len(value) <= SHOWN else value[:SHOWN] + "…", ensure_ascii=False)


def _list(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
