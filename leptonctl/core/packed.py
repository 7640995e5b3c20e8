"""The file form of a state: one address per line, digests as base64 of their bytes. Ten thousand versions take 5 MB instead of 8 MB.

Only the table of pointers is packed; everything else is written as the records define it. A person who reads the file finds
addresses, versions and times; `leptonctl show` prints the digests.
"""

from binascii import a2b_hex
from collections.abc import Mapping

from leptonctl.core.codec import Record, decode, encode
from leptonctl.core.frozen import fields, replace
from leptonctl.core.state import Pointer, State, StepPointer

PREFIX = "sha256:"
LENGTH = len(PREFIX) + 64
# the first byte of a packed string; it takes no space, since base64 needs as many characters for 33 bytes as for 32
DIGEST, TEXT = b"\1", b"\0"
TRANSIENT = frozenset({"revision", "write", "serial", "history", "latest", "applies", "locks", "tokens", "pending"})
"""The fields of a state that are rebuilt from the store, or need not be."""
ROOT_FIELDS = tuple(name for name in State.__struct_fields__ if name not in TRANSIENT)


class PackedStep(Record):
    """A step whose name differs from its op."""

    op: str
    key: bytes


class PackedPointer(Record):
    """A pointer in a state's file. A step whose name equals its op is written as its key alone, bytes as base64."""

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


class Roots(PackedState, tag_field="format_version", tag="1"):
    """The copy of a state as of its last move of pointers, in the store: what the lineage refers to. Without claims and locks."""

    checksum = True


def pack_state(state: State) -> PackedState:
    """The file form of a state."""
    return PackedState(**{**fields(state), "current": {address: _pack_pointer(pointer) for address, pointer in state.current.items()}})


def encode_state(state: State) -> bytes:
    """The bytes of a state's file."""
    head = encode(replace(state, current={}))[:-1]
    lines = [b"%s:%s" % (encode(address), encode(_pack_pointer(state.current[address]))) for address in sorted(state.current)]
    return b'%s,"current":{\n%s\n}}\n' % (head, b",\n".join(lines))


def decode_state(data: bytes) -> State:
    """The state in the bytes of its file. Raises BadRecord."""
    return _unpack_state(decode(data, PackedState))


def encode_roots(state: State) -> bytes:
    """The bytes of a lineage's roots."""
    return encode(Roots(**fields(pack_state(replace(state, applies={}, locks={}, latest=None)))))


def decode_roots(data: bytes) -> State:
    """The state in the bytes of a lineage's roots. Raises BadRecord."""
    return _unpack_state(decode(data, Roots))


def changes_roots(before: State, after: State) -> bool:
    """Whether two states differ in what a lost state is rebuilt from: pointers, environments, seals …, but not claims, locks and beats."""
    return any(getattr(before, name) is not getattr(after, name) for name in ROOT_FIELDS)


def _unpack_state(file: PackedState) -> State:
    return State(**{**fields(file), "current": {address: _unpack_pointer(pointer) for address, pointer in file.current.items()}})


def _pack_pointer(pointer: Pointer) -> PackedPointer:
    return PackedPointer(
        digest=_pack_digest(pointer.digest),
        declaration=_pack_digest(pointer.declaration) if pointer.declaration else b"",
        artifact=None if pointer.artifact is None else _pack_digest(pointer.artifact),
        package=None if pointer.package is None else _pack_digest(pointer.package),
        steps={name: _pack_step(name, step) for name, step in pointer.steps.items()},
        version=pointer.version, deployment=pointer.deployment, effect=pointer.effect, at=pointer.at,
    )  # fmt: skip


def _pack_step(name: str, step: StepPointer) -> bytes | PackedStep:
    return _pack_digest(step.key) if step.op == name else PackedStep(op=step.op, key=_pack_digest(step.key))


def _unpack_pointer(pointer: PackedPointer) -> Pointer:
    steps = {}
    for name, step in pointer.steps.items():
        op, key = (name, step) if isinstance(step, bytes) else (step.op, step.key)
        steps[name] = StepPointer(op=op, key=_unpack_digest(key))
    return Pointer(
        digest=_unpack_digest(pointer.digest),
        declaration=_unpack_digest(pointer.declaration) if pointer.declaration else "",
        artifact=None if pointer.artifact is None else _unpack_digest(pointer.artifact),
        package=None if pointer.package is None else _unpack_digest(pointer.package),
        steps=steps, version=pointer.version, deployment=pointer.deployment, effect=pointer.effect, at=pointer.at,
    )  # fmt: skip


def _pack_digest(text: str) -> bytes:
    """A digest as its bytes, any other string unchanged."""
    if len(text) == LENGTH and text.startswith(PREFIX) and text.islower():
        try:
            return DIGEST + a2b_hex(text[len(PREFIX) :])
        except ValueError:
            pass
    return TEXT + text.encode()


def _unpack_digest(data: bytes) -> str:
    if data[:1] == DIGEST:
        return PREFIX + data[1:].hex()
    return data[1:].decode(errors="replace")
