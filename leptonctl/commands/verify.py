"""`verify`: proves that the artifacts have the recorded bytes and answers, and that the recipe gives them again."""

from leptonctl.commands import proof
from leptonctl.commands.diff import node_at
from leptonctl.commands.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core.address import parse, short
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json, Node, Step
from leptonctl.kinds.model import models


def verify(session: Session, address: str, *, rebuild: bool) -> dict[str, Json]:
    """The object of `verify --json`."""
    settled = plan_project(session).settled
    node = model_node(session, address, settled.nodes)
    steps: dict[str, Step] = {step.name: step for step in node.steps}
    steps["prepare"] = models(session.declarations)[short(node.address)].prepare
    keys = {name: steps[name].key or "" for name in proof.OPS}
    by_key = session.store.results(keys.values())
    missing = [name for name, key in keys.items() if key not in by_key]
    if missing:
        detail = f"{node.address} has no result for {missing[0]}"
        raise fail("not-built", "This version is not built", detail, hint=f"run `leptonctl build {node.address}`")
    results = {name: by_key[key] for name, key in keys.items()}
    checks = proof.verify_artifacts(results.values(), session.store)
    evaluation = session.store.results(filter(None, [settled.keys.of(node.address, "evaluate")]))
    # the metrics need every artifact, and a damaged one has been reported
    if all(check.ok for check in checks):
        checks += [proof.verify_metrics(steps["evaluate"].inputs, one, results, session.store) for one in evaluation.values()]
    answer: dict[str, Json] = {
        "address": node.address,
        "digest": node.digest,
        "artifact": results["export"].artifacts.get(GRAPH_FILE),
        "package": results["export"].outputs.get("package"),
        "checks": [check.to_json() for check in checks],
        "ok": all(check.ok for check in checks),
        "rebuild": None,
    }
    if rebuild:
        verdict = proof.rebuild({name: (steps[name].inputs, results[name]) for name in proof.OPS}, session.store, session.root)
        answer["rebuild"] = verdict.to_json()
        answer["ok"] = bool(answer["ok"]) and verdict.ok
    return answer


def model_node(session: Session, name: str, nodes: tuple[Node, ...]) -> Node:
    """The model version of a full or short address. Failure `unknown-address` when it is not declared."""
    versions = {node.address: node for node in nodes if parse(node.address).kind == "model"}
    if not versions:
        raise fail("unknown-address", "No such model version", f"{name} is not declared", hint=did_you_mean(name, versions))
    return node_at(session, name, versions)
