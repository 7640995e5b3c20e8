"""`purge`: reports what holds the rows of a dataset version or of a person, and with consent removes them for good."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from leptonctl.building.checkpoint import sweep_checkpoints
from leptonctl.commands.outcome import Consent
from leptonctl.commands.rows.holders import Graph, Holder, Holding, holdings, ingredients, read_graph
from leptonctl.commands.rows.marked_rows import SIDES, Snapshot, marks_of, search, wrong_key
from leptonctl.commands.rows.shared_rows import sharing
from leptonctl.commands.session import Session
from leptonctl.commands.showing.extremes import HOLDS, columns_with_extremes, without_extremes
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core import address as addresses
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.result import Tombstone
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.model.package import holds_package
from leptonctl.storage.pointers import Note, now

UNREACHABLE = (
    "older versions of objects that a bucket keeps",
    "what other projects on this store bind: they are not asked, and see the loss in their next plan",
    "servers that hold a package in memory, until they switch to another",
    "backups of the store, the state and the data",
    "checkouts and Git history that hold the data file, and plans saved elsewhere",
)


class Subject(Frozen):
    """What is to be removed. `unsearched`: what cannot be searched for it."""

    name: str
    snapshots: Mapping[str, Snapshot]
    unsearched: tuple[str, ...] = ()


def purge(
    session: Session, version: str | None, row: str | None, dataset: str | None, *, reason: str = "", consent: Consent
) -> dict[str, Json]:
    """The object of `purge --json`. `version`: a dataset version, with all of its rows. `row`: the id of one row, in one dataset or all."""
    if (version is None) == (row is None):
        raise fail("usage", "Say what to purge", "name a dataset version, or one row with --id", hint="leptonctl purge --help")
    # what a backup has brought back is removed again
    session.store = replace(session.store, with_purged=True)
    graph = read_graph(session)
    subject = _of_version(session, graph, version) if version else _of_row(session, graph, str(row), dataset)
    holding = holdings(session, graph, subject.snapshots)
    report = _report(session, graph, subject, holding)
    ranged = [key for key, snapshot in subject.snapshots.items() if columns_with_extremes(snapshot.result)]
    if not (holding.holders or ranged) or not consent(report):
        return report
    owner = owner_of(session, "leptonctl purge", reason=reason)
    author = author_of(owner, "purge")
    # the record comes first: a removal without one could not be explained
    ranges = f" and the ranges of {len(ranged)} record{'s' if len(ranged) != 1 else ''}" if ranged else ""
    removed = f"{len(holding.digests)} artifacts{ranges} removed: {subject.name}"
    note = replace(author, reason=f"{removed}; {f'reason: {reason}' if reason else 'no reason was given'}")
    if session.pointers.read() is not None:
        session.pointers.note(Note(author=note))
    # the snapshots come last, since a purge that was interrupted finds the rest by them
    for key in ranged:
        session.store.rewrite(key, without_extremes)
    session.store.purge(holding.tombstones(Tombstone(at=now(), by=author.by or "", subject=subject.name, reason=reason)))
    # the checkpoint of a killed step may hold these rows
    sweep_checkpoints(session.root)
    return {**report, "done": True}


def _of_version(session: Session, graph: Graph, version: str) -> Subject:
    place = addresses.full(version, [*graph.addresses], ("dataset",))
    own = {r.key: r for r in graph.results.values() if r.op == "prepare" and r.address == place}
    own |= {key: graph.results[key] for key in graph.keys_of(place) if key in graph.results}
    if not own and place not in {dataset.address for dataset in datasets(session.declarations).values()}:
        known = sorted({r.address for r in graph.results.values() if r.op == "prepare"})
        raise fail("unknown-address", "No such dataset version", place, hint=did_you_mean(place, known))
    whole = {key: Snapshot(result=result, sides=frozenset(SIDES)) for key, result in own.items()}
    prepared = [result for result in graph.results.values() if result.op == "prepare"]
    rows = sharing(session, whole, prepared, inputs=graph.inputs, keys={*whole, *graph.keys_of(place)})
    return Subject(name=place, snapshots={**whole, **rows.snapshots}, unsearched=rows.unsearched)


def _of_row(session: Session, graph: Graph, row: str, name: str | None) -> Subject:
    declared = [d for d in datasets(session.declarations).values() if name is None or d.declared.name == name]
    if name is not None and not declared:
        known = {d.declared.name for d in datasets(session.declarations).values()}
        raise fail("unknown-dataset", "No such dataset", name, hint=did_you_mean(name, known))
    prepared = [r for r in graph.results.values() if r.op == "prepare" and (name is None or addresses.parse(r.address).name == name)]
    rows = search(session, prepared, marks_of(session, declared, row))
    if rows.keys and not rows.snapshots:
        raise wrong_key(rows.keys)
    return Subject(name=_name(rows.snapshots.values()), snapshots=rows.snapshots, unsearched=rows.unsearched)


def _name(snapshots: Iterable[Snapshot]) -> str:
    """The name of a row in records: its keyed mark. Without a key a random name, since likely ids could be tried against a hash."""
    keyed = {snapshot.keyed for snapshot in snapshots}
    mark = next(iter(keyed)) if len(keyed) == 1 else None
    return f"row with the keyed mark {mark.hex()[:16]}" if mark else f"row of purge {secrets.token_hex(8)}"


def _report(session: Session, graph: Graph, subject: Subject, holding: Holding) -> dict[str, Json]:
    bound = _bindings(graph)
    holders = [_holder(holder, bound) for holder in holding.holders]
    return {
        "subject": subject.name,
        "holders": cast("Json", holders),
        "rows": {address: count for address, count in _rows(subject.snapshots) if count},
        "records": [*_records(subject.snapshots)],
        "learned": cast("Json", sorted(holding.learned)),
        "sources": cast("Json", sorted(_sources(session, subject.snapshots))),
        "cannot_tell": cast("Json", sorted({*subject.unsearched, *holding.unclear})),
        "unreachable": list(UNREACHABLE),
        "done": False,
    }


def _rows(snapshots: Mapping[str, Snapshot]) -> Iterator[tuple[str, int]]:
    """How many rows of each dataset version are removed."""
    for address in sorted({snapshot.result.address for snapshot in snapshots.values()}):
        yield address, max(snapshot.rows for snapshot in snapshots.values() if snapshot.result.address == address)


def _records(snapshots: Mapping[str, Snapshot]) -> Iterator[dict[str, Json]]:
    """The records that hold values of rows themselves."""
    for key, snapshot in sorted(snapshots.items()):
        if columns := columns_with_extremes(snapshot.result):
            yield {"address": snapshot.result.address, "op": snapshot.result.op, "key": key, "holds": HOLDS.format(", ".join(columns))}


def _holder(holder: Holder, bound: Mapping[str, list[str]]) -> dict[str, Json]:
    return {
        "address": holder.address, "op": holder.op, "artifact": holder.name, "digest": holder.digest, "holds": holder.holds,
        "refused": holder.certain,
        "bound": cast("Json", bound.get(holder.digest, [])),
    }  # fmt: skip


def _bindings(graph: Graph) -> dict[str, list[str]]:
    """Artifact -> the bindings that serve a package which it is part of, or which was made from it."""
    serving: dict[Json, list[str]] = {}
    for place, pointer in (graph.state.current if graph.state else {}).items():
        if pointer.version is not None and pointer.package is not None:
            serving.setdefault(pointer.package, []).append(place)
    bound: dict[str, set[str]] = {}
    for package in (result for result in graph.results.values() if holds_package(result)):
        for result in (package, *ingredients(graph, package)):
            for digest in result.artifacts.values():
                bound.setdefault(digest, set()).update(serving.get(package.outputs.get("package"), ()))
    return {digest: sorted(places) for digest, places in bound.items()}


def _paths(source: Mapping[str, Json]) -> list[str]:
    """The files of a source."""
    parts = cast("list[dict[str, Json]]", source.get("parts") or [])
    return [str(part["path"]) for part in parts] or [str(source["path"])]


def _sources(session: Session, snapshots: Mapping[str, Snapshot]) -> set[str]:
    """The files that the rows in declared snapshots were read from. They are never edited."""
    files: set[str] = set()
    for dataset in datasets(session.declarations).values():
        for stratify in (False, True):
            snapshot = snapshots.get(dataset.prepare(stratify=stratify).key or "")
            for side in snapshot.sides if snapshot else ():
                # without a file of their own, test rows come from the same file
                source = (dataset.inputs.get("test_source") if side == "test" else None) or dataset.inputs.get("source")
                files |= {*_paths(source)} if isinstance(source, dict) else set()
    return files
