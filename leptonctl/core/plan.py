"""From changes to a plan: the steps that would make the pointers equal, what is cached, how long it takes, and the ids that bind it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from leptonctl.core.address import family, wholes
from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Drift, Keep, Plan, PlannedStep
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.graph import Keys, needed_key, part_of
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json, Node, Step, StepPlace

MOST_SISTERS = 16
"""How many earlier builds a forecast is based on."""


class Settled(Frozen):
    """What is declared, joined with what is recorded: nodes in order and by address, the keys of their steps, the current pointers
    and the results that decide the plan.
    """

    nodes: tuple[Node, ...]
    keys: Keys
    current: Mapping[str, Pointer]
    results: Mapping[str, Result] = field(default_factory=dict)
    by_address: Mapping[str, Node] = field(default_factory=dict)


def deciding_keys(settled: Settled, changes: Iterable[Change]) -> set[str]:
    """The step keys whose results the plan depends on: those of moving nodes, and of what they read."""
    keys: set[str | None] = set()
    for change in changes:
        node = settled.by_address.get(change.address)
        if node is None or isinstance(change, Keep):
            continue
        for step in node.steps:
            keys.add(settled.keys.of(*step.place))
            keys.update(needed_key(step, role, settled.keys.by_place, settled.current) for role in (*step.needs, *step.needed_keys))
        for address in node.needs:
            needed = settled.by_address.get(address)
            keys.update(settled.keys.of(*step.place) for step in (needed.steps if needed else ()))
    return {key for key in keys if key is not None}


def with_steps(settled: Settled, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each moving change with its steps, and with what is known only after apply."""
    return tuple(
        change
        if isinstance(change, Keep) or change.address not in settled.by_address
        else _with_steps(change, settled.by_address[change.address], settled)
        for change in changes
    )


def _with_steps(change: Change, node: Node, settled: Settled) -> Change:
    pointer = settled.current.get(node.address)
    steps = []
    for step in node.steps:
        key = settled.keys.of(*step.place)
        # evidence for a gate is listed even when the same address has recorded it before
        if key is not None and pointer is not None and not node.effect and pointer.key(step.name) == key:
            continue
        result = settled.results.get(key) if key is not None and not step.effect else None
        decided = part_of(result, f"outputs.{step.decides}") if result is not None and step.decides else None
        steps.append(PlannedStep(step=step, key=key, cached=result is not None, decided=decided))
    unknown = tuple(f"steps.{s.name}.key" for s in steps if s.key is None and not s.effect)
    unknown += tuple(f"{s.name}.{s.step.decides}" for s in steps if s.step.decides and not s.cached)
    if any(s.step.makes is not None and not s.cached for s in steps):
        unknown = ("artifact", *unknown)
    return replace(change, steps=tuple(steps), known_after_apply=(*change.known_after_apply, *unknown))


def addresses_to_rebuild(settled: Settled, changes: Sequence[Change]) -> frozenset[str]:
    """Recorded addresses whose results are missing although a listed step reads them; they have to be built again first."""
    steps = [planned.step for change in changes for planned in change.steps if not planned.cached]
    if not steps:
        return frozenset()
    listed = {planned.step.place for change in changes for planned in change.steps}
    addresses: set[str] = set()
    missing = {key for step in steps for key in step.needed_keys.values() if key not in settled.results}
    for step in steps:
        addresses.update(
            place[0] for place in step.needs.values() if place not in listed and settled.keys.of(*place) not in settled.results
        )
    if missing:
        makers = {key: node.address for node in settled.nodes for s in node.steps if (key := settled.keys.of(*s.place)) in missing}
        addresses.update(makers[key] for key in missing if key in makers)
    return frozenset(addresses & settled.current.keys())


def only(changes: Sequence[Change], by_address: Mapping[str, Node], requested: Sequence[str]) -> tuple[tuple[Change, ...], frozenset[str]]:
    """The changes at the requested addresses and at their prerequisites; the second value names the prerequisites."""
    requested_addresses = set(requested)
    targets = {c.address for c in changes if not requested_addresses.isdisjoint(wholes(c.address))}
    prerequisites: set[str] = set()
    queue = list(targets)
    while queue:
        node = by_address.get(queue.pop())
        for need in node.needs if node else ():
            if need not in targets and need not in prerequisites:
                prerequisites.add(need)
                queue.append(need)
    return tuple(c for c in changes if c.address in targets or c.address in prerequisites), frozenset(prerequisites)


def without_work(changes: Sequence[Change], by_address: Mapping[str, Node], addresses: Sequence[str]) -> frozenset[str]:
    """Those of the addresses that move without work: all their steps, and those of what they need, have results."""
    unfinished: set[str] = set()
    # a node comes after what it needs
    for change in only(changes, by_address, addresses)[0]:
        node = by_address.get(change.address)
        if any(not step.cached for step in change.steps) or (node is not None and not unfinished.isdisjoint(node.needs)):
            unfinished.add(change.address)
    return frozenset(addresses) - unfinished


def sister_keys(settled: Settled, changes: Iterable[Change]) -> dict[StepPlace, tuple[str, ...]]:
    """For each step to compute, the keys of similar earlier results: of its own family, else of its forecast group."""
    pending = [planned.step for change in changes for planned in change.steps if not planned.cached and not planned.effect]
    if not pending:
        return {}
    ops = {step.op for step in pending}
    by_family: dict[tuple[str, str, str], list[str]] = {}
    by_group: dict[tuple[str, str], list[str]] = {}
    for step, key in _recorded_steps(settled):
        if step.op in ops:
            by_family.setdefault((family(step.address), step.op, step.forecast_group), []).append(key)
            if step.forecast_group:
                by_group.setdefault((step.op, step.forecast_group), []).append(key)
    sisters = {
        step.place: by_family.get((family(step.address), step.op, step.forecast_group))
        or (by_group.get((step.op, step.forecast_group)) if step.forecast_group else None)
        for step in pending
    }
    return {place: tuple(keys[-MOST_SISTERS:]) for place, keys in sisters.items() if keys}


def _recorded_steps(settled: Settled) -> Iterator[tuple[Step, str]]:
    """Every declared step that has a recorded result, with its key."""
    for node in settled.nodes:
        pointer = settled.current.get(node.address)
        for step in node.steps if pointer is not None else ():
            key = pointer.key(step.name) if pointer is not None else None
            if key is not None:
                yield step, key


def with_forecasts(
    changes: Iterable[Change], sisters: Mapping[StepPlace, Sequence[str]], results: Mapping[str, Result]
) -> tuple[Change, ...]:
    """The changes with a forecast for each step: the longest time that similar steps took. Cached steps take none."""

    def forecast(planned: PlannedStep) -> PlannedStep:
        if planned.cached:
            return replace(planned, forecast_s=0.0)
        past = [results[key].seconds for key in sisters.get(planned.step.place, ()) if key in results]
        return replace(planned, forecast_s=round(max(past), 3)) if past else planned

    return tuple(replace(change, steps=tuple(map(forecast, change.steps))) if change.steps else change for change in changes)


class Observed(Frozen):
    """Everything that a plan is bound to, apart from its own steps.

    configuration: address -> digest of each declared node; data: path -> observed content digest; live: what serves now;
    tool: the tool's version.
    """

    configuration: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str | None] = field(default_factory=dict)
    live: Json = None
    tool: str = ""


def make_plan(
    *,
    state: State | None,
    changes: Sequence[Change],
    drift: Sequence[Drift] = (),
    diagnostics: Sequence[Diagnostic] = (),
    observed: Observed,
    ops: Collection[str],
    only: Sequence[str] = (),
) -> Plan:
    """The plan, bound to everything it was computed from.

    `ops` are the names of the ops, in the order they are counted. `only`: the addresses it is limited to; none: all.
    """
    moving = [c for c in changes if not isinstance(c, Keep)]
    binding = _binding(state, moving, observed)
    return Plan(
        plan_id=digest(dict(binding)),
        effect_id=effect_id(moving),
        lineage=state.lineage if state else None,
        serial=state.serial if state else 0,
        changes=tuple(changes),
        drift=tuple(drift),
        diagnostics=tuple(diagnostics),
        ops=tuple(ops),
        binding=binding,
        only=tuple(only),
    )


def _binding(state: State | None, moving: Iterable[Change], observed: Observed) -> dict[str, str]:
    """What a saved plan is bound to: part -> digest."""
    pointers: Json = {a: [p.digest, p.version, p.package, p.artifact] for a, p in state.current.items()} if state else {}
    steps: Json = [[c.action, c.address, [[s.name, s.op, s.spec, s.cached] for s in c.steps]] for c in moving]
    return {
        "lineage": digest(state.lineage if state else None),
        "serial": digest(state.serial if state else 0),
        "pointers": digest(pointers),
        "configuration": digest(dict(observed.configuration)),
        "data": digest(dict(observed.data)),
        "live": digest(observed.live),
        "tool": digest(observed.tool),
        "steps": digest(steps),
    }


def effect_id(moving: Iterable[Change]) -> str:
    """The digest of what would move, whatever is cached: address, digests before and after, and the steps by declaration."""
    rows: list[Json] = [
        [c.address, c.before, c.after, c.before_version, c.after_version, *sorted(s.spec for s in c.steps)]
        for c in sorted(moving, key=lambda c: c.address)
    ]
    return digest(rows)


Before = tuple[str | None, str | None]
"""Digest and version of a pointer, as in a change; both None without a pointer."""


def moved_addresses(state: State, before: Mapping[str, Before]) -> list[str]:
    """The addresses whose pointer is no longer what the plan saw."""
    return [address for address, planned in before.items() if _before(state.current.get(address)) != planned]


def _before(pointer: Pointer | None) -> Before:
    return (pointer.digest, pointer.version) if pointer else (None, None)
