"""Settings of a platform, edited: the plan says which of them restart what serves, and apply does as it says."""

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from tests import projects

Tiny = Callable[..., Path]


def test_a_plan_says_which_setting_restarts_what_serves(tiny: Tiny) -> None:
    root = tiny(environments={"dev": "models: {line: v1}"})
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    before = set(projects.processes(root))
    file = root / "environment-dev.yaml"
    written = file.read_text().replace("platform: {", "platform: {keep_alive_s: 60, swap_s: 7, ")
    file.write_text(written)
    assert reason(root) == "what serves is restarted for keep_alive_s"
    restarted = projects.run("apply", "--yes", cwd=root)
    assert restarted.returncode == 0
    assert "dev changed" in restarted.stdout
    after = set(projects.processes(root))
    assert len(after) == 1
    assert not before & after
    file.write_text(written.replace("swap_s: 7", "swap_s: 8"))
    assert reason(root) == "recipe changed"
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert set(projects.processes(root)) == after
    for pid in after:
        os.kill(pid, signal.SIGKILL)
    mended = projects.finished(projects.run("apply", "--yes", "--json", cwd=root))
    assert (mended["ok"], mended["healed"], mended["changed"], mended["bound"]) == (True, ["dev"], [], 0)


def test_protected_environments_come_first_in_a_plan(tiny: Tiny) -> None:
    """E9: of many changes a reader must see those of prod, wherever its document stands; also where changes are folded."""
    many = {f"m{number:02}": {"v1": "{}"} for number in range(12)}
    bound = ", ".join(f"{name}: v1" for name in many)
    root = tiny(many, dict.fromkeys(("a", "b", "c", "prod"), f"models: {{{bound}}}"))
    digest = projects.run("pin", cwd=root)
    assert digest.returncode == 0, digest.stderr
    with (root / "environment-prod.yaml").open("a", encoding="utf-8") as file:
        file.write("protected: true\n")
    result = projects.run("plan", cwd=root)
    addresses = [line.split()[1] for line in result.stdout.split("\n") if line.startswith("+ environment/")]
    assert addresses[0] == "environment/prod"
    assert [a for a in addresses if "/m" in a][:2] == ["environment/prod/m00", "environment/prod/m01"]
    listed = [c["address"] for c in json.loads(projects.run("plan", "--json", cwd=root).stdout)["changes"]]
    others = [a for a in listed if a.startswith("environment/")]
    assert [a.split("/")[1] for a in others] == ["prod"] * 13 + ["a"] * 13 + ["b"] * 13 + ["c"] * 13


def test_a_plan_that_an_apply_refuses_exits_with_its_code(tiny: Tiny) -> None:
    root = tiny(environments={"dev": "models: {line: v1}"})
    port = int((root / "environment-dev.yaml").read_text().partition("port: ")[2].partition("}")[0])
    with socket.create_server(("127.0.0.1", port)):
        for words in (("plan",), ("plan", "--detailed-exitcode"), ("apply", "--yes")):
            refused = projects.run(*words, cwd=root)
            assert refused.returncode == 1, words
            assert "error[port-in-use]" in refused.stdout + refused.stderr


def reason(root: Path) -> str:
    shown = projects.run("plan", "--json", cwd=root)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    (change,) = json.loads(shown.stdout)["changes"]
    return change["reason"]
