"""The state that a release recorded for a project is still current: no digest, key or declaration has changed since.

`state_formats/v1_declared/tiny.json` is the state of `PROJECT` when it is applied. Until the format is released it is written again by
`python -m tests.kinds.test_state_formats`; after that a line under *Rebuilds* says why an apply would do anything.
"""

from pathlib import Path

from leptonctl.core.change import Keep
from leptonctl.core.diff import diff
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.state import Environment, Seal, Served, State
from leptonctl.kinds.environment.binding import is_return
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.rules import seal_breaches
from tests.kinds.declared import applied, build, nodes_of, settled, sound

FILE = Path(__file__).resolve().parents[1] / "state_formats" / "v1_declared" / "tiny.json"
POINTS = "sha256:6feed9efae3ef2376d0e7224ce49c48e53e4e2c3cda45f38c2aa54068fb9ffef"
PROJECT = f"""\
kind: Project
name: tiny
format: 1
---
kind: Dataset
name: points
target: side
columns: {{x: {{type: number, missing: 0.0, min: 0}}}}
versions:
  first: {{source: data/points.csv, digest: "{POINTS}"}}
---
kind: Model
name: line
dataset: points@first
task: classification
preprocess: [{{columns: numeric, use: standard_scaler}}]
algorithm: logistic_regression
evaluate: {{metrics: [accuracy, f1], cross_validation: 3}}
versions:
  v1: {{}}
  v2: {{params: {{C: 0.5}}}}
---
kind: Environment
name: dev
models: {{line: v1}}
---
kind: Environment
name: prod
platform: {{type: server, port: 8081}}
protected: true
models: {{line: v2}}
gates: {{accuracy: {{min: 0.1}}}}
"""


def as_applied() -> State:
    """The state after an apply of the project."""
    nodes = nodes_of(PROJECT)
    results = build(nodes)
    environments = {}
    for name, version in (("dev", "v1"), ("prod", "v2")):
        node = nodes[f"model/line@{version}"]
        package = str(results[node.step("export").key or ""].outputs["package"])
        served = {"line": {package: Served(version=version, digest=node.digest, deployment=1)}}
        environments[name] = Environment(platform={"type": "server"}, protected=name == "prod", deployment=1, served=served)
    line = nodes["model/line@v2"]
    seal = Seal(digest=line.digest, declaration=line.declaration, environment="prod", at="2026-11-25T12:00:00.000+00:00")
    return State(
        lineage="67e6176f68618dae194bb79234f2f83e", project="tiny", revision=9, serial=3, current=applied(nodes), environments=environments,
        sealed={"model/line@v2": seal},
    )  # fmt: skip


def test_an_applied_project_is_unchanged() -> None:
    state = decode_state(FILE.read_bytes())
    nodes = nodes_of(PROJECT, state=state)
    found = settled(nodes, state.current, {})
    changes = diff(found.nodes, state.current, found.keys)
    assert [(c.action, c.address, c.reason) for c in changes if not isinstance(c, Keep)] == []
    assert len(changes) == 7
    # not only the digests: equal declarations are not compared further
    assert {a: p.declaration for a, p in state.current.items()} == {a: node.declaration for a, node in nodes.items()}


def test_seals_and_returns_are_still_known() -> None:
    state, declarations = decode_state(FILE.read_bytes()), sound(PROJECT)
    nodes = nodes_of(PROJECT, state=state)
    results = build(nodes)
    assert list(seal_breaches(nodes, state, {})) == []
    assert [is_return(binding, declarations.built, state, results) for binding in bindings(declarations).values()] == [True, True]


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(encode_state(as_applied()))
