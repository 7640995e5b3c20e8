"""A kind without machine learning: nodes whose steps write strings, measure the written bytes, and publish them.

`write` strips its own text and appends it to the strings of the nodes it needs; `measure` steps are keyed by the written bytes, as
all steps are that depend on results; `publish` is an effect.
"""

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st

from leptonctl.core.canonical import digest
from leptonctl.core.frozen import replace
from leptonctl.core.graph import complete_key, content_of, declaration, in_order, needed_key, resolve_keys
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State, StepPointer
from leptonctl.core.values import Json, Node, Op, Ops, Span, Step, StepPlace

LINEAGE = "0" * 32
OPS: Ops = {
    op.name: op
    for op in (
        # the text before it was stripped is not part of what others read
        Op(name="write", done="written", run="tests.building.toy_steps:write", identity=("text", "length")),
        Op(name="measure", done="measured", run="tests.building.toy_steps:measure"),
        Op(name="publish", done="published"),
    )
}


def span(line: int = 1) -> Span:
    return Span(file="toy.yaml", line=line, column=1, end_column=2)


def toy(
    address: str, text: str, *needs: Node, measures: Sequence[str] = (), version: str | None = None,
    notes: Mapping[str, Json] | None = None, forecast_group: str = "", **inputs: Json,
) -> Node:  # fmt: skip
    """A node that writes `text` after the strings of the nodes it needs, with a step `measure` for each way of measuring, under that name.

    With a version it is an effect: a publication. More keywords go to its worker.
    """
    parts = {f"part{i}": (need.address, "write") for i, need in enumerate(needs)}
    own: dict[str, Json] = {"text": text}
    fields: dict[str, Json] = {**own, "parts": [need.step("write").key for need in needs]}
    key = digest({"op": "write", **fields})
    write = Step(
        name="write",
        op="write",
        address=address,
        key=key,
        spec=key,
        fields=fields,
        own=own,
        inputs={**own, **inputs},
        needs=parts,
        forecast_group=forecast_group,
    )
    publish = Step(name="publish", op="publish", address=address, key=None, spec=digest(["publish", address, key]), effect=True)
    recipe: dict[str, Json] = {"text": text}
    steps = (write, *(measure(address, key, how) for how in measures), *([publish] if version else []))
    return Node(
        address=address, digest=key, recipe=recipe, origins={("text",): span(7)}, span=span(5), steps=steps,
        declaration=declaration(recipe, dict(notes or {}), [] if version else steps),
        needs=tuple(need.address for need in needs), effect=version is not None, version=version, notes=dict(notes or {}),
    )  # fmt: skip


def measure(address: str, written: str, how: str) -> Step:
    """A step that is keyed by the bytes that the node's own `write` step gives."""
    return Step(
        name=how, op="measure", address=address, key=None, spec=digest(["measure", written, how]), fields={"how": how},
        inputs={"how": how}, reads=("of.artifacts.text", "of.outputs.length"), needs={"of": (address, "write")},
    )  # fmt: skip


def produced(step: Step, key: str, needs: Mapping[str, Result]) -> Result:
    """The result of a step, computed without a worker: equal inputs give equal bytes."""
    if step.op == "measure":
        outputs: dict[str, Json] = {"metrics": {str(step.fields["how"]): needs["of"].outputs["length"]}}
        return result(key, step, {}, outputs, content_of(step, needs, OPS))
    draft = str(step.fields["text"])
    text = "".join(str(needs[role].outputs["text"]) for role in step.needs) + draft.strip()
    outputs = {"text": text, "length": len(text), "draft": draft}
    return result(key, step, {"text": digest(text)}, outputs, content_of(step, needs, OPS))


def result(key: str, step: Step, artifacts: Mapping[str, str], outputs: Mapping[str, Json], content: str = "") -> Result:
    return Result(key=key, op=step.op, artifacts=artifacts, outputs=outputs, seconds=2.0, content=content)


def build(nodes: Iterable[Node]) -> dict[str, Result]:
    """The results of all steps, by key."""
    results: dict[str, Result] = {}
    keys: dict[StepPlace, str | None] = {}
    for node in in_order(nodes):
        for step in node.steps:
            if step.effect:
                continue
            keys[step.place] = key = step.key or complete_key(step, keys, {}, results)
            assert key is not None
            results[key] = produced(step, key, {role: results[str(needed_key(step, role, keys, {}))] for role in step.needs})
    return results


def pointers(nodes: Sequence[Node], results: Mapping[str, Result]) -> dict[str, Pointer]:
    """The pointers when everything has been built."""
    keys = resolve_keys(in_order(nodes), {}, results)
    found = {}
    for node in nodes:
        steps = {step.name: (step.op, keys.of(*step.place)) for step in node.steps if not step.effect}
        written = results.get(node.step("write").key or "")
        found[node.address] = Pointer(
            digest=node.digest,
            declaration=node.declaration,
            artifact=written.artifacts["text"] if written else None,
            steps={name: StepPointer(op=op, key=key) for name, (op, key) in steps.items() if key is not None},
            version=node.version,
            effect=node.effect,
        )
    return found


def settled(nodes: Sequence[Node], current: Mapping[str, Pointer], results: Mapping[str, Result]) -> Settled:
    """The declared nodes with what is recorded."""
    ordered = in_order(nodes)
    return Settled(
        nodes=ordered,
        keys=resolve_keys(ordered, current, results),
        current=current,
        results=results,
        by_address={node.address: node for node in ordered},
    )


def state(current: Mapping[str, Pointer], **more) -> State:
    return State(lineage=LINEAGE, project="toy", current=current, **{"revision": 1, "serial": 1, **more})


def with_step(node: Node, step: Step) -> Node:
    """The node with one more declared step."""
    steps = (*node.steps, step)
    return replace(node, steps=steps, declaration=declaration(node.recipe, node.notes, [] if node.effect else steps))


texts = st.text("abcdefgh", min_size=1, max_size=3)


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Nodes that need some of those before them, in any order."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 8))):
        needs = draw(st.lists(st.sampled_from(nodes), unique_by=lambda n: n.address, max_size=3)) if nodes else []
        measures = draw(st.lists(st.sampled_from(["letters", "words"]), unique=True))
        nodes.append(toy(f"toy/{index}", draw(texts), *needs, measures=measures))
    return draw(st.permutations(nodes))
