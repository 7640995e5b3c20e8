"""Commands that prove, serve, undo and tidy: validate, verify, predict, serve, destroy, gc, locks, schema."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from leptonctl.commands.applying import Consent, owner_of
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning import full_address, make
from leptonctl.commands.session import SCHEMAS, Session
from leptonctl.core.change import Plan, Remove
from leptonctl.core.diagnostic import ERROR, OK, Diagnostic, Failure, did_you_mean, fail, has_errors
from leptonctl.core.event import ApplyFinished, ApplyStarted, Reporter, StepFinished
from leptonctl.core.plan import make_plan
from leptonctl.core.record import State
from leptonctl.core.values import Json, Node, Result
from leptonctl.deploying import processes as servers
from leptonctl.kinds.environment import unbound
from leptonctl.project.edits import write_text
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError, SourceOptions
from leptonctl.storage.claims import claimed, listed, lock_environment

KEPT_DEPLOYMENTS = 10
YOUNG_S = 24 * 3600.0


def validate(session: Session) -> tuple[Diagnostic, ...]:
    """All that is wrong with the project, as far as it can be known without training."""
    _, problems = session.checked
    if has_errors(problems):
        return problems
    return (*problems, *session.resolved[1])


def schema(kind: str | None) -> dict[str, Json]:
    """The JSON Schema of one kind, or of all by kind."""
    if kind is None:
        return {name: cast("Json", SCHEMAS[name]) for name in SCHEMAS}
    name = kind.capitalize()
    if name not in SCHEMAS:
        raise fail("unknown-kind", "No such kind", f"{kind} has no schema", hint=did_you_mean(name, SCHEMAS))
    return SCHEMAS[name]


def verify(session: Session, address: str, rebuild: bool, reporter: Reporter) -> dict[str, Json]:  # noqa: ARG001
    """Prove that the artifacts are the recorded bytes and answer as recorded; with `rebuild` that the recipe gives them again."""
    from leptonctl.commands import proof

    planned = make(session)
    node = _model_node(address, planned.nodes)
    model = session.configuration.models[node.address.removeprefix("model/")]
    steps = {step.op: (step, planned.keys.of(node.address, step.op)) for step in node.steps}
    wanted = {"prepare": (model.prepare, model.prepare.key), **{op: steps[op] for op in ("train", "export")}}
    found = session.store.results(key for _, key in wanted.values() if key)
    missing = [op for op, (_, key) in wanted.items() if key not in found]
    if missing:
        raise fail(
            "not-built",
            "This version is not built",
            f"{node.address} has no result for {missing[0]}",
            hint=f"leptonctl build {node.address}",
        )
    results = {op: found[key] for op, (_, key) in wanted.items() if key}
    checks = proof.verify_artifacts(results.values(), session.store)
    answer: dict[str, Json] = {
        "address": node.address,
        "digest": node.digest,
        "artifact": results["export"].artifacts.get("model.onnx"),
        "checks": [check.to_json() for check in checks],
        "ok": all(check.ok for check in checks),
        "rebuild": None,
    }
    if rebuild:
        verdict = proof.rebuild({op: (step.inputs, results[op]) for op, (step, _) in wanted.items()}, session.store, session.root)
        answer["rebuild"] = verdict.to_json()
        answer["ok"] = bool(answer["ok"]) and verdict.ok
    return answer


def predict(session: Session, target: str, source: Path, output: Path | None, form: str) -> dict[str, Json]:
    """Predictions of a version, or of what an environment binds, for every row of a file: written to `output`, else under `text`."""
    import io

    from leptonctl.learning.predict import predict_file, write_csv, write_jsonl

    export = _exported(session, target)
    manifest = json.loads(session.store.get_artifact(export.artifacts["manifest.json"]))
    reader = session.catalog.source_for(source.name)
    if reader is None:
        raise fail("unknown-format", "No source reads files with this ending", str(source), hint="give a .csv, .parquet or .jsonl file")
    if not source.is_file():
        raise fail("missing-file", "The input file does not exist", str(source), hint="give a file to --input")
    write = write_csv if form == "csv" else write_jsonl
    text = io.StringIO()
    try:
        onnx = session.store.get_artifact(export.artifacts["model.onnx"])
        made = predict_file(onnx, manifest, source, reader, SourceOptions(), key=_privacy_key(session, manifest), name=str(source))
    except ProviderError as problem:
        raise from_provider(problem) from problem
    write(made, text)
    report: dict[str, Json] = {
        "target": target,
        "artifact": export.artifacts["model.onnx"],
        "rows": made.rows,
        "output": str(output) if output else None,
    }
    if output is None:
        return {**report, "text": text.getvalue()}
    write_text(output, text.getvalue())
    return report


def _privacy_key(session: Session, manifest: Mapping[str, Any]) -> bytes | None:
    privacy = manifest.get("privacy")
    return read_secret(privacy["key"], session.root) if privacy and privacy.get("hash") else None


def from_provider(problem: ProviderError) -> Failure:
    """A provider's complaint as a failure; places in data files go into the detail."""
    where = f" ({problem.file}:{problem.line})" if problem.file and problem.line else ""
    return fail(problem.id, problem.summary, problem.detail + where, hint=problem.hint)


def _exported(session: Session, target: str) -> Result:
    state = session.pointers.read()
    bound = state.current if state else {}
    address = full_address(target, set(bound))
    if address.startswith("environment/") and address in bound:
        found = session.store.get_result(bound[address].steps["export"])
    else:
        planned = make(session)
        node = _model_node(target, planned.nodes)
        found = session.store.get_result(planned.keys.of(node.address, "export") or "")
    if found is None:
        raise fail("not-built", "This version is not built", target, hint=f"leptonctl build {target}")
    return found


def _model_node(written: str, nodes: tuple[Node, ...]) -> Node:
    models = {n.address: n for n in nodes if n.address.startswith("model/")}
    address = full_address(written, set(models))
    if address not in models:
        raise fail("unknown-address", "No such model version", f"{written} is not declared", hint=did_you_mean(written, models))
    return models[address]


def serve(session: Session, environment: str, host: str | None, port: int | None) -> int:
    """Serve an environment in the foreground until it is stopped."""
    from leptonctl.deploying.serve import default_id, run

    declared = session.configuration.environments.get(environment)
    if declared is None:
        raise fail(
            "unknown-environment",
            "No such environment",
            f"{environment} is not declared",
            hint=did_you_mean(environment, session.configuration.environments),
        )
    host = host or str(declared.platform["host"])
    port = port or int(cast("int", declared.platform["port"]))
    run(
        store=session.store_uri,
        root=session.root,
        environment=environment,
        host=host,
        port=port,
        server_id=f"{default_id(session.root)}-{port}",
    )
    return OK


def destroy(session: Session, environment: str | None, *, consent: Consent, reporter: Reporter) -> Outcome:
    """Undo the effects of environments: bindings go, this host's servers stop. Results, records and seals stay."""
    state = session.pointers.read()
    names = sorted(state.environments) if state else []
    if environment is not None and environment not in names:
        raise fail(
            "unknown-environment",
            "No such environment is recorded",
            environment,
            hint=did_you_mean(environment, names) or "leptonctl status",
        )
    wanted = [environment] if environment is not None else names
    plan = _removal(state, wanted)
    if not plan.has_effect:
        return Outcome(plan=plan, exit_code=OK)
    if not consent(plan):
        return Outcome(plan=plan, exit_code=ERROR)
    started = time.monotonic()
    owner = owner_of(session, "leptonctl destroy")
    reporter(ApplyStarted(command="destroy", plan_id=plan.plan_id, steps=plan.summary["bind"], reuse=0))
    with claimed(session.pointers, owner, [c.address for c in plan.moving]) as claim:
        for name in wanted:
            session.pointers.move(partial(lock_environment, environment=name, claim=claim))
            servers.stop_server(root=session.root, environment=name)
            record: dict[str, Json] = {
                "command": "destroy",
                "by": owner.get("user"),
                "host": owner.get("host"),
                "commit": owner.get("commit"),
                "environment": name,
            }
            session.pointers.move(partial(_without, name=name), record)
            for change in plan.moving:
                if change.address.startswith(f"environment/{name}/"):
                    reporter(StepFinished(op="bind", address=change.address, key=None, seconds=0.0, message="unbound"))
    serial = state.serial if (state := session.pointers.read()) else 0
    bound = sum(c.address.count("/") > 1 for c in plan.moving)
    finished = ApplyFinished(
        ok=True, prepared=0, trained=0, exported=0, evaluated=0, cross_validated=0, compared=0, bound=bound, failed=0, skipped=0,
        serial=serial, seconds=round(time.monotonic() - started, 3),
    )  # fmt: skip
    reporter(finished)
    return Outcome(plan=plan, exit_code=OK, finished=finished)


def _removal(state: State | None, names: list[str]) -> Plan:
    """The plan of a destroy: every address of the environments, removed."""
    changes = [
        unbound(Remove(address=address, reason="destroyed", before=entry.digest, before_version=entry.version))
        for name in names
        for address, entry in (state.current if state else {}).items()
        if address == f"environment/{name}" or address.startswith(f"environment/{name}/")
    ]
    return make_plan(state=state, changes=changes, drift=(), diagnostics=(), configuration={}, data={}, live=None, tool="")


def _without(state: State, name: str) -> State:
    address = f"environment/{name}"
    gone = {a: None for a in state.current if a == address or a.startswith(address + "/")}
    record = {**state.environments.get(name, {}), "destroyed": True}
    return replace(state, environments={**state.environments, name: record}).moved(gone)


def gc(session: Session, consent: Callable[[Mapping[str, Any]], bool]) -> dict[str, Json]:
    """Drop artifacts that nothing keeps; the records of what was dropped stay."""
    keep = _kept(session)
    cut = time.time() - YOUNG_S
    doomed = [(digest, size) for digest, size, changed in session.store.artifacts() if digest not in keep and changed < cut]
    report: dict[str, Json] = {"artifacts": len(doomed), "bytes": sum(size for _, size in doomed), "kept": len(keep), "done": False}
    if not doomed or not consent(report):
        return report
    for digest, _ in doomed:
        session.store.delete_artifact(digest)
    return {**report, "done": True}


def _kept(session: Session) -> set[str]:
    """Artifacts of declared versions, of what is recorded and bound, and of the last deployments of every environment."""
    planned = make(session)
    state = session.pointers.read()
    keys = {key for key in planned.keys.by_place.values() if key}
    keep: set[str] = set()
    for entry in state.current.values() if state else ():
        keys |= set(entry.steps.values())
    for name in state.environments if state else ():
        numbers = session.store.deployments(name)[-KEPT_DEPLOYMENTS:]
        for server in session.store.servers(name):
            numbers.append(int(server.get("deployment") or 0))
        for number in numbers:
            record = session.store.deployment(name, number)
            for model in (record or {}).get("models", {}).values():
                keep |= set(model["artifacts"].values())
    for recorded in session.store.all_results():
        artifacts = set(recorded.result.artifacts.values())
        if recorded.result.key in keys or artifacts & keep:
            keep |= artifacts
    return keep


def locks(session: Session) -> list[dict[str, Json]]:
    """Every registration of an apply and every environment's lock."""
    state = session.pointers.read()
    return listed(state) if state else []


def release(session: Session, lock_id: str) -> dict[str, Json]:
    """Take a claim or lock from its holder. The compare-and-swap stays the fence: a holder that lives on cannot overwrite."""
    rows = {str(row["id"]): row for row in locks(session)}
    if lock_id not in rows:
        raise fail("unknown-lock", "No such lock", lock_id, hint=did_you_mean(lock_id, rows) or "leptonctl lock list")

    def move(state: State) -> State:
        applies = {name: record for name, record in state.applies.items() if name != lock_id}
        environment = lock_id.removeprefix("environment/")
        kept = {
            n: r
            for n, r in state.locks.items()
            if not (lock_id.startswith("environment/") and n == environment) and r.get("claim") != lock_id
        }
        return replace(state, applies=applies, locks=kept)

    session.pointers.move(move)
    return {"released": rows[lock_id]}
