"""Where an environment runs is declared: apply starts servers only for `run: here`, and reads the others from the store."""

import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from leptonctl.deploying import addresses
from tests import projects
from tests.e2e import clones
from tests.e2e.clones import serving, until_serves

NOBODY = "served by nobody yet: run `leptonctl serve prod` where it belongs"
UNSERVED = NOBODY.replace(" yet", "")


@pytest.fixture
def machines(built_line: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    yield clones.shared(built_line, tmp_path)
    projects.stop_servers(tmp_path)


def write(root: Path, pattern: str, replacement: str) -> None:
    file = root / "environment-prod.yaml"
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"))
    assert count == 1
    file.write_text(text, encoding="utf-8")


def apply(root: Path, code: int = 0) -> list[dict]:
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return projects.events(done.stdout)


def plan(root: Path, code: int = 0) -> dict:
    done = projects.run("plan", "--json", "--detailed-exitcode", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def notes(root: Path) -> list[tuple[str, str]]:
    return [(d["class"], d["reason"]) for d in plan(root)["drift"]]


def bound(events: list[dict]) -> str:
    (message,) = [e["message"] for e in events if e["type"] == "step_finished" and e["op"] == "bind"]
    return message


def test_a_runner_starts_nothing_and_both_machines_see_the_fleet(machines: tuple[Path, Path]) -> None:
    """A13, A14: the machine that applies is not the one that serves."""
    runner, host = machines
    changes = {c["address"]: c for c in plan(runner, 2)["changes"]}
    assert [changes[a]["placement"] for a in ("environment/prod", "environment/prod/line", "model/line@v1")] == ["elsewhere"] * 2 + [None]
    assert "+ environment/prod  new  runs elsewhere" in projects.run("plan", cwd=runner).stdout
    assert bound(apply(runner)) == f"unbound → v1; {NOBODY}"
    assert projects.processes(runner.parent) == {}
    for machine in machines:
        assert notes(machine) == [("note", NOBODY)]
        prod = projects.served(machine, "prod")
        assert (prod["placement"], prod["healthy"], prod["reason"], prod["servers"]) == ("elsewhere", False, NOBODY, [])
        checked = projects.run("status", "--check", cwd=machine)
        assert (checked.returncode, NOBODY in checked.stdout) == (1, True), "a monitor sees it, wherever it runs"

    with serving(host) as (url, process):
        until_serves(url, 1)
        for machine in machines:
            clones.until(lambda m=machine: projects.served(m, "prod")["healthy"] is True)
            prod = projects.served(machine, "prod")
            (server,) = prod["servers"]
            assert (prod["reason"], prod["models"][0]["drift"]) == ("", None)
            assert prod["models"][0]["live_digest"] == prod["models"][0]["digest"]
            assert (server["url"], server["deployment"], server["ready"], server["alive"], server["reason"]) == (url, 1, [1], True, "")
            assert server["since"] is not None
            assert server["seen"] is not None
            assert plan(machine)["drift"] == []
            assert projects.run("status", "--check", cwd=machine).returncode == 0
        text = projects.run("status", cwd=runner).stdout
        assert "not observed" not in text
        assert re.search(rf"{server['id']} +{url} +#1 +just now +\d s ago", text), text

        write(runner, "line: v1", "line: v2")
        assert bound(apply(runner)) == "v1 → v2"
        assert projects.status_record(url).deployment == 2, "it was waited for"

        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        dead = f"server {server['id']} shows no sign of life"
        assert notes(runner) == [("note", f"unhealthy: {dead}; `leptonctl server forget {server['id']}` removes its record")]
        prod = projects.served(runner, "prod")
        assert (prod["healthy"], prod["reason"], prod["servers"][0]["alive"]) == (False, dead, False)
        checked = projects.run("status", "--check", cwd=runner)
        assert (checked.returncode, "shows no sign of life" in checked.stdout) == (1, True)
        assert apply(runner)[-1]["healed"] == []
        assert projects.processes(runner.parent) == {}
        write(runner, "line: v2", "line: v1")
        assert bound(apply(runner)) == f"v2 → v1; {UNSERVED}", "a dead server is not waited for"
        projects.run("server", "forget", server["id"], cwd=runner)
        assert projects.served(runner, "prod")["reason"] == UNSERVED, "once it was served, nothing says `yet`"
        assert notes(runner) == [("note", UNSERVED)]


def test_an_edited_placement_stops_and_starts_this_hosts_server(line: Path) -> None:
    apply(line)
    (pid,) = projects.processes(line)
    write(line, "type: server", "type: server, run: elsewhere")
    (change,) = plan(line, 2)["changes"]
    assert [(b["path"], b["after"]) for b in change["because"]] == [("platform.run", "elsewhere")]
    done = projects.run("apply", "--yes", cwd=line)
    assert (done.returncode, projects.processes(line)) == (0, {}), done.stdout + done.stderr
    assert "it will run elsewhere: this host's server is stopped" in done.stdout
    assert projects.served(line, "prod")["placement"] == "elsewhere"
    write(line, "run: elsewhere", "run: elsewhere, keep_alive_s: 60")
    (change,) = plan(line, 2)["changes"]
    assert change["reason"] == "start its servers again for keep_alive_s to take effect"
    write(line, ", keep_alive_s: 60", "")
    assert apply(line)[-1]["healed"] == [], "nobody serves it, and nothing is healed"
    write(line, ", run: elsewhere", ", run: here")
    apply(line)
    assert len(projects.processes(line)) == 1
    assert pid not in projects.processes(line)
    assert projects.served(line, "prod")["healthy"] is True
    write(line, ", run: here", "")
    assert plan(line)["changes"] == [], "here is the default of a project that keeps its state and store to itself"


def test_an_address_of_another_machine_is_refused_before_anything_is_built(line: Path) -> None:
    """A13; and an address of this machine that is taken, also if the port is all that was edited."""
    write(line, r"host: 127\.0\.0\.1", "host: 203.0.113.9")
    for command in ("plan", "apply"):
        done = projects.run(command, *(["--yes"] if command == "apply" else []), cwd=line)
        assert done.returncode == 1
        assert "error[cannot-listen]" in done.stdout + done.stderr
        assert "`run: elsewhere`" in done.stdout + done.stderr
    assert projects.state_of(line)["serial"] == 0
    write(line, "type: server", "type: server, run: elsewhere")
    assert bound(apply(line)).endswith(NOBODY)
    write(line, "run: elsewhere, host: 203.0.113.9", "run: here, host: 127.0.0.1")
    apply(line)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write(line, r"port: \d+", f"port: {taken.getsockname()[1]}")
        (problem,) = plan(line, 1)["diagnostics"]
        assert problem["id"] == "port-in-use"


def test_only_the_folder_that_is_recorded_runs_an_environment_here(machines: tuple[Path, Path]) -> None:
    """Protocols 5: a second clone on the same host sees its server in the store, moves it through the store, and never starts or heals it."""
    first, second = machines
    for machine in machines:
        write(machine, "type: server", "type: server, run: here")
    apply(first)
    (pid,) = projects.processes(first)
    assert plan(second)["diagnostics"] == []
    prod = projects.served(second, "prod")
    port = urlsplit(str(prod["url"])).port or 0
    assert (prod["healthy"], prod["here"], prod["folder"], len(prod["servers"])) == (True, False, str(first), 1)
    assert projects.served(first, "prod")["here"] is True
    checked = projects.run("status", "--check", cwd=second)
    assert (checked.returncode, f":{first}" in checked.stdout) == (0, True)
    write(second, "line: v1", "line: v2")
    assert bound(apply(second)) == "v1 → v2"
    assert projects.status_record(str(prod["url"])).deployment == 2, "it was waited for"
    assert projects.served(first, "prod")["folder"] == str(first), "the move leaves it where it runs"
    for command in ("stop", "restart"):
        done = projects.run("server", command, "prod", cwd=second)
        assert (done.returncode, "error[not-here]" in done.stderr, str(first) in done.stderr) == (1, True, True)
    assert list(projects.processes(first)) == [pid]

    os.kill(pid, signal.SIGKILL)
    clones.until(lambda: addresses.port_free("127.0.0.1", port))
    assert "heal" not in {d["class"] for d in plan(second)["drift"]}
    assert apply(second)[-1]["healed"] == []
    checked = projects.run("status", "--check", cwd=second)
    assert (checked.returncode, "shows no sign of life" in checked.stdout, "leptonctl plan" in checked.stdout) == (1, True, False)
    write(first, "line: v1", "line: v2")
    assert apply(first)[-1]["healed"] == ["prod"]
    (pid,) = projects.processes(first)

    # what a folder ran that is gone belongs to the next one that applies
    os.kill(pid, signal.SIGKILL)
    clones.until(lambda: addresses.port_free("127.0.0.1", port))
    shutil.rmtree(first)
    assert apply(second)[-1]["healed"] == ["prod"]
    assert len(projects.processes(second)) == 1
    assert projects.run("status", "--check", cwd=second).returncode == 0


def test_two_environments_elsewhere_may_have_one_address(machines: tuple[Path, Path]) -> None:
    runner, _ = machines
    text = (runner / "environment-prod.yaml").read_text(encoding="utf-8")
    (runner / "environment-dev.yaml").write_text(text.replace("prod", "dev"), encoding="utf-8")
    assert [c["action"] for c in plan(runner, 2)["changes"] if c["address"] in {"environment/dev", "environment/prod"}] == ["create"] * 2
    (runner / "environment-dev.yaml").write_text(text.replace("prod", "dev").replace("server,", "server, run: here,"), encoding="utf-8")
    plan(runner, 2)
    write(runner, "server,", "server, run: here,")
    assert "port-taken" in projects.run("plan", cwd=runner).stderr
