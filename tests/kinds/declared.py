"""Declarations from YAML text to nodes, with the shipped catalog and files that nobody reads: their digests are handed in."""

from collections.abc import Mapping
from dataclasses import replace

from leptonctl.core.record import Entry
from leptonctl.kinds.configuration import Configuration, all_nodes, configure

from leptonctl.commands.session import SCHEMAS
from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Keep
from leptonctl.core.diagnostic import Diagnostic, has_errors
from leptonctl.core.diff import diff
from leptonctl.core.graph import resolve_keys
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Node, Step
from leptonctl.kinds.dataset import source_keys
from leptonctl.language.load import load
from leptonctl.language.resolve import resolve
from leptonctl.language.template import render
from leptonctl.language.validate import validate
from leptonctl.project.catalog import load_catalog
from leptonctl.project.compiled import load_checks
from leptonctl.spi.catalog import Catalog

CATALOG: Catalog = load_catalog()
COLUMNS = ("x", "y", "city", "side")
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
    """A file whose content is as good as its name."""
    return SourceFacts(digest=digest(key[0]), columns=COLUMNS)


def configured(text: str, facts: Mapping[str, SourceFacts] | None = None) -> tuple[Configuration | None, tuple[Diagnostic, ...]]:
    """The configuration that the text of one file declares, with everything that is wrong. `facts`: of some files by path."""
    documents, problems = load({"project.yaml": text if "kind: Project" in text else PROJECT + text})
    documents, unfilled = render(documents)
    problems = (*problems, *unfilled, *validate(documents, SCHEMAS, load_checks()))
    if has_errors(problems):
        return None, problems
    project = resolve(documents)
    given = facts or {}
    return configure(project, CATALOG, {key: given.get(key[0], seen(key)) for key in source_keys(project)})


def sound(text: str, facts: Mapping[str, SourceFacts] | None = None) -> Configuration:
    """The configuration of a text that nothing is wrong with."""
    configuration, problems = configured(text, facts)
    assert configuration is not None, problems
    assert not problems
    return configuration


def nodes_of(text: str, facts: Mapping[str, SourceFacts] | None = None) -> dict[str, Node]:
    """All nodes by address, before anything is built."""
    return {node.address: node for node in all_nodes(sound(text, facts), None, {})}


def digests(text: str, facts: Mapping[str, SourceFacts] | None = None) -> dict[str, str]:
    return {address: node.digest for address, node in nodes_of(text, facts).items()}


def step(node: Node, op: str) -> Step:
    """The one step of a node that does this."""
    (found,) = (s for s in node.steps if s.op == op)
    return found


def ids(text: str, facts: Mapping[str, SourceFacts] | None = None) -> list[str]:
    """The ids of what is wrong, in order."""
    return [problem.id for problem in configured(text, facts)[1]]


def applied(nodes: Mapping[str, Node]) -> dict[str, Entry]:
    """Entries as they stand when everything is built and bound; bytes and rows are named after the keys that made them."""
    entries: dict[str, Entry] = {}
    keys = resolve_keys(list(nodes.values()), {}, {})
    for node in nodes.values():
        steps = {s.op: key for s in node.steps if (key := keys.of(node.address, s.op)) is not None}
        reads = {f"{s.op}.{part}": digest([s.key, part]) for s in node.steps for part in s.exposes}
        artifact = reads.get("export.artifacts.model.onnx")
        entries[node.address] = Entry(
            digest=node.digest, steps=steps, reads=reads, recipe=node.recipe, metadata=node.metadata, version=node.version,
            effect=node.effect, artifact=str(artifact) if artifact else None,
        )  # fmt: skip
    # evaluations are keyed by the bytes that are known only now
    keys = resolve_keys(list(nodes.values()), entries, {})
    for node in nodes.values():
        entry = entries[node.address]
        steps = {s.op: key for s in node.steps if (key := keys.of(node.address, s.op)) is not None}
        entries[node.address] = replace(entry, steps=steps)
    for node in nodes.values():
        if node.version is not None:
            # a binding points at what its version points at
            built, rows = entries[node.needs[0]], step(nodes[node.needs[0]], "export").needs["prepare"]
            steps = {"prepare": str(keys.of(*rows)), **built.steps}
            entries[node.address] = replace(entries[node.address], artifact=built.artifact, steps=steps)
    return entries


def moved(before: str, after: str, facts: Mapping[str, SourceFacts] | None = None) -> list[Change]:
    """What differs between two texts, as the change from one applied to the other."""
    nodes = nodes_of(after, facts)
    entries = applied(nodes_of(before))
    keys = resolve_keys(list(nodes.values()), entries, {})
    return [c for c in diff(list(nodes.values()), entries, keys) if not isinstance(c, Keep)]
