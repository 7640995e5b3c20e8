"""The schemas of JSON output accept what is printed, describe every key, and refuse what breaks the contract."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leptonctl.core.diagnostic import error, fail
from leptonctl.views.event_json import event_to_json
from leptonctl.views.plan_json import plan_to_json
from leptonctl.views.reports import validation_to_json, versions
from tests.golden import Names, leptonctl
from tests.projects import edit, tiny_project
from tests.views.plans import everything, plan
from tests.views.test_events import EVENTS

SCHEMAS = Path(__file__).parent.parent / "schemas" / "output"
NAMES = sorted(f.name.removesuffix(".schema.json") for f in SCHEMAS.glob("*.schema.json"))


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


def problems(name: str, value: object) -> list[str]:
    """The parts of an output that its schema refuses or does not describe."""
    from jsonschema import Draft7Validator

    return [f"{e.json_path}: {e.message}" for e in Draft7Validator(closed(schema(name))).iter_errors(value)]


def closed(of: Any) -> Any:
    """The schema with every object closed, so that it refuses keys it does not describe. Readers get the open one."""
    if isinstance(of, list):
        return [closed(item) for item in of]
    if not isinstance(of, dict):
        return of
    whole = {key: {name: closed(value) for name, value in rule.items()} if key in TABLES else closed(rule) for key, rule in of.items()}
    return {"additionalProperties": False, **whole} if "properties" in of else whole


TABLES = frozenset({"properties", "definitions"})


def properties(of: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, however deep."""
    if isinstance(of, dict):
        for key, value in of.get("properties", {}).items():
            yield f"{path}.{key}", value
        for key, value in of.items():
            yield from properties(value, f"{path}.{key}")
    elif isinstance(of, list):
        for index, value in enumerate(of):
            yield from properties(value, f"{path}[{index}]")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_draft_07_and_describes_every_key(name: str) -> None:
    from jsonschema import Draft7Validator

    loaded = schema(name)
    Draft7Validator.check_schema(loaded)
    assert loaded["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert loaded["$id"].endswith(f"/{name}.schema.json")
    assert loaded["description"]
    for path, prop in properties(loaded):
        assert prop.get("description", "").endswith("."), path


def test_readers_may_ignore_what_they_do_not_know() -> None:
    for name in NAMES:
        assert '"additionalProperties": false' not in (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("shown", [plan(), everything()], ids=["empty", "everything"])
def test_plans_match_their_schema(shown: Any) -> None:
    assert problems("plan", plan_to_json(shown)) == []


@pytest.mark.parametrize("key", list(plan_to_json(plan())))
def test_a_plan_without_a_key_of_the_contract_is_refused(key: str) -> None:
    shown = plan_to_json(everything())
    del shown[key]
    assert problems("plan", shown)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.type)
def test_events_match_their_schema(event: Any) -> None:
    shown = event_to_json(event)
    assert problems("apply_event", shown) == []
    assert problems("apply_event", {k: v for k, v in shown.items() if k != list(shown)[-1]})


def test_errors_and_validations_match_their_schemas() -> None:
    failure = fail("unknown-dataset", "Model names a dataset that is not declared", hint="did you mean?")
    assert problems("error", {"diagnostics": [d.to_json() for d in failure.diagnostics]}) == []
    assert problems("validate", validation_to_json([error("x", "y")])) == []
    assert validation_to_json([])["ok"] is True


def test_versions_match_their_schema() -> None:
    assert problems("version", versions()) == []
    assert versions()["libraries"]["scikit-learn"]


PROJECT = """\
kind: Project
name: demo
format: 1
---
kind: Dataset
name: points
target: side
versions:
  "1": {source: points.csv}
---
kind: Model
name: sides
dataset: points@1
task: classification
algorithm: logistic_regression
evaluate: {metrics: [accuracy, confusion_matrix]}
versions:
  v1: {}
  v2: {params: {C: 0.5}}
---
kind: Environment
name: staging
platform: {type: server, host: 127.0.0.1, port: $PORT1}
models: {sides: v1}
gates: {accuracy: {min: 0.5}}
"""
COMMANDS = {
    "plan --json": "plan", "validate --json": "validate", "status --json": "status", "show --json": "show", "history --json": "history",
    "diff sides@v1 sides@v2 --json": "diff", "diff staging/sides sides@v2 --json": "diff", "explain sides@v1 --json": "explain", "explain points@1 --json": "explain",
    "explain staging/sides --json": "explain", "verify sides@v1 --json": "verify", "predict sides@v1 --input points.csv --json": "predict",
    "predict staging/sides --input points.csv --output out.csv --json": "predict", "lock list --json": "locks", "gc --json": "gc", "purge --id nobody --json": "purge",
    "show sides@v1 --json": "show", "show points@1 --json": "show", "show staging/sides --json": "show", "show sides --json": "show",
    "leaderboard sides --json": "leaderboard", "leaderboard sides --by f1 --yaml v2 --json": "leaderboard",
    "version --json": "version", "plan --json --only nothing": "error", "show plan.json --json": "plan", "pin --json": "pin", "pin --json points@1": "pin",
    "diff points@1 points@1 --json": "diff", "freeze staging --reason audit --json": "freeze", "unfreeze staging --json": "freeze",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that is applied and served; the lines that `apply --json` printed are beside it."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "leptonctl.yaml").write_text(Names(folder).fill(PROJECT), encoding="utf-8")
    rows = [f"{x / 40},{x * 7 % 11},{'left' if x < 20 else 'right'}" for x in range(40)]
    (folder / "points.csv").write_text("\n".join(["x,y,side", *rows]) + "\n", encoding="utf-8")
    assert leptonctl(["plan", "--out", "plan.json"], folder).returncode == 0
    try:
        done = leptonctl(["apply", "--yes", "--json"], folder)
        (folder / "applied.jsonl").write_text(done.stdout, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder
    finally:
        # tests come in any order: the last one may have been `freeze staging`, and what is frozen is not destroyed
        leptonctl(["unfreeze", "staging"], folder)
        destroyed = leptonctl(["destroy", "--yes"], folder)
        assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr


def test_apply_prints_events_the_last_one_with_the_sum(project: Path) -> None:
    events = [json.loads(line) for line in (project / "applied.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [p for event in events for p in problems("apply_event", event)] == []
    assert (events[0]["type"], events[-1]["type"]) == ("apply_started", "apply_finished")
    assert (events[-1]["ok"], events[-1]["trained"], events[-1]["bound"]) == (True, 2, 1)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_the_output_of_commands_matches_its_schema(command: str, project: Path) -> None:
    done = leptonctl(command.split(), project)
    assert done.stderr == ""
    assert (done.returncode != 0) == (COMMANDS[command] == "error")
    assert problems(COMMANDS[command], json.loads(done.stdout)) == []


def test_gc_prints_what_it_freed(tmp_path: Path) -> None:
    """v2 was built 15 days ago and is no longer declared; v1 is needed, however old it is."""
    root = tiny_project(tmp_path)
    assert leptonctl(["build"], root).returncode == 0
    edit(root / "model-line.yaml", "  v2: {params: {C: 0.5}}\n", "")
    store = [file for file in (root / ".leptonctl" / "store" / "artifacts").rglob("*") if file.is_file()]
    for file in (root / ".leptonctl" / "store").rglob("*"):
        os.utime(file, times=(time.time() - 15 * 86_400,) * 2)
    sizes = {file: file.stat().st_size for file in store}
    freed = json.loads(leptonctl(["gc", "--yes", "--json"], root).stdout)
    gone = [file for file in store if not file.exists()]
    assert problems("gc", freed) == []
    assert gone
    assert (freed["artifacts"], freed["bytes"], freed["kept"], freed["done"]) == (
        len(gone), sum(sizes[file] for file in gone), len(store) - len(gone), True
    )  # fmt: skip
    assert leptonctl(["verify", "line@v1"], root).returncode == 0
    again = json.loads(leptonctl(["gc", "--yes", "--json"], root).stdout)
    assert (again["artifacts"], again["done"]) == (0, False)


def test_init_prints_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,side\n" + "0.1,l\n0.9,r\n" * 8, encoding="utf-8")
    for arguments in (["init", "--json"], ["init", "--json", "--from", str(tmp_path / "points.csv"), "--target", "side"]):
        place = tmp_path / str(len(arguments))
        place.mkdir()
        done = leptonctl(arguments, place)
        assert done.returncode == 0, done.stdout + done.stderr
        assert problems("init", json.loads(done.stdout)) == []


def test_a_lock_is_listed_while_held_and_reported_when_released(project: Path) -> None:
    from leptonctl.commands.session import Session
    from leptonctl.commands.who import owner_of
    from leptonctl.storage.claims import claim_addresses

    session = Session.open(project)
    with claim_addresses(session.pointers, owner_of(session), ["model/sides@v1"], liveness=session.liveness) as claim:
        held = leptonctl(["lock", "list", "--json"], project)
        done = leptonctl(["lock", "release", claim.id, "--json"], project)
    assert problems("locks", json.loads(held.stdout)) == []
    assert [lock["id"] for lock in json.loads(held.stdout)["locks"]] == [claim.id]
    assert done.returncode == 0, done.stdout + done.stderr
    assert problems("release", json.loads(done.stdout)) == []
    assert json.loads(done.stdout)["released"]["id"] == claim.id


def test_a_history_with_refusals_and_a_missing_record(project: Path) -> None:
    """Rare output is described too: a binding held by its gate, and a missing record."""
    file = project / "leptonctl.yaml"
    written = file.read_text(encoding="utf-8")
    edit(file, "{sides: v1}", "{sides: v2}")
    edit(file, "{min: 0.5}", "{max: 0.1}")
    refused = leptonctl(["apply", "--yes", "--json"], project)
    # the tests after this one find the project as it was
    file.write_text(written, encoding="utf-8")
    assert refused.returncode == 6
    assert [p for line in refused.stdout.splitlines() for p in problems("apply_event", json.loads(line))] == []
    history = json.loads(leptonctl(["history", "--json"], project).stdout)
    assert problems("history", history) == []
    assert history["entries"][0]["held"]
    assert history["entries"][0]["evidence"][0]["passed"] is False
    records = sorted((project / ".leptonctl" / "store" / "projects").glob("*/history/*/*"))
    kept = records[0].read_bytes()
    records[0].unlink()
    holed = json.loads(leptonctl(["history", "--json"], project).stdout)
    records[0].write_bytes(kept)
    assert problems("history", holed) == []
    assert holed["entries"][-1]["missing"]
