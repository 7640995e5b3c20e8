"""`diff`: compares two versions: recipe fields, metrics, flips if the versions are comparable, size, data."""

from collections.abc import Mapping

from leptonctl.commands.line import plan_project
from leptonctl.commands.results import join_results
from leptonctl.commands.session import Session
from leptonctl.core.address import full, short
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node
from leptonctl.kinds.model import models


def diff(session: Session, a: str, b: str) -> dict[str, Json]:
    """The object of `diff --json`."""
    from leptonctl.views.diff import diff_fields

    settled = plan_project(session).settled
    first, second = (node_at(session, name, settled.by_address) for name in (a, b))
    keys = {n.address: {s.name: k for s in n.steps if (k := settled.keys.of(*s.place))} for n in (first, second)}
    results = session.store.results({k for steps in keys.values() for k in steps.values()})
    outcome_a, outcome_b = (join_results(keys[n.address], results) for n in (first, second))
    return {
        "a": first.address,
        "b": second.address,
        "fields": [*diff_fields(_recipe(first), _recipe(second))],
        "metrics": _metrics(outcome_a["metrics"], outcome_b["metrics"]),
        "flips": _flips(session, first, second, keys, results),
        "size": {"a": outcome_a.get("size"), "b": outcome_b.get("size")},
        "latency": None,
        "data": {"a": first.recipe.get("dataset"), "b": second.recipe.get("dataset")},
    }


def node_at(session: Session, name: str, nodes: Mapping[str, Node]) -> Node:
    """The node of a full or short address. Failure `unknown-address` when it is not declared."""
    address = full(name, nodes.keys(), session.address_kinds)
    if address not in nodes:
        raise fail("unknown-address", "No such address", f"{name} is not declared", hint=did_you_mean(name, nodes))
    return nodes[address]


def _metrics(left: Json, right: Json) -> Json:
    """The metrics by name: those of both sides first, then those of one side."""
    a, b = (side if isinstance(side, dict) else {} for side in (left, right))
    both = [name for name in a if name in b]
    return {name: {"a": a.get(name), "b": b.get(name)} for name in (*both, *sorted(a.keys() ^ b.keys()))}


def _recipe(node: Node) -> dict[str, Json]:
    return {name: value for name, value in node.recipe.items() if name != "data" and value not in ({}, [])}


def _flips(session: Session, a: Node, b: Node, keys: Mapping[str, Mapping[str, str]], results: Mapping[str, Result]) -> Json:
    """How many rows of b's evaluation set change their label; None if one of the two is not built or they are not comparable."""
    from leptonctl.learning.flips import flips

    declared = models(session.declarations)
    versions = [declared.get(short(node.address)) for node in (a, b)]
    if versions[0] is None or versions[1] is None:
        return None
    prepares = [version.prepare.key or "" for version in versions if version]
    prepared = session.store.results(prepares)
    exports = [keys[node.address].get("export", "") for node in (a, b)]
    if not all(key in prepared for key in prepares) or not all(key in results for key in exports):
        return None
    needs = {
        "bound_prepare": prepared[prepares[0]],
        "prepare": prepared[prepares[1]],
        "bound_export": results[exports[0]],
        "export": results[exports[1]],
    }
    return flips(session.store, session.root, needs, versions[1].scoring)
