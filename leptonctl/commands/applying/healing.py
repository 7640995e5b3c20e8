"""Heals environments whose servers differ from what is bound (law 10). The failure of one does not affect the others."""

import time

from leptonctl.commands.applying.routes import route_of
from leptonctl.commands.applying.run import Run
from leptonctl.core.address import document
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import Failure
from leptonctl.core.node_records import recipe_of
from leptonctl.core.state import Pointer
from leptonctl.deploying.heal import heal


def to_heal(run: Run) -> set[str]:
    """The environments that the plan heals."""
    return {drift.place.name for drift in run.planned.plan.drift if drift.drift_class == "heal"}


def heal_environment(run: Run, name: str) -> None:
    """Make an environment serve what is bound; report and count it."""
    started = time.monotonic()
    run.tally.begin_heal(name)

    def route(address: str, pointer: Pointer) -> Route:
        return route_of(run.session, address, pointer, {})

    try:
        state = run.planned.state
        # a server would refuse a damaged artifact without a hint how to repair it
        for address, pointer in (state.entries(f"{document('environment', name)}/") if state else {}).items():
            route(address, pointer)
        _keep_recipes(run, name)
        heal(run.switch(name), name, here=run.is_here(name), routes=route)
    except Failure as failure:
        run.report_failure([("bind", document("environment", name))], failure, started)
    else:
        run.tally.end_heal(name)


def _keep_recipes(run: Run, name: str) -> None:
    """Write the recipes of what is bound as it is declared: an older copy of the store may have been put back."""
    state, settled = run.planned.state, run.planned.settled
    entries = state.entries(document("environment", name)) if state else {}
    nodes = {pointer.declaration: settled.by_address.get(address) for address, pointer in entries.items()}
    run.session.store.put_recipes({d: recipe_of(node) for d, node in nodes.items() if node is not None and node.declaration == d})
