"""From YAML text to declarations and nodes, with the bundled catalog. No data file is read: their digests are passed in."""

from collections.abc import Mapping

from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Keep
from leptonctl.core.diagnostic import Diagnostic, has_errors
from leptonctl.core.diff import diff, with_becauses
from leptonctl.core.frozen import replace
from leptonctl.core.graph import complete_key, in_order, needed_key, resolve_keys
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State, StepPointer
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Document, Json, Node, Step, StepPlace
from leptonctl.kinds.checking import check as check_documents
from leptonctl.kinds.kind import PROJECT as ROOT
from leptonctl.kinds.kind import Declarations, Recorded, declare
from leptonctl.kinds.registry import KINDS
from leptonctl.kinds.schema import BASE
from leptonctl.language.load import load
from leptonctl.language.resolve import resolve
from leptonctl.language.template import render
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog

CATALOG: Catalog = load_catalog()
COLUMNS = ("x", "y", "city", "side", "kind")
PROJECT = "kind: Project\nname: toy\nformat: 1\n---\n"
DATA = """\
kind: Dataset
name: points
target: side
versions:
  first: {source: data/first.csv}
  second: {source: data/second.csv}
---
"""
MODEL = """\
kind: Model
name: line
dataset: points@first
task: classification
algorithm: logistic_regression
versions:
  v1: {}
---
"""
ENVIRONMENT = """\
kind: Environment
name: dev
models: {line: v1}
"""
ALL = DATA + MODEL + ENVIRONMENT


def seen(key: SourceKey) -> SourceFacts:
    """The facts of a file whose digest is derived from its name."""
    return SourceFacts(digest=digest(key[0]), columns=COLUMNS)


def check(documents: tuple[Document, ...] | list[Document]) -> tuple[Diagnostic, ...]:
    """The mistakes of each document by itself."""
    return check_documents(documents, KINDS, BASE)


def declared(
    text: str, facts: Mapping[str, SourceFacts] | None = None, catalog: Catalog = CATALOG
) -> tuple[Declarations | None, tuple[Diagnostic, ...]]:
    """What the text of one file declares, with all mistakes. `facts`: of some files by path."""
    documents, problems = load({"project.yaml": text if "kind: Project" in text else PROJECT + text}, tuple(KINDS))
    documents, unfilled = render(documents, ROOT)
    problems = (*problems, *unfilled, *check(documents))
    if has_errors(problems):
        return None, problems
    project = resolve(documents, ROOT, {kind.name: kind.inherit for kind in KINDS.values()})
    known = facts or {}
    keys = [key for kind in KINDS.values() for key in kind.files(project)]
    return declare(KINDS.values(), project, catalog, {key: known.get(key[0], seen(key)) for key in keys})


def sound(text: str, facts: Mapping[str, SourceFacts] | None = None) -> Declarations:
    """The declarations of a valid text."""
    declarations, problems = declared(text, facts)
    assert declarations is not None, problems
    assert not problems
    return declarations


def nodes_of(
    text: str, facts: Mapping[str, SourceFacts] | None = None, *, state: State | None = None, results: Mapping[str, Result] | None = None
) -> dict[str, Node]:
    """All nodes by address, in order; before anything is built unless there is a state."""
    declarations = sound(text, facts)
    recorded = Recorded(state=state, results=results or {})
    effects = [node for kind in KINDS.values() for node in kind.effects(declarations, recorded)]
    return {node.address: node for node in in_order([*declarations.built.values(), *effects])}


def digests(text: str, facts: Mapping[str, SourceFacts] | None = None) -> dict[str, str]:
    return {address: node.digest for address, node in nodes_of(text, facts).items()}


def step(node: Node, op: str) -> Step:
    """The only step of a node with this op."""
    (found,) = (s for s in node.steps if s.op == op)
    return found


def ids(text: str, facts: Mapping[str, SourceFacts] | None = None) -> list[str]:
    """The ids of the mistakes, in order."""
    return [problem.id for problem in declared(text, facts)[1]]


def produced(step: Step, key: str) -> Result:
    """The result of a step without running it: artifacts, rows and packages named after its key."""
    artifacts, outputs = {}, {}
    if step.op == "prepare":
        artifacts = {name: digest([key, name]) for name in ("train.parquet", "test.parquet")}
        outputs = {"rows_digest": {part: digest([key, part]) for part in ("train", "test")}, "contract": {"columns": []}}
    elif step.op in ("export", "decide"):
        artifacts = {"model.onnx": digest([key, "onnx"]), "manifest.json": digest([key, "manifest"])}
        outputs = {"package": digest([key, "package"])}
    elif step.op == "train":
        artifacts = {"model.skops": digest([key, "skops"])}
        outputs = {"learned": [key]} if "warm_start" in step.needs else {}
    elif step.op == "evaluate":
        outputs = {"metrics": {"accuracy": 0.9, "f1": 0.8}, "rows": 100}
    elif step.op == "compare":
        outputs = {"rows": 100, "metrics": {"f1": {"a": 0.8, "b": 0.8}}}
    return Result(key=key, op=step.op, artifacts=artifacts, outputs=outputs)


def build(nodes: Mapping[str, Node], current: Mapping[str, Pointer] | None = None) -> dict[str, Result]:
    """The results of all steps of nodes in order, by key."""
    results: dict[str, Result] = {}
    keys: dict[StepPlace, str | None] = {}
    for node in nodes.values():
        for one in node.steps:
            if one.effect:
                continue
            keys[one.place] = key = one.key or complete_key(one, keys, current or {}, results)
            assert key is not None, one.place
            results[key] = produced(one, key)
    return results


def applied(nodes: Mapping[str, Node]) -> dict[str, Pointer]:
    """The pointers after everything is built and bound."""
    results = build(nodes)
    keys = resolve_keys(list(nodes.values()), {}, results)
    found: dict[str, Pointer] = {}
    for node in nodes.values():
        steps = {s.name: StepPointer(op=s.op, key=key) for s in node.steps if (key := keys.of(*s.place)) is not None}
        export = results.get(steps["export"].key) if "export" in steps else None
        found[node.address] = Pointer(
            digest=node.digest, declaration=node.declaration, steps=steps, version=node.version, effect=node.effect,
            artifact=export.artifacts["model.onnx"] if export else None,
        )  # fmt: skip
        if node.version is not None:
            # a binding points at what its version points at
            built = found[node.needs[0]]
            place = step(nodes[node.needs[0]], "export").needs["prepare"]
            key = needed_key(step(nodes[node.needs[0]], "export"), "prepare", keys.by_place, {})
            assert key is not None, place
            export = results[built.steps["export"].key]
            found[node.address] = replace(
                found[node.address], artifact=built.artifact, package=str(export.outputs["package"]),
                steps={"prepare": StepPointer(op="prepare", key=key), **built.steps},
            )  # fmt: skip
    return found


def recipes(nodes: Mapping[str, Node]) -> dict[str, Recipe]:
    """The recipes of these nodes in the store, by declaration."""
    return {n.declaration: Recipe(address=n.address, recipe=n.recipe, notes=n.notes) for n in nodes.values()}


def settled(nodes: Mapping[str, Node], current: Mapping[str, Pointer], results: Mapping[str, Result]) -> Settled:
    keys = resolve_keys(list(nodes.values()), current, results)
    return Settled(nodes=tuple(nodes.values()), keys=keys, current=current, results=results, by_address=nodes)


def moved(before: str, after: str, facts: Mapping[str, SourceFacts] | None = None) -> list[Change]:
    """The changes from one applied text to another, with their causes."""
    old = nodes_of(before)
    pointers = applied(old)
    nodes = nodes_of(after, facts, state=State(lineage="l", project="toy", current=pointers), results=build(old))
    found = settled(nodes, pointers, {**build(old), **build({a: n for a, n in nodes.items() if not n.effect})})
    known = recipes(old)
    changes = [c for c in diff(found.nodes, pointers, found.keys) if not isinstance(c, Keep)]
    return [
        with_becauses(c, nodes.get(c.address), known.get(pointers[c.address].declaration) if c.address in pointers else None)
        for c in changes
    ]


def value(node: Node, *path: str) -> Json:
    """A part of a recipe."""
    from leptonctl.core.values import value_at

    return value_at(node.recipe, path)
