"""`verify`: proves that the artifacts have the recorded bytes and answers, and that the recipe reproduces them."""

from collections.abc import Iterator, Mapping

from leptonctl.commands.planning.line import Planned, plan_project
from leptonctl.commands.planning.nodes import model_node
from leptonctl.commands.proving.changed_data import changed_data
from leptonctl.commands.proving.checks import Check, check_artifacts
from leptonctl.commands.proving.past_gates import check_past_gates
from leptonctl.commands.proving.rebuild import PACKAGE_STEPS
from leptonctl.commands.proving.rebuild import rebuild as rebuild_package
from leptonctl.commands.proving.recompute import check_outputs, check_package, check_step
from leptonctl.commands.session import Session
from leptonctl.core.address import short
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.graph import needed_key
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json, Node, Step
from leptonctl.kinds.model.command import COMMAND, not_allowed
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.package import package_name
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.warm import KEY
from leptonctl.project.reading import refuse
from leptonctl.spi.running import Bench

REBUILT = (("export", "parity", "parity"), ("decide", "decision", "decision"), ("cross_validate", "cross-validation", ""))
"""Step, the title of its outputs, and the part of them that a rebuild must reproduce; "" for all."""


def verify(session: Session, address: str, *, rebuild: bool) -> dict[str, Json]:
    """The object of `verify --json`."""
    planned = plan_project(session, moves=False)
    node = model_node(session, address, planned.settled.nodes)
    steps: dict[str, Step] = {step.name: step for step in node.steps}
    steps["prepare"] = models(session.declarations)[short(node.address)].prepare
    results = _results(session, planned.state, node, steps)
    package = results[package_name(results)]
    checks = _checks(session, planned, node, results)
    verdict: dict[str, Json] | None = None
    is_same = True
    if rebuild:
        rebuilt = _rebuild(session, planned.settled, node, steps, results)
        checks += rebuilt.checks
        verdict, is_same = rebuilt.report, rebuilt.ok
    return {
        "address": node.address,
        "digest": node.digest,
        "artifact": package.artifacts.get(GRAPH_FILE),
        "package": package.outputs.get("package"),
        "checks": [check.to_json() for check in checks],
        "ok": all(check.ok for check in checks) and is_same,
        "rebuild": verdict,
    }


def _results(session: Session, state: State | None, node: Node, steps: Mapping[str, Step]) -> dict[str, Result]:
    """The recorded results of the steps that make the package, by name. Failure `not-built` when one is missing."""
    keys = {name: steps[name].key or "" for name in PACKAGE_STEPS if name in steps}
    by_key = session.store.results(keys.values())
    missing = [name for name, key in keys.items() if key not in by_key]
    if missing:
        detail = f"{node.address} has no result for {missing[0]}" + _since_built(session, state, node, steps["prepare"])
        raise _not_built(node.address, detail)
    return {name: by_key[key] for name, key in keys.items()}


def _checks(session: Session, planned: Planned, node: Node, results: Mapping[str, Result]) -> list[Check]:
    """Everything that is checked without a rebuild: bytes and golden rows, then what can be computed again from them."""
    checks = check_artifacts(results.values(), session.store)
    # the other checks need every artifact, and a damaged one has been reported
    if not all(check.ok for check in checks):
        return checks
    pointer = planned.state.current.get(node.address) if planned.state else None
    checks.append(check_package(results[package_name(results)], session.store, pointer.package if pointer else None))
    recomputed = list(_recompute(session, planned.settled, node))
    checks += [check for _, check in recomputed]
    checks += check_past_gates(session, planned.state, node, {key for key, _ in recomputed})
    return checks


class _Rebuilt(Frozen):
    """The part of the answer that a rebuild gives. `ok`: whether the bytes are the same, where they can be."""

    report: dict[str, Json]
    checks: tuple[Check, ...]
    ok: bool


def _rebuild(session: Session, settled: Settled, node: Node, steps: Mapping[str, Step], results: Mapping[str, Result]) -> _Rebuilt:
    """Do the steps of the package again, and the cross-validation if the version has one."""
    _check_allowed(session, node)
    folds = session.store.results(filter(None, [settled.keys.of(node.address, "cross_validate")]))
    recorded = dict(results)
    recorded.update(("cross_validate", result) for result in folds.values())
    read = _needed_results(session, settled, steps["train"]) if "train" in steps else {}
    earlier = {role: result for role, result in read.items() if role != "prepare"}
    build = {op: (dict(steps[op].inputs), result) for op, result in recorded.items()}
    verdict = rebuild_package(build, session.store, session.root, earlier)
    checks = [
        check_outputs(title, recorded[op], verdict.outputs[op], comparable=True, part=part)
        for op, title, part in REBUILT
        if op in verdict.outputs
    ]
    if verdict.changed is not None:
        checks.append(Check(what="data", ok=False, detail=verdict.changed))
    report: dict[str, Json] = {**verdict.to_json(), "reasons": [*verdict.reasons, *_as_recorded(earlier)]}
    return _Rebuilt(report=report, checks=tuple(checks), ok=verdict.ok)


def _since_built(session: Session, state: State | None, node: Node, prepare: Step) -> str:
    """The end of a message: where the data have changed since the version was built, if that is why it has no result; else ""."""
    pointers = [state.current[address] for address in (node.address, *node.needs) if address in state.current] if state else []
    keys = [key for pointer in pointers if (key := pointer.key("prepare")) is not None and key != prepare.key]
    earlier = session.store.results(keys[:1])
    if not earlier:
        return ""
    bench = Bench(project=session.root, artifacts=session.store, check_key=session.store.check_key)
    changed = changed_data(prepare.inputs, earlier[keys[0]], bench)
    return f"; since it was built its data have changed: {changed}" if changed else ""


def _as_recorded(earlier: Mapping[str, Result]) -> Iterator[str]:
    """What a rebuild does not repeat, in words."""
    if SEARCH in earlier:
        trials = earlier[SEARCH].outputs.get("trials")
        count = len(trials) if isinstance(trials, list) else 0
        yield f"the search is used as recorded: its {count} trials were not run again, but its winner was trained again"
    if KEY in earlier:
        yield f"{earlier[KEY].address}, whose training it continues, is used as recorded"


def _check_allowed(session: Session, node: Node) -> None:
    """Failure (exit 3) when a rebuild would run a program, and the project does not allow that."""
    model = models(session.declarations)[short(node.address)]
    if model.origin == COMMAND:
        refuse(tuple(not_allowed(model.declared, session.project)))


def _needed_results(session: Session, settled: Settled, step: Step) -> dict[str, Result]:
    """The recorded results that a step reads, by role. Failure `not-built` when one is missing."""
    keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in step.needs}
    results = session.store.results(filter(None, keys.values()))
    for role, key in keys.items():
        if key not in results:
            address, name = step.needs[role]
            raise _not_built(address, f"{address} has no result for {name}")
    return {role: results[key] for role, key in keys.items() if key is not None}


def _not_built(address: str, detail: str) -> Failure:
    return fail("not-built", "This version is not built", detail, hint=f"run `leptonctl build {address}`")


def _recompute(session: Session, settled: Settled, node: Node) -> Iterator[tuple[str, Check]]:
    """The evaluations of a version, and the comparisons that decide its gates, computed again: (key, check)."""
    for owner in settled.nodes:
        for step in owner.steps:
            is_own = owner.address == node.address
            if step.op not in {"evaluate", "compare"} or not (is_own or any(place[0] == node.address for place in step.needs.values())):
                continue
            key = settled.keys.of(*step.place)
            keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in (*step.needs, *step.needed_keys)}
            results = session.store.results(filter(None, [key, *keys.values()]))
            title = ("metrics" if step.name == step.op else step.name) if is_own else f"{step.name} of {owner.address}"
            if key in results and all(key in results for key in keys.values()):
                needs = {role: results[key] for role, key in keys.items() if key is not None}
                yield key, check_step(title, step, results[key], needs, session.store)
            elif is_own:
                yield key or "", Check(what=title, ok=False, detail="no result is recorded for this package and these rows")
