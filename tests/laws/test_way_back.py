"""What an environment was moved back from stays back (law 9, protocols 8 and 9): withdrawn, held, readmitted; and frozen is frozen."""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from leptonctl.core import layout
from leptonctl.core.frozen import replace
from leptonctl.core.packed import encode_state
from tests import projects
from tests.test_output_schemas import problems

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.25}}"}}
Make = Callable[..., Path]


# versions that leave the YAML, of a model whose base block is not empty
PAST = {
    "base": "{}",
    "params": "{params: {C: 0.5}}",
    "unset": "{params: {C: null}}",
    "all": "{algorithm: mlp, params: {hidden_layer_sizes: [3], max_iter: 50}, seed: 4, features: [y, x], preprocess: [], export: {opset: 19}}",
}
BASE = "algorithm: logistic_regression\nparams: {C: 2}\n"
SECOND = projects.points(60, seed=3)
SAME_GRAPH = "{params: {C: 0.5, max_iter: 101}}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the results of all versions."""
    models = {"line": {**MODELS["line"], "same": SAME_GRAPH}, "past": PAST, "grown": {"v1": "{dataset: points@second}"}}
    project = projects.tiny_project(tmp_path_factory.mktemp("built"), models)
    (project / "data" / "second.csv").write_text(SECOND, encoding="utf-8")
    projects.edit(project / "data.yaml", "points.csv}\n", "points.csv}\n  second: {source: data/second.csv}\n")
    projects.edit(project / "model-past.yaml", "algorithm: logistic_regression\n", BASE)
    done = projects.run("build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / ".leptonctl" / "store"


@pytest.fixture
def make(tmp_path: Path, built: Path) -> Iterator[Make]:
    """`make(lines)`: a project with environment prod, and what else is named; its servers stop at the end."""
    roots: list[Path] = []

    def project(prod: str = "models: {line: v1}", **others: str) -> Path:
        root = projects.tiny_project(tmp_path, MODELS, {"prod": prod, **others})
        shutil.copytree(built, root / ".leptonctl" / "store")
        roots.append(root)
        return root

    yield project
    for root in roots:
        projects.stop_servers(root)


def lep(root: Path, *arguments: str, code: int = 0) -> CompletedProcess[str]:
    done = projects.run(*arguments, cwd=root)
    assert done.returncode == code, f"{arguments} exits {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def bind(root: Path, version: str, environment: str = "prod") -> None:
    file = root / f"environment-{environment}.yaml"
    file.write_text(re.sub(r"line: (\w+|\{.*?\}\})", f"line: {version}", file.read_text(encoding="utf-8")), encoding="utf-8")


def served(root: Path, environment: str = "prod") -> dict:
    (model,) = projects.served(root, environment)["models"]
    assert model["live_package"] == model["package"]
    return model


def rolled_back(root: Path) -> None:
    """prod has served v1 and v2 and was rolled back to v1."""
    lep(root, "apply", "--yes")
    bind(root, "v2")
    lep(root, "apply", "--yes")
    lep(root, "rollback", "prod", "--yes")


def test_an_unrelated_merge_does_not_undo_a_rollback(make: Make) -> None:
    root = make()
    rolled_back(root)
    bind(root, "v2")
    plan = json.loads(lep(root, "plan", "--json", code=6).stdout)
    (change,) = plan["changes"]
    assert (change["hold"]["kind"], change["hold"]["known"], change["is_return"], plan["applyable"]) == ("withdrawn", False, False, False)
    assert plan["summary"]["held"] == 1
    assert problems("plan", plan) == []
    first = lep(root, "apply", "--yes", "--json", code=6)
    (failed,) = [e for e in projects.events(first.stdout) if e["type"] == "step_failed"]
    assert (failed["diagnostic"]["id"], failed["diagnostic"]["file"]) == ("withdrawn", "environment-prod.yaml")
    assert failed["diagnostic"]["hint"].startswith("leptonctl readmit prod/line@v2 --reason")
    assert served(root)["version"] == "v1"

    # the same hold again is a warning and no exit code
    second = lep(root, "apply", "--yes", "--json")
    assert (projects.finished(second)["held"], projects.finished(second)["failed"], projects.finished(second)["ok"]) == (1, 0, True)
    known = json.loads(lep(root, "plan", "--json").stdout)
    assert [(d["id"], d["severity"]) for d in known["diagnostics"]] == [("still-held", "warning")]
    assert "held: v2 was withdrawn by a rollback of prod" in lep(root, "plan", "--markdown").stdout
    assert [p for event in projects.events(second.stdout) for p in problems("apply_event", event)] == []
    assert problems("status", json.loads(lep(root, "status", "--json").stdout)) == []
    (held,) = projects.served(root, "prod")["held"]
    assert (held["model"], held["version"], held["since"] != "") == ("line", "v2", True)
    assert "held line v2" in lep(root, "status").stdout
    lep(root, "status", "--check", code=6)
    assert len([entry for entry in history(root) if entry.get("held")]) == 1

    # what is held again is new
    bind(root, "v1")
    lep(root, "status", "--check")
    lep(root, "apply", "--yes")
    bind(root, "v2")
    lep(root, "plan", code=6)


def history(root: Path) -> list[dict]:
    entries: list[dict] = json.loads(lep(root, "history", "prod", "--json").stdout)["entries"]
    return entries


@pytest.mark.parametrize("evasion", ["{params: {C: 0.5}}", SAME_GRAPH], ids=["recipe", "graph"])
def test_another_name_does_not_evade_a_withdrawal(make: Make, evasion: str) -> None:
    """The same recipe under another name; and another recipe of the same bytes, which only the build can tell."""
    root = make()
    rolled_back(root)
    model = root / "model-line.yaml"
    model.write_text(model.read_text(encoding="utf-8") + f"  v9: {evasion}\n", encoding="utf-8")
    bind(root, "v9")
    done = lep(root, "apply", "--yes", code=6)
    assert "v9 was withdrawn (as v2) by a rollback of prod" in done.stdout
    assert served(root)["version"] == "v1"
    lep(root, "readmit", "prod/line@v9", "--reason", "it was the data")
    lep(root, "apply", "--yes")
    assert served(root)["version"] == "v9"


def test_another_model_name_does_not_evade_a_withdrawal_either(make: Make) -> None:
    root = make()
    rolled_back(root)
    twin = (root / "model-line.yaml").read_text(encoding="utf-8").replace("name: line", "name: twin")
    (root / "model-twin.yaml").write_text(twin, encoding="utf-8")
    file = root / "environment-prod.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("line: v1", "line: v1, twin: v2"), encoding="utf-8")
    done = lep(root, "apply", "--yes", code=6)
    assert "v2 was withdrawn (as line v2) by a rollback of prod" in done.stdout
    assert [model["name"] for model in projects.served(root, "prod")["models"]] == ["line"]
    lep(root, "readmit", "prod/twin@v2", "--reason", "another model of the same bytes")
    lep(root, "apply", "--yes")
    assert [model["name"] for model in projects.served(root, "prod")["models"]] == ["line", "twin"]


def test_the_hint_for_another_model_of_the_same_recipe_works_word_for_word(make: Make) -> None:
    root = make()
    rolled_back(root)
    twin = (root / "model-line.yaml").read_text(encoding="utf-8").replace("name: line", "name: twin").replace("v2:", "x:")
    (root / "model-twin.yaml").write_text(twin, encoding="utf-8")
    file = root / "environment-prod.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("line: v1", "line: v1, twin: x"), encoding="utf-8")
    done = lep(root, "apply", "--yes", code=6)
    (command,) = {*re.findall(r"leptonctl (readmit \S+)", done.stdout + done.stderr)}
    assert command == "readmit prod/twin@x"
    lep(root, *command.split(), "--reason", "the data is mended")
    lep(root, "apply", "--yes")


@pytest.mark.parametrize("style", ["flow", "block"])
def test_a_rollback_takes_the_readmission_of_what_it_replaces_out_of_the_file(make: Make, style: str) -> None:
    root = make()
    rolled_back(root)
    file = root / "environment-prod.yaml"
    before = file.read_text(encoding="utf-8")
    readmit = {
        "flow": "models: {line: {version: v2, readmit: {withdrawal: w1, reason: mended}}}",
        "block": "models:\n  line:\n    version: v2\n    readmit:\n      withdrawal: w1\n      reason: mended",
    }
    assert "models: {line: v1}" in before
    file.write_text(before.replace("models: {line: v1}", readmit[style]), encoding="utf-8")
    lep(root, "apply", "--yes")
    assert served(root)["version"] == "v2"
    lep(root, "rollback", "prod", "--yes")
    after = file.read_text(encoding="utf-8")
    assert "readmit" not in after
    assert "version: v1" in after
    assert "Nothing to do" in lep(root, "plan").stdout


@pytest.mark.parametrize("why", ["frozen", "withdrawn", "a gate that only the apply can judge"])
def test_a_hold_does_not_keep_a_dead_server_from_being_healed(make: Make, why: str) -> None:
    root = make("models: {line: v1}\ngates: {flips: {max: 0}}" if why.startswith("a gate") else "models: {line: v1}")
    if why == "withdrawn":
        rolled_back(root)
    else:
        lep(root, "apply", "--yes")
    if why == "frozen":
        lep(root, "freeze", "prod", "--reason", "a holiday")
    bind(root, "v2")
    projects.stop_servers(root)
    done = lep(root, "apply", "--yes", "--json", code=6)
    assert projects.finished(done)["healed"] == ["prod"]
    assert served(root)["version"] == "v1"
    projects.stop_servers(root)
    again = lep(root, "apply", "--yes", "--json")
    assert (projects.finished(again)["healed"], projects.finished(again)["held"]) == (["prod"], 1)
    assert served(root)["version"] == "v1"


def test_promote_is_held_too_and_takes_its_edit_back(make: Make) -> None:
    root = make(staging="models: {line: v2}")
    rolled_back(root)
    before = (root / "environment-prod.yaml").read_text(encoding="utf-8")
    for _ in range(2):
        # a command that asks for this very move reports the hold each time
        assert "v2 was withdrawn" in lep(root, "promote", "line", "staging", "prod", "--yes", code=6).stdout
        assert (root / "environment-prod.yaml").read_text(encoding="utf-8") == before
    assert projects.served(root, "prod")["held"] == []
    lep(root, "status", "--check")


def test_the_rollback_of_a_rollback_skips_what_is_withdrawn(make: Make) -> None:
    root = make()
    for version in ("v1", "v2", "v3"):
        bind(root, version)
        lep(root, "apply", "--yes")
    done = lep(root, "rollback", "prod", "--yes")
    assert 'leptonctl readmit prod/line@v3 --reason "…"' in done.stdout
    assert served(root)["version"] == "v2"
    finished = projects.finished(lep(root, "rollback", "prod", "--yes", "--json"))
    assert finished["withdrawn"] == [{"environment": "prod", "id": "w2", "model": "line", "version": "v2"}]
    assert served(root)["version"] == "v1"
    nothing = lep(root, "rollback", "prod", "--yes", code=1)
    assert "nothing-earlier" in nothing.stderr
    assert "line v3 (w1)" in nothing.stderr
    assert "v2 was withdrawn" in lep(root, "rollback", "prod", "--to", "2", "--yes", code=6).stdout
    assert served(root)["version"] == "v1"
    assert [(w["id"], w["version"]) for w in served(root)["withdrawn"]] == [("w1", "v3"), ("w2", "v2")]
    # 4 brought v2, which is withdrawn; 5 is in force
    assert (
        "each bound now or withdrawn: there is nothing to return to" in lep(root, "rollback", "prod", "--to", "77", "--yes", code=1).stderr
    )
    lep(root, "readmit", "prod/line@v2", "--reason", "x")
    assert "you can return to 2, 4;" in lep(root, "rollback", "prod", "--to", "77", "--yes", code=1).stderr
    # one record of the history is lost: what came before it can still be returned to
    newest = projects.history_of(root)[-3]
    projects.stored(root, layout.history_record(projects.recorded(root).lineage, newest.serial, newest.id)).unlink()
    lep(root, "rollback", "prod", "--to", "2", "--yes")
    assert served(root)["version"] == "v2"


@pytest.mark.parametrize("protected", [True, False])
def test_a_return_by_yaml_withdraws_where_it_is_protected(make: Make, protected: bool) -> None:
    root = make(f"protected: {str(protected).lower()}\nmodels: {{line: v1}}")
    lep(root, "pin")
    for version in ("v1", "v2", "v1"):
        bind(root, version)
        lep(root, "apply", "--yes")
    assert [w["version"] for w in served(root)["withdrawn"]] == (["v2"] if protected else [])
    bind(root, "v2")
    lep(root, "apply", "--yes", code=6 if protected else 0)
    if protected:
        # forward again leaves nothing behind: v1 stays good to return to
        lep(root, "readmit", "prod/line@v2", "--reason", "fixed upstream")
        lep(root, "apply", "--yes")
        assert served(root)["withdrawn"] == []
        lep(root, "rollback", "prod", "--yes")
        assert served(root)["version"] == "v1"


def test_an_unknown_withdrawal_is_refused_wherever_it_is_named(make: Make) -> None:
    """On the first apply, where the binding stays, and where it returns; a rollback is not refused for it."""
    root = make("models: {line: {version: v1, readmit: {withdrawal: w9, reason: x}}}")

    def refused() -> None:
        for command in (["plan"], ["apply", "--yes"]):
            wrong = lep(root, *command, code=3).stderr
            assert "unknown-withdrawal" in wrong
            assert "environment-prod.yaml:4:52" in wrong

    lep(root, "pin")
    refused()
    bind(root, "v1")
    lep(root, "apply", "--yes")
    bind(root, "{version: v1, readmit: {withdrawal: w9, reason: x}}")
    refused()
    bind(root, "v2")
    lep(root, "apply", "--yes")
    bind(root, "{version: v1, readmit: {withdrawal: w9, reason: x}}")
    refused()
    bind(root, "{version: v2, readmit: {withdrawal: w9, reason: x}}")
    lep(root, "rollback", "prod", "--yes")
    assert served(root)["version"] == "v1"


def test_readmit_in_yaml(make: Make) -> None:
    root = make("models: {line: v1}\ngates: {accuracy: {min: 0.5}}")
    rolled_back(root)
    bind(root, "{version: v2, readmit: {withdrawal: w7, reason: fixed}}")
    wrong = lep(root, "plan", code=3).stderr
    assert "unknown-withdrawal" in wrong
    assert "environment-prod.yaml:4:52" in wrong
    assert "w1 (v2)" in wrong
    bind(root, "{version: v2, readmit: {withdrawal: w1, reason: fixed}}")
    assert "note[readmits]: A withdrawn version is readmitted. v2 of line comes back to prod (w1): fixed" in lep(root, "plan").stdout
    lep(root, "apply", "--yes")
    assert served(root)["version"] == "v2"
    acts = [act for entry in history(root) for act in entry["acts"]]
    assert [act for act in acts if act["kind"] == "held"] == []
    assert [(a["kind"], a["withdrawal"], a["reason"]) for a in acts] == [("readmitted", "w1", "fixed"), ("withdrawn", "w1", "")]
    lep(root, "plan", "--detailed-exitcode")
    # each readmission answers one withdrawal
    text = (root / "environment-prod.yaml").read_text(encoding="utf-8")
    lep(root, "rollback", "prod", "--yes")
    (root / "environment-prod.yaml").write_text(text, encoding="utf-8")
    used = lep(root, "plan", code=3).stderr
    assert "used-withdrawal" in used
    assert "w2" in used
    bind(root, "{version: v3, readmit: {withdrawal: w1, reason: fixed}}")
    assert "w1 withdrew line v2, not what v3 is" in lep(root, "plan", code=3).stderr


def test_readmit_names_one_withdrawal_and_says_why(make: Make) -> None:
    root = make()
    rolled_back(root)
    assert "reason-missing" in lep(root, "readmit", "prod/line@v2", code=1).stderr
    lep(root, "readmit", "prod/line@v2", "--reason", "  ", code=1)
    assert "not-withdrawn" in lep(root, "readmit", "prod/line@v1", "--reason", "x", code=1).stderr
    assert "unknown-environment" in lep(root, "readmit", "prd/line@v2", "--reason", "x", code=1).stderr
    assert "bad-address" in lep(root, "readmit", "prod/line", "--reason", "x", code=1).stderr
    readmitted = json.loads(lep(root, "readmit", "environment/prod/line@v2", "--reason", "a bad probe", "--json").stdout)
    assert problems("readmit", readmitted) == []
    assert problems("history", json.loads(lep(root, "history", "--json").stdout)) == []
    assert (readmitted["withdrawal"]["id"], readmitted["withdrawal"]["readmitted"]["reason"]) == ("w1", "a bad probe")
    assert "w1 was readmitted" in lep(root, "readmit", "prod/line@v2", "--reason", "x", code=1).stderr
    assert "reason: a bad probe\n    readmitted: line v2 (w1)\n" in lep(root, "history").stdout
    # it has served healthily and is not withdrawn: a return again
    bind(root, "v2")
    assert "return to v2" in lep(root, "plan").stdout


def test_a_frozen_environment_holds_all_but_returns(make: Make) -> None:
    root = make()
    lep(root, "apply", "--yes")
    bind(root, "v2")
    lep(root, "apply", "--yes")
    assert "reason-missing" in lep(root, "freeze", "prod", code=1).stderr
    lep(root, "freeze", "prod", "--reason", "audit")
    again = lep(root, "freeze", "prod", "--reason", "audit").stdout
    assert "prod is frozen already: audit." in again
    assert "may still return" in again
    bind(root, "v3")
    assert "held: prod is frozen since" in lep(root, "plan", code=6).stdout
    lep(root, "apply", "--yes", code=6)
    lep(root, "apply", "--yes")
    assert projects.served(root, "prod")["frozen"]["reason"] == "audit"
    assert problems("status", json.loads(lep(root, "status", "--json").stdout)) == []
    assert "frozen since" in lep(root, "status").stdout
    assert "frozen-environment" in lep(root, "destroy", "--yes", code=1).stderr
    # neither a binding nor the environment leaves with its lines
    file = root / "environment-prod.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"models: .*", "models: {}", text), encoding="utf-8")
    lep(root, "apply", "--yes", code=6)
    file.rename(file.with_suffix(".away"))
    lep(root, "apply", "--yes", code=6)
    lep(root, "apply", "--yes")
    file.with_suffix(".away").rename(file)
    bind_text = re.sub(r"models: .*", "models: {line: v2}", text)
    file.write_text(bind_text, encoding="utf-8")
    assert served(root)["version"] == "v2"
    # returns and heals continue
    projects.stop_servers(root)
    lep(root, "apply", "--yes")
    lep(root, "rollback", "prod", "--yes")
    assert served(root)["version"] == "v1"
    lep(root, "unfreeze", "prod")
    assert json.loads(lep(root, "unfreeze", "prod", "--json").stdout) == {"environment": "prod", "frozen": None, "changed": False}
    bind(root, "v3")
    lep(root, "apply", "--yes")
    kinds = [act["kind"] for entry in history(root) for act in entry["acts"]]
    # v3, the binding and the environment were held
    assert kinds == ["unfrozen", "withdrawn", "held", "held", "held", "frozen"]
    assert "held: line v3: prod is frozen since" in lep(root, "history", "prod").stdout


def test_what_is_new_is_held_while_frozen(make: Make) -> None:
    """An environment that is declared and was never applied can be frozen; one that nobody knows cannot."""
    root = make()
    assert "unknown-environment" in lep(root, "freeze", "prd", "--reason", "x", code=1).stderr
    lep(root, "freeze", "prod", "--reason", "not before the launch")
    lep(root, "apply", "--yes", code=6)
    assert projects.served(root, "prod")["models"] == []
    lep(root, "unfreeze", "prod", "--reason", "launched")
    lep(root, "apply", "--yes")
    assert served(root)["version"] == "v1"


def test_with_switch_together_a_withdrawn_version_holds_the_group(make: Make) -> None:
    root = make("switch: together\nmodels: {line: v1}")
    other = (root / "model-line.yaml").read_text(encoding="utf-8").replace("name: line", "name: other")
    (root / "model-other.yaml").write_text(other, encoding="utf-8")
    file = root / "environment-prod.yaml"
    for version in ("v1", "v2"):
        file.write_text(re.sub(r"models: .*", f"models: {{line: {version}, other: {version}}}", file.read_text()), encoding="utf-8")
        lep(root, "apply", "--yes")
    done = lep(root, "rollback", "prod/line", "--yes")
    assert "prod/line@v2" in done.stdout
    assert "prod/other@v2" not in done.stdout
    file.write_text(re.sub(r"models: .*", "models: {line: v2, other: v3}", file.read_text()), encoding="utf-8")
    plan = json.loads(lep(root, "plan", "--json", code=6).stdout)
    assert {c["address"]: c["hold"]["kind"] for c in plan["changes"]} == {
        "environment/prod/line": "withdrawn", "environment/prod/other": "together",
    }  # fmt: skip
    lep(root, "apply", "--yes", code=6)
    lep(root, "apply", "--yes")
    assert [h["model"] for h in projects.served(root, "prod")["held"]] == ["line", "other"]


def test_a_rollback_that_moves_a_part_keeps_that_part_in_the_yaml(make: Make) -> None:
    root = make()
    other = (root / "model-line.yaml").read_text(encoding="utf-8").replace("name: line", "name: other")
    (root / "model-other.yaml").write_text(other, encoding="utf-8")
    file = root / "environment-prod.yaml"
    for version in ("v1", "v2", "v3"):
        file.write_text(re.sub(r"models: .*", f"models: {{line: {version}, other: {version}}}  # kept", file.read_text()), encoding="utf-8")
        lep(root, "apply", "--yes")
    lep(root, "rollback", "prod/line", "--yes")
    lep(root, "rollback", "prod/line", "--yes")
    done = lep(root, "rollback", "prod", "--to", "2", "--yes", code=6)
    assert "git commit" in done.stdout
    assert "models: {line: v1, other: v2}  # kept" in file.read_text(encoding="utf-8")
    lep(root, "plan", "--detailed-exitcode")


def test_a_rollback_unbinds_the_model_that_the_last_deployment_added(make: Make) -> None:
    root = make()
    lep(root, "apply", "--yes")
    twin = (root / "model-line.yaml").read_text(encoding="utf-8").replace("name: line", "name: twin")
    (root / "model-twin.yaml").write_text(twin, encoding="utf-8")
    file = root / "environment-prod.yaml"
    before = file.read_text(encoding="utf-8")
    with_twin = before.replace("line: v1", "line: v1, twin: v2")
    file.write_text(with_twin, encoding="utf-8")
    lep(root, "apply", "--yes")
    done = lep(root, "rollback", "prod", "--yes")
    assert "-models: {line: v1, twin: v2}" in done.stdout, "the edit is shown"
    assert file.read_text(encoding="utf-8") == before
    assert [model["name"] for model in projects.served(root, "prod")["models"]] == ["line"]
    # an unrelated merge that still has it
    file.write_text(with_twin, encoding="utf-8")
    lep(root, "apply", "--yes", code=6)
    assert [model["name"] for model in projects.served(root, "prod")["models"]] == ["line"]
    lep(root, "readmit", "prod/twin@v2", "--reason", "it was not the twin")
    lep(root, "apply", "--yes")
    assert [model["name"] for model in projects.served(root, "prod")["models"]] == ["line", "twin"]


def test_a_return_to_lines_that_have_left_the_yaml(make: Make) -> None:
    root = make("models: {line: v1}  # what serves")
    model = root / "model-line.yaml"
    text = model.read_text(encoding="utf-8").replace("algorithm: logistic_regression\n", BASE)
    model.write_text(text + "".join(f"  {name}: {lines}\n" for name, lines in PAST.items()), encoding="utf-8")
    digests = {}
    for name in PAST:
        bind(root, name)
        lep(root, "apply", "--yes", "--only", "prod/line")
        digests[name] = served(root)["digest"]
    bind(root, "v3")
    model.write_text(text.replace("v1: {}", "v1: {}  # a comment that stays"), encoding="utf-8")
    lep(root, "apply", "--yes", "--only", "prod/line")
    for number, name in enumerate(PAST, start=1):
        done = lep(root, "rollback", "prod", "--to", str(number), "--yes")
        assert "+++ b/model-line.yaml" in done.stdout.partition("environment/prod/line")[0]
        assert "-- environment-prod.yaml model-line.yaml" in done.stdout
        assert served(root)["digest"] == digests[name]
        assert "# a comment that stays" in model.read_text(encoding="utf-8")
        assert f"models: {{line: {name}}}  # what serves" in (root / "environment-prod.yaml").read_text(encoding="utf-8")
        lep(root, "plan", "--detailed-exitcode", "--only", "prod/line")


def test_lines_that_cannot_be_written_back_are_named(make: Make) -> None:
    root = make("models: {line: old}")
    (root / "data" / "second.csv").write_text(projects.points(80, seed=2), encoding="utf-8")
    data, model = root / "data.yaml", root / "model-line.yaml"
    texts = {file: file.read_text(encoding="utf-8") for file in (data, model)}
    data.write_text(texts[data] + "  second: {source: data/second.csv}\n", encoding="utf-8")
    model.write_text(texts[model] + "  old: {dataset: points@second}\n", encoding="utf-8")
    lep(root, "apply", "--yes")
    bind(root, "v1")
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
    lep(root, "apply", "--yes")
    refused = lep(root, "rollback", "prod", "--yes", code=1).stderr
    assert "lines-gone" in refused
    assert "points@second" in refused
    assert "data.yaml" in refused
    assert {file: file.read_text(encoding="utf-8") for file in texts} == texts
    # with the rows back, the version's own lines follow
    data.write_text(texts[data] + "  second: {source: data/second.csv}\n", encoding="utf-8")
    lep(root, "rollback", "prod", "--yes")
    assert served(root)["version"] == "old"


def test_a_version_that_was_edited_in_place_returns(make: Make) -> None:
    root = make(stage="models: {line: v1}", dev="models: {line: v2}")
    for name in ("dev", "stage"):
        projects.edit(root / f"environment-{name}.yaml", "}\nmodels", ", run: elsewhere}\nmodels")
    model = root / "model-line.yaml"
    lep(root, "apply", "--yes")
    digest = served(root)["digest"]
    projects.edit(model, "v1: {}", "v1: {description: First, params: {C: 0.5}}  # stays")
    lep(root, "apply", "--yes")
    left = served(root)["digest"].removeprefix("sha256:")[:12]
    done = lep(root, "rollback", "prod", "--yes")
    assert "-  v1: {description: First, params: {C: 0.5}}  # stays" in done.stdout
    assert "  v1: {description: First}  # stays\n" in model.read_text(encoding="utf-8")
    assert served(root)["digest"] == digest
    assert f"Withdrawn: prod/line@v1 (w1: the build {left}; another build of v1 is bound)." in done.stdout
    assert f"v1 of line as {left} does not come back" in done.stdout
    assert "-- model-line.yaml" in done.stdout
    # another environment binds the same version; what a third binds is not among these lines
    assert "The next apply moves environment/stage/line.\n" in done.stdout
    plan = json.loads(lep(root, "plan", "--json").stdout)
    assert [c["address"] for c in plan["changes"] if c["action"] != "keep"] == ["environment/stage/line"]
    # the brother: where a value alone differs, the comments beside it stay
    lines = "v2:  # second\n    params:  # of the fit\n      C: {}  # by hand\n"
    projects.edit(model, "v2: {params: {C: 0.5}}\n", lines.format(0.25))
    lep(root, "apply", "--yes")
    lep(root, "rollback", "dev", "--yes")
    assert lines.format(0.5) in model.read_text(encoding="utf-8")


def test_a_version_whose_file_has_grown_returns(make: Make) -> None:
    root = make()
    data = root / "data.yaml"
    lep(root, "apply", "--yes")
    digest = served(root)["digest"]
    (root / "data" / "points.csv").write_text(SECOND, encoding="utf-8")
    lep(root, "apply", "--yes", "--only", "prod/line")
    grown = served(root)["digest"]
    assert grown != digest
    done = lep(root, "rollback", "prod", "--yes", "--json")
    assert (projects.finished(done)["trained"], served(root)["digest"]) == (0, digest)
    pinned = re.findall(r"first: \{source: data/points.csv, digest: \"(.+?)\"\}", data.read_text(encoding="utf-8"))
    assert len(pinned) == 1
    # the brother: what was left returns by its number, over the digest that is written now
    lep(root, "readmit", "prod/line@v1", "--reason", "the new rows were right")
    lep(root, "rollback", "prod", "--to", "2", "--yes")
    assert (served(root)["digest"], pinned[0] in data.read_text(encoding="utf-8")) == (grown, False)


def test_data_that_is_read_otherwise_is_no_return_and_the_refusal_says_what_is(make: Make) -> None:
    root = make()
    data, model = root / "data.yaml", root / "model-line.yaml"
    (root / "data" / "second.csv").write_text(SECOND, encoding="utf-8")
    data.write_text(data.read_text(encoding="utf-8") + "  second: {source: data/second.csv}\n", encoding="utf-8")
    projects.edit(model, "v2: {params: {C: 0.5}}", "v2: {dataset: points@second}")
    for version in ("v1", "v2", "v3"):
        bind(root, version)
        lep(root, "apply", "--yes", "--only", "prod/line")
    projects.edit(data, "second.csv}", 'second.csv, missing_values: ["?"]}')
    refused = lep(root, "rollback", "prod", "--yes", code=1).stderr
    assert "error[recipe-changed]" in refused
    assert "data.yaml:6: remove `missing_values`" in refused
    assert "`leptonctl rollback prod --to 1`" in refused
    lep(root, "rollback", "prod", "--to", "1", "--yes")
    assert served(root)["version"] == "v1"


def test_neither_a_rollback_nor_uncommitted_files_move_what_later_applies_must_contain(make: Make) -> None:
    root = make("protected: true\nrequire_commit: true\nmodels: {line: v1}")
    lep(root, "pin")
    first = projects.commit(root, "v1")
    lep(root, "apply", "--yes")
    bind(root, "v2")
    second = projects.commit(root, "v2")
    lep(root, "apply", "--yes")
    projects.git(root, "checkout", "-q", "-B", "other", first)
    # HEAD does not contain the last applied commit, and files are not committed: neither keeps a rollback
    (root / "model-line.yaml").write_text((root / "model-line.yaml").read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    lep(root, "rollback", "prod", "--yes")
    environment = projects.environment_of(root, "prod")
    assert (environment.commit, environment.dirty) == (second, True)
    projects.git(root, "checkout", "-q", "-f", "-B", "merged", second)
    bind(root, "v3")
    lep(root, "apply", "--yes", code=1)
    third = projects.commit(root, "v3")
    lep(root, "apply", "--yes")
    assert projects.environment_of(root, "prod").commit == third


def test_promote_into_an_environment_that_wants_commits_says_what_to_do(make: Make) -> None:
    root = make("protected: true\nrequire_commit: true\nmodels: {line: v1}", staging="models: {line: v2}")
    lep(root, "pin")
    projects.commit(root, "v1")
    lep(root, "apply", "--yes")
    before = (root / "environment-prod.yaml").read_text(encoding="utf-8")
    refused = lep(root, "promote", "line", "staging", "prod", "--yes", code=1).stderr
    assert "uncommitted" in refused
    assert "environment-prod.yaml:6:16" in refused
    assert (root / "environment-prod.yaml").read_text(encoding="utf-8") == before
    # followed to the letter
    commands = [line.strip() for line in refused.splitlines() if line.strip().startswith(("git commit", "leptonctl apply"))]
    projects.edit(root / "environment-prod.yaml", "line: v1", "line: v2")
    projects.git(root, *shlex.split(commands[0])[1:])
    lep(root, *shlex.split(commands[1])[1:])
    assert projects.served(root, "prod")["models"][0]["version"] == "v2"
    # the brother: a rollback to what was never served in good health is not a return
    state = projects.recorded(root)
    record = replace(state.environments["prod"], served={})
    projects.state_file(root).write_bytes(encode_state(replace(state, environments={**state.environments, "prod": record})))
    refused = lep(root, "rollback", "prod", "--yes", code=1).stderr
    assert 'git commit -m "Roll back prod to line v1 (deployment' in refused
    assert "bind line v1" in refused
    assert "line: v2" in (root / "environment-prod.yaml").read_text(encoding="utf-8")
