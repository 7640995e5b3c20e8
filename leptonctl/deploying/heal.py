"""Makes an environment serve what is bound (law 10): under lock and fence, waits for it, and compares the packages."""

from collections.abc import Callable

from leptonctl.core.address import document, parse
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.state import Environment, Pointer
from leptonctl.deploying.desired import Desired, differences, pointers_after
from leptonctl.deploying.fence import Locked, number_in_force
from leptonctl.deploying.sites import verb
from leptonctl.deploying.switch import Outcome, Switch
from leptonctl.spi.platforms import Observation, Site

Routes = Callable[[str, Pointer], Route]


def heal(switch: Switch, name: str, *, here: bool, routes: Routes | None = None) -> Outcome:
    """Make an environment serve what the state binds. If the head names another deployment, switch to the bindings once more.

    `routes`: gives the routes when the record of the bound deployment is lost. Failure `not-ready`, `heal-failed` or the
    platform's own when the heal did not succeed, with the server's reason.
    """
    with switch.hold(name, here=here) as locked:
        environment = locked.state.environments.get(name)
        if environment is None:
            return Outcome(state=locked.state, deployment=locked.head.head.deployment)
        recorded = number_in_force(environment)
        record = locked.lineage.intact_deployment(name, recorded) if recorded else None
        if locked.head.head.deployment != recorded or (recorded and record is None):
            outcome = switch.carry_out(locked, _rebind(locked, environment, record, routes), here=here)
            _check_lagging(outcome)
            return outcome
        if record is not None and record.models:
            _mend(switch, locked, environment, record, here=here)
        return Outcome(state=locked.state, deployment=recorded, served=True)


def _rebind(locked: Locked, environment: Environment, record: Deployment | None, routes: Routes | None) -> Desired:
    """A switch to the bindings of the state, for a head that names another deployment, or one whose record is lost."""
    if environment.destroyed:
        return Desired(bindings={}, environment=None)
    bound = pointers_after(locked.state, locked.name, {})
    if record is not None:
        return Desired(bindings={}, environment=environment, routes={address: _route_in(record, address) for address in bound})
    if routes is None:
        number = environment.deployment
        raise fail(
            "missing-deployment",
            "The record of the bound deployment is not in the store",
            f"deployment {number} of environment {locked.name} is bound, but its record is missing",
            hint="run `leptonctl apply --yes`: it binds the same versions under a new deployment",
        )
    return Desired(bindings={}, environment=environment, routes={address: routes(address, pointer) for address, pointer in bound.items()})


def _mend(switch: Switch, locked: Locked, environment: Environment, deployment: Deployment, *, here: bool) -> None:
    platform, site = switch.place(locked, environment, here=here)
    locked.newest()
    verb(platform.stage, site, deployment, switch.say)
    verb(platform.ready, site, deployment, switch.say)
    verb(platform.activate, site, locked.head.head, switch.say)
    _compare(site, deployment, platform.observe(site))


def _compare(site: Site, deployment: Deployment, observation: Observation) -> None:
    """Failure `heal-failed` unless the server that answers serves what is bound."""
    if observation.answering is None:
        if site.here:
            raise _heal_failed(site.environment, observation.reason or "no server answers")
        return
    wrong = differences(deployment, observation.answering)
    if wrong:
        why = observation.reason or observation.answering.note
        raise _heal_failed(site.environment, "; ".join(wrong) + (f" ({why})" if why else ""))


def _check_lagging(outcome: Outcome) -> None:
    if outcome.lagging:
        raise _heal_failed("", outcome.lagging)


def _heal_failed(name: str, why: str) -> Failure:
    return fail(
        "heal-failed",
        "What serves an environment could not be repaired",
        f"{document('environment', name)}: {why}" if name else why,
        hint="see `leptonctl status`, and the server's log",
    )


def _route_in(record: Deployment, address: str) -> Route:
    route = record.main(parse(address).member or "")
    if route is None:
        raise fail("missing-deployment", "The record of the bound deployment lacks a binding", address, hint="run `leptonctl apply --yes`")
    return route
