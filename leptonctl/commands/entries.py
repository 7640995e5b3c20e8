"""State entries out of finished steps. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from leptonctl.building.scheduler import Built
from leptonctl.commands.planning import Planned
from leptonctl.core.change import Forget
from leptonctl.core.graph import Keys, part_of
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Node, Result
from leptonctl.storage.pointers import now


def built_entries(planned: Planned, built: Built, keys: Keys, results: Mapping[str, Result]) -> dict[str, Entry | None]:
    """Entries of the datasets and models whose steps all have results; None for what is forgotten."""
    nodes = {node.address: node for node in planned.nodes}
    current = planned.state.current if planned.state else {}
    found: dict[str, Entry | None] = {}
    for change in planned.plan.moving:
        if isinstance(change, Forget):
            found[change.address] = None
        elif change.address in nodes and not nodes[change.address].effect and built.complete(change):
            node = nodes[change.address]
            found[change.address] = replace(entry_of(node, keys, results, current.get(node.address)), at=now())
    return found


def entry_of(node: Node, keys: Keys, results: Mapping[str, Result], old: Entry | None) -> Entry:
    """The entry of a built node. What is not among the results was in place before and is taken from the old entry."""
    steps: dict[str, str] = {}
    reads: dict[str, Json] = {}
    seconds: dict[str, float] = {}
    artifact = old.artifact if old else None
    for step in node.steps:
        key = keys.of(node.address, step.op)
        assert key is not None
        steps[step.op] = key
        result = results.get(key)
        if result is None:
            assert old is not None
            reads.update({name: value for name, value in old.reads.items() if name.startswith(step.op + ".")})
            seconds.update({op: s for op, s in old.seconds.items() if op == step.op})
            continue
        reads.update({f"{step.op}.{part}": part_of(result, part) for part in step.exposes})
        seconds[step.op] = result.seconds
        artifact = result.artifacts.get("model.onnx") if step.op == "export" else artifact
    return Entry(
        digest=node.digest,
        artifact=artifact,
        steps=steps,
        recipe=node.recipe,
        reads=reads,
        seconds=seconds,
        metadata=node.metadata,
        effect=node.effect,
    )
