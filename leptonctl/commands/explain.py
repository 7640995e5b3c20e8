"""`explain`: what a digest is made of and which edit changed it, with file and line."""

from collections.abc import Iterator, Mapping

from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.planning.nodes import node_at
from leptonctl.commands.recorded.builds import builds
from leptonctl.commands.recorded.ownership import ownership
from leptonctl.commands.session import Session
from leptonctl.core.change import Change
from leptonctl.core.diff import becauses
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node, Path, Span, Step
from leptonctl.kinds.environment.gates import refusal

FOLLOWS: Mapping[Path, Path] = {("target",): ("data", "target"), ("model",): ("version",)}
"""Field of a recipe -> the field that it follows from: a model's target is its dataset's, a binding's model is the key of its version."""


def explain(session: Session, address: str) -> dict[str, Json]:
    """The object of `explain --json`."""
    planned = plan_project(session, moves=False)
    node = node_at(session, address, planned.settled.by_address)
    pointer = planned.state.current.get(node.address) if planned.state else None
    keys = {step.name: planned.settled.keys.of(*step.place) for step in node.steps}
    results = session.results({key for key in keys.values() if key})
    change = next((c for c in planned.plan.changes if c.address == node.address), None)
    causes = change.because if change is not None else ()
    if not causes and pointer is not None:
        recipe = session.recipes({pointer.declaration}).get(pointer.declaration)
        causes = tuple(becauses(recipe, node)) if recipe else ()
    ours = ownership(session, planned.state, keys.values())
    return {
        "address": node.address,
        "digest": node.digest,
        "recorded": pointer.digest if pointer else None,
        "held": _hold_report(change) if change is not None and change.is_held else None,
        "fields": [*_fields(node)],
        "changed": [{"path": b.path, "before": b.before, "after": b.after, **_place(b.span)} for b in causes],
        "steps": [_step(step, keys[step.name], results.get(keys[step.name] or "")) for step in node.steps if not step.effect],
        "builds": [*builds(session, ours, node.address)],
    }


def _hold_report(change: Change) -> Json:
    """Why an apply does not move what differs, and what to do. `since`: when an apply first found it held; None if none has."""
    hold = change.hold
    reason = hold.reason if hold else refusal(change.judgements)
    return {"reason": reason, "hint": (hold.hint if hold else "") or None, "since": (hold.since if hold else "") or None}


def _step(step: Step, key: str | None, result: Result | None) -> Json:
    built = result.provenance if result else {}
    return {
        "name": step.name, "op": step.op, "key": key, "cached": result is not None, "at": built.get("at"), "by": built.get("by"),
        "host": built.get("host"), "commit": built.get("commit"), "seconds": result.seconds if result else None,
    }  # fmt: skip


def _fields(node: Node) -> Iterator[dict[str, Json]]:
    """The leaves of the recipe, each with its place in the YAML if it has one."""
    queue: list[tuple[Path, Json]] = [((), dict(node.recipe))]
    while queue:
        path, value = queue.pop(0)
        if isinstance(value, dict) and value:
            inner: list[tuple[Path, Json]] = [((*path, key), item) for key, item in value.items()]
            queue = inner + queue
        elif value is not None and path:
            yield {"path": ".".join(map(str, path)), "value": value, **_place(_origin(node, path))}


def _origin(node: Node, path: Path) -> Span | None:
    """Where a field is written; None for a default. A field that follows from another one is written where that one is."""
    if path in node.origins:
        return node.origins[path]
    if "source" in path:
        # format and digest belong to the file that `source` names
        return node.origins.get(path[: path.index("source") + 1])
    return node.origins.get(FOLLOWS.get(path, ()))


def _place(span: Span | None) -> dict[str, Json]:
    return {"file": span.file, "line": span.line, "column": span.column} if span else {"file": None, "line": None, "column": None}
