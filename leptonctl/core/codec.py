"""The only codec between records and bytes: frozen structs <-> JSON, every field checked when it is read (ADR 0015).

A record is a value that is durable or crosses a process. A record in a file of its own carries its format as a tag, written
first. A reader ignores unknown fields and fills in the defaults of absent ones.
"""

from typing import Any, TypeVar

import msgspec

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json

T = TypeVar("T")


class Record(Frozen, omit_defaults=True, gc=False):
    """The base class of all record types. A record in a file of its own has `tag_field="format_version", tag="1"`.

    Records hold no reference cycles, so the garbage collector can skip them.
    """


class BadRecord(ValueError):
    """The bytes are not the expected record. `newer`: their format is that of a later release."""

    def __init__(self, reason: str, *, newer: bool = False) -> None:
        self.newer = newer
        super().__init__(reason)


def encode(value: object) -> bytes:
    """The compact bytes of a record, mappings sorted by key."""
    return _ENCODER.encode(value)


def encode_line(value: object) -> bytes:
    """As `encode`, with a line feed at the end: one message of a stream."""
    return _ENCODER.encode(value) + b"\n"


def decode(data: bytes, kind: type[T]) -> T:
    """The record in some bytes. Raises BadRecord, which says what is wrong and where."""
    try:
        value: T = _decoder(kind).decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise _bad(data, kind, problem) from problem
    return value


def convert(value: Json, kind: type[T]) -> T:
    """An already parsed JSON value as a record. Raises BadRecord."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as problem:
        raise BadRecord(_reason(problem)) from problem


def plain(value: object) -> Any:
    """A record as a JSON value, for views."""
    return msgspec.to_builtins(value, order="deterministic")


_ENCODER = msgspec.json.Encoder(order="deterministic")


class _Format(msgspec.Struct):
    format_version: str


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def _bad(data: bytes, kind: type, problem: Exception) -> BadRecord:
    config = getattr(kind, "__struct_config__", None)
    if config is not None and config.tag_field == "format_version":
        try:
            version = _decoder(_Format).decode(data).format_version
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return BadRecord(_reason(problem))
        if version != config.tag:
            return BadRecord(f"it has format {version}, this release reads format {config.tag}", newer=True)
    return BadRecord(_reason(problem))


def _reason(problem: Exception) -> str:
    return "it is nested too deeply" if isinstance(problem, RecursionError) else str(problem)
