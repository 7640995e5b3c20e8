"""The errors about one cell of a request. None of them quotes the cell."""

from leptonctl.core.manifest import ManifestColumn
from leptonctl.core.values import Json
from leptonctl.serving.request import BadRequest

TYPE_NAMES = {bool: "a boolean", str: "a string", list: "a list", dict: "an object", type(None): "null"}


def wrong_type(column: ManifestColumn, row: int, cell: Json) -> BadRequest:
    actual = TYPE_NAMES.get(type(cell), "a number")
    words = ", ".join(f'"{word}"' for word in (*column.words.true, *column.words.false)) if column.words is not None else ""
    other = f"; its words {words} have the datatype BYTES" if words else ""
    return BadRequest(f'column "{column.name}", row {row}: expected a value of type {column.type}, not {actual}{other}')


def missing_value(name: str, row: int) -> BadRequest:
    return BadRequest(f'column "{name}", row {row}: the value is missing, but the contract requires one')


def out_of_range(column: ManifestColumn, row: int) -> BadRequest:
    return BadRequest(f'column "{column.name}", row {row}: the value is outside the range of FP32')
