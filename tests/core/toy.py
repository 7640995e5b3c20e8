"""A kind with no machine learning in it: nodes whose steps concatenate texts, and measure them by their bytes.

`write` (op prepare) joins its own text to those of the nodes it needs; `measure` (op evaluate) is keyed by the bytes written, as
everything is that depends on what is not there yet.
"""

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st

from leptonctl.commands.entries import entry_of
from leptonctl.core.canonical import digest
from leptonctl.core.graph import Place, complete_key, in_order, needed_key, resolve_keys
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json, Node, Result, Span, Step

LINEAGE = "0" * 32


def span(line: int = 1) -> Span:
    return Span(file="toy.yaml", line=line, column=1, end_column=2)


def toy(
    address: str, text: str, *needs: Node, measured: bool = False, version: str | None = None, metadata: Mapping[str, Json] | None = None,
    **inputs: Json,
) -> Node:  # fmt: skip
    """A node that writes `text` after the texts it needs. With a version it is a binding: an effect. More keywords go to its worker."""
    parts = {f"part{i}": (need.address, "prepare") for i, need in enumerate(needs)}
    fields: dict[str, Json] = {"text": text, "parts": [step.key for need in needs for step in need.steps if step.op == "prepare"]}
    key = digest({"op": "prepare", **fields})
    exposes = ("artifacts.text", "outputs.length")
    write = Step(op="prepare", address=address, key=key, spec=key, fields=fields, inputs={**fields, **inputs}, needs=parts, exposes=exposes)
    measure = Step(
        op="evaluate", address=address, key=None, spec=digest(["evaluate", key]), fields={"how": "letters"}, inputs={"how": "letters"},
        reads=("of.artifacts.text", "of.outputs.length"), needs={"of": (address, "prepare")},
    )  # fmt: skip
    bind = Step(op="bind", address=address, key=None, spec=digest(["bind", address, key]))
    steps = (write, *([measure] if measured else []), *([bind] if version else []))
    return Node(
        address=address, digest=key, recipe={"text": text}, origins={("text",): span(7)}, span=span(5), steps=steps,
        needs=tuple(need.address for need in needs), effect=version is not None, version=version, metadata=dict(metadata or {}),
    )  # fmt: skip


def made(step: Step, key: str, needs: Mapping[str, Result]) -> Result:
    """What the step's worker would make, without a worker: equal inputs, equal bytes."""
    if step.op == "evaluate":
        return result(key, step, {}, {"metrics": {"letters": needs["of"].outputs["length"]}})
    text = "".join(str(needs[role].outputs["text"]) for role in step.needs) + str(step.fields["text"])
    return result(key, step, {"text": digest(text)}, {"text": text, "length": len(text)})


def result(key: str, step: Step, artifacts: Mapping[str, str], outputs: Mapping[str, Json]) -> Result:
    return Result(key=key, op=step.op, artifacts=artifacts, outputs=outputs, provenance={}, seconds=2.0)


def build(nodes: Iterable[Node]) -> dict[str, Result]:
    """The results of all steps, by key."""
    nodes = in_order(nodes)
    results: dict[str, Result] = {}
    keys: dict[Place, str | None] = {}
    for node in nodes:
        for step in node.steps:
            if step.op == "bind":
                continue
            keys[node.address, step.op] = key = step.key or complete_key(step, keys, {}, results)
            assert key is not None
            results[key] = made(step, key, {role: results[str(needed_key(step, role, keys, {}))] for role in step.needs})
    return results


def entries(nodes: Sequence[Node], results: Mapping[str, Result]) -> dict[str, Entry]:
    """The pointers when everything has been built."""
    keys = resolve_keys(nodes, {}, results)
    found = {}
    for node in nodes:
        building = [step for step in node.steps if step.op != "bind"]
        whole = Node(**{**{f: getattr(node, f) for f in Node.__slots__}, "steps": tuple(building)})
        entry = entry_of(whole, keys, results, None)
        text = next((r for name, r in entry.reads.items() if name == "prepare.artifacts.text"), None)
        found[node.address] = Entry(
            **{**{f: getattr(entry, f) for f in Entry.__slots__}, "version": node.version, "artifact": str(text) if text else None}
        )
    return found


def state(current: Mapping[str, Entry], **more) -> State:
    return State(lineage=LINEAGE, project="toy", current=current, **{"revision": 1, "serial": 1, **more})


names = st.text("abcdefgh", min_size=1, max_size=3)


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Nodes that need some of those before them, in any order."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 8))):
        needs = draw(st.lists(st.sampled_from(nodes), unique_by=lambda n: n.address, max_size=3)) if nodes else []
        nodes.append(toy(f"toy/{index}", draw(names), *needs, measured=draw(st.booleans())))
    return draw(st.permutations(nodes))
