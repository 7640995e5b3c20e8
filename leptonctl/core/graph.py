"""The order of nodes, and the keys of their steps as far as results allow. Knows no op, no kind and no machine learning."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from leptonctl.core.canonical import digest
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer
from leptonctl.core.values import Json, Node, Op, Step, StepPlace


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes after everything they need; otherwise their order is kept. Raises graphlib.CycleError."""
    by_address = {node.address: node for node in nodes}
    if _is_ordered(by_address):
        return tuple(by_address.values())
    sorter: TopologicalSorter[str] = TopologicalSorter({a: [n for n in node.needs if n in by_address] for a, node in by_address.items()})
    return tuple(by_address[address] for address in sorter.static_order())


def _is_ordered(nodes: Mapping[str, Node]) -> bool:
    """Whether every node already follows what it needs: the usual case, since kinds are declared in that order."""
    earlier: set[str] = set()
    for address, node in nodes.items():
        if any(need not in earlier and need in nodes for need in node.needs):
            return False
        earlier.add(address)
    return True


def declaration(recipe: Json, notes: Json, steps: Iterable[Step] = ()) -> str:
    """The digest that `Node.declaration` holds."""
    return digest({"recipe": recipe, "notes": notes, "steps": [[step.name, step.spec] for step in steps]})


class Keys(Frozen):
    """The key of every step by its place: None while it depends on a result that does not exist."""

    by_place: Mapping[StepPlace, str | None] = field(default_factory=dict)

    def of(self, address: str, name: str) -> str | None:
        """The key of a step of an address, None while it is not known."""
        return self.by_place.get((address, name))


def resolve_keys(nodes: Sequence[Node], current: Mapping[str, Pointer], results: Mapping[str, Result]) -> Keys:
    """Complete the keys that depend on bytes: from results, or from the pointer when the declaration is the recorded one.

    `nodes` are in order. A recorded key holds only while everything that its step reads is as recorded.
    """
    keys: dict[StepPlace, str | None] = {}
    for node in nodes:
        pointer = current.get(node.address)
        recorded = pointer if pointer is not None and not node.effect and pointer.declaration == node.declaration else None
        for step in node.steps:
            if step.key is not None or not step.reads:
                keys[step.place] = step.key
            elif recorded is not None and (key := recorded.key(step.name)) is not None and _reads_unchanged(step, keys, current):
                keys[step.place] = key
            else:
                keys[step.place] = complete_key(step, keys, current, results)
    return Keys(by_place=keys)


def _reads_unchanged(step: Step, keys: Mapping[StepPlace, str | None], current: Mapping[str, Pointer]) -> bool:
    """Whether everything that a step reads is as recorded."""
    for place in step.needs.values():
        pointer = current.get(place[0])
        if pointer is not None and place in keys and keys[place] != pointer.key(place[1]):
            return False
    return True


def complete_key(
    step: Step, keys: Mapping[StepPlace, str | None], current: Mapping[str, Pointer], results: Mapping[str, Result]
) -> str | None:
    """The key of a step that reads parts of results; None when a part is not known."""
    needed = {role: needed_key(step, role, keys, current) for role in (*step.needs, *step.given)}
    return key_from(step, {role: results[key] for role, key in needed.items() if key is not None and key in results})


def key_from(step: Step, needs: Mapping[str, Result]) -> str | None:
    """The key of a step from the results that it reads, by role; None when a part is missing."""
    if step.key is not None:
        return step.key
    parts: dict[str, Json] = {}
    for read in step.reads:
        role, _, part = read.partition(".")
        value = part_of(needs[role], part.removesuffix("?")) if role in needs else None
        if value is None and (role not in needs or not part.endswith("?")):
            return None
        parts[read] = value
    return digest({"op": step.op, **step.fields, "reads": parts})


def content_of(step: Step, needs: Mapping[str, Result], ops: Mapping[str, Op]) -> str:
    """The digest of a step's content: its own fields and the contents of the needed results, whatever their keys.

    "" where the key is by content already.
    """
    if step.own is None:
        return ""
    plain = ops[step.op].plain
    own: Json = dict(step.own if plain is None else plain(step.own, needs))
    for path, read in step.fills.items():
        role, _, part = read.partition(".")
        own = _with_value(own, path.split("."), part_of(needs[role], part))
    read_whole = needs.keys() - {read.partition(".")[0] for read in step.fills.values()}
    contents: dict[str, Json] = {role: identity(needs[role], ops[needs[role].op]) for role in read_whole}
    return digest({"op": step.op, "own": own, "needs": contents})


def _with_value(value: Json, path: Sequence[str], new: Json) -> Json:
    """A JSON value with the part at `path` replaced."""
    if not path:
        return new
    inner = value if isinstance(value, Mapping) else {}
    return {**inner, path[0]: _with_value(inner.get(path[0]), path[1:], new)}


def identity(result: Result, op: Op) -> str:
    """The digest of what counts of a result for the steps that read it."""
    names = result.outputs if op.identity is None else op.identity
    artifacts: Json = {name: content for name, content in result.artifacts.items() if name not in op.aside}
    return digest({"artifacts": artifacts, "outputs": {name: result.outputs.get(name) for name in names}})


def needed_key(step: Step, role: str, keys: Mapping[StepPlace, str | None], current: Mapping[str, Pointer]) -> str | None:
    """The key of the result that a step reads in a role."""
    if role in step.given:
        return step.given[role]
    place = step.needs[role]
    if place in keys:
        return keys[place]
    pointer = current.get(place[0])
    return pointer.key(place[1]) if pointer else None


def part_of(result: Result, part: str) -> Json:
    """`artifacts.NAME` or `outputs.NAME.NAME` of a result; None when absent. Artifact names may hold dots."""
    table, _, rest = part.partition(".")
    if table == "artifacts":
        return result.artifacts.get(rest)
    value: Json = dict(result.outputs)
    for name in rest.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
