"""Nodes against recorded pointers: what is new, moved, gone or kept, and because of which written fields."""

from collections.abc import Iterator, Mapping, Sequence

from leptonctl.core.change import Because, Change, Create, Forget, Keep, Remove, Update
from leptonctl.core.graph import Keys
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Node, Path, Span


def diff(nodes: Sequence[Node], current: Mapping[str, Entry], keys: Keys, lost: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """One change an address, in the order of the nodes, vanished addresses last (dependants first). Steps are added by the plan.

    `lost`: addresses in place whose results are gone from the store.
    """
    declared = {node.address for node in nodes}
    gone = sorted((a for a in current if a not in declared), key=lambda a: (a.count("/") * -1, a))
    return (*(_change(node, current.get(node.address), keys, lost) for node in nodes), *(_vanished(a, current[a]) for a in gone))


def _change(node: Node, entry: Entry | None, keys: Keys, lost: frozenset[str]) -> Change:
    after = {"address": node.address, "after": node.digest, "after_version": node.version, "span": node.span}
    if entry is None:
        return Create(reason="new", **after)  # type: ignore[arg-type]
    both = {**after, "before": entry.digest, "before_version": entry.version}
    if entry.digest != node.digest or entry.version != node.version:
        because = tuple(becauses(dict(entry.recipe), node))
        return Update(reason=_reason(node, entry), because=because, **both)  # type: ignore[arg-type]
    if node.address in lost:
        return Update(reason="what was built for it is missing from the store", **both)  # type: ignore[arg-type]
    moved = [step.op for step in node.steps if step.op != "bind" and keys.of(node.address, step.op) != entry.steps.get(step.op)]
    if moved and not node.effect:
        reason = f"{' and '.join(op.replace('_', '-') for op in moved)} asked for anew"
        return Update(reason=reason, because=tuple(_metadata_becauses(entry, node)), **both)  # type: ignore[arg-type]
    if node.effect and node.version is not None and node.metadata != entry.metadata:
        return Update(reason="the checks on its requests changed", **both)  # type: ignore[arg-type]
    return Keep(**both)  # type: ignore[arg-type]


def _reason(node: Node, entry: Entry) -> str:
    if node.version is not None:
        return f"bound version {entry.version} → {node.version}" if node.version != entry.version else "the bound version was rebuilt"
    return "recipe changed"


def _vanished(address: str, entry: Entry) -> Change:
    kind = Remove if entry.effect else Forget
    return kind(address=address, reason="no longer declared", before=entry.digest, before_version=entry.version)


def becauses(before: dict[str, Json], node: Node) -> Iterator[Because]:
    """The fields of the recipe that moved, each at the place where the new value (or its nearest parent) is written."""
    for path, old, new in leaves(before, node.recipe):
        yield Because(path=dotted(path), before=old, after=new, span=_span(node, path))


def _metadata_becauses(entry: Entry, node: Node) -> Iterator[Because]:
    for path, old, new in leaves(dict(entry.metadata), node.metadata):
        span = node.origins.get(("evaluate", *path)) or node.origins.get(("evaluate",)) or node.span
        yield Because(path=dotted(("evaluate", *path)), before=old, after=new, span=span)


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


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _span(node: Node, path: Path) -> Span:
    while path:
        if path in node.origins:
            return node.origins[path]
        path = path[:-1]
    return node.span
