"""`verify`: proves that the artifacts have the recorded bytes and answers, and that the recipe gives them again."""

from collections.abc import Iterator, Mapping

from leptonctl.commands.diff import node_at
from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.proving import proof
from leptonctl.commands.proving.past_gates import check_past_gates
from leptonctl.commands.proving.proof import Check
from leptonctl.commands.proving.recompute import check_outputs, check_package, check_step
from leptonctl.commands.recorded.built_versions import LEAST_DIGITS
from leptonctl.commands.session import Session, refuse
from leptonctl.core.address import full, parse, short
from leptonctl.core.diagnostic import did_you_mean, fail
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
from leptonctl.spi.running import Bench

REBUILT = (("export", "parity", "parity"), ("decide", "decision", "decision"), ("cross_validate", "cross-validation", ""))
"""Step -> what its outputs are called, and the part of them that a rebuild must give again."""


def verify(session: Session, address: str, *, rebuild: bool) -> dict[str, Json]:
    """The object of `verify --json`."""
    planned = plan_project(session, moves=False)
    settled = planned.settled
    node = model_node(session, address, settled.nodes)
    steps: dict[str, Step] = {step.name: step for step in node.steps}
    steps["prepare"] = models(session.declarations)[short(node.address)].prepare
    keys = {name: steps[name].key or "" for name in proof.OPS if name in steps}
    by_key = session.store.results(keys.values())
    missing = [name for name, key in keys.items() if key not in by_key]
    if missing:
        detail = f"{node.address} has no result for {missing[0]}" + _since_built(session, planned.state, node, steps["prepare"])
        raise fail("not-built", "This version is not built", detail, hint=f"run `leptonctl build {node.address}`")
    results = {name: by_key[key] for name, key in keys.items()}
    package = results[package_name(results)]
    checks = proof.verify_artifacts(results.values(), session.store)
    # these need every artifact, and a damaged one has been reported
    if all(check.ok for check in checks):
        pointer = planned.state.current.get(node.address) if planned.state else None
        checks.append(check_package(package, session.store, pointer.package if pointer else None))
        present = list(_recomputed(session, settled, node))
        checks += [check for _, check in present]
        checks += check_past_gates(session, planned.state, node, {key for key, _ in present})
    answer: dict[str, Json] = {
        "address": node.address,
        "digest": node.digest,
        "artifact": package.artifacts.get(GRAPH_FILE),
        "package": package.outputs.get("package"),
        "checks": [check.to_json() for check in checks],
        "ok": all(check.ok for check in checks),
        "rebuild": None,
    }
    if rebuild:
        _check_allowed(session, node)
        folds = session.store.results(filter(None, [settled.keys.of(node.address, "cross_validate")]))
        recorded = dict(results)
        recorded.update(("cross_validate", result) for result in folds.values())
        trained = steps.get("train")
        read = _needed(session, settled, trained) if trained is not None else {}
        before = {role: found for role, found in read.items() if role != "prepare"}
        inputs = {op: (dict(steps[op].inputs), result) for op, result in recorded.items()}
        verdict = proof.rebuild(inputs, session.store, session.root, before)
        checks += [
            check_outputs(what, recorded[op], verdict.outputs[op], comparable=True, part=part)
            for op, what, part in REBUILT
            if op in verdict.outputs
        ]
        if verdict.changed is not None:
            checks.append(Check(what="data", ok=False, detail=verdict.changed))
        answer["checks"] = [check.to_json() for check in checks]
        rebuilt = verdict.to_json()
        answer["rebuild"] = {**rebuilt, "reasons": [*verdict.reasons, *_as_recorded(before)]}
        answer["ok"] = all(check.ok for check in checks) and verdict.ok
    return answer


def _since_built(session: Session, state: State | None, node: Node, prepare: Step) -> str:
    """Where the data have changed since the version was built, if that is why it is not built as it is declared now."""
    pointers = [state.current[address] for address in (node.address, *node.needs) if address in state.current] if state else []
    keys = [key for pointer in pointers if (key := pointer.key("prepare")) is not None and key != prepare.key]
    found = session.store.results(keys[:1])
    if not found:
        return ""
    bench = Bench(project=session.root, artifacts=session.store, progress=proof.silent, check_key=session.store.check_key)
    changed = proof.changed_data(prepare.inputs, found[keys[0]], bench)
    return f"; since it was built its data have changed: {changed}" if changed else ""


def _as_recorded(before: Mapping[str, Result]) -> Iterator[str]:
    """What a rebuild does not do again, in words."""
    if SEARCH in before:
        trials = before[SEARCH].outputs.get("trials")
        count = len(trials) if isinstance(trials, list) else 0
        yield f"the search is taken as recorded: its {count} trials were not run again, and its winner was trained again"
    if KEY in before:
        yield f"{before[KEY].address}, from which it goes on, is taken as recorded"


def _check_allowed(session: Session, node: Node) -> None:
    """Failure (exit 3) where a rebuild would run a program, and the project does not let programs run."""
    model = models(session.declarations)[short(node.address)]
    if model.origin == COMMAND:
        refuse(tuple(not_allowed(model.declared, session.project)))


def _needed(session: Session, settled: Settled, step: Step) -> dict[str, Result]:
    """The recorded results that a step reads, by role. Failure `not-built` when one is missing."""
    keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in step.needs}
    found = session.store.results(filter(None, keys.values()))
    for role, key in keys.items():
        if key not in found:
            place = step.needs[role]
            detail = f"{place[0]} has no result for {place[1]}"
            raise fail("not-built", "This version is not built", detail, hint=f"run `leptonctl build {place[0]}`")
    return {role: found[key] for role, key in keys.items() if key is not None}


def _recomputed(session: Session, settled: Settled, node: Node) -> Iterator[tuple[str, Check]]:
    """The evaluations of a version, and the comparisons that the plan would decide its gates by, computed again, with their keys."""
    for owner in settled.nodes:
        for step in owner.steps:
            own = owner.address == node.address
            if step.op not in {"evaluate", "compare"} or not (own or any(place[0] == node.address for place in step.needs.values())):
                continue
            key = settled.keys.of(*step.place)
            keys = {role: needed_key(step, role, settled.keys.by_place, settled.current) for role in (*step.needs, *step.given)}
            found = session.store.results(filter(None, [key, *keys.values()]))
            what = ("metrics" if step.name == step.op else step.name) if own else f"{step.name} of {owner.address}"
            if key in found and all(key in found for key in keys.values()):
                needs = {role: found[key] for role, key in keys.items() if key is not None}
                yield key, check_step(what, step, found[key], needs, session.store)
            elif own:
                yield key or "", Check(what=what, ok=False, detail="no result is recorded for this package and these rows")


def model_node(session: Session, name: str, nodes: tuple[Node, ...]) -> Node:
    """The model version of a full or short address. Failure `unknown-address` when it is not declared."""
    versions = {node.address: node for node in nodes if parse(node.address).kind == "model"}
    if not versions:
        raise fail("unknown-address", "No such model version", f"{name} is not declared", hint=did_you_mean(name, versions))
    digits = name.rpartition("@")[2].removeprefix("sha256:")
    if len(digits) >= LEAST_DIGITS and full(name, versions, session.address_kinds) not in versions:
        # as `leaderboard` prints it
        of = [n for n in versions.values() if n.digest.removeprefix("sha256:").startswith(digits) and _is_of(n, name)]
        if len({node.digest for node in of}) == 1:
            return of[0]
    return node_at(session, name, versions)


def _is_of(node: Node, name: str) -> bool:
    """Whether a name with a digest allows the model of a node: it names that model, or none."""
    model = name.removeprefix("model/").rpartition("@")[0]
    return model in ("", parse(node.address).name)
