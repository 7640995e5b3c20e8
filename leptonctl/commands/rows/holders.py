"""Finds the results that were computed from snapshots, and the artifacts that hold their rows. Changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from leptonctl.commands.planning.line import settle
from leptonctl.commands.rows.marked_rows import Snapshot, golden_rows, have_own_values
from leptonctl.commands.session import Session
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE
from leptonctl.core.profile import PROFILE_FILE
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.model.command import COMMAND
from leptonctl.kinds.model.package import holds_package
from leptonctl.storage.records import BadRecordAt

BY_OP = {
    "prepare": "the rows themselves",
    "evaluate": "figures of the evaluation rows",
    "compare": "figures of the evaluation rows",
    "cross_validate": "figures of the training rows",
}
PROFILE = "the profile of the training rows: values at their quantiles, and counts"
UNKNOWN = "an older build, whose contents are not known"
OF_A_PROGRAM = "a graph that a program of yours made, whose contents are not known"


class Graph(Frozen):
    """All results in the store, and what the declared steps read. `parents`: key -> keys; `inputs`: key -> the step's inputs; `at`: key ->
    the declared address.
    """

    state: State | None
    results: Mapping[str, Result]
    parents: Mapping[str, frozenset[str]]
    inputs: Mapping[str, Mapping[str, Json]]
    at: Mapping[str, str]

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset([*self.at.values(), *(result.address for result in self.results.values())])

    def keys_of(self, address: str) -> Iterator[str]:
        """The keys of an address: as declared, and as recorded."""
        yield from (key for key, place in self.at.items() if place == address)
        pointer = self.state.current.get(address) if self.state else None
        yield from (step.key for step in pointer.steps.values()) if pointer else ()


class Holder(Frozen):
    """One artifact that holds rows, and in which form. `certain`: without the rows, no build can give the same bytes."""

    address: str
    op: str
    name: str
    digest: str
    holds: str
    certain: bool = False


class Holding(Frozen):
    """`learned`: versions that were trained on the rows but hold none. `unclear`: addresses of results whose rows are not known. `naming`:
    the artifacts of the snapshots by which the others are found.
    """

    snapshots: frozenset[str]
    holders: tuple[Holder, ...]
    learned: frozenset[str]
    unclear: frozenset[str]
    naming: frozenset[str] = frozenset()

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(holder.digest for holder in self.holders)

    def tombstones(self, tombstone: Tombstone) -> dict[str, Tombstone]:
        """One for each artifact. Snapshots come last, and those that name the rows at the very end: a purge that was interrupted finds the
        rest by them.
        """
        certain = {holder.digest for holder in self.holders if holder.certain}
        ordered = sorted(self.holders, key=lambda holder: (holder.op == "prepare", holder.digest in self.naming))
        return {holder.digest: replace(tombstone, refused=holder.digest in certain) for holder in ordered}


def read_graph(session: Session) -> Graph:
    """Everything that was built, and what the declared steps read. A damaged record is a Failure, so that nothing is overlooked."""
    state = session.pointers.read()
    settled, _ = settle(session, state)
    keys = settled.keys.by_place
    parents: dict[str, frozenset[str]] = {}
    inputs: dict[str, Mapping[str, Json]] = {}
    at: dict[str, str] = {}
    for node in settled.nodes:
        for step in node.steps:
            key = keys.get(step.place)
            if key is not None:
                needed = (keys.get(place) for place in step.needs.values())
                parents[key] = frozenset([*filter(None, needed), *step.needed_keys.values()])
                inputs[key], at[key] = step.inputs, step.address
    results: dict[str, Result] = {}
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            raise stored
        result = stored.result
        results[result.key] = result
        read, settings = result.provenance.get("read"), result.provenance.get("inputs")
        if isinstance(read, dict) and isinstance(settings, dict) and result.key not in parents:
            parents[result.key], inputs[result.key] = frozenset(map(str, read.values())), settings
    return Graph(state=state, results=results, parents=parents, inputs=inputs, at=at)


def holdings(session: Session, graph: Graph, snapshots: Mapping[str, Snapshot]) -> Holding:
    """Everything in the store that holds these rows."""
    computed = {key: origins for key, origins in _descendants(graph, snapshots).items() if key in graph.results}
    places = {graph.at.get(key) or graph.results[key].address for key in computed}
    # builds of the same versions by an earlier leptonctl, which did not record what they read
    older = {r.key for r in graph.results.values() if r.key not in graph.parents and r.address in places and r.op != "prepare"}
    known = {digest for key in graph.parents if key in graph.results for digest in graph.results[key].artifacts.values()}
    holders = [
        holder
        for key, origins in computed.items()
        for holder in _holders(session, graph, graph.results[key], [snapshots[origin] for origin in origins])
    ]
    holders += [h for key in older for h in _unknown(graph.results[key]) if h.digest not in known]
    present = session.store.present({holder.digest for holder in holders})
    holders = [holder for holder in dict.fromkeys(holders) if holder.digest in present]
    holding_rows = {holder.address for holder in holders if holder.op not in BY_OP and holder.name != GOLDEN_FILE}
    trained = {
        graph.results[key].address
        for key, origins in computed.items()
        if graph.results[key].op in ("train", COMMAND) and any("train" in snapshots[origin].sides for origin in origins)
    }
    unread = {r.key: r for r in graph.results.values() if r.key not in graph.parents and r.op != "prepare" and r.key not in older}
    files = {digest for r in unread.values() for name, digest in r.artifacts.items() if name != MANIFEST_FILE}
    remaining = session.store.present(files - known)
    unclear = {r.address for r in unread.values() if not remaining.isdisjoint(r.artifacts.values())}
    return Holding(
        snapshots=frozenset(snapshots), holders=tuple(sorted(holders, key=lambda h: (h.address, h.op, h.name))),
        learned=frozenset(trained - holding_rows), unclear=frozenset(unclear),
        naming=frozenset(digest for one in snapshots.values() if one.records is None for digest in one.result.artifacts.values()),
    )  # fmt: skip


def ingredients(graph: Graph, package: Result) -> Iterator[Result]:
    """The results that a package was made from, without the rows: the native model, and the package before a decision was added."""
    for key in graph.parents.get(package.key, ()):
        result = graph.results.get(key)
        if result is not None and result.op != "prepare":
            yield result
            yield from ingredients(graph, result)


def _unknown(result: Result) -> Iterator[Holder]:
    for name, digest in result.artifacts.items():
        if name != MANIFEST_FILE:
            yield Holder(address=result.address, op=result.op, name=name, digest=digest, holds=UNKNOWN)


def _descendants(graph: Graph, snapshots: Iterable[str]) -> dict[str, frozenset[str]]:
    """Key -> the snapshots that its result was computed from; a snapshot from itself."""
    reached = {key: frozenset([key]) for key in snapshots}
    while True:
        more = {key: frozenset().union(*(reached.get(parent, frozenset()) for parent in parents)) for key, parents in graph.parents.items()}
        wider = {key: reached.get(key, frozenset()) | keys for key, keys in more.items() if not keys <= reached.get(key, frozenset())}
        if not wider:
            return reached
        reached |= wider


def _holders(session: Session, graph: Graph, result: Result, snapshots: Sequence[Snapshot]) -> Iterator[Holder]:
    for name, digest in result.artifacts.items():
        holds, certain = _what(session, graph, result, name, snapshots)
        if holds:
            yield Holder(address=result.address, op=result.op, name=name, digest=digest, holds=holds, certain=certain)


def _what(session: Session, graph: Graph, result: Result, artifact: str, snapshots: Sequence[Snapshot]) -> tuple[str, bool]:
    """In which form an artifact holds the rows, "" when it holds none, and whether it cannot be made without them."""
    sides = frozenset().union(*(snapshot.sides for snapshot in snapshots))
    if result.op == "prepare":
        side, words = ("train", PROFILE) if artifact == PROFILE_FILE else (artifact.partition(".")[0], BY_OP["prepare"])
        return (words, True) if side in sides else ("", False)
    if result.op in BY_OP:
        return BY_OP[result.op], False
    if artifact == MANIFEST_FILE:
        return "", False
    if artifact == GOLDEN_FILE:
        samples = [golden_rows(session, snapshot, result.artifacts[artifact]) for snapshot in snapshots]
        holds = any(sample.holds for sample in samples)
        return "evaluation rows with their answers" if holds else "", any(sample.holds and sample.only for sample in samples)
    foreign = _foreign(graph, result) if "train" in sides else ""
    if foreign is not None:
        return foreign, False
    settings = graph.inputs.get(result.key) or {}
    training = settings.get("train") if holds_package(result) else dict(settings)
    return _memory(session, training, snapshots) if artifact == GRAPH_FILE or result.op == "train" else (UNKNOWN, False)


def _foreign(graph: Graph, result: Result) -> str | None:
    """What a file that another program made holds, as far as that is known; None for one that a trainer made."""
    ops = {part.op for part in (result, *ingredients(graph, result))}
    if COMMAND in ops:
        return OF_A_PROGRAM
    # an imported graph was made elsewhere from other rows; a decision adds none
    return "" if "import" in ops else None


def _memory(session: Session, training: Json, snapshots: Sequence[Snapshot]) -> tuple[str, bool]:
    """What the trainer and the preprocess steps keep of single rows, and whether that is every row.

    A category or an extreme that other rows share does not count.
    """
    catalog = session.catalog
    if not isinstance(training, dict):
        return UNKNOWN, False
    trainer = catalog.trainers.get((str(training.get("task")), str(training.get("algorithm"))))
    if trainer is None:
        return UNKNOWN, False
    steps = training.get("preprocess")
    parts = [trainer.holds_rows]
    for step in steps if isinstance(steps, list) else []:
        provider = catalog.preprocessors.get(str(step.get("use"))) if isinstance(step, dict) else None
        if not isinstance(step, dict) or provider is None or not provider.holds_rows:
            continue
        chosen = next((names for names in (step.get("columns"), training.get("features")) if isinstance(names, list)), None)
        columns = None if chosen is None else frozenset(map(str, chosen))
        if any(have_own_values(session, snapshot, columns, provider.takes) for snapshot in snapshots):
            parts.append(provider.holds_rows)
    return "; ".join(dict.fromkeys(filter(None, parts))), trainer.holds_every_row
