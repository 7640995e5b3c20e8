"""Finds what is damaged or missing in a store, whom it affects and how to repair it. Writes nothing."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from leptonctl.commands.proving.store_view import StoreView
from leptonctl.core import layout
from leptonctl.core.address import document, member_of, version_of
from leptonctl.core.deployment import Deployment, Head, Route
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Tombstone
from leptonctl.core.state import HistoryRecord, State
from leptonctl.core.store_records import LineageName, OwnerRecord, StoreIdentity
from leptonctl.core.values import Json
from leptonctl.storage.audit import ARTIFACT, Damage

BACKUP = "restore it from a backup"
DEPLOYMENTS = re.compile(rf"{layout.PROJECTS}/([^/]+)/deployments/([^/]+)/([0-9]+|head)")


class Problem(Frozen):
    """Something damaged or missing. `addresses`: the versions and bindings that it affects. `mend`: an edit or a command."""

    path: str
    kind: str
    damage: str
    detail: str
    addresses: tuple[str, ...] = ()
    mend: str = BACKUP

    def to_json(self) -> dict[str, Json]:
        return {
            "path": self.path, "kind": self.kind, "damage": self.damage, "detail": self.detail, "addresses": [*self.addresses],
            "mend": self.mend,
        }  # fmt: skip


def store_problems(view: StoreView) -> list[Problem]:
    """All problems, by path: damage first, then what is missing."""
    damaged = {damage.path for damage in view.audit.damaged}
    problems = {damage.path: _damage_problem(view, damage) for damage in view.audit.damaged}
    for problem in (*_identity(view), *_lineages(view), *_build_problems(view), *_history(view), *_deployments(view)):
        if problem.path not in damaged and not view.is_purged(problem.path):
            problems.setdefault(problem.path, problem)
    for problem in _returned_artifacts(view):
        problems.setdefault(problem.path, problem)
    return list(problems.values())


def _damage_problem(view: StoreView, damage: Damage) -> Problem:
    addresses = view.affected_addresses(damage.path)
    mend = BACKUP
    if damage.kind in {ARTIFACT, "result"}:
        command = view.build_command(addresses)
        mend = f"remove {damage.path} from the store" + (f", then run `{command}`" if command else "")
    elif damage.kind == "server":
        mend = "none is needed if the server is running, since it writes the record again; else remove it"
    return Problem(path=damage.path, kind=damage.kind, damage="damaged", detail=damage.reason, addresses=addresses, mend=mend)


def _missing(view: StoreView, path: str, kind: str, detail: str, *, mend: str = BACKUP) -> Problem:
    return Problem(path=path, kind=kind, damage="missing", detail=detail, addresses=view.affected_addresses(path), mend=mend)


def _returned_artifacts(view: StoreView) -> Iterator[Problem]:
    """What was purged and is there again, as after a backup was put back. Nothing reads it."""
    for digest in sorted(view.audit.artifacts):
        tombstone, path = view.audit.records.get(layout.tombstone(digest)), layout.artifact(digest)
        if isinstance(tombstone, Tombstone):
            detail = f"it was purged on {tombstone.at} by {tombstone.by or 'somebody'} ({tombstone.subject}), and its bytes are back"
            addresses = view.affected_addresses(path)
            yield Problem(path=path, kind=ARTIFACT, damage="purged", detail=detail, addresses=addresses, mend="leptonctl gc --yes")


def _identity(view: StoreView) -> Iterator[Problem]:
    """The identity of the store."""
    state, identity = view.state, view.audit.records.get(layout.IDENTITY)
    if layout.IDENTITY not in view.audit.records and (_lineage_folders(view) or state):
        yield _missing(view, layout.IDENTITY, "identity", "the store does not say which store it is")
    if state is not None and isinstance(identity, StoreIdentity) and identity.id != state.store:
        detail = f"it is store {identity.id}, but the state belongs to store {state.store}: is the right one mounted?"
        mend = "mount the store that was used before"
        yield Problem(path=layout.IDENTITY, kind="identity", damage="unusable", detail=detail, mend=mend)


def _lineage_folders(view: StoreView) -> set[str]:
    """The folders of lineages in the store. A project without an apply has only references, and no lineage yet."""
    return {path.split("/")[1] for path in view.audit.records if path.startswith(f"{layout.PROJECTS}/") and "/refs/" not in path}


def _lineages(view: StoreView) -> Iterator[Problem]:
    """The owner, the roots and the name of each lineage."""
    own = {layout.segment(view.state.lineage)} if view.state and view.state.serial else set()
    for lineage in map(layout.name_from, sorted(_lineage_folders(view) | own)):
        owner = view.audit.records.get(layout.owner(lineage))
        if isinstance(owner, OwnerRecord):
            yield from _lineage(view, lineage, owner)
        else:
            yield _missing(view, layout.owner(lineage), "owner", "the lineage does not say which state may move it")


def _lineage(view: StoreView, lineage: str, owner: OwnerRecord) -> Iterator[Problem]:
    records, roots = view.audit.records, layout.roots(lineage)
    # a lineage has no roots before its first move
    has_moved = any(path.startswith(f"{layout.history(lineage)}/") for path in records)
    if has_moved and not isinstance(records.get(roots), State):
        mend = "the next apply that changes something writes it again"
        yield _missing(view, roots, "roots", "`gc` and `state adopt` would not know what the project refers to", mend=mend)
    name = layout.lineage_name(owner.project, lineage)
    if not isinstance(records.get(name), LineageName):
        yield _missing(view, name, "lineage name", f"a project {owner.project} that lost its state would not find its lineage")


def _build_problems(view: StoreView) -> Iterator[Problem]:
    """The recipes, results and artifacts of what the states record as built."""
    for address, pointer in view.pointers():
        recipe = layout.recipe(pointer.declaration)
        if pointer.declaration and recipe not in view.audit.records:
            yield _missing(view, recipe, "recipe", f"it has the recipe of {address}, without which an edit of it cannot be explained")
        for name, step in pointer.steps.items():
            yield from _step(view, name, step.key, address)


def _step(view: StoreView, name: str, key: str, address: str) -> Iterator[Problem]:
    """The result of one step of an address, and its artifacts."""
    result = view.result(key)
    if result is None:
        path = layout.result(key)
        mend = view.build_command(view.affected_addresses(path)) or BACKUP
        yield _missing(view, path, "result", f"it is the result of {name} of {address}", mend=mend)
        return
    for file, digest in result.artifacts.items():
        if view.is_lost(digest):
            path = layout.artifact(digest)
            mend = view.build_command(view.affected_addresses(path)) or BACKUP
            yield _missing(view, path, ARTIFACT, f"it is {file} of {name} of {address}", mend=mend)


def _history(view: StoreView) -> Iterator[Problem]:
    """The links of every history, and the newest record of this project's, which the state names."""
    records, state = view.audit.records, view.state
    for path, record in list(records.items()):
        if isinstance(record, HistoryRecord) and record.previous is not None:
            lineage = layout.name_from(path.split("/")[1])
            before = layout.history_record(lineage, record.previous.serial, record.previous.id)
            if before not in records:
                yield _missing(view, before, "history", f"#{record.serial} follows it: what it recorded is no longer known")
    if state is not None and state.history is not None:
        mark = state.history
        path = layout.history_record(state.lineage, mark.serial, mark.id)
        if path not in records:
            has_it = state.latest is not None and state.latest.id == mark.id
            mend = "the state still holds it: the next apply that changes something writes it again" if has_it else BACKUP
            yield _missing(view, path, "history", f"the state names it as its newest record, #{mark.serial}", mend=mend)


def _deployments(view: StoreView) -> Iterator[Problem]:
    """The head of each environment, the deployments that it and the history name, and the files of what can be served."""
    for (lineage, environment), numbers in sorted(_numbers(view).items()):
        head = view.audit.records.get(layout.head(lineage, environment))
        if not isinstance(head, Head):
            yield _missing(view, layout.head(lineage, environment), "head", f"{document('environment', environment)} has no head")
        yield from _of_environment(view, lineage, environment, sorted(numbers - {0}), head if isinstance(head, Head) else None)


def _numbers(view: StoreView) -> Mapping[tuple[str, str], set[int]]:
    """The deployments that records name, by lineage and environment."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for path, record in view.audit.records.items():
        match = DEPLOYMENTS.fullmatch(path)
        if match is not None:
            place = (layout.name_from(match[1]), layout.name_from(match[2]))
            numbers[place] |= {record.deployment, record.staged} if isinstance(record, Head) else {int(match[3]), _previous(record)}
        elif isinstance(record, HistoryRecord) and record.environment and record.deployment:
            lineage = layout.name_from(path.split("/")[1]) if path.startswith(f"{layout.PROJECTS}/") else ""
            numbers[lineage, record.environment].add(record.deployment)
    return numbers


def _previous(record: object) -> int:
    return (record.previous or 0) if isinstance(record, Deployment) else 0


def _of_environment(view: StoreView, lineage: str, environment: str, numbers: list[int], head: Head | None) -> Iterator[Problem]:
    """The deployments of an environment with these numbers, and the files of those that can be served."""
    is_own = view.state is not None and view.state.lineage == lineage
    # how many deployments another project keeps is not known here
    newest = numbers[max(0, len(numbers) - view.spared) :] if is_own else ()
    served = {*newest, *([head.deployment, head.staged] if head else [])}
    for number in numbers:
        path = layout.deployment(lineage, environment, number)
        record = view.audit.records.get(path)
        if not isinstance(record, Deployment):
            yield _missing(view, path, "deployment", f"it is deployment {number} of {document('environment', environment)}")
        elif number in served:
            for model, routes in record.models.items():
                for route in routes:
                    yield from _files(view, record, model, route)


def _files(view: StoreView, record: Deployment, model: str, route: Route) -> Iterator[Problem]:
    """The files of a route. Its package is built again by an apply of the version, its checks by one of the binding."""
    binding, version = member_of("environment", record.environment, model), version_of("model", model, route.version)
    for file, digest in {**route.files, **({"checks": route.checks} if route.checks else {})}.items():
        if view.is_lost(digest):
            is_checks = digest == route.checks
            can_build = view.has_checks(binding, digest) if is_checks else view.declares(version, route.digest)
            detail = f"it is {file} of {model}@{route.version}, which deployment {record.deployment} of {record.environment} serves"
            mend = f"leptonctl apply --only {binding if is_checks else version} --yes" if can_build else BACKUP
            yield _missing(view, layout.artifact(digest), ARTIFACT, f"{detail} ({binding})", mend=mend)
