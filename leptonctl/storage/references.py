"""What the lineages of a store refer to (protocols 6): their roots, deployments, servers, and references of builds and saved plans."""

import time
from collections.abc import Iterator, Mapping

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, encode
from leptonctl.core.deployment import Deployment
from leptonctl.core.frozen import Frozen
from leptonctl.core.packed import decode_roots
from leptonctl.core.state import State
from leptonctl.core.store_records import Reference
from leptonctl.core.values import StepPlace
from leptonctl.spi.storage import Objects
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.owner import user_name
from leptonctl.storage.records import BadRecordAt, read_record

NEWEST = 5
"""How many references are searched for earlier builds of a step."""


class Needs(Frozen):
    """What is referred to: results by step key, and artifacts by digest. Where nothing more exact is known: all results for
    `addresses`, and all results with one of the artifacts `graphs`.
    """

    keys: frozenset[str] = frozenset()
    artifacts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    graphs: frozenset[str] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            keys=self.keys | other.keys,
            artifacts=self.artifacts | other.artifacts,
            addresses=self.addresses | other.addresses,
            graphs=self.graphs | other.graphs,
        )


def refer(
    objects: Objects,
    lineage: str,
    keys: Mapping[StepPlace, str | None],
    *,
    id: str,  # noqa: A002
    keep_s: float,
    command: str,
    at: str,
) -> None:
    """Record that `command` refers to the results of these steps for `keep_s` seconds. `id` names the reference."""
    steps: dict[str, dict[str, str]] = {}
    for (address, name), key in keys.items():
        if key is not None:
            steps.setdefault(address, {})[name] = key
    record = Reference(steps=steps, until=time.time() + keep_s, seconds=keep_s, at=at, by=user_name(), command=command)
    objects.put(layout.reference(lineage, id), encode(record))


def lineages(objects: Objects) -> list[str]:
    """Every lineage that has anything in the store, including those of projects that were never applied."""
    return sorted({lineage for path in objects.list(layout.PROJECTS) if (lineage := layout.lineage_of(path)) is not None})


def needs_of_state(state: State) -> Needs:
    """What a state points to."""
    keys = {step.key for pointer in state.current.values() for step in pointer.steps.values()}
    artifacts = {pointer.artifact for pointer in state.current.values() if pointer.artifact is not None}
    return Needs(keys=frozenset(keys), artifacts=frozenset(artifacts))


def needs_of_lineage(objects: Objects, lineage: str, *, deployments: int | None) -> Needs:
    """What a lineage refers to, apart from its builds (`live_references`).

    `deployments`: only that many of each environment, and those in force or served; None: all.

    Raises BadRecordAt for a record that cannot be read: what it refers to is unknown.
    """
    part = LineageStore(objects=objects, lineage=lineage)
    needs = Needs()
    roots = _roots(objects, lineage)
    if roots is not None:
        needs |= needs_of_state(roots)
    elif not lineage.startswith(layout.UNBORN):
        # the last command was of an earlier release: what was built is known only from the history
        addresses = {m.address for mark in part.marks() for m in getattr(part.record(mark), "changes", ())}
        needs |= Needs(addresses=frozenset(addresses))
        deployments = None
    for environment in part.environments():
        for number in _deployment_numbers(part, environment, deployments):
            record = part.deployment(environment, number)
            if record is not None:
                needs |= _needs_of_deployment(record)
    return needs


def expired_references(objects: Objects, lineage: str) -> Iterator[str]:
    """The paths of references that have expired."""
    for path, modified, record in _references(objects, lineage):
        if _has_expired(record, modified):
            yield path


def live_references(objects: Objects, lineage: str) -> Iterator[tuple[frozenset[str], float]]:
    """The step keys that builds, applies and saved plans of a lineage refer to, and until when, in seconds since 1970."""
    for _path, modified, record in _references(objects, lineage):
        if not _has_expired(record, modified):
            steps = (key for of_address in record.steps.values() for key in of_address.values())
            yield frozenset((*record.keys, *steps)), min(record.until, modified + record.seconds)


def earlier_keys(objects: Objects, lineage: str) -> dict[StepPlace, tuple[str, ...]]:
    """The keys that each step had in the newest builds, applies and saved plans of a lineage, newest first. Skips damaged ones."""
    entries = sorted(objects.entries(layout.references(lineage)), key=lambda entry: entry.modified, reverse=True)
    keys: dict[StepPlace, dict[str, None]] = {}
    for entry in entries[:NEWEST]:
        for address, steps in _steps(objects, entry.path).items():
            for name, key in steps.items():
                keys.setdefault((address, name), {})[key] = None
    return {place: tuple(of_step) for place, of_step in keys.items()}


def _steps(objects: Objects, path: str) -> Mapping[str, Mapping[str, str]]:
    stored = objects.get(path)
    try:
        return read_record(stored[0], path, Reference).steps if stored is not None else {}
    except BadRecordAt:
        return {}


def _references(objects: Objects, lineage: str) -> Iterator[tuple[str, float, Reference]]:
    for entry in list(objects.entries(layout.references(lineage))):
        stored = objects.get(entry.path)
        if stored is not None:
            yield entry.path, entry.modified, read_record(stored[0], entry.path, Reference)


def _has_expired(record: Reference, modified: float) -> bool:
    # by this machine's clock, or by the store's, which wrote `modified`
    now = time.time()
    return now > record.until or now > modified + record.seconds


def _roots(objects: Objects, lineage: str) -> State | None:
    path = layout.roots(lineage)
    stored = objects.get(path)
    if stored is None:
        return None
    try:
        return decode_roots(stored[0])
    except BadRecord as problem:
        raise BadRecordAt(path, problem) from problem


def _deployment_numbers(part: LineageStore, environment: str, most: int | None) -> set[int]:
    """The deployments of an environment that can be returned to (the `most` newest), are in force or staged, or are ready on a server."""
    existing = part.deployments(environment)
    numbers = set(existing if most is None else existing[-most:])
    head = part.head(environment)
    if head is not None:
        numbers |= {head.head.deployment, head.head.staged}
    for server in part.servers(environment):
        numbers |= {server.deployment, *server.ready}
    return numbers - {0}


def _needs_of_deployment(record: Deployment) -> Needs:
    routes = [route for routes in record.models.values() for route in routes]
    files = {digest for route in routes for digest in (*route.files.values(), *route.beside.values())}
    return Needs(
        keys=frozenset(key for route in routes for key in route.keys.values()),
        artifacts=frozenset(files | {route.artifact for route in routes}),
        # routes of earlier releases have no keys: their export is found by its graph
        graphs=frozenset(route.artifact for route in routes if not route.keys),
    )
