"""The order of nodes, and the keys of their steps as far as results allow. Knows nothing of machine learning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Node, Op, Result, Step

Place = tuple[str, Op]


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes after all that they need; otherwise in the order given. Raises graphlib.CycleError."""
    by_address = {node.address: node for node in nodes}
    sorter: TopologicalSorter[str] = TopologicalSorter({a: [n for n in node.needs if n in by_address] for a, node in by_address.items()})
    return tuple(by_address[address] for address in sorter.static_order())


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The key of every step, by (address, op): None while it depends on a result that does not exist."""

    by_place: Mapping[Place, str | None] = field(default_factory=dict)

    def of(self, address: str, op: Op) -> str | None:
        return self.by_place.get((address, op))


def resolve_keys(nodes: Sequence[Node], current: Mapping[str, Entry], results: Mapping[str, Result]) -> Keys:
    """Complete the keys that depend on bytes, from results or from what state keeps of them. `nodes` come in order."""
    keys: dict[Place, str | None] = {}
    for node in nodes:
        for step in node.steps:
            keys[node.address, step.op] = step.key if not step.reads else complete_key(step, keys, current, results)
    return Keys(by_place=keys)


def complete_key(step: Step, keys: Mapping[Place, str | None], current: Mapping[str, Entry], results: Mapping[str, Result]) -> str | None:
    """The key of a step that reads parts of results, or None when a part is not known."""
    parts: dict[str, Json] = {}
    for read in step.reads:
        role, _, part = read.partition(".")
        value = _part(step, role, part, keys, current, results)
        if value is None:
            return None
        parts[read] = value
    return digest({"op": step.op, **step.fields, "reads": cast("Json", parts)})


def needed_key(step: Step, role: str, keys: Mapping[Place, str | None], current: Mapping[str, Entry]) -> str | None:
    """The key of the result that a step reads in a role."""
    if role in step.given:
        return step.given[role]
    place = step.needs[role]
    if place in keys:
        return keys[place]
    entry = current.get(place[0])
    return entry.steps.get(place[1]) if entry else None


def part_of(result: Result, part: str) -> Json:
    """`artifacts.NAME` or `outputs.NAME.NAME` of a result; None when absent. Artifact names may hold dots."""
    table, _, rest = part.partition(".")
    if table == "artifacts":
        return result.artifacts.get(rest)
    value: Json = dict(result.outputs)
    for name in rest.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _part(
    step: Step, role: str, part: str, keys: Mapping[Place, str | None], current: Mapping[str, Entry], results: Mapping[str, Result]
) -> Json:
    key = needed_key(step, role, keys, current)
    if key is None:
        return None
    if key in results:
        return part_of(results[key], part)
    if role not in step.needs:
        return None
    address, op = step.needs[role]
    entry = current.get(address)
    return entry.reads.get(f"{op}.{part}") if entry and entry.steps.get(op) == key else None
