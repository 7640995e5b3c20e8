"""What an environment should be after a switch, and the records that say so: pending, deployment, environment. Pure."""

from collections.abc import Iterable, Mapping

from leptonctl.core.address import covers, document, member_of, parse
from leptonctl.core.deployment import Deployment, Route, ServerRecord
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.holds import Act, HeldBinding
from leptonctl.core.observed import Live
from leptonctl.core.plan import Before
from leptonctl.core.state import Author, Environment, Moved, Pending, Pointer, Seal, Served, State, Verdict
from leptonctl.spi.platforms import placement

ServedModels = Mapping[str, Mapping[str, Served]]
"""Model -> package -> how it was served."""


class Desired(Frozen):
    """What an environment should be after the switch.

    bindings: address -> its new pointer (None: removed), for all that move; includes the environment's own address if it moves.
    environment: its record with platform, protected, requests, host, folder, commit and withdrawals as desired; the switch fills in
        number, incarnation, url and what was served. None: it is destroyed, and nothing serves it any more.
    routes: address -> the route that serves it, for each binding after the switch (see `pointers_after`).
    seals: model version -> its seal. before: address -> what the plan would replace; a difference is `stale-binding`.
    evidence, held, acts: the verdicts of the gates, the bindings that are newly held, withdrawals and readmissions, for the history.
    holds: address -> the hold to record there (None: dropped).
    returning: all bindings return to packages served here before, so that one ready server is enough (protocols 7).
    """

    bindings: Mapping[str, Pointer | None]
    environment: Environment | None
    routes: Mapping[str, Route] = field(default_factory=dict)
    seals: Mapping[str, Seal] = field(default_factory=dict)
    before: Mapping[str, Before] = field(default_factory=dict)
    evidence: tuple[Verdict, ...] = ()
    held: tuple[Moved, ...] = ()
    returning: bool = False
    holds: Mapping[str, HeldBinding | None] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()


def pointers_after(state: State, name: str, bindings: Mapping[str, Pointer | None]) -> dict[str, Pointer]:
    """The bindings of an environment after these have moved (None: removed), by address."""
    prefix = member_of("environment", name, "")
    merged = {**state.entries(prefix), **bindings}
    return {address: pointer for address, pointer in sorted(merged.items()) if pointer is not None and address.startswith(prefix)}


def moves(state: State, name: str, desired: Desired, number: int, at: str) -> dict[str, Pointer | None]:
    """The pointers that the switch writes, stamped with their deployment. Destroying an environment drops all its bindings."""
    address = document("environment", name)
    if desired.environment is None:
        return dict.fromkeys([a for a in state.current if covers(address, a)])
    return {a: None if p is None else _stamp(p, number, at) for a, p in desired.bindings.items()}


def environment_after(old: Environment | None, desired: Environment | None, *, number: int, url: str | None) -> Environment | None:
    """The record of an environment after the switch.

    Without a new commit the recorded one stays. After a destroy the record stays, so that no number is used again and what was
    withdrawn stays so; the next bind begins an incarnation, in which nothing has been served.
    """
    if desired is None:
        return None if old is None else replace(old, destroyed=True, served={}, url=None)
    if old is None:
        return replace(desired, deployment=number, url=url, incarnation=1, served={}, destroyed=False)
    return replace(
        desired,
        deployment=number,
        url=url,
        # elsewhere no host is ours, and the next one that applies `run: here` becomes it
        host="" if placement(desired.platform) == "elsewhere" else desired.host or old.host,
        folder="" if placement(desired.platform) == "elsewhere" else desired.folder or old.folder,
        commit=desired.commit or old.commit,
        dirty=desired.dirty or (old.dirty and not desired.commit),
        incarnation=old.incarnation + 1 if old.destroyed else old.incarnation,
        served={} if old.destroyed else old.served,
        withdrawals=tuple({w.id: w for w in (*old.withdrawals, *desired.withdrawals)}.values()),
        destroyed=False,
    )


def deployment_after(
    state: State, name: str, desired: Desired, environment: Environment, *, number: int, serial: int, previous: int, at: str, author: Author
) -> Deployment:
    """The record of all bindings after the switch."""
    bindings = pointers_after(state, name, desired.bindings)
    models = {parse(address).member or "": (desired.routes[address],) for address in bindings}
    return Deployment(
        lineage=state.lineage,
        environment=name,
        deployment=number,
        incarnation=environment.incarnation,
        serial=serial,
        previous=previous or None,
        at=at,
        by=author.by,
        commit=author.commit,
        dirty=author.dirty,
        url=environment.url,
        requests=environment.requests,
        models=models,
    )


def add_pending(state: State, name: str, pending: Pending) -> State:
    """The state with a switch under way."""
    return replace(state, pending={**state.pending, name: pending})


def drop_pending(state: State, name: str) -> State:
    """The state without the pending switch of an environment."""
    return replace(state, pending={other: pending for other, pending in state.pending.items() if other != name})


def complete_switch(state: State, name: str, served: ServedModels) -> State:
    """The state with the pending switch of an environment written into its pointers, and what has been served recorded."""
    pending = state.pending.get(name)
    if pending is None:
        return state
    environments = {other: record for other, record in state.environments.items() if other != name}
    if pending.environment is not None:
        environments[name] = with_served(pending.environment, served)
    sealed = {**state.sealed, **pending.seals}
    destroyed = pending.environment is None or pending.environment.destroyed
    ended = {a: None for a in state.held if pending.pointers.get(a, "") is None or (destroyed and covers(document("environment", name), a))}
    held = state.holding({**ended, **pending.holds})
    return drop_pending(replace(held, environments=environments, sealed=sealed), name).move(pending.pointers)


def complete_interrupted(state: State, live: Mapping[str, Live]) -> State:
    """The state after settling interrupted switches: completed if the head has moved, otherwise dropped."""
    for name, pending in state.pending.items():
        head = live[name].head if name in live else None
        moved = head is not None and head.deployment == pending.deployment
        state = complete_switch(state, name, {}) if moved else drop_pending(state, name)
    return state


def with_served(environment: Environment, served: ServedModels) -> Environment:
    """The environment with the packages that servers have reported; the first report of each stays. A destroyed one is unchanged."""
    if environment.destroyed or not served:
        return environment
    models = {*environment.served, *served}
    return replace(environment, served={m: {**served.get(m, {}), **environment.served.get(m, {})} for m in sorted(models)})


def served_packages(deployment: Deployment, servers: Iterable[ServerRecord]) -> dict[str, dict[str, Served]]:
    """The packages of a deployment that at least one server has reported serving as main (protocols 7), by model."""
    witnessed_packages: dict[str, dict[str, Served]] = {}
    for server in servers:
        if server.deployment != deployment.deployment or server.lineage != deployment.lineage:
            continue
        for model, answers in server.models.items():
            route = deployment.main(model)
            if route is not None and route.package == answers.package:
                served = Served(version=route.version, digest=route.digest, deployment=deployment.deployment)
                witnessed_packages.setdefault(model, {})[route.package] = served
    return witnessed_packages


def differences(deployment: Deployment, server: ServerRecord) -> list[str]:
    """How the packages that a server answers with differ from those of a deployment; empty when they are the same."""
    wrong = []
    for model in sorted({*deployment.models, *server.models}):
        route, answers = deployment.main(model), server.models.get(model)
        if route is None:
            wrong.append(f"{model} is served but not bound")
        elif answers is None:
            wrong.append(f"{model} is not served, but {route.version} is bound")
        elif answers.package != route.package:
            wrong.append(f"{model} answers with {answers.version}, but {route.version} is bound")
    return wrong


def _stamp(pointer: Pointer, number: int, at: str) -> Pointer:
    return replace(pointer, at=at) if pointer.version is None else replace(pointer, deployment=number, at=at)
