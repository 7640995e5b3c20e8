"""A return is never blocked and computes nothing, whatever happened to the data, the libraries, the metrics and the gates."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects
from tests.e2e import load, rows
from tests.e2e.test_switch_under_load import URL, applied, bound, by_revert, returned, switched, to_v2


def test_a_return_with_the_data_overwritten_and_without_scikit_learn(spam: Path) -> None:
    applied(spam)
    names, test = rows.spam_test_rows(spam)
    url = projects.served(spam, "prod")["url"] + URL
    requests, digests = [rows.request(names, test)], bound(spam)
    first = load.answers(url, requests)
    to_v2(spam)
    for file in ("mail-2002-07.csv", "mail-2002-09.csv"):
        (spam / "data" / file).write_text("nothing,is_spam\n1,y\n", encoding="utf-8")
    for module in ("sklearn", "skl2onnx", "onnx", "polars", "skops"):
        (spam / "blocked" / module).mkdir(parents=True)
        (spam / "blocked" / module / "__init__.py").write_text(f"raise ImportError('{module} is blocked')\n", encoding="utf-8")
    switched(spam, "v2", "v1")
    assert projects.run("plan", cwd=spam, PYTHONPATH=str(spam / "blocked")).returncode == 0
    finished = applied(spam, PYTHONPATH=str(spam / "blocked"))
    returned(finished)
    assert bound(spam) == digests
    assert load.answers(url, requests) == first
    plan = projects.run("plan", "--json", "--detailed-exitcode", cwd=spam)
    assert plan.returncode == 0
    assert {(d["class"], d["address"]) for d in json.loads(plan.stdout)["drift"]} == {
        ("note", "dataset/mail@2002-07"),
        ("note", "dataset/mail@2002-09"),
    }


def test_a_return_to_a_version_that_its_gates_would_hold_now(spam: Path) -> None:
    """v1 is worse than v2 under max_drop already; gates that came later hold it too, and one without evidence."""
    applied(spam)
    to_v2(spam)
    projects.edit(spam / "environments.yaml", "accuracy: {min: 0.93}", "accuracy: {min: 0.96}\n  balanced_accuracy: {min: 0.99}")
    switched(spam, "v2", "v1")
    text = projects.run("plan", cwd=spam)
    assert text.returncode == 0
    assert "return to v1, served here before" in text.stdout
    assert "decided during the apply" not in text.stdout
    assert "a return needs no evidence" in text.stdout
    plan = json.loads(projects.run("plan", "--json", cwd=spam).stdout)
    (change,) = plan["changes"]
    assert (change["address"], change["is_return"], change["known_after_apply"]) == ("environment/prod/spam-filter", True, [])
    assert [step["op"] for step in change["steps"]] == ["bind"]
    assert {g["metric"]: g["passed"] for g in change["gates"]} == {
        "accuracy": False, "balanced_accuracy": None, "recall": True, "f1": None, "flips": None,
    }  # fmt: skip
    assert (plan["complete"], plan["applyable"]) == (True, True)
    assert "decided during the apply" not in projects.run("plan", "--markdown", cwd=spam).stdout
    returned(applied(spam))


def test_a_return_with_a_gate_loosened_in_the_reverted_commit(spam: Path) -> None:
    applied(spam)
    digests = bound(spam)
    projects.edit(spam / "environments.yaml", "f1: {max_drop: 0.005}", "f1: {max_drop: 0.5}")
    projects.edit(spam / "environments.yaml", "flips: {max: 0.05}", "flips: {max: 0.9}\n  roc_auc: {max_drop: 0.5}")
    to_v2(spam)
    returned(by_revert(spam))
    assert bound(spam) == digests


@pytest.mark.parametrize("command", ["build", "apply"])
def test_a_return_during_a_running_build(command: str, tiny: Callable[..., Path]) -> None:
    """While the next version of the same binding trains. The apply that trained it finds the binding moved and keeps what it built."""
    slow = "{algorithm: mlp, params: {hidden_layer_sizes: [100, 100], max_iter: 120, n_iter_no_change: 120, tol: 0.0}}"
    root = tiny({"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}, {"prod": "models: {line: v1}"}, rows=2000)
    binding, model = root / "environment-prod.yaml", root / "model-line.yaml"
    for version in ("v1", "v2"):
        binding.write_text(re.sub(r"line: v\d", f"line: {version}", binding.read_text(encoding="utf-8")), encoding="utf-8")
        projects.commit(root, f"Serve {version}")
        applied(root)
    projects.edit(binding, "line: v2", "line: v3")
    model.write_text(model.read_text(encoding="utf-8") + f"  v3: {slow}\n", encoding="utf-8")
    projects.commit(root, "Serve v3")

    running = projects.start(command, *(["--yes"] if command == "apply" else []), "--json", cwd=root)
    assert running.stdout is not None
    assert any('"step_progress"' in line for line in running.stdout), "it trains"
    projects.edit(binding, "line: v3", "line: v1")
    model.write_text(model.read_text(encoding="utf-8").replace(f"  v3: {slow}\n", ""), encoding="utf-8")
    projects.commit(root, "Back to v1")
    started = time.monotonic()
    finished = applied(root)
    seconds = time.monotonic() - started
    assert running.poll() is None, "it still trains"
    returned(finished)
    assert seconds < 5
    print(f"beside a running {command}: {finished['seconds']} s of work, {seconds:.2f} s in all")

    rest, complaints = running.communicate(timeout=120)
    last = json.loads(rest.splitlines()[-1])
    assert last["trained"] == 1, complaints
    if command == "apply":
        assert (running.returncode, last["bound"], last["failed"]) == (5, 0, 1)
        assert '"stale-binding"' in rest
    else:
        assert running.returncode == 0
    assert projects.served(root, "prod")["models"][0]["version"] == "v1"
    projects.git(root, "checkout", "-q", "HEAD~1", "--", ".")
    again = applied(root)
    assert (again["trained"], again["exported"], again["bound"]) == (0, 0, 1)
