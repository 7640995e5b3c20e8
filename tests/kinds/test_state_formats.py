"""States that a release has written: readable for ever, and the same declarations are still in place in them.

`state_formats/v1/*.json` are copies of real states (hosts and times replaced). They are never edited: a later release adds files.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from leptonctl.core.record import State, from_json, to_json
from leptonctl.kinds.configuration import all_nodes, is_return
from leptonctl.kinds.live import interrupted, recovered

from leptonctl.core.change import Keep
from leptonctl.core.diff import diff
from leptonctl.core.graph import resolve_keys
from leptonctl.core.observed import SourceFacts
from leptonctl.core.values import Json
from leptonctl.kinds.rules import sealed
from leptonctl.storage.claims import without_dead
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.storage.store import open_store
from tests.kinds.declared import configured

FOLDER = Path(__file__).resolve().parent.parent / "state_formats"
FILES = sorted(FOLDER.glob("*/*.json"))
V1 = FOLDER / "v1"
POINTS = "sha256:6feed9efae3ef2376d0e7224ce49c48e53e4e2c3cda45f38c2aa54068fb9ffef"
PROJECT = f"""\
kind: Project
name: tiny
format: 1
---
kind: Dataset
name: points
target: side
versions:
  first: {{source: data/points.csv, digest: "{POINTS}"}}
---
kind: Model
name: line
dataset: points@first
task: classification
preprocess: [{{columns: numeric, use: standard_scaler}}]
algorithm: logistic_regression
versions:
  v1: {{}}
  v2: {{params: {{C: 0.5}}}}
---
kind: Environment
name: dev
platform: {{type: server, host: 127.0.0.1, port: DEV}}
models: {{line: v1}}
---
kind: Environment
name: prod
platform: {{type: server, host: 127.0.0.1, port: PROD}}
protected: true
models: {{line: v2}}
gates: {{accuracy: {{min: 0.1}}}}
"""


def read(name: str) -> State:
    return from_json(json.loads((V1 / f"{name}.json").read_text(encoding="utf-8")))


def holds(whole: Json, part: Json) -> bool:
    """Everything that is said in `part` is said in `whole`."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and holds(whole[key], part[key]) for key in part)
    return whole == part


def facts(path: str) -> Mapping[str, SourceFacts]:
    return {path: SourceFacts(digest=POINTS, columns=("x", "y", "side"))}


def test_there_are_states_of_every_kind() -> None:
    assert {f.stem for f in FILES if f.parent == V1} == {"fresh", "claimed", "locked", "pending", "applied"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_every_state_is_read_and_nothing_in_it_is_lost(file: Path, tmp_path: Path) -> None:
    shutil.copy(file, tmp_path / "state.json")
    raw = json.loads(file.read_text(encoding="utf-8"))
    pointers = Pointers(states=FolderState(folder=tmp_path), store=open_store("store", tmp_path), project="tiny")
    state = pointers.read()
    assert state is not None
    assert holds(to_json(state), raw)
    # a next apply drops the claims of those who are long gone, and goes on
    moved = pointers.move(without_dead)
    assert moved.applies == moved.locks == {}
    assert moved.current == state.current


def test_what_was_applied_is_still_in_place() -> None:
    """No digest, key or recorded part has moved since that release."""
    state = read("applied")
    text = PROJECT
    for name in ("dev", "prod"):
        text = text.replace(name.upper(), str(state.environments[name]["platform"]["port"]))  # type: ignore[call-overload, index]
    configuration, problems = configured(text, facts("data/points.csv"))
    assert configuration is not None
    assert not problems
    nodes = all_nodes(configuration, state, {})
    changes = diff(nodes, state.current, resolve_keys(nodes, state.current, {}))
    assert [(c.action, c.address, c.because) for c in changes if not isinstance(c, Keep)] == []
    assert len(changes) == 7
    assert list(sealed(nodes, state)) == []
    assert all(is_return(binding, configuration, state, {}) for binding in configuration.bindings.values())


def test_an_interrupted_switch_is_still_completed() -> None:
    pending, applied = read("pending"), read("applied")
    number = pending.pending["prod"]["deployment"]
    done = recovered(pending, {"prod": {"deployment": number}})
    assert done.current == applied.current
    assert done.environments == applied.environments
    assert done.sealed == applied.sealed
    assert done.serial == applied.serial
    assert recovered(pending, {"prod": None}).current == pending.current
    assert list(interrupted(pending, {})) == []
