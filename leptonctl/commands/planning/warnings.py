"""The warnings of a plan: about declarations, missing libraries, and the results that it adopts."""

from collections.abc import Iterator, Sequence

from leptonctl.commands.planning.libraries import missing_in_plan
from leptonctl.commands.session import Session
from leptonctl.core.change import Change, Keep, Remove
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.plan import Settled
from leptonctl.core.values import Node
from leptonctl.kinds.notices import as_error, features_by_address, notices, warning_rules


def warnings(session: Session, settled: Settled, changes: Sequence[Change]) -> tuple[Diagnostic, ...]:
    """Warnings about declarations, and notices about everything that moves and what it reads; errors with `warnings: error`."""
    # these are all warnings: with an error there would be no plan
    collected: dict[Diagnostic, None] = dict.fromkeys(session.declared[1])
    collected.update(dict.fromkeys(missing_in_plan(session, settled, changes)))
    nodes = tuple(moving(settled, changes))
    keys = {key for node in nodes for key in _keys(settled, node)}
    results = {**settled.results, **session.results(keys - settled.results.keys())} if keys else {}
    features = features_by_address(settled.nodes, {node.address for node in nodes})
    for node in nodes:
        used, rules = features.get(node.address), warning_rules(node)
        for key in _keys(settled, node):
            if key in results:
                about_result = notices(results[key], node.address, node.span, recipe=node.recipe, features=used, rules=rules)
                collected.update(dict.fromkeys(about_result))
    return tuple(map(as_error, collected)) if session.settings.warnings == "error" else tuple(collected)


def moving(settled: Settled, changes: Sequence[Change]) -> Iterator[Node]:
    """The nodes that move, and those that they need: the version of a binding, the data of a version. Returns are left out."""
    nodes: dict[str, Node] = {}
    queue = [change.address for change in changes if not isinstance(change, Keep | Remove) and not change.is_return]
    while queue:
        node = settled.by_address.get(queue.pop(0))
        if node is not None and node.address not in nodes:
            nodes[node.address] = node
            queue += node.needs
    yield from nodes.values()


def _keys(settled: Settled, node: Node) -> Iterator[str]:
    """The keys of a node's own steps."""
    for step in node.steps:
        key = settled.keys.of(*step.place)
        if key is not None:
            yield key
