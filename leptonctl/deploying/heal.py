"""Mends what serves an environment until it is what is bound (law 10): under lock and fence, waited for, compared by package."""

from collections.abc import Callable

from leptonctl.core.address import document, parse
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.state import Environment, Pointer
from leptonctl.deploying.fence import Locked, bound
from leptonctl.deploying.phases import verb
from leptonctl.deploying.switch import Outcome, Switch
from leptonctl.deploying.wanted import Wanted, differences
from leptonctl.spi.platforms import Observation, Site

Routes = Callable[[str, Pointer], Route]


def heal(switch: Switch, name: str, *, here: bool, routes: Routes | None = None) -> Outcome:
    """Have an environment serve what the state binds. Where the head names another deployment, the bindings move it once more.

    `routes`: asked for the bindings when the record of the bound deployment is lost. A heal that did not heal is a Failure with
    the server's own reason: `not-ready`, `heal-failed`, or what the platform says.
    """
    with switch.locked(name, here=here) as locked:
        environment = locked.state.environments.get(name)
        if environment is None:
            return Outcome(state=locked.state, deployment=locked.head.head.deployment)
        recorded = bound(environment)
        record = locked.lineage.deployment(name, recorded) if recorded else None
        if locked.head.head.deployment != recorded or (recorded and record is None):
            again = _again(locked, environment, record, routes)
            outcome = switch.run(locked, again, here=here)
            _check_lagging(outcome)
            return outcome
        if record is not None and record.models:
            _mend(switch, locked, environment, record, here=here)
        return Outcome(state=locked.state, deployment=recorded, served=True, recovered=locked.settled is not None)


def _again(locked: Locked, environment: Environment, record: Deployment | None, routes: Routes | None) -> Wanted:
    """The bindings of the state as a switch: the head names another deployment, or one whose record is lost."""
    if environment.destroyed:
        return Wanted(bindings={}, environment=None, routes=_no_route)
    if record is not None:
        return Wanted(bindings={}, environment=environment, routes=_recorded(record))
    if routes is None:
        number = environment.deployment
        raise fail(
            "missing-deployment",
            "The record of the bound deployment is not in the store",
            f"deployment {number} of environment {locked.name} is bound, and its record is gone",
            hint="run `leptonctl apply`: it binds the same versions under a new deployment",
        )
    return Wanted(bindings={}, environment=environment, routes=routes)


def _mend(switch: Switch, locked: Locked, environment: Environment, deployment: Deployment, *, here: bool) -> None:
    platform = switch.platform(environment.platform)
    site = switch.site(locked.name, locked.state, platform, environment.platform, here=here)
    locked.newest()
    verb(platform.stage, site, deployment, switch.say)
    verb(platform.ready, site, deployment, switch.say)
    verb(platform.activate, site, locked.head.head, switch.say)
    _compare(site, deployment, platform.observe(site))


def _compare(site: Site, deployment: Deployment, seen: Observation) -> None:
    """Failure unless what answers is what is bound."""
    if seen.answering is None:
        if site.here:
            raise _failed(site.environment, seen.reason or "nothing answers")
        return
    wrong = differences(deployment, seen.answering)
    if wrong:
        why = seen.reason or seen.answering.note
        raise _failed(site.environment, "; ".join(wrong) + (f" ({why})" if why else ""))


def _check_lagging(outcome: Outcome) -> None:
    if outcome.lagging:
        raise _failed("", outcome.lagging)


def _failed(name: str, why: str) -> Failure:
    return fail(
        "heal-failed",
        "What serves an environment could not be mended",
        f"{document('environment', name)}: {why}" if name else why,
        hint="see `leptonctl status`, and the server's log",
    )


def _recorded(record: Deployment) -> Routes:
    def route(address: str, _pointer: Pointer) -> Route:
        found = record.main(parse(address).member or "")
        if found is None:
            raise fail("missing-deployment", "The record of the bound deployment does not hold a binding", address, hint="leptonctl apply")
        return found

    return route


def _no_route(address: str, _pointer: Pointer) -> Route:
    raise AssertionError(address)
