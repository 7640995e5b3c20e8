"""A state as its file holds it: one address a line, digests as base64 of their bytes. Ten thousand versions take 5 MB, not 8.

Only the table of pointers is packed; all else stands as the records say. Who reads the file by eye finds addresses, versions and
times; digests are for `leptonctl show`.
"""

from binascii import a2b_hex
from collections.abc import Mapping

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.frozen import fields, replace
from leptonctl.core.state import Pointer, State, StepPointer

PREFIX = "sha256:"
LENGTH = len(PREFIX) + 64
# the first byte of what is packed: base64 takes 33 bytes in as many characters as 32
DIGEST, TEXT = b"\1", b"\0"


class PackedStep(Record):
    """A step whose name is not its op."""

    op: str
    key: bytes


class PackedPointer(Record):
    """A pointer in a state's file. A step whose name is its op is its key alone. Bytes are written as base64."""

    digest: bytes
    declaration: bytes = b""
    artifact: bytes | None = None
    package: bytes | None = None
    steps: Mapping[str, bytes | PackedStep] = {}
    version: str | None = None
    deployment: int | None = None
    effect: bool = False
    at: str = ""


class PackedState(State, tag_field="format_version", tag="1"):
    """A state whose pointers are packed."""

    current: Mapping[str, PackedPointer] = {}  # type: ignore[assignment]


def packed(state: State) -> PackedState:
    """A state as its file holds it."""
    return PackedState(**{**fields(state), "current": {address: _packed(pointer) for address, pointer in state.current.items()}})


def encode_state(state: State) -> bytes:
    """The bytes of a state's file."""
    head = encode(replace(state, current={}))[:-1]
    lines = [b"%s:%s" % (encode(address), encode(_packed(state.current[address]))) for address in sorted(state.current)]
    return b'%s,"current":{\n%s\n}}\n' % (head, b",\n".join(lines))


def decode_state(data: bytes) -> State:
    """The state in the bytes of its file. Raises BadRecord."""
    file = decode(data, PackedState)
    return State(**{**fields(file), "current": {address: _unpacked(pointer) for address, pointer in file.current.items()}})


def _packed(pointer: Pointer) -> PackedPointer:
    return PackedPointer(
        digest=_pack(pointer.digest),
        declaration=_pack(pointer.declaration) if pointer.declaration else b"",
        artifact=None if pointer.artifact is None else _pack(pointer.artifact),
        package=None if pointer.package is None else _pack(pointer.package),
        steps={name: _packed_step(name, step) for name, step in pointer.steps.items()},
        version=pointer.version, deployment=pointer.deployment, effect=pointer.effect, at=pointer.at,
    )  # fmt: skip


def _packed_step(name: str, step: StepPointer) -> bytes | PackedStep:
    return _pack(step.key) if step.op == name else PackedStep(op=step.op, key=_pack(step.key))


def _unpacked(pointer: PackedPointer) -> Pointer:
    steps = {}
    for name, step in pointer.steps.items():
        op, key = (name, step) if isinstance(step, bytes) else (step.op, step.key)
        steps[name] = StepPointer(op=op, key=_unpack(key))
    return Pointer(
        digest=_unpack(pointer.digest),
        declaration=_unpack(pointer.declaration) if pointer.declaration else "",
        artifact=None if pointer.artifact is None else _unpack(pointer.artifact),
        package=None if pointer.package is None else _unpack(pointer.package),
        steps=steps, version=pointer.version, deployment=pointer.deployment, effect=pointer.effect, at=pointer.at,
    )  # fmt: skip


def _pack(text: str) -> bytes:
    """A digest as its bytes, any other text as it is."""
    if len(text) == LENGTH and text.startswith(PREFIX) and text.islower():
        try:
            return DIGEST + a2b_hex(text[len(PREFIX) :])
        except ValueError:
            pass
    return TEXT + text.encode()


def _unpack(data: bytes) -> str:
    if data[:1] == DIGEST:
        return PREFIX + data[1:].hex()
    return data[1:].decode(errors="replace")
