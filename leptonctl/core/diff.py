"""Nodes compared with recorded pointers: what is new, changed, no longer declared or unchanged, and which declared fields caused it."""

from collections.abc import Iterator, Mapping, Sequence

from leptonctl.core.address import parse
from leptonctl.core.change import Because, Change, Create, Forget, Keep, Remove, Update
from leptonctl.core.frozen import replace
from leptonctl.core.graph import Keys
from leptonctl.core.state import Pointer
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json, Node, Path, Span


def diff(nodes: Sequence[Node], current: Mapping[str, Pointer], keys: Keys, lost: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """One change per address, in the order of the nodes; addresses no longer declared come last (dependants first).

    Steps and becauses are added later, to what moves. `lost`: recorded addresses whose results are missing from the store.
    """
    declared = {node.address for node in nodes}
    undeclared = sorted((a for a in current if a not in declared), key=lambda a: (parse(a).member is None, a))
    return (*(_change(node, current.get(node.address), keys, lost) for node in nodes), *(_removal(a, current[a]) for a in undeclared))


def _change(node: Node, pointer: Pointer | None, keys: Keys, lost: frozenset[str]) -> Change:
    if pointer is None:
        return Create(address=node.address, reason="new", after=node.digest, after_version=node.version, span=node.span)
    reason = _reason(node, pointer, keys, lost)
    change = Update if reason else Keep
    return change(
        address=node.address, reason=reason, span=node.span,
        before=pointer.digest, before_version=pointer.version, after=node.digest, after_version=node.version,
    )  # fmt: skip


def _reason(node: Node, pointer: Pointer, keys: Keys, lost: frozenset[str]) -> str:
    """Why a recorded address moves; "" when it does not."""
    if node.version != pointer.version:
        return f"bound version {pointer.version} → {node.version}"
    if node.digest != pointer.digest:
        return "recipe changed" if node.version is None else "the bound version was rebuilt"
    if node.address in lost:
        return "its results are missing from the store, or damaged there"
    if node.effect:
        unchanged = node.version is None or node.declaration == pointer.declaration
        return "" if unchanged else "the checks on its requests changed"
    moved = [step.name.replace("_", "-") for step in node.steps if keys.of(node.address, step.name) != pointer.key(step.name)]
    if moved and node.declaration == pointer.declaration:
        return "its inputs have changed"
    return f"{' and '.join(moved)} requested again" if moved else ""


def _removal(address: str, pointer: Pointer) -> Change:
    change = Remove if pointer.effect else Forget
    return change(address=address, reason="no longer declared", before=pointer.digest, before_version=pointer.version)


def with_becauses(change: Change, node: Node | None, recipe: Recipe | None) -> Change:
    """An update with the declared fields that caused it; `recipe` is the recorded one, None when it is not in the store."""
    if not isinstance(change, Update) or node is None or recipe is None:
        return change
    same = change.before == change.after and change.before_version == change.after_version
    return replace(change, because=tuple(notes_becauses(recipe, node) if same else becauses(recipe, node)))


def becauses(before: Recipe, node: Node) -> Iterator[Because]:
    """The fields of the recipe that changed, each with the span where the new value (or its nearest parent) is written."""
    for path, old, new in leaves(dict(before.recipe), dict(node.recipe)):
        yield Because(path=dotted_path(path), before=old, after=new, span=span_of(node, path))


def notes_becauses(before: Recipe, node: Node) -> Iterator[Because]:
    """The notes that changed, each with the span where it is written."""
    if node.effect:
        return
    for path, old, new in leaves(dict(before.notes), dict(node.notes)):
        yield Because(path=dotted_path(path), before=old, after=new, span=span_of(node, path))


def leaves(before: Json, after: Json, path: Path = ()) -> Iterator[tuple[Path, Json, Json]]:
    """Where two JSON values differ: maps key by key, lists of equal length item by item, everything else whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(k for k in after if k not in before)]:
            yield from leaves(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from leaves(old, new, (*path, index))
    elif before != after or type(before) is not type(after):
        yield path, before, after


def dotted_path(path: Path) -> str:
    """A path as people write it."""
    return ".".join(str(part) for part in path)


def span_of(node: Node, path: Path) -> Span:
    """Where the field of a recipe at `path`, or its nearest written ancestor, is written."""
    while path:
        if path in node.origins:
            return node.origins[path]
        path = path[:-1]
    return node.span
