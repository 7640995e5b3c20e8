"""Which results were made from snapshots, and which of their artifacts hold rows. Reads the store; changes nothing."""

from collections.abc import Iterable, Iterator, Mapping

from leptonctl.commands.session import Session
from leptonctl.commands.settle import settle
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.spi.catalog import Catalog
from leptonctl.storage.records import BadRecordAt

BY_NATURE = {
    "prepare": "the rows themselves",
    "evaluate": "figures of the evaluation rows",
    "compare": "figures of the evaluation rows",
    "cross_validate": "figures of the training rows",
}
UNKNOWN = "an older build, of which it is not known what it holds"


class Graph(Frozen):
    """All results in the store, and what the declared steps read. `parents`: key -> keys; `inputs`: key -> the step's inputs."""

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
    """One artifact that holds rows, and in which form."""

    address: str
    op: str
    name: str
    digest: str
    holds: str


class Holding(Frozen):
    """`learned`: versions that were trained on the rows and hold none. `untold`: results whose rows are not known."""

    snapshots: frozenset[str]
    holders: tuple[Holder, ...]
    learned: frozenset[str]
    untold: frozenset[str]

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(holder.digest for holder in self.holders)


def read_graph(session: Session) -> Graph:
    """Everything that was built, with what the declared steps read of each other. A damaged record is a Failure: nothing is overlooked."""
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
                parents[key] = frozenset([*filter(None, needed), *step.given.values()])
                inputs[key], at[key] = step.inputs, step.address
    results: dict[str, Result] = {}
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            raise stored
        results[stored.result.key] = stored.result
    return Graph(state=state, results=results, parents=parents, inputs=inputs, at=at)


def holdings(session: Session, graph: Graph, snapshots: Mapping[str, Result]) -> Holding:
    """Everything that was made from these snapshots and is in the store."""
    made = _descendants(graph, snapshots)
    places = {graph.at.get(key) or graph.results[key].address for key in made if key in graph.results}
    # earlier builds of the same versions: what they read is not recorded
    older = {r.key for r in graph.results.values() if r.key not in graph.parents and r.address in places and r.op != "prepare"}
    holders = [h for key in (*made, *older) if key in graph.results for h in _holders(graph, graph.results[key], session.catalog)]
    present = session.store.present({holder.digest for holder in holders})
    holders = [holder for holder in dict.fromkeys(holders) if holder.digest in present]
    held = {holder.address for holder in holders if holder.op in ("train", "export") and holder.name != GOLDEN_FILE}
    trained = {graph.results[key].address for key in made if key in graph.results and graph.results[key].op == "train"}
    untold = {r.address for r in graph.results.values() if r.key not in graph.parents and r.op != "prepare" and r.key not in older}
    return Holding(
        snapshots=frozenset(snapshots), holders=tuple(sorted(holders, key=lambda h: (h.address, h.op, h.name))),
        learned=frozenset(trained - held), untold=frozenset(untold),
    )  # fmt: skip


def _descendants(graph: Graph, snapshots: Iterable[str]) -> tuple[str, ...]:
    reached = dict.fromkeys(snapshots)
    while True:
        more = [key for key, parents in graph.parents.items() if key not in reached and not parents.isdisjoint(reached)]
        if not more:
            return tuple(reached)
        reached.update(dict.fromkeys(more))


def _holders(graph: Graph, result: Result, catalog: Catalog) -> Iterator[Holder]:
    for name, digest in result.artifacts.items():
        holds = _what(graph, result, name, catalog)
        if holds:
            yield Holder(address=result.address, op=result.op, name=name, digest=digest, holds=holds)


def _what(graph: Graph, result: Result, artifact: str, catalog: Catalog) -> str:
    if result.op in BY_NATURE:
        return BY_NATURE[result.op]
    if artifact == GOLDEN_FILE:
        return "evaluation rows with their answers"
    if artifact == MANIFEST_FILE:
        return ""
    inputs = graph.inputs.get(result.key)
    if inputs is None:
        return UNKNOWN
    training = inputs.get("train") if result.op == "export" else dict(inputs)
    return _memorised(training, catalog) if artifact == GRAPH_FILE or result.op == "train" else UNKNOWN


def _memorised(training: Json, catalog: Catalog) -> str:
    """What the trainer and the preprocess steps keep of single rows."""
    if not isinstance(training, dict):
        return UNKNOWN
    trainer = catalog.trainers.get((str(training.get("task")), str(training.get("algorithm"))))
    if trainer is None:
        return UNKNOWN
    steps = training.get("preprocess")
    used = [str(step.get("use")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    parts = [trainer.holds_rows, *(catalog.preprocessors[name].holds_rows for name in used if name in catalog.preprocessors)]
    return "; ".join(dict.fromkeys(filter(None, parts)))
