"""Changes to a plan: the steps that would make the pointers equal, what is cached, what it will cost, and the ids that bind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Drift, Keep, Plan, PlannedStep
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.graph import Keys, needed_key
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json, Node, Result, Step

Durations: TypeAlias = Mapping[tuple[str, str | None, Json], float]
"""(op, family, algorithm) -> the longest it took, in seconds; family None: of all families."""


def wanted_keys(nodes: Sequence[Node], changes: Sequence[Change], keys: Keys, current: Mapping[str, Entry]) -> set[str]:
    """The step keys whose results decide the plan: those of what moves, and of what it reads."""
    by_address = {node.address: node for node in nodes}
    found: set[str | None] = set()
    for change in changes:
        node = by_address.get(change.address)
        if node is None or isinstance(change, Keep):
            continue
        for step in node.steps:
            found.add(keys.of(node.address, step.op))
            found.update(needed_key(step, role, keys.by_place, current) for role in (*step.needs, *step.given))
        for address in node.needs:
            needed = by_address.get(address)
            found.update(keys.of(address, step.op) for step in (needed.steps if needed else ()))
    return {key for key in found if key is not None}


def with_steps(
    changes: Sequence[Change], nodes: Sequence[Node], keys: Keys, current: Mapping[str, Entry], results: Mapping[str, Result]
) -> tuple[Change, ...]:
    """Each moving change with its steps, and what of it is known only after apply. `current`: what stands and need not be done again."""
    by_address = {node.address: node for node in nodes}
    past = durations(current)
    return tuple(
        change
        if isinstance(change, Keep) or change.address not in by_address
        else _planned(change, by_address[change.address], keys, current, results, past)
        for change in changes
    )


def unmet(
    changes: Sequence[Change], nodes: Sequence[Node], keys: Keys, current: Mapping[str, Entry], results: Mapping[str, Result]
) -> frozenset[str]:
    """Addresses in place whose results are gone although a listed step reads them: they have to be built again first."""
    steps = [planned.step for change in changes for planned in change.steps if not planned.cached and planned.step is not None]
    listed = {(planned.address, planned.op) for change in changes for planned in change.steps}
    makers = {key: node.address for node in nodes for s in node.steps if (key := keys.of(node.address, s.op)) is not None}
    found: set[str] = set()
    for step in steps:
        found.update(address for address, op in step.needs.values() if (address, op) not in listed and keys.of(address, op) not in results)
        found.update(makers[key] for key in step.given.values() if key not in results and key in makers)
    return frozenset(found & current.keys())


def only(changes: Sequence[Change], nodes: Sequence[Node], addresses: Sequence[str]) -> tuple[tuple[Change, ...], frozenset[str]]:
    """The named changes and the prerequisites they stand on; the second value names the prerequisites."""
    by_address = {node.address: node for node in nodes}
    named = {c.address for c in changes if any(c.address == a or c.address.startswith(a + "/") for a in addresses)}
    below: set[str] = set()
    queue = list(named)
    while queue:
        node = by_address.get(queue.pop())
        for need in node.needs if node else ():
            if need not in named and need not in below:
                below.add(need)
                queue.append(need)
    return tuple(c for c in changes if c.address in named or c.address in below), frozenset(below)


def make_plan(
    *,
    state: State | None,
    changes: Sequence[Change],
    drift: Sequence[Drift],
    diagnostics: Sequence[Diagnostic],
    configuration: Mapping[str, str],
    data: Mapping[str, str | None],
    live: Json,
    tool: str,
) -> Plan:
    """The plan as a value, bound to everything it was made from.

    configuration: address -> digest of each declared node; data: path -> observed content digest; live: what serves now;
    tool: the tool's version.
    """
    moving = [c for c in changes if not isinstance(c, Keep)]
    binding = {
        "lineage": digest(state.lineage if state else None),
        "serial": digest(state.serial if state else 0),
        "pointers": digest({a: [e.digest, e.version, e.artifact] for a, e in state.current.items()} if state else {}),
        "configuration": digest(dict(configuration)),
        "data": digest(dict(data)),
        "live": digest(live),
        "tool": digest(tool),
        "steps": digest([[c.action, c.address, [[s.op, s.spec, s.cached] for s in c.steps]] for c in moving]),
    }
    return Plan(
        plan_id=digest(cast("Json", binding)),
        effect_id=effect_id(moving),
        lineage=state.lineage if state else None,
        serial=state.serial if state else 0,
        changes=tuple(changes),
        drift=tuple(drift),
        diagnostics=tuple(diagnostics),
        binding=binding,
    )


def effect_id(moving: Iterable[Change]) -> str:
    """What would move, whatever is cached by now: address, digests before and after, and the steps by declaration."""
    rows: list[Json] = [
        [c.address, c.before, c.after, c.before_version, c.after_version, cast("Json", sorted(s.spec for s in c.steps))]
        for c in sorted(moving, key=lambda c: c.address)
    ]
    return digest(rows)


def _planned(
    change: Change, node: Node, keys: Keys, current: Mapping[str, Entry], results: Mapping[str, Result], past: Durations
) -> Change:
    entry = current.get(node.address)
    # evidence for a gate is listed even where the same address recorded it before
    in_place = entry.steps if entry and not node.effect else {}
    steps = []
    for step in node.steps:
        key = keys.of(node.address, step.op)
        if key is not None and in_place.get(step.op) == key:
            continue
        cached = key is not None and key in results and step.op != "bind"
        forecast = 0.0 if cached else forecast_seconds(step, node, past)
        steps.append(PlannedStep(op=step.op, address=node.address, key=key, spec=step.spec, cached=cached, forecast_s=forecast, step=step))
    unknown = tuple(f"steps.{s.op}.key" for s in steps if s.key is None and s.op != "bind")
    if any(s.op == "export" and not s.cached for s in steps):
        unknown = ("artifact", *unknown)
    return replace(change, steps=tuple(steps), known_after_apply=(*change.known_after_apply, *unknown))


def durations(current: Mapping[str, Entry]) -> Durations:
    """What is recorded of how long steps took. A family is a dataset or model with all its versions."""
    found: dict[tuple[str, str | None, Json], float] = {}
    for address, entry in current.items():
        algorithm = entry.recipe.get("algorithm")
        for op, seconds in entry.seconds.items():
            for key in ((op, address.rpartition("@")[0], algorithm), (op, None, algorithm)):
                found[key] = max(found.get(key, 0.0), float(seconds))
    return found


def forecast_seconds(step: Step, node: Node, past: Durations) -> float | None:
    """How long the same op took before: on this address or its sisters, else with the same algorithm; None without history."""
    algorithm = node.recipe.get("algorithm")
    near = past.get((step.op, node.address.rpartition("@")[0], algorithm))
    far = past.get((step.op, None, algorithm)) if algorithm is not None else None
    known = near if near is not None else far
    return None if known is None else round(known, 3)
