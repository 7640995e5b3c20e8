"""`purge`: reports what holds the rows of a dataset version or of a person, and with consent removes it for good."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from leptonctl.commands.holders import Graph, Holder, Holding, holdings, read_graph
from leptonctl.commands.predict import from_provider
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core import address as addresses
from leptonctl.core.contract import id_mark
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.dataset import Dataset, datasets
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.pointers import Note, now

UNREACHABLE = (
    "older versions of objects that a bucket keeps",
    "what other projects on this store bind: they are not asked, and see the loss in their next plan",
    "servers that still hold a package in memory: restart them",
    "backups of the store, the state and the data",
    "checkouts and Git history that hold the data file, and plans saved elsewhere",
)
Consent = Callable[[Mapping[str, Json]], bool]


def purge(
    session: Session, version: str | None, row: str | None, dataset: str | None, *, reason: str = "", consent: Consent
) -> dict[str, Json]:
    """The object of `purge --json`. `version`: a dataset version, all of whose rows go; `row`: the id of one row, of one dataset or all."""
    if (version is None) == (row is None):
        raise fail("usage", "Say what is to go", "name a dataset version, or one row with --id", hint="leptonctl purge --help")
    graph = read_graph(session)
    subject, snapshots, untold = _of_version(session, graph, version) if version else _of_row(session, graph, str(row), dataset)
    found = holdings(session, graph, snapshots)
    report = _report(session, graph, subject, found, untold)
    if not found.holders or not consent(report):
        return report
    owner = owner_of(session, "leptonctl purge", reason=reason)
    author = author_of(owner, "purge")
    # first the record: what is removed without one could not be explained
    note = replace(author, reason=f"{len(found.digests)} artifacts with rows of {subject} removed" + (f": {reason}" if reason else ""))
    if session.pointers.read() is not None:
        session.pointers.note(Note(author=note))
    session.store.bury(found.digests, Tombstone(at=now(), by=author.by or "", subject=subject, reason=reason))
    return {**report, "done": True}


def _of_version(session: Session, graph: Graph, version: str) -> tuple[str, dict[str, Result], list[str]]:
    """What is to go, its snapshots by key, and nothing that cannot be told."""
    place = addresses.full(version, [*graph.addresses], ("dataset",))
    found = {r.key: r for r in graph.results.values() if r.op == "prepare" and r.address == place}
    found |= {key: graph.results[key] for key in graph.keys_of(place) if key in graph.results}
    if not found and place not in {dataset.address for dataset in datasets(session.declarations).values()}:
        known = sorted({r.address for r in graph.results.values() if r.op == "prepare"})
        raise fail("unknown-address", "No such dataset version", place, hint=did_you_mean(place, known))
    return place, found, []


def _of_row(session: Session, graph: Graph, row: str, name: str | None) -> tuple[str, dict[str, Result], list[str]]:
    """The hash of the id in place of the id, the snapshots that hold the row, and those that declare no id."""
    declared = [d for d in datasets(session.declarations).values() if name is None or d.declared.name == name]
    if name is not None and not declared:
        known = {d.declared.name for d in datasets(session.declarations).values()}
        raise fail("unknown-dataset", "No such dataset", name, hint=did_you_mean(name, known))
    marks = frozenset(_marks(session, declared, row))
    found: dict[str, Result] = {}
    untold: list[str] = []
    for result in graph.results.values():
        if result.op != "prepare" or (name is not None and addresses.parse(result.address).name != name):
            continue
        holds = _holds(session, result, marks)
        if holds is None:
            untold.append(result.address)
        elif holds:
            found[result.key] = result
    subject = "id sha256:" + hashlib.sha256(row.encode()).hexdigest()[:16]
    return subject, found, sorted(set(untold))


def _marks(session: Session, declared: Iterable[Dataset], row: str) -> Iterator[bytes]:
    yield id_mark(row, None)
    for dataset in declared:
        privacy = dataset.inputs.get("privacy")
        key = privacy.get("key") if isinstance(privacy, dict) else None
        if isinstance(key, dict) and isinstance(privacy, dict) and (privacy.get("hash") or privacy.get("key_id")):
            try:
                yield id_mark(row, read_secret(key, session.root))
            except ProviderError as problem:
                raise from_provider(problem) from problem


def _holds(session: Session, result: Result, marks: frozenset[bytes]) -> bool | None:
    """Whether a snapshot has a row with one of the marks; None when its rows have no marks, or it is damaged."""
    import polars as pl

    from leptonctl.learning.tables.identity import ROW_MARK

    for digest in (digest for name, digest in result.artifacts.items() if name.endswith(".parquet")):
        if not session.store.present([digest]):
            continue
        try:
            data = session.store.get_artifact(digest)
            columns = pl.read_parquet_schema(io.BytesIO(data))
        except (KeyError, ValueError, pl.exceptions.PolarsError):
            return None  # it is damaged
        if ROW_MARK not in columns:
            return None
        if not marks.isdisjoint(pl.read_parquet(io.BytesIO(data), columns=[ROW_MARK])[ROW_MARK].to_list()):
            return True
    return False


def _report(session: Session, graph: Graph, subject: str, found: Holding, untold: list[str]) -> dict[str, Json]:
    bound = _bound(graph.state, found.digests)
    holders = [_holder(holder, bound) for holder in found.holders]
    return {
        "subject": subject,
        "holders": cast("Json", holders),
        "learned": cast("Json", sorted(found.learned)),
        "sources": cast("Json", sorted(_sources(session, found.snapshots))),
        "cannot_tell": cast("Json", sorted({*untold, *found.untold})),
        "unreachable": list(UNREACHABLE),
        "done": False,
    }


def _holder(holder: Holder, bound: Mapping[str, list[str]]) -> dict[str, Json]:
    return {
        "address": holder.address, "op": holder.op, "artifact": holder.name, "digest": holder.digest, "holds": holder.holds,
        "bound": cast("Json", bound.get(holder.address, [])),
    }  # fmt: skip


def _bound(state: State | None, digests: frozenset[str]) -> dict[str, list[str]]:
    """Model version -> the bindings that serve it."""
    del digests
    serving: dict[str, list[str]] = {}
    for place, pointer in (state.current if state else {}).items():
        parsed = addresses.parse(place)
        if parsed.member and pointer.version is not None:
            serving.setdefault(addresses.version_of("model", parsed.member, pointer.version), []).append(place)
    return serving


def _sources(session: Session, snapshots: Iterable[str]) -> set[str]:
    """The files that the declared snapshots were read from; they are never edited."""
    keys = set(snapshots)
    found: set[str] = set()
    for dataset in datasets(session.declarations).values():
        for stratify in (False, True):
            if dataset.prepare(stratify=stratify).key in keys:
                for name in ("source", "test_source"):
                    source = dataset.inputs.get(name)
                    found |= {str(source["path"])} if isinstance(source, dict) else set()
    return found
