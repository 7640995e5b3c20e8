"""What else changes with the lines that a rollback writes back: bindings that it does not move, and versions that nothing binds."""

from collections.abc import Sequence

from leptonctl.commands.session import Session
from leptonctl.core.address import covers
from leptonctl.core.frozen import Frozen
from leptonctl.kinds.environment.kind import bindings


class Shared(Frozen):
    """Addresses. `bindings`: those that use these lines too, and move with the next apply. `versions`: models and datasets that no such
    binding uses, whose pointers can move at once.
    """

    bindings: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


def shared_lines(before: Session, edited: Session, only: Sequence[str]) -> Shared:
    """What an edit declares differently from what is recorded, apart from the bindings at or below `only`."""
    declared, edited_nodes = before.declarations.built, edited.declarations.built
    state = edited.pointers.read()
    recorded = {address: pointer.digest for address, pointer in state.current.items()} if state else {}
    changed = {a: n.digest for a, n in edited_nodes.items() if a not in declared or declared[a].digest != n.digest}
    others = {
        address: binding.model.address
        for address, binding in bindings(edited.declarations).items()
        if not any(one == address or covers(one, address) for one in only)
    }
    moving = {a: version for a, version in others.items() if version in changed and recorded.get(a) != changed[version]}
    bound = {*moving.values()}
    versions = tuple(a for a, digest in changed.items() if recorded.get(a) != digest and a not in bound)
    return Shared(bindings=tuple(sorted(moving)), versions=versions)
