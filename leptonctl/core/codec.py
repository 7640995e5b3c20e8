"""The only codec between records and bytes: frozen structs <-> JSON, every field checked when it is read (ADR 0015).

A record is a value that is durable or crosses a process. A record in a file of its own carries its format as a tag, written
first, and the checksum of the bytes before it, written last (ADR 0029): a byte that was changed is noticed where the record is
read. A reader ignores unknown fields and fills in the defaults of absent ones.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json

T = TypeVar("T")


class Record(Frozen, omit_defaults=True, gc=False):
    """The base class of all record types. A record in a file of its own has `tag_field="format_version", tag="1"`.

    `checksum = False` in such a type: its bytes carry none, because they are an artifact or are checked elsewhere. Records
    hold no reference cycles, so the garbage collector can skip them.
    """

    checksum: ClassVar[bool] = True


class BadRecord(ValueError):
    """The bytes are not the expected record. `newer`: their format is that of a later release."""

    def __init__(self, reason: str, *, newer: bool = False) -> None:
        self.newer = newer
        super().__init__(reason)


def encode(value: object) -> bytes:
    """The compact bytes of a record, mappings sorted by key. A record in a file of its own ends with its checksum."""
    data = _ENCODER.encode(value)
    return with_checksum(data) if _has_checksum(type(value)) else data


def with_checksum(data: bytes) -> bytes:
    """The bytes of a record with the checksum of all before it as its last field."""
    body = data[:-1]
    return b"".join((body, _MARK, _checksum(body), b'"}'))


def encode_message(value: object) -> bytes:
    """As `encode`, without a checksum: a record on its way to another process."""
    return _ENCODER.encode(value)


def encode_line(value: object) -> bytes:
    """As `encode_message`, with a line feed at the end: one message of a stream."""
    return _ENCODER.encode(value) + b"\n"


def decode(data: bytes, kind: type[T]) -> T:
    """The record in some bytes. Raises BadRecord, which says what is wrong and where."""
    try:
        value = decode_message(data, kind)
    except BadRecord as problem:
        # a format that looks newer may be a changed byte
        if problem.newer and _has_checksum(kind) and data[-TRAILER:].startswith(_MARK) and not _is_intact(data):
            raise BadRecord(CHANGED) from problem
        raise
    if _has_checksum(kind):
        require_checksum(data)
    return value


def decode_message(data: bytes, kind: type[T]) -> T:
    """As `decode`, for bytes of `encode_message`."""
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
    return msgspec.to_builtins(value, order="deterministic", enc_hook=_as_dict)


def require_checksum(data: bytes) -> None:
    """Raises BadRecord unless the bytes end with their checksum, as `with_checksum` writes it."""
    if not _is_intact(data):
        raise BadRecord(CHANGED if data[-TRAILER:].startswith(_MARK) else "it does not end with its checksum")


CHANGED = "its checksum is wrong: a byte was changed after it was written"
_MARK = b',"checksum":"sha256:'
TRAILER = len(_MARK) + 64 + len(b'"}')
_checksum_by_type: dict[Any, bool] = {}


def _has_checksum(kind: Any) -> bool:
    """Whether records of the type have a file of their own that ends with a checksum."""
    known = _checksum_by_type.get(kind)
    if known is None:
        config = getattr(kind, "__struct_config__", None)
        known = _checksum_by_type[kind] = config is not None and config.tag_field == "format_version" and kind.checksum
    return known


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _is_intact(data: bytes) -> bool:
    return data[-TRAILER:] == b'%s%s"}' % (_MARK, _checksum(data[:-TRAILER]))


def _as_dict(value: object) -> dict[object, object]:
    """A mapping of a type that msgspec does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError


_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=_as_dict)


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
