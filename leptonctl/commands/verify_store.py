"""`verify --store`: reads every byte of the store, and names what is damaged or missing, whom it affects and what mends it.

Needs the Project document alone: the rest of the YAML may be invalid, and data files may be absent. Writes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.address import document, member_of, parse
from leptonctl.core.codec import BadRecord
from leptonctl.core.deployment import Deployment, Head
from leptonctl.core.frozen import Frozen
from leptonctl.core.packed import decode_state
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import HistoryRecord, Pointer, State
from leptonctl.core.store_records import LineageName, OwnerRecord, StoreIdentity
from leptonctl.core.values import Json
from leptonctl.kinds.project import KEEP_DEPLOYMENTS, STATE, STORE
from leptonctl.spi.storage import StateCorrupt, StateStore, StorageError
from leptonctl.storage.audit import ARTIFACT, Audit, Damage, Progress, audit
from leptonctl.storage.open import open_state, open_store
from leptonctl.storage.standing import read_standing, refuse_other_store
from leptonctl.storage.store import Store

BACKUP = "restore it from a backup"
_DEPLOYMENTS = re.compile(rf"{layout.PROJECTS}/([^/]+)/deployments/([^/]+)/([0-9]+|head)")


class Problem(Frozen):
    """Something damaged or missing. `addresses`: the versions and bindings that it affects; `mend`: an edit or a command."""

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


def verify_store(session: Session, say: Callable[[Progress], None] = lambda _progress: None) -> dict[str, Json]:
    """The object of `verify --store --json`. Failure `wrong-store` where nothing is of this state's project, as when it is not mounted."""
    store, states, kept = _open(session)
    session.release()
    state, problems = _read_state(states)
    if state is not None and not store.objects.list(layout.project(state.lineage)):
        refuse_other_store(read_standing(store.objects, None), state, store.objects.describe())
    found = audit(store.objects, say)
    problems += Examination(audit=found, state=state, kept=kept).problems()
    return {
        "store": store.objects.describe(),
        "artifacts": len(found.artifacts),
        "bytes": found.bytes,
        "records": len(found.records) + sum(damage.kind != ARTIFACT for damage in found.damaged),
        "state": state is not None,
        "problems": [problem.to_json() for problem in problems],
        "foreign": [*found.foreign],
        "ok": not problems,
    }


def _open(session: Session) -> tuple[Store, StateStore, int]:
    """The store and the state that the Project document names, and its `keep.deployments`, whatever the other documents are."""
    project = next((d for d in session.checked[0] if d.kind == "Project"), None)
    values = project.value if project is not None else {}
    store = open_store(str(values.get("store") or STORE), session.root, session.catalog.stores)
    keep = values.get("keep")
    kept = keep.get("deployments") if isinstance(keep, dict) else None
    states = open_state(str(values.get("state") or STATE), session.root, session.catalog.states)
    return store, states, kept if isinstance(kept, int) else KEEP_DEPLOYMENTS


def _read_state(states: StateStore) -> tuple[State | None, list[Problem]]:
    """The state without any check against the store, whose marks may be what is damaged; None when there is none here."""
    try:
        stamped = states.read()
        return (None, []) if stamped is None else (decode_state(stamped[0]), [])
    except (StateCorrupt, StorageError, BadRecord) as reason:
        hint = getattr(reason, "hint", "") or BACKUP
        return None, [Problem(path="", kind="state", damage="damaged", detail=f"{states.describe()}: {reason}", mend=hint)]


@dataclass(slots=True, kw_only=True)
class Examination:
    """What does not fit together in a store, and in the states that refer to it: that of this project, and the copies of the others.

    `kept`: how many of an environment's newest deployments `gc` spares; what an older one lacks was freed, not lost. `users`: path of
    an artifact or record -> the addresses that need it.
    """

    audit: Audit
    state: State | None
    kept: int
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def problems(self) -> list[Problem]:
        """All problems: damage first, then what is missing."""
        self._find_users()
        damaged = {damage.path for damage in self.audit.damaged}
        found = {problem.path: problem for problem in (self._damaged(damage) for damage in self.audit.damaged)}
        for problem in (*self._marks(), *self._built(), *self._history(), *self._deployments()):
            if problem.path not in damaged and not self._purged(problem.path):
                found.setdefault(problem.path, problem)
        for problem in self._returned():
            found.setdefault(problem.path, problem)
        return list(found.values())

    def _purged(self, path: str) -> bool:
        """Whether an artifact is not missing but was removed for good, which a tombstone says."""
        digest = layout.artifact_digest(path)
        return digest is not None and layout.tombstone(digest) in self.audit.records

    # --- who needs what --------------------------------------------------------------------------------------------

    def _find_users(self) -> None:
        for result in self._all(Result):
            if result.address:
                self._use(layout.result(result.key), result.artifacts.values(), result.address)
        for address, pointer in self._pointers():
            self.users[layout.recipe(pointer.declaration)].add(address)
            for step in pointer.steps.values():
                result_record = self._result(step.key)
                self._use(layout.result(step.key), result_record.artifacts.values() if result_record else (), address)
        for deployment in self._all(Deployment):
            for model, routes in deployment.models.items():
                address = member_of("environment", deployment.environment, model)
                for route in routes:
                    self._use("", [*route.files.values(), *route.beside.values()], address)

    def _pointers(self) -> Iterator[tuple[str, Pointer]]:
        """The pointers of this project's state, and those that other lineages had at their last move."""
        yield from (self.state.current if self.state else {}).items()
        for copy in self._all(State):
            if self.state is None or copy.lineage != self.state.lineage:
                yield from copy.current.items()

    def _use(self, record: str, artifacts: Iterable[str], address: str) -> None:
        for path in (record, *map(layout.artifact, artifacts)):
            self.users[path].add(address)

    def _affected(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(self.users.get(path, ())))

    def _all(self, kind: type) -> Iterator:  # type: ignore[type-arg]
        return (record for record in self.audit.records.values() if isinstance(record, kind))

    def _is_lost(self, digest: str) -> bool:
        """Whether an artifact is not there, and was not purged either."""
        return digest not in self.audit.artifacts and layout.tombstone(digest) not in self.audit.records

    def _result(self, key: str) -> Result | None:
        """The newest record of a key whose artifacts are all there; else the newest one."""
        records: list[Result] = []
        number = 1
        while isinstance(record := self.audit.records.get(layout.result(key, number)), Result):
            records.append(record)
            number += 1
        whole = (r for r in reversed(records) if self.audit.artifacts.issuperset(r.artifacts.values()))
        return next(whole, records[-1] if records else None)

    # --- what is wrong ---------------------------------------------------------------------------------------------

    def _damaged(self, damage: Damage) -> Problem:
        addresses = self._affected(damage.path)
        mend = BACKUP
        if damage.kind in {ARTIFACT, "result"}:
            command = self._build(addresses)
            mend = f"remove {damage.path} from the store" + (f", then run `{command}`" if command else "")
        elif damage.kind == "server":
            mend = "none is needed if the server runs, which writes it again; else remove it"
        return Problem(path=damage.path, kind=damage.kind, damage="damaged", detail=damage.reason, addresses=addresses, mend=mend)

    def _missing(self, path: str, kind: str, detail: str, mend: str = BACKUP) -> Problem:
        return Problem(path=path, kind=kind, damage="missing", detail=detail, addresses=self._affected(path), mend=mend)

    def _returned(self) -> Iterator[Problem]:
        """What was purged and is there again, as after a backup was put back. Nothing reads it."""
        for digest in sorted(self.audit.artifacts):
            tombstone, path = self.audit.records.get(layout.tombstone(digest)), layout.artifact(digest)
            if isinstance(tombstone, Tombstone):
                detail = f"it was purged on {tombstone.at} by {tombstone.by or 'somebody'} ({tombstone.subject}), and its bytes are back"
                yield Problem(
                    path=path, kind=ARTIFACT, damage="purged", detail=detail, addresses=self._affected(path), mend="leptonctl gc --yes"
                )

    def _marks(self) -> Iterator[Problem]:
        """The identity of the store, and the owner and the name of each lineage."""
        records = self.audit.records
        # what a project has before its first apply are references alone
        lineages = {path.split("/")[1] for path in records if path.startswith(f"{layout.PROJECTS}/") and "/refs/" not in path}
        if layout.IDENTITY not in records and (lineages or self.state):
            yield self._missing(layout.IDENTITY, "identity", "the store does not say which store it is")
        identity = records.get(layout.IDENTITY)
        if self.state is not None and isinstance(identity, StoreIdentity) and identity.id != self.state.store:
            detail = f"it is store {identity.id}, but the state belongs to store {self.state.store}: is the right one mounted?"
            yield Problem(
                path=layout.IDENTITY, kind="identity", damage="unusable", detail=detail, mend="mount the store that was used before"
            )
        lineages |= {layout.segment(self.state.lineage)} if self.state and self.state.serial else set()
        for lineage in sorted(lineages):
            path = layout.owner(layout.name_from(lineage))
            owner = records.get(path)
            if not isinstance(owner, OwnerRecord):
                yield self._missing(path, "owner", "the lineage does not say which state may move it")
                continue
            roots = layout.roots(layout.name_from(lineage))
            # a lineage that was begun has none before its first move
            has_moved = any(path.startswith(f"{layout.history(layout.name_from(lineage))}/") for path in records)
            if has_moved and not isinstance(records.get(roots), State):
                mend = "the next apply that changes something writes it again"
                yield self._missing(roots, "roots", "`gc` and `state adopt` would not know what the project refers to", mend)
            name = layout.lineage_name(owner.project, layout.name_from(lineage))
            if not isinstance(records.get(name), LineageName):
                yield self._missing(name, "lineage name", f"a project {owner.project} that lost its state would not find its lineage")

    def _built(self) -> Iterator[Problem]:
        """The recipes, results and artifacts of what the states say is built."""
        for address, pointer in self._pointers():
            recipe = layout.recipe(pointer.declaration)
            if pointer.declaration and recipe not in self.audit.records:
                yield self._missing(recipe, "recipe", f"{address} was declared by it, which is how an edit is explained")
            for name, step in pointer.steps.items():
                result = self._result(step.key)
                if result is None:
                    path = layout.result(step.key)
                    mend = self._build(self._affected(path)) or BACKUP
                    yield self._missing(path, "result", f"it is the result of {name} of {address}", mend)
                    continue
                for file, digest in result.artifacts.items():
                    if self._is_lost(digest):
                        detail = f"it is {file} of {name} of {address}"
                        mend = self._build(self._affected(layout.artifact(digest))) or BACKUP
                        yield self._missing(layout.artifact(digest), ARTIFACT, detail, mend)

    def _history(self) -> Iterator[Problem]:
        """The links of every history; of this project's also its newest record, which the state names."""
        records = self.audit.records
        for path, record in list(records.items()):
            if isinstance(record, HistoryRecord) and record.previous is not None:
                lineage = layout.name_from(path.split("/")[1])
                before = layout.history_record(lineage, record.previous.serial, record.previous.id)
                if before not in records:
                    yield self._missing(before, "history", f"#{record.serial} follows it: what it recorded is not known any more")
        mark = self.state.history if self.state else None
        if self.state is not None and mark is not None:
            path = layout.history_record(self.state.lineage, mark.serial, mark.id)
            if path not in records:
                kept = self.state.latest is not None and self.state.latest.id == mark.id
                mend = "the state still holds it: the next apply that changes something writes it again" if kept else BACKUP
                yield self._missing(path, "history", f"the state names it as its newest record, #{mark.serial}", mend)

    def _deployments(self) -> Iterator[Problem]:
        """The head of each environment, the deployments that it and the history name, and the files of what can be served."""
        records = self.audit.records
        numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
        for path, record in records.items():
            match = _DEPLOYMENTS.fullmatch(path)
            lineage = layout.name_from(path.split("/")[1]) if path.startswith(f"{layout.PROJECTS}/") else ""
            if match is not None:
                place = (layout.name_from(match[1]), layout.name_from(match[2]))
                numbers[place] |= {record.deployment, record.staged} if isinstance(record, Head) else {int(match[3]), _previous(record)}
            elif isinstance(record, HistoryRecord) and record.environment and record.deployment:
                numbers[lineage, record.environment].add(record.deployment)
        for (lineage, environment), named in sorted(numbers.items()):
            head = records.get(layout.head(lineage, environment))
            if not isinstance(head, Head):
                yield self._missing(layout.head(lineage, environment), "head", f"{document('environment', environment)} has no head")
            yield from self._files(lineage, environment, sorted(named - {0}), head if isinstance(head, Head) else None)

    def _files(self, lineage: str, environment: str, numbers: list[int], head: Head | None) -> Iterator[Problem]:
        ours = self.state is not None and self.state.lineage == lineage
        # how many another project keeps is not known here
        needed = {*(numbers[max(0, len(numbers) - self.kept) :] if ours else ()), *([head.deployment, head.staged] if head else [])}
        for number in numbers:
            path = layout.deployment(lineage, environment, number)
            record = self.audit.records.get(path)
            if not isinstance(record, Deployment):
                yield self._missing(path, "deployment", f"it is deployment {number} of {document('environment', environment)}")
                continue
            for model, routes in record.models.items() if number in needed else ():
                address = member_of("environment", environment, model)
                for route in routes:
                    for file, digest in {**route.files, **({"checks": route.checks} if route.checks else {})}.items():
                        if self._is_lost(digest):
                            detail = f"it is {file} of {model}@{route.version}, which deployment {number} of {environment} serves"
                            version = f"model/{model}@{route.version}"
                            needed_by = address if digest == route.checks else version
                            can_build = self._in_force(address, digest) if digest == route.checks else self._declares(version, route.digest)
                            mend = f"leptonctl apply --only {needed_by} --yes" if can_build else BACKUP
                            yield self._missing(layout.artifact(digest), ARTIFACT, f"{detail} ({address})", mend)

    def _declares(self, address: str, digest: str) -> bool:
        """Whether what this project's state holds at the address is the version with this digest, so that it can be built again."""
        pointer = self.state.current.get(address) if self.state else None
        return pointer is not None and pointer.digest == digest

    def _in_force(self, address: str, checks: str) -> bool:
        """Whether a binding of this project's state has these checks now, so that an apply writes them again."""
        place, pointer = parse(address), self.state.current.get(address) if self.state else None
        if self.state is None or pointer is None or pointer.deployment is None:
            return False
        record = self.audit.records.get(layout.deployment(self.state.lineage, place.name, pointer.deployment))
        route = record.main(place.member or "") if isinstance(record, Deployment) else None
        return route is not None and route.checks == checks

    def _build(self, addresses: tuple[str, ...]) -> str:
        """The command that builds what these addresses need; "" when this project's state has none of them.

        A binding's results are those of its version; what it alone needs, an apply of the binding writes. It runs in a script too.
        """
        known = [address for address in addresses if self.state is not None and address in self.state.current]
        built = [address for address in known if parse(address).kind != "environment"]
        return f"leptonctl apply {' '.join(f'--only {address}' for address in (built or known)[:3])} --yes" if known else ""


def _previous(record: object) -> int:
    return (record.previous or 0) if isinstance(record, Deployment) else 0
