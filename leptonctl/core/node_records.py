"""What the state and the store record of a node: its pointer and its recipe."""

from collections.abc import Mapping

from leptonctl.core.graph import Keys
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Node


def pointer_of(node: Node, keys: Keys, results: Mapping[str, Result], old: Pointer | None) -> Pointer:
    """The pointer of a built node. Without a new result that makes the artifact, it keeps that of the `old` pointer."""
    steps: dict[str, StepPointer] = {}
    artifact = old.artifact if old else None
    for step in node.steps:
        key = keys.of(*step.place)
        assert key is not None, f"{step.name} of {step.address} has a result and so a key"
        steps[step.name] = StepPointer(op=step.op, key=key)
        if step.makes is not None and key in results:
            artifact = results[key].artifacts.get(step.makes)
    return Pointer(digest=node.digest, declaration=node.declaration, artifact=artifact, steps=steps, effect=node.effect)


def recipe_of(node: Node) -> Recipe:
    """The recipe of a node, to be stored under its declaration."""
    return Recipe(address=node.address, recipe=node.recipe, notes=node.notes)
