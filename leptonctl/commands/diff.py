"""`diff`: two versions side by side: recipe fields, metrics, flips where they can be compared, size, data."""

from collections.abc import Mapping

from leptonctl.commands.line import plan_project
from leptonctl.commands.results import joined
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
    found = session.store.results({k for steps in keys.values() for k in steps.values()})
    one, two = (joined(keys[n.address], found) for n in (first, second))
    return {
        "a": first.address,
        "b": second.address,
        "fields": [*diff_fields(_recipe(first), _recipe(second))],
        "metrics": _metrics(one["metrics"], two["metrics"]),
        "flips": _flips(session, first, second, keys, found),
        "size": {"a": one.get("size"), "b": two.get("size")},
        "latency": None,
        "data": {"a": first.recipe.get("dataset"), "b": second.recipe.get("dataset")},
    }


def node_at(session: Session, written: str, nodes: Mapping[str, Node]) -> Node:
    """The node that a person means. Failure when nothing of that name is declared."""
    address = full(written, nodes.keys(), session.address_kinds)
    if address not in nodes:
        raise fail("unknown-address", "No such address", f"{written} is not declared", hint=did_you_mean(written, nodes))
    return nodes[address]


def _metrics(left: Json, right: Json) -> Json:
    """Those of both first, then those that one side has."""
    one, two = (side if isinstance(side, dict) else {} for side in (left, right))
    both = [name for name in one if name in two]
    return {name: {"a": one.get(name), "b": two.get(name)} for name in (*both, *sorted(one.keys() ^ two.keys()))}


def _recipe(node: Node) -> dict[str, Json]:
    return {name: value for name, value in node.recipe.items() if name != "data" and value not in ({}, [])}


def _flips(session: Session, a: Node, b: Node, keys: Mapping[str, Mapping[str, str]], found: Mapping[str, Result]) -> Json:
    """Rows of b's evaluation set whose label differs; None while one of the two is not built or they cannot be compared."""
    from leptonctl.learning.flips import flips

    known = models(session.declarations)
    versions = [known.get(short(node.address)) for node in (a, b)]
    if versions[0] is None or versions[1] is None:
        return None
    rows = [version.prepare.key or "" for version in versions if version]
    prepared = session.store.results(rows)
    exports = [keys[node.address].get("export", "") for node in (a, b)]
    if not all(key in prepared for key in rows) or not all(key in found for key in exports):
        return None
    needs = {
        "bound_prepare": prepared[rows[0]],
        "prepare": prepared[rows[1]],
        "bound_export": found[exports[0]],
        "export": found[exports[1]],
    }
    return flips(session.store, session.root, needs, versions[1].scoring)
