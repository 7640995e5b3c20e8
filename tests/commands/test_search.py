"""A search where people stand: what is tried, what is shown, what is taken over, and what a kill or another clone does to it."""

import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from leptonctl.core.codec import decode
from leptonctl.core.result import Result
from tests import projects
from tests.commands.test_gc import age
from tests.test_output_schemas import problems

GRID = "{search: {parameters: {C: [0.01, 1, 100]}, metric: f1}}"
RANDOM = "{search: {method: random, parameters: {C: {log: [0.001, 100]}}, trials: 3, metric: log_loss}}"
HALVING = "{search: {method: halving, parameters: {C: {log: [0.001, 100]}}, trials: 4, cross_validation: 3}}"
DECIDED = "{search: {parameters: {C: [0.01, 1.0, 100]}, metric: f1}, threshold: {metric: f1}}"
VERSIONS = {"v1": GRID, "v2": RANDOM, "v3": HALVING, "v4": "{params: {C: 1}}", "decided": DECIDED}
COUNTED = ("prepared", "tried", "searched", "trained", "exported", "decided", "evaluated")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A project with a search of each kind, applied; and the events of the apply."""
    root = projects.tiny_project(tmp_path_factory.mktemp("search"), models={"line": VERSIONS}, environments={})
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root, projects.events(done.stdout)


@pytest.fixture
def searched(applied: tuple[Path, list[dict]], tmp_path: Path) -> Callable[[], Path]:
    """Copies of it."""
    return lambda: projects.copy_of(applied[0], tmp_path / "copy")


def shown(root: Path, address: str) -> dict:
    done = projects.run("show", address, "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["version"]


def built(root: Path, *arguments: str) -> dict:
    done = projects.run("build", *arguments, "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return projects.finished(done)


def count(finished: dict) -> dict:
    return {name: finished[name] for name in COUNTED if finished[name]}


def test_the_best_so_far_is_said_at_every_trial(applied: tuple[Path, list[dict]]) -> None:
    _, events = applied
    ended = [event for event in events if event["type"] == "step_finished" and event["address"] == "model/line@v1"]
    lines = [event["message"] for event in ended if event["op"] == "trial"]
    assert [line.split()[0] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all(" f1 0." in line and "best 0." in line and "(C=" in line for line in lines)
    (choice,) = [event["message"] for event in ended if event["op"] == "search"]
    assert choice.startswith("C=")
    assert "f1 0." in choice
    assert (events[-1]["tried"], events[-1]["searched"]) == (12, 4)
    assert [found for event in events for found in problems("apply_event", event)] == []


@pytest.mark.parametrize(("version", "trials", "better"), [("v1", 3, "higher"), ("v2", 3, "lower"), ("v3", 6, "higher")])
def test_the_winner_has_the_best_score_and_is_what_was_trained(
    applied: tuple[Path, list[dict]], version: str, trials: int, better: str
) -> None:
    root, _ = applied
    search = shown(root, f"line@{version}")["search"]
    assert (len(search["trials"]), search["better"]) == (trials, better)
    last = [one for one in search["trials"] if one["rung"] == search["trials"][-1]["rung"]]
    best = (max if better == "higher" else min)(last, key=lambda one: one["mean"])
    assert (search["chosen"], search["mean"], search["trial"]) == (best["chosen"], best["mean"], best["name"])
    assert all(one["seconds"] > 0 for one in search["trials"])
    if version == "v3":
        assert [one["rows"] for one in search["trials"]] == [20] * 4 + [60] * 2


def test_the_winner_stands_in_parameters_leaderboard_and_diff(applied: tuple[Path, list[dict]]) -> None:
    root, _ = applied
    story = shown(root, "line@v1")
    chosen = story["search"]["chosen"]["C"]
    (parameter,) = [one for one in story["parameters"] if one["path"] == "params.C"]
    assert (parameter["value"], parameter["origin"], parameter["file"]) == (chosen, "search", "model-line.yaml")
    rows = json.loads(projects.run("leaderboard", "line", "--json", cwd=root).stdout)["rows"]
    assert {row["version"]: row["params"].get("C") for row in rows}["v1"] == chosen
    fields = {f["path"]: f for f in json.loads(projects.run("diff", "line@v1", "line@v2", "--json", cwd=root).stdout)["fields"]}
    assert fields["params.C"]["a"] == chosen
    assert fields["search.method"] == {"path": "search.method", "a": "grid", "b": "random"}
    text = projects.run("show", "line@v3", "--trials", cwd=root).stdout
    assert [line.split()[0] for line in text.splitlines() if "trial-" in line][:1] == ["best"]
    assert text.count("trial-") == 6
    none = projects.run("show", "line@v4", "--trials", cwd=root)
    assert (none.returncode, "error[no-search]" in none.stderr) == (1, True)


def test_what_is_printed_matches_its_schema_and_a_plan_is_the_same_without_its_cache(searched: Callable[[], Path]) -> None:
    root = searched()
    file = root / "model-line.yaml"
    file.write_text(f"{file.read_text()}  v5: {GRID}\n  v6: {HALVING.replace('4', '5')}\n")
    (root / "other.yaml").write_text(file.read_text().replace("name: line", "name: other"))
    plans = []
    for _look in range(2):
        plans.append(projects.run("plan", "--json", cwd=root).stdout)
        plans.append(projects.run("plan", "--json", cwd=root).stdout)
        shutil.rmtree(root / ".leptonctl" / "cache")
    assert len(set(plans)) == 1
    assert problems("plan", json.loads(plans[0])) == []
    for version in ("v1", "v3", "v4", "v6"):
        assert problems("show", json.loads(projects.run("show", f"line@{version}", "--json", cwd=root).stdout)) == []
    assert problems("adopt", json.loads(projects.run("adopt", "line@v3", "--json", cwd=root).stdout)) == []


def test_a_plan_names_the_winner_once_it_is_known(searched: Callable[[], Path]) -> None:
    """Before, it is known after apply; (brother) the trials of a later rung are so too."""
    root = searched()
    projects.edit(root / "model-line.yaml", f"  v1: {GRID}\n", f"  v1: {GRID}\n  v5: {GRID}\n  v6: {HALVING.replace('4', '5')}\n")
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    known, unknown = (next(c for c in plan["changes"] if c["address"].endswith(version)) for version in ("v5", "v6"))
    assert [step["decided"] for step in known["steps"] if "decided" in step] == [shown(root, "line@v1")["search"]["chosen"]]
    assert known["known_after_apply"] == []
    assert {"search.chosen", "steps.trial_2_1.key"} <= set(unknown["known_after_apply"])
    assert (plan["summary"]["trial"], plan["complete"]) == (7 - 4, False)
    text = projects.run("plan", cwd=root).stdout
    assert f"search cached (C={known['steps'][-1] and shown(root, 'line@v1')['search']['chosen']['C']})" in text
    assert "trial 7" in text


def test_an_added_value_runs_its_own_trial_alone(searched: Callable[[], Path]) -> None:
    """A value of a grid, one trial more of a random search, and (brother) the same winner trains nothing."""
    root = searched()
    file = root / "model-line.yaml"
    before = shown(root, "line@v1")
    projects.edit(file, "C: [0.01, 1, 100]", "C: [0.01, 1, 100, 0.00001]")
    projects.edit(file, "trials: 3", "trials: 4")
    done = projects.run("apply", "--yes", "--json", cwd=root)
    finished = projects.finished(done)
    assert (finished["ok"], finished["tried"], finished["searched"]) == (True, 2, 2)
    after = shown(root, "line@v1")
    assert after["search"]["chosen"] == before["search"]["chosen"]
    assert after["package"] == before["package"]
    adopted = [e for e in projects.events(done.stdout) if e["type"] == "step_finished" and e["address"] == "model/line@v1" and e["adopted"]]
    assert {e["op"] for e in adopted} >= {"train", "export"}


def test_writing_out_what_is_averaged_anyway_runs_nothing_again(searched: Callable[[], Path]) -> None:
    """The positive class, and (brothers) the average, for a threshold, and for the later rung of a halving."""
    root = searched()
    projects.edit(root / "model-line.yaml", "versions:\n", "evaluate: {positive: below, average: binary}\nversions:\n")
    assert set(count(built(root))) == {"evaluated"}
    projects.edit(root / "model-line.yaml", "positive: below", "positive: above")
    other = count(built(root, "line@v1"))
    assert (other["tried"], other["searched"]) == (3, 1)


def test_another_clone_on_the_same_store_runs_none(applied: tuple[Path, list[dict]], tmp_path: Path) -> None:
    root, _ = applied
    clone = tmp_path / "clone"
    shutil.copytree(root, clone, ignore=shutil.ignore_patterns(".leptonctl"))
    shutil.copytree(root / ".leptonctl" / "store", tmp_path / "shared")
    shutil.rmtree(tmp_path / "shared" / "projects", ignore_errors=True)
    projects.edit(clone / "leptonctl.yaml", "format: 1\n", f"format: 1\nstore: {tmp_path / 'shared'}\n")
    assert count(built(clone)) == {}
    assert shown(clone, "line@v3")["search"] == shown(root, "line@v3")["search"]


def test_adopt_writes_the_winner_and_nothing_is_trained(searched: Callable[[], Path]) -> None:
    """In place of the search of the base block of an only version too (brother), with its comments."""
    root = searched()
    before = shown(root, "line@v1")
    done = projects.run("adopt", "line@v1", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["chosen"], report["in_place"]) == (before["search"]["chosen"], True)
    assert f"  v1: {{params: {{C: {report['chosen']['C']}}}}}\n" in (root / "model-line.yaml").read_text()
    assert pending(root) == {"reuse": 2, "update": 1}, "the plan promises no step that an apply would take over"
    applied = projects.finished(projects.run("apply", "--yes", "--json", cwd=root))
    assert (applied["ok"], count(applied)) == (True, {})
    after = shown(root, "line@v1")
    assert (after["digest"], after["search"]) == (report["digest"], None)
    assert after["artifacts"] == before["artifacts"]
    # and a rebuild of what it is now gives what the search has left
    proof = json.loads(projects.run("verify", "line@v1", "--rebuild", "--json", cwd=root).stdout)
    assert proof["rebuild"]["verdict"] == "identical", proof["rebuild"]
    # what is decided after the training too
    assert projects.run("adopt", "line@decided", cwd=root).returncode == 0
    applied = projects.finished(projects.run("apply", "--yes", "--json", cwd=root))
    assert (applied["ok"], count(applied)) == (True, {})
    for words, id_, said in ((["v1"], "unknown-address", "write MODEL@VERSION"), (["line@v3", "--as", "a b"], "bad-name", "letters")):
        refused = projects.run("adopt", *words, cwd=root)
        assert (refused.returncode, f"error[{id_}]" in refused.stderr, said in refused.stderr) == (1, True, True), refused.stderr
    again = projects.run("adopt", "line@v1", cwd=root)
    assert (again.returncode, "error[no-search]" in again.stderr) == (1, True)


def pending(root: Path, address: str = "line@v1") -> dict[str, int]:
    """What a plan counts for one version."""
    summary = json.loads(projects.run("plan", "--only", f"model/{address}", "--json", cwd=root).stdout)["summary"]
    return {name: number for name, number in summary.items() if number and name != "keep"}


def test_adopt_keeps_comments_and_can_declare_a_new_version(searched: Callable[[], Path]) -> None:
    root = searched()
    text = (root / "model-line.yaml").read_text().partition("versions:")[0].replace("name: line", "name: base")
    text += "params: {C: 5.0}  # was a guess\nsearch: # found in June\n  parameters:\n    C: [0.01, 1, 100]\n  metric: recall\n"
    text += "# all of them\nversions:\n  only: {}  # the one\n"
    (root / "base.yaml").write_text(text)
    assert projects.run("adopt", "base@only", cwd=root).stderr.startswith("error[not-built]")
    projects.edit(root / "base.yaml", "recall", "f1")
    assert count(built(root, "base@only")) == {}
    done = projects.run("adopt", "base@only", "--as", "fixed", cwd=root)
    assert done.returncode == 0, done.stderr
    chosen = shown(root, "line@v1")["search"]["chosen"]["C"]
    assert f"  fixed: {{search: null, params: {{C: {chosen}}}}}\n" in (root / "base.yaml").read_text()
    assert pending(root, "base@fixed") == {"create": 1, "reuse": 3}, "what the search has trained is what the new version declares"
    assert projects.run("adopt", "base@only", "--as", "fixed", cwd=root).stderr.startswith("error[version-exists]")
    projects.edit(root / "base.yaml", f"  fixed: {{search: null, params: {{C: {chosen}}}}}\n", "")
    assert projects.run("adopt", "base@only", cwd=root).returncode == 0
    left = (root / "base.yaml").read_text()
    assert f"params: {{C: {chosen}}}  # was a guess\n# all of them\nversions:\n  only: {{}}  # the one\n" in left
    assert "search" not in left


def test_a_failing_trial_loses_and_is_named_and_all_failing_is_an_error(searched: Callable[[], Path]) -> None:
    root = searched()
    file = root / "model-line.yaml"
    more = "  v5: {algorithm: knn, search: {parameters: {n_neighbors: [3, 5000]}}}\n"
    more += "  v6: {algorithm: knn, search: {parameters: {n_neighbors: [4000, 5000]}}}\n"
    file.write_text(file.read_text() + more)
    done = projects.run("build", "line@v5", "line@v6", cwd=root)
    assert done.returncode == 1
    assert "warning[trials-failed]" in done.stdout
    marks = [line.split()[:3] for line in done.stdout.splitlines() if " trial-" in line]
    assert [mark for mark, _, address in marks if address == "model/line@v5"] == ["✓", "!"]
    assert [mark for mark, _, address in marks if address == "model/line@v6"] == ["!", "!"]
    search = shown(root, "line@v5")["search"]
    assert search["chosen"] == {"n_neighbors": 3}
    assert [one["mean"] is None for one in search["trials"]] == [False, True]
    assert "error[search-failed]" in done.stdout
    assert re.search(r"✗ search model/line@v6[^✓]*--> model-line.yaml:\d+:\d+", done.stdout)
    assert "skipped: search of model/line@v6 failed" in done.stdout
    # what was tried is kept, and says why
    failed = shown(root, "line@v6")["search"]
    assert (failed["failed"], failed["chosen"], [one["chosen"]["n_neighbors"] for one in failed["trials"]]) == (True, None, [4000, 5000])
    assert all(one["mean"] is None and str(one["chosen"]["n_neighbors"]) in one["reason"] for one in failed["trials"])
    text = projects.run("show", "line@v6", "--trials", cwd=root).stdout
    assert "2 trials, all failed" in text
    lines = [line.split() for line in text.splitlines() if line.strip().startswith("trial-")]
    assert [line[:3] for line in lines] == [["trial-1", "4000", "failed"], ["trial-2", "5000", "failed"]]
    assert "not done yet" not in text


def test_the_trials_of_a_search_under_way_are_listed(searched: Callable[[], Path]) -> None:
    """Brother of the trials that all failed: here some have ended, as after a kill, and (brother) those of a first rung."""
    root = searched()
    projects.edit(root / "model-line.yaml", "C: [0.01, 1, 100]", "C: [0.01, 1, 100, 3]")
    projects.edit(root / "model-line.yaml", "trials: 4, cross", "trials: 5, cross")
    for version, ended in (("v1", 3), ("v3", 4)):
        search = shown(root, f"line@{version}")["search"]
        assert (search["failed"], search["trial"], len(search["trials"])) == (False, None, ended)
        text = projects.run("show", f"line@{version}", "--trials", cwd=root).stdout
        assert f"not done yet, {ended} trials so far" in text
        assert text.count("trial-") == ended


def test_a_rebuild_gives_the_same_bytes(applied: tuple[Path, list[dict]]) -> None:
    root, _ = applied
    done = projects.run("verify", "line@v3", "--rebuild", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    rebuild = json.loads(done.stdout)["rebuild"]
    assert rebuild["verdict"] == "identical"
    assert rebuild["reasons"] == ["the search is used as recorded: its 6 trials were not run again, but its winner was trained again"]
    assert problems("verify", json.loads(done.stdout)) == []


def test_the_history_says_what_a_search_has_found(applied: tuple[Path, list[dict]]) -> None:
    """And null for a build without one."""
    root, _ = applied
    history = json.loads(projects.run("history", "--json", cwd=root).stdout)
    assert problems("history", history) == []
    found = {
        build["address"].partition("@")[2]: build["search"] for build in history["builds"] if build["address"].startswith("model/line")
    }
    story = shown(root, "line@v1")["search"]
    assert found["v1"] == {**{name: story[name] for name in ("chosen", "metric", "mean", "std")}, "trials": 3}
    assert found["v4"] is None
    text = projects.run("history", "line@v1", cwd=root).stdout
    assert f"winner of 3 trials: C={story['chosen']['C']} with f1 0." in text, text


def test_gc_and_purge_leave_the_scores_of_trials(searched: Callable[[], Path]) -> None:
    """Trials have no bytes but their records, which gc never frees: a version that comes back trains its winner and tries nothing."""
    root = searched()

    def results() -> dict[str, int]:
        records = [decode(file.read_bytes(), Result) for file in (root / ".leptonctl" / "store" / "results").iterdir()]
        assert not [record for record in records if record.op in ("trial", "search") and record.artifacts]
        return Counter(record.op for record in records if record.address == "model/line@v2")

    before = results()
    age(root)
    assert "v2" not in projects.run("gc", "--yes", cwd=root).stdout
    assert results() == before
    projects.edit(root / "model-line.yaml", f"  v2: {RANDOM}\n  v3: {HALVING}\n", "")  # both found the same
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    age(root)
    freed = json.loads(projects.run("gc", "--yes", "--json", cwd=root).stdout)
    assert freed["artifacts"] >= 2
    assert results() == before
    projects.edit(root / "model-line.yaml", "versions:\n", f"versions:\n  v2: {RANDOM}\n")
    again = count(built(root, "line@v2"))
    assert (again.get("tried", 0), again.get("searched", 0), again["trained"]) == (0, 0, 1)
    held = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)["holders"]
    assert held
    assert not [holder for holder in held if holder["op"] in ("trial", "search")]


def test_explain_names_the_value_that_was_added(searched: Callable[[], Path]) -> None:
    root = searched()
    projects.edit(root / "model-line.yaml", "C: [0.01, 1, 100]", "C: [0.01, 1, 100, 3]")
    story = json.loads(projects.run("explain", "line@v1", "--json", cwd=root).stdout)
    (changed,) = story["changed"]
    assert (changed["path"], changed["after"], changed["file"]) == ("search.parameters.C", [0.01, 1.0, 100.0, 3.0], "model-line.yaml")


def test_a_search_that_is_killed_again_and_again_ends_as_if_undisturbed(applied: tuple[Path, list[dict]], tmp_path: Path) -> None:
    """No finished trial is run again, and winner and bytes are those of the undisturbed search."""
    root, _ = applied
    fresh = tmp_path / "fresh"
    shutil.copytree(root, fresh, ignore=shutil.ignore_patterns(".leptonctl"))
    results = fresh / ".leptonctl" / "store" / "results"
    seen: list[set[str]] = []
    for _kill in range(5 if os.environ.get("LEPTONCTL_SOAK") else 2):
        process = projects.start("build", "line@v1", "line@v3", "--json", cwd=fresh)
        known = _names(results)
        deadline = time.monotonic() + 60
        # after two more results: somewhere within a trial
        while process.poll() is None and len(_names(results)) < len(known) + 2:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        projects.stop_servers(fresh)
        seen.append(_names(results))
    assert all(earlier <= later for earlier, later in pairwise(seen))
    finished = built(fresh, "line@v1", "line@v3")
    assert finished["ok"]
    assert finished["tried"] < 9
    for version in ("line@v1", "line@v3"):
        ours, theirs = shown(fresh, version), shown(root, version)
        assert (ours["artifacts"], ours["package"], ours["digest"]) == (theirs["artifacts"], theirs["package"], theirs["digest"])
        assert _without_times(ours["search"]) == _without_times(theirs["search"])


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")} if folder.exists() else set()


def _without_times(search: dict) -> dict:
    return {**search, "trials": [{**one, "seconds": None} for one in search["trials"]]}
