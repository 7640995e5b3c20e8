"""Finds the declared node that an address of the command line names."""

from collections.abc import Mapping

from leptonctl.commands.recorded.built_versions import LEAST_DIGITS
from leptonctl.commands.session import Session
from leptonctl.core.address import full, name_and_version, parse, short, version_of
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.values import Node

MOST = 3
"""How many addresses a hint names."""


def node_at(session: Session, name: str, nodes: Mapping[str, Node]) -> Node:
    """The node of a full or short address. Failure `unknown-address` when it is not declared."""
    address = full(name, nodes.keys(), session.address_kinds)
    if address not in nodes:
        versions = [short(node) for node in nodes if version_of("model", parse(node).name, name) == node]
        hint = f"write {' or '.join(versions[:MOST])}: a version is named with its model" if versions else did_you_mean(name, nodes)
        raise fail("unknown-address", "No such address", f"{name} is not declared", hint=hint)
    return nodes[address]


def model_node(session: Session, name: str, nodes: tuple[Node, ...]) -> Node:
    """The model version of a full or short address, or of the first digits of its digest. Failure `unknown-address`."""
    versions = {node.address: node for node in nodes if parse(node.address).kind == "model"}
    if not versions:
        raise fail("unknown-address", "No such model version", f"{name} is not declared", hint=did_you_mean(name, versions))
    digits = (name_and_version(name)[1] or name).removeprefix("sha256:")
    if len(digits) >= LEAST_DIGITS and full(name, versions, session.address_kinds) not in versions:
        # as `leaderboard` prints it
        matches = [n for n in versions.values() if n.digest.removeprefix("sha256:").startswith(digits) and _may_be_of(n, name)]
        if len({node.digest for node in matches}) == 1:
            return matches[0]
    return node_at(session, name, versions)


def _may_be_of(node: Node, name: str) -> bool:
    """Whether a name with a digest names the model of a node, or no model."""
    model, version = name_and_version(name, "model")
    return version is None or model in ("", parse(node.address).name)
