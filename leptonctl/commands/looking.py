"""Commands that only look: show, status, history, diff, explain. Values for `--json` and for the views."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from leptonctl.commands.planning import full_address, make
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.diff import becauses
from leptonctl.core.observed import Live
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json, Node, Result, Span
from leptonctl.deploying import fleet
from leptonctl.storage.store import Store

FORMAT = "1.0"
EMPTY: dict[str, Json] = {"format_version": FORMAT, "lineage": None, "serial": 0, "current": {}, "results": {}}


def show(session: Session) -> dict[str, Json]:
    """The recorded pointers, joined with the results of the digests they name."""
    state = session.pointers.read()
    if state is None:
        return dict(EMPTY)
    found = session.store.results(key for entry in state.current.values() for key in entry.steps.values())
    current: dict[str, Json] = {a: _pointer(e) for a, e in sorted(state.current.items())}
    results: dict[str, Json] = {}
    for entry in state.current.values():
        if entry.steps:
            results.setdefault(entry.digest, joined(entry.steps, found))
    return {"format_version": FORMAT, "lineage": state.lineage, "serial": state.serial, "current": current, "results": results}


def _pointer(entry: Entry) -> Json:
    extra: dict[str, Json] = {"version": entry.version, "deployment": entry.deployment} if entry.version is not None else {}
    return {"digest": entry.digest, "artifact": entry.artifact, "steps": dict(entry.steps), "at": entry.at, **extra}


def joined(steps: Mapping[str, str], found: Mapping[str, Result]) -> dict[str, Json]:
    """The results of one version as one object: flat metrics, artifacts, parity, provenance, evaluation, rows."""
    whole: dict[str, Json] = {"metrics": {}, "artifacts": {}, "parity": None, "provenance": {}, "evaluation": {}, "seconds": {}}
    for op, key in steps.items():
        result = found.get(key)
        if result is None:
            continue
        outputs = result.outputs
        cast("dict[str, Json]", whole["metrics"]).update(cast("dict[str, Json]", outputs.get("metrics") or {}))
        cast("dict[str, Json]", whole["evaluation"]).update(cast("dict[str, Json]", outputs.get("evaluation") or {}))
        cast("dict[str, Json]", whole["artifacts"]).update(result.artifacts)
        cast("dict[str, Json]", whole["provenance"])[op] = dict(result.provenance)
        cast("dict[str, Json]", whole["seconds"])[op] = result.seconds
        whole["parity"] = outputs.get("parity") or whole["parity"]
        whole.update({name: outputs[name] for name in ("rows", "contract", "size", "positive", "average", "checks") if name in outputs})
    return whole


def status(session: Session) -> dict[str, Json]:
    """Who serves what since when, by the record and by the live servers."""
    state = session.pointers.read()
    if state is None:
        return {"environments": []}
    live = fleet.live(state, session.store, session.root)
    return {"environments": [_environment(name, state, live[name], session.store) for name in sorted(state.environments)]}


def _environment(name: str, state: State, live: Live, store: Store) -> Json:
    record = state.environments[name]
    prefix = f"environment/{name}/"
    entries = state.entries(prefix)
    served = {str(m["name"]): m for m in cast("list[dict[str, Json]]", (live.status or {}).get("models") or [])}
    models = [_model(address.removeprefix(prefix), entry, served, live, state, store) for address, entry in sorted(entries.items())]
    healthy: bool | None = None
    if models and live.here:
        healthy = live.status is not None and all(cast("dict[str, Json]", m)["drift"] is None for m in models)
    servers: list[Json] = [
        {
            "id": s.get("id"),
            "url": s.get("url"),
            "deployment": s.get("deployment"),
            "stopped": bool(s.get("stopped")),
            "heartbeat": s.get("heartbeat"),
        }
        for s in live.servers
    ]
    return {
        "name": name, "url": record.get("url"), "healthy": healthy, "protected": bool(record.get("protected")),
        "deployment": record.get("deployment"), "commit": record.get("commit"), "models": models, "servers": servers,
    }  # fmt: skip


def _model(name: str, entry: Entry, served: Mapping[str, Any], live: Live, state: State, store: Store) -> Json:
    now = served.get(name) or {}
    evaluate = store.get_result(entry.steps["evaluate"]) if "evaluate" in entry.steps else None
    drift: Json = None
    if live.status is None:
        drift = "not running" if live.here else None
    elif now.get("artifact") != entry.artifact:
        drift = "serves another artifact" if now else "not served"
    deployment = store.deployment(_environment_of(entry, state), entry.deployment) if entry.deployment else None
    return {
        "name": name,
        "version": entry.version,
        "digest": entry.digest,
        "artifact": entry.artifact,
        "since": entry.at,
        "serial": deployment["serial"] if deployment else state.serial,
        "metrics": dict(cast("dict[str, Json]", evaluate.outputs.get("metrics") or {})) if evaluate else {},
        "live_digest": now.get("digest"),
        "live_artifact": now.get("artifact"),
        "live_since": now.get("since"),
        "drift": drift,
    }


def _environment_of(entry: Entry, state: State) -> str:
    return next(address.split("/")[1] for address, other in state.current.items() if other is entry)


def history(session: Session, address: str | None) -> dict[str, Json]:
    """Every pointer change, every refusal by a gate and every build, newest first; of one address when it is given."""
    state = session.pointers.read()
    if state is None:
        return {"entries": [], "builds": []}
    builds = _builds(session.store)
    head = (cast("int", state.history["serial"]), str(state.history["id"])) if state.history else None
    records = list(session.store.history(head))
    # what is gone, or was never let in, has a history too
    told = {str(c["address"]) for record in records for c in (*record.get("changes", ()), *record.get("held", ()))}
    wanted = full_address(address, {*state.current, *told, *(str(b["address"]) for b in builds)}) if address else None
    entries = []
    for record in records:
        changes, held = (
            [c for c in record.get(name, []) if wanted is None or _concerns(c["address"], wanted)] for name in ("changes", "held")
        )
        if changes or held:
            entries.append({**record, "changes": changes, **({"held": held} if held else {})})
    if wanted is not None:
        seen = {*state.current, *told, *(str(b["address"]) for b in builds)}
        builds = [b for b in builds if _concerns(str(b["address"]), wanted)]
        if not entries and not builds and not any(_concerns(known, wanted) for known in seen):
            raise fail("unknown-address", "No such address", f"the history names no {address}", hint=did_you_mean(wanted, seen))
    return {"entries": cast("Json", entries), "builds": cast("Json", builds)}


def _concerns(address: str, wanted: str) -> bool:
    return address == wanted or address.startswith((wanted + "/", wanted + "@"))


def _builds(store: Store) -> list[dict[str, Json]]:
    """One line for the steps that were built for an address in one go (same commit, same process, within a second of each other's end)."""
    rows: dict[tuple[str, str], dict[str, Json]] = {}
    for recorded in sorted(store.all_results(), key=lambda r: str(r.result.provenance.get("at"))):
        result, provenance = recorded.result, recorded.result.provenance
        key = (recorded.address, str(result.provenance.get("commit")) + str(provenance.get("at"))[:16])
        row = rows.setdefault(
            key,
            {
                "address": recorded.address,
                "ops": [],
                "at": provenance.get("at"),
                "by": provenance.get("by"),
                "host": provenance.get("host"),
                "commit": provenance.get("commit"),
                "seconds": 0.0,
                "metrics": {},
            },
        )
        cast("list[Json]", row["ops"]).append(result.op)
        row["seconds"] = round(cast("float", row["seconds"]) + result.seconds, 3)
        if result.op == "evaluate":
            row["metrics"] = result.outputs.get("metrics")
    return sorted(rows.values(), key=lambda r: str(r["at"]), reverse=True)


def diff(session: Session, a: str, b: str) -> dict[str, Json]:
    """Two versions side by side: recipe fields, metrics, flips where they were compared, size, data."""
    from leptonctl.views.diff import diff_fields

    planned = make(session)
    nodes = {node.address: node for node in planned.nodes}
    first, second = (_node(name, nodes) for name in (a, b))
    keys: dict[str, dict[str, str]] = {
        n.address: {s.op: k for s in n.steps if (k := planned.keys.of(n.address, s.op))} for n in (first, second)
    }
    found = session.store.results(k for steps in keys.values() for k in steps.values())
    one, two = (joined(keys[n.address], found) for n in (first, second))
    left, right = (cast("dict[str, Json]", x["metrics"]) for x in (one, two))
    names = [m for m in left if m in right] + sorted((set(left) | set(right)) - (set(left) & set(right)))
    return {
        "a": first.address,
        "b": second.address,
        "fields": cast("Json", diff_fields(_recipe(first), _recipe(second))),
        "metrics": {name: {"a": left.get(name), "b": right.get(name)} for name in names},
        "flips": _flips(session, first, second, keys, found),
        "size": {"a": one.get("size"), "b": two.get("size")},
        "latency": None,
        "data": {"a": first.recipe.get("dataset"), "b": second.recipe.get("dataset")},
    }


def _recipe(node: Node) -> dict[str, Any]:
    return {name: value for name, value in node.recipe.items() if name != "data" and value not in ({}, [])}


def _flips(session: Session, a: Node, b: Node, keys: Mapping[str, Mapping[str, str]], found: Mapping[str, Result]) -> Json:
    """Rows of b's evaluation set whose label differs; None while one of the two is not built or they cannot be compared."""
    from leptonctl.learning.flips import flips

    models = [session.configuration.models.get(n.address.removeprefix("model/")) for n in (a, b)]
    if models[0] is None or models[1] is None:
        return None
    prepared = [session.store.get_result(m.prepare.key or "") for m in models if m]
    exported = [found.get(keys[n.address].get("export", "")) for n in (a, b)]
    if any(one is None for one in (*prepared, *exported)):
        return None
    roles = ("bound_prepare", "prepare", "bound_export", "export")
    needs = {role: one for role, one in zip(roles, (*prepared, *exported), strict=True) if one is not None}
    return flips(session.store, session.root, needs, models[1].scoring)


def explain(session: Session, address: str) -> dict[str, Json]:
    """Why a digest is what it is and what moved it, to file and line."""
    planned = make(session)
    nodes = {node.address: node for node in planned.nodes}
    node = _node(address, nodes)
    entry = planned.state.current.get(node.address) if planned.state else None
    keys = {step.op: planned.keys.of(node.address, step.op) for step in node.steps}
    found = session.store.results(key for key in keys.values() if key)
    steps: list[Json] = [_step(op, key, found.get(key or "")) for op, key in keys.items() if op != "bind"]
    change = next((c for c in planned.plan.changes if c.address == node.address), None)
    moved = change.because if change is not None and change.because else tuple(becauses(dict(entry.recipe), node)) if entry else ()
    return {
        "address": node.address,
        "digest": node.digest,
        "recorded": entry.digest if entry else None,
        "fields": cast("Json", list(_fields(node))),
        "changed": [{"path": b.path, "before": b.before, "after": b.after, **_place(b.span)} for b in moved],
        "steps": steps,
        "builds": cast("Json", [b for b in _builds(session.store) if b["address"] == node.address]),
    }


def _step(op: str, key: str | None, result: Result | None) -> Json:
    told = result.provenance if result else {}
    return {
        "op": op, "key": key, "cached": result is not None, "at": told.get("at"), "by": told.get("by"), "host": told.get("host"),
        "commit": told.get("commit"), "seconds": result.seconds if result else None,
    }  # fmt: skip


def _fields(node: Node) -> Iterable[dict[str, Json]]:
    """The leaves of the recipe, each with the place it is written at, if it is."""
    queue: list[tuple[tuple[str | int, ...], Json]] = [((), cast("Json", node.recipe))]
    while queue:
        path, value = queue.pop(0)
        if isinstance(value, dict) and value:
            queue = [((*path, k), v) for k, v in value.items()] + queue
        elif value is not None and path:
            yield {"path": ".".join(map(str, path)), "value": value, **_place(node.origins.get(path))}


def _place(span: Span | None) -> dict[str, Json]:
    return {"file": span.file, "line": span.line, "column": span.column} if span else {"file": None, "line": None, "column": None}


def _node(written: str, nodes: Mapping[str, Node]) -> Node:
    address = full_address(written, set(nodes))
    if address not in nodes:
        raise fail("unknown-address", "No such address", f"{written} is not declared", hint=did_you_mean(written, nodes))
    return nodes[address]
