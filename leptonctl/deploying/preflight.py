"""Asks platforms about an environment before it moves: why it cannot run where it is declared, and which edits restart it."""

from collections.abc import Collection, Mapping

from leptonctl.core.address import document
from leptonctl.core.change import Change
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import replace
from leptonctl.core.observed import Live
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.state import State
from leptonctl.kinds.environment.kind import Environment
from leptonctl.spi.platforms import Observation, Platform, Site, placement, restarts


def placement_problems(
    environment: Environment,
    record: EnvironmentRecord | None,
    live: Live | None,
    site: Site,
    platform: Platform,
    *,
    leaving: Collection[str] = (),
) -> list[Diagnostic]:
    """Why the environment cannot run where it is declared. Empty if it runs elsewhere, since only that host can tell.

    `leaving`: environments that the same plan removes. What one of them holds is free only after a separate apply: until the
    new environment has passed its gates, the old one keeps serving.
    """
    if not site.here:
        return []
    unchanged = record is not None and record.platform == environment.platform
    observation = Observation(running=live.running, answering=live.answering, servers=live.servers) if live and unchanged else None
    problems = []
    for problem in platform.problems(site, observation):
        path = ("platform", problem.setting) if problem.setting else ("platform",)
        span = environment.declared.at(*path)
        address = document("environment", problem.holder or "")
        two_steps = f"first `leptonctl apply --only {address}`, which removes it, then `leptonctl apply`"
        hint = two_steps if problem.holder in leaving else problem.hint
        problems.append(error(problem.id, problem.summary, problem.detail, span=span, hint=hint))
    return problems


def name_restarts(change: Change, environment: Environment | None, state: State, platforms: Mapping[str, Platform]) -> Change:
    """The update of an environment, with the edited placement or settings for which its server moves or restarts as the reason.

    Other changes unchanged.
    """
    record = state.environments.get(environment.name) if environment else None
    if environment is None or record is None or change.action != "update":
        return change
    if environment.platform["type"] != record.platform["type"]:
        return change
    before, after = placement(record.platform), environment.placement
    if before != after:
        reason = "its server will run here" if after == "here" else "it will run elsewhere: this host's server is stopped, if it runs"
        return replace(change, reason=reason)
    settings = restarts(platforms[str(environment.platform["type"])].settings, record.platform, environment.platform)
    if not settings:
        return change
    names = " and ".join(settings)
    # apply restarts nothing elsewhere
    reason = f"what serves is restarted for {names}" if after == "here" else f"start its servers again for {names} to take effect"
    return replace(change, reason=reason)
