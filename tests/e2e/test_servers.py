"""Servers as operators meet them: serve, server list, forget, stop and restart, log, status --watch."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode, encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.core.result import Tombstone
from leptonctl.deploying import addresses
from tests import projects
from tests.e2e import clones
from tests.e2e.clones import serving, until, until_serves
from tests.test_output_schemas import problems

REQUEST = {"inputs": [{"name": n, "datatype": "FP32", "shape": [1], "data": [value]} for n, value in (("x", 1), ("y", 8))]}


@pytest.fixture
def prod(line: Path) -> Path:
    apply(line)
    return line


@pytest.fixture
def machines(built_line: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    yield clones.shared(built_line, tmp_path)
    projects.stop_servers(tmp_path)


def apply(root: Path, code: int = 0) -> dict:
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return projects.finished(done)


def asked(schema: str, *arguments: str, cwd: Path) -> dict:
    """The JSON of a command that succeeds, checked against its schema."""
    done = projects.run(*arguments, "--json", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    value = json.loads(done.stdout)
    assert problems(schema, value) == []
    return value


def refused(id: str, *arguments: str, cwd: Path) -> str:
    """The message of a command that ends with this error and exit code 1."""
    done = projects.run(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert f"error[{id}]" in done.stderr
    return done.stderr


def bind(root: Path, version: str) -> None:
    file = root / "environment-prod.yaml"
    file.write_text(re.sub(r"line: v\d", f"line: {version}", file.read_text(encoding="utf-8")), encoding="utf-8")
    apply(root)


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert err == ""
    return process.returncode, out


# --- this folder's server ----------------------------------------------------------------------------------------------


def test_a_server_is_listed_stopped_and_started_again(prod: Path) -> None:
    (pid,) = projects.processes(prod)
    (server,) = asked("servers", "server", "list", cwd=prod)["servers"]
    assert (server["environment"], server["placement"], server["deployment"], server["alive"]) == ("prod", "here", 1, True)
    assert re.search(rf"prod +{server['id']} +{server['url']} +#1 +just now +\d s ago", projects.run("server", "list", cwd=prod).stdout)
    refusal = refused("server-alive", "server", "forget", server["id"], cwd=prod)
    assert f"pid {pid} on {server['host']}" in refusal
    assert f"on {server['host']}: `kill {pid}`, and then `kill -CONT {pid}` if `ps` shows it as stopped (T)" in refusal
    assert len(asked("servers", "server", "list", cwd=prod)["servers"]) == 1

    restarted = asked("server_action", "server", "restart", "prod", cwd=prod)
    assert (restarted["was_running"], restarted["server"]["deployment"]) == (True, 1)
    (new,) = projects.processes(prod)
    assert new != pid
    assert projects.ask(f"{server['url']}/v2/models/line/infer", REQUEST)["model_version"] == "v1", "it serves when restart returns"

    assert asked("server_action", "server", "stop", "prod", cwd=prod)["was_running"] is True
    assert projects.processes(prod) == {}
    assert asked("server_action", "server", "stop", "prod", cwd=prod)["was_running"] is False
    assert asked("servers", "server", "list", cwd=prod)["servers"][0]["stopped"] is True
    assert asked("forgotten", "server", "forget", f"prod/{server['id']}", cwd=prod)["forgotten"][0]["id"] == server["id"]
    assert asked("servers", "server", "list", cwd=prod) == {"servers": []}
    assert "No server is registered." in projects.run("server", "list", cwd=prod).stdout
    refused("unknown-server", "server", "forget", server["id"], cwd=prod)
    assert apply(prod)["healed"] == ["prod"], "a stop does not change what is bound"
    assert "deployment #1" in projects.run("server", "restart", "prod", cwd=prod).stdout


def test_a_server_that_could_not_start_again_is_not_stopped(prod: Path) -> None:
    artifact = projects.stored(prod, layout.artifact(projects.state_of(prod)["current"]["environment/prod/line"]["artifact"]))
    good = artifact.read_bytes()
    artifact.chmod(0o644)
    artifact.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    pids = list(projects.processes(prod))
    for _ in range(2):
        assert artifact.name in refused("damaged-artifact", "server", "restart", "prod", cwd=prod)
    assert (list(projects.processes(prod)), projects.served(prod, "prod")["healthy"]) == (pids, True)
    # purged, it is nowhere but in the server's memory
    artifact.unlink()
    tombstone = Tombstone(at="2026-11-26", by="ada", subject="a row of points@first")
    grave = projects.stored(prod, layout.tombstone("sha256:" + artifact.name))
    grave.parent.mkdir()
    grave.write_bytes(encode(tombstone))
    message = refused("missing-artifact", "server", "restart", "prod", cwd=prod)
    assert "was purged on 2026-11-26 by ada" in message
    assert "leptonctl rollback" in message
    assert (list(projects.processes(prod)), projects.served(prod, "prod")["healthy"]) == (pids, True)
    grave.unlink()
    artifact.write_bytes(good)
    asked("server_action", "server", "restart", "prod", cwd=prod)
    assert projects.served(prod, "prod")["healthy"] is True
    edited = prod / "environment-prod.yaml"
    refused("unknown-environment", "server", "stop", "dev", cwd=prod)
    projects.edit(edited, "type: server", "type: server, run: elsewhere")
    apply(prod)
    for command in ("stop", "restart"):
        assert "prod runs elsewhere" in refused("not-here", "server", command, "prod", cwd=prod)


def test_a_server_left_behind_is_named_and_stopped_with_consent(prod: Path) -> None:
    """A3: `.leptonctl` was removed while the server ran. It is ours by folder and socket, but of another lineage."""
    (pid,) = projects.processes(prod)
    lineage = projects.recorded(prod).lineage
    # what was built is kept for the second apply
    kept = shutil.copytree(prod / ".leptonctl" / "store", prod.parent / "kept", ignore=shutil.ignore_patterns("projects"))
    shutil.rmtree(prod / ".leptonctl")
    done = projects.run("plan", "--json", cwd=prod)
    (problem,) = json.loads(done.stdout)["diagnostics"]
    assert (done.returncode, problem["id"]) == (1, "port-in-use")
    assert f"lineage {lineage} (pid {pid}, started in {prod})" in problem["detail"]
    assert "`leptonctl server stop prod --stray`" in problem["hint"]
    assert projects.run("apply", "--yes", cwd=prod).returncode == 1
    assert list(projects.processes(prod)) == [pid], "nothing is stopped without consent"
    assert asked("server_action", "server", "stop", "prod", "--stray", cwd=prod)["was_running"] is True
    assert projects.processes(prod) == {}
    assert asked("server_action", "server", "stop", "prod", "--stray", cwd=prod)["was_running"] is False
    port = int(re.findall(r"port: (\d+)", (prod / "environment-prod.yaml").read_text(encoding="utf-8"))[0])
    with socket.create_server(("127.0.0.1", port)):
        assert f"pid {os.getpid()}" in refused("not-ours", "server", "stop", "prod", "--stray", cwd=prod)
    copy = clones.clone(prod, prod.parent / "copy")
    shutil.copytree(kept, prod / ".leptonctl" / "store", dirs_exist_ok=True)
    apply(prod)
    (pid,) = projects.processes(prod)
    assert f"pid {pid}" in refused("not-ours", "server", "stop", "prod", "--stray", cwd=prod), "the server of this state is not stray"
    assert f"pid {pid}" in refused("not-ours", "server", "stop", "prod", "--stray", cwd=copy), "nor that of another folder"


def test_a_heal_that_fails_stops_no_build_and_no_bind(built_line: Path, tmp_path: Path) -> None:
    """A12: heals come first, each with its reason and exit 1; what is moved anyway is not healed before."""
    root = clones.clone(built_line, tmp_path / "line")
    text = (root / "environment-prod.yaml").read_text(encoding="utf-8")
    for name in ("blue", "dev"):
        (root / f"environment-{name}.yaml").write_text(text.replace("prod", name), encoding="utf-8")
    shutil.copytree(built_line / ".leptonctl" / "store", root / ".leptonctl" / "store")
    projects.new_ports(root)
    try:
        apply(root)
        urls = {name: urlsplit(str(projects.environment_of(root, name).url)) for name in ("blue", "dev", "prod")}
        for pid in projects.processes(root):
            os.kill(pid, signal.SIGKILL)
        # a killed process keeps its port for a moment
        until(lambda: all(addresses.port_free("127.0.0.1", url.port or 0) for url in urls.values()))
        with (root / "model-line.yaml").open("a", encoding="utf-8") as file:
            file.write("  v3: {params: {C: 0.25}}\n")
        projects.edit(root / "environment-prod.yaml", "line: v1", "line: v3")
        with socket.create_server(("127.0.0.1", urls["dev"].port or 0)):
            done = projects.run("apply", "--yes", "--json", cwd=root)
        events = projects.events(done.stdout)
        assert done.returncode == 1
        kinds = [(e["type"], e["op"], e["address"]) for e in events if e["type"] in {"step_failed", "step_finished"}]
        assert kinds[0] == ("step_failed", "bind", "environment/dev"), "before anything is built"
        assert kinds[1:] == [
            *(("step_finished", op, "model/line@v3") for op in ("train", "export", "evaluate")),
            ("step_finished", "bind", "environment/prod/line"),
        ]
        (failed,) = [e["diagnostic"] for e in events if e["type"] == "step_failed"]
        assert (failed["id"], f"pid {os.getpid()}" in failed["detail"]) == ("port-in-use", True)
        assert events[-1]["healed"] == ["blue"], "prod was moved, and its server started with that"
        health = {name: projects.served(root, name)["healthy"] for name in urls}
        assert health == {"blue": True, "dev": False, "prod": True}
    finally:
        projects.stop_servers(root)


def test_the_log_of_a_server_is_shown_and_followed(prod: Path) -> None:
    log = asked("log", "log", "prod", cwd=prod)
    assert log["file"].endswith("server.log")
    assert any("deployment 1 is in force" in line for line in log["lines"])
    assert asked("log", "log", "environment/prod", "--lines", "1", cwd=prod)["lines"] == log["lines"][-1:]
    assert projects.run("log", "prod", "--lines", "0", cwd=prod).stdout == ""
    with projects.start("log", "prod", "--lines", "1", "--follow", cwd=prod) as process:
        assert process.stdout is not None
        assert process.stdout.readline().rstrip() == log["lines"][-1]
        bind(prod, "v2")
        seen = process.stdout.readline()
        while "deployment 2 is in force" not in seen:
            seen = process.stdout.readline()
            assert seen
        assert interrupted(process)[0] == 0


def test_the_log_of_a_build_is_that_of_its_version(built_line: Path) -> None:
    lines = asked("log", "log", "line@v1", cwd=built_line)["lines"]
    assert [line for line in lines if line.startswith("--- ")] == [f"--- {op} model/line@v1 {op}" for op in ("train", "export", "evaluate")]
    assert "did you mean" in refused("unknown-address", "log", "line@v11", cwd=built_line)
    assert "`leptonctl apply`" in refused("no-log", "log", "prod", cwd=built_line)
    refused("unknown-environment", "log", "../prod", cwd=built_line)


def test_a_watch_prints_changes_and_ends_with_its_reader(prod: Path) -> None:
    with projects.start("status", "--watch", "0.1", "--json", cwd=prod) as process, projects.start("status", "--watch", cwd=prod) as other:
        assert process.stdout is not None
        assert other.stdout is not None
        (first,) = json.loads(process.stdout.readline())["environments"]
        assert (first["deployment"], first["healthy"]) == (1, True)
        assert other.stdout.readline().startswith("prod  http://")
        bind(prod, "v2")
        line = process.stdout.readline()
        while json.loads(line)["environments"][0]["servers"][0]["deployment"] != 2:
            assert problems("status", json.loads(line)) == []
            line = process.stdout.readline()
        assert interrupted(process)[0] == 0
        other.stdout.close()
        assert other.wait(timeout=10) == 0, "nobody reads it any more"
    refused("usage", "status", "--watch", "0", cwd=prod)


# --- servers started by hand ------------------------------------------------------------------------------------------


def test_servers_by_hand_wait_for_the_first_deployment_and_have_names(machines: tuple[Path, Path]) -> None:
    runner, host = machines
    assert "`state:` and `store:`" in refused("nothing-applied", "serve", "prod", cwd=host)
    assert projects.run("apply", "--yes", "--only", "line@v1", cwd=runner).returncode == 0
    for url in ("ftp://x", "http://", "http://u:p@x", "http://x:99999", "http://x/?q", "http://a b", "x:80"):
        refused("bad-url", "serve", "prod", "--advertise", url, cwd=host)
    refused("bad-server-id", "serve", "prod", "--id", "../x", cwd=host)
    port = projects.free_port()
    with serving(host, "--port", str(port), "--advertise", "https://models.example.org/prod") as (url, process):
        assert url == "https://models.example.org/prod"
        (server,) = asked("servers", "server", "list", cwd=runner)["servers"]
        assert (server["url"], server["deployment"]) == ("https://models.example.org/prod", 0)
        apply(runner)
        until_serves(f"http://127.0.0.1:{port}", 1)
        assert projects.served(runner, "prod")["servers"][0]["url"] == "https://models.example.org/prod"
        message = refused("server-id-taken", "serve", "prod", "--port", "0", "--id", server["id"], cwd=host)
        assert f"pid {process.pid}" in message
        with serving(host) as (_, _):
            assert len(projects.served(runner, "prod")["servers"]) == 2
        process.terminate()
        _, err = process.communicate(timeout=20)
        assert "nothing is bound in prod yet: waiting for its first deployment" in err


def test_a_port_that_is_in_use_is_answered_with_the_option_that_serve_takes(prod: Path) -> None:
    (server,) = asked("servers", "server", "list", cwd=prod)["servers"]
    message = refused("port-in-use", "serve", "prod", cwd=prod)
    assert f"is used by server {server['id']} of prod" in message
    assert "`leptonctl serve prod --port PORT` starts another server;" in message
    with socket.create_server(("127.0.0.1", 0)) as other:
        message = refused("port-in-use", "serve", "prod", "--port", str(other.getsockname()[1]), cwd=prod)
        assert "`--port`" in message


def test_a_server_by_hand_finishes_what_is_in_flight_when_its_terminal_closes(machines: tuple[Path, Path]) -> None:
    """D6: SIGHUP is like SIGTERM."""
    runner, host = machines
    projects.edit(runner / "environment-prod.yaml", "type: server", "type: server, stop_s: 1")
    projects.edit(host / "environment-prod.yaml", "type: server", "type: server, stop_s: 1")
    apply(runner)
    with serving(host) as (url, process):
        until_serves(url, 1)
        place = urlsplit(url)
        body = json.dumps(REQUEST).encode()
        head = f"POST /v2/models/line/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with (
            socket.create_connection((place.hostname, place.port)) as whole,
            socket.create_connection((place.hostname, place.port)) as half,
        ):
            for line in (whole, half):
                line.sendall(head.encode() + body[:10])
            # the server has read both heads once it answers a later request
            projects.status_record(url)
            process.send_signal(signal.SIGHUP)
            until(lambda: not listens(place.port))
            whole.sendall(body[10:])
            assert status_of(whole) == 200, "a request in flight is finished"
            assert status_of(half) == 503, "one that does not end in time is refused"
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in err, err
        assert "stopped" in err
        assert projects.served(runner, "prod")["servers"] == []


def listens(port: int | None) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port or 0)) == 0


def status_of(line: socket.socket) -> int:
    line.settimeout(10)
    response = http.client.HTTPResponse(line)
    response.begin()
    return response.status


def test_a_record_of_another_machine_is_forgotten_only_when_it_is_known_to_be_dead(machines: tuple[Path, Path]) -> None:
    """A15: its process cannot be checked from here. Its beat decides, and an apply elsewhere no longer reports it."""
    runner, host = machines
    apply(runner)
    with serving(host, "--id", "far") as (url, process):
        until_serves(url, 1)
        lineage = json.loads(projects.run("show", "--json", cwd=runner).stdout)["lineage"]
        file = runner.parent / "shared" / "store" / layout.server(lineage, "prod", "far")
        process.send_signal(signal.SIGSTOP)
        record = replace(decode(file.read_bytes(), ServerRecord), host="far", machine="far")
        file.write_bytes(encode(record))
        projects.run("status", cwd=runner)
        projects.a_term_later(runner, "far")
        assert projects.served(runner, "prod")["servers"][0]["alive"] is False
        assert "unhealthy: server far shows no sign of life" in projects.run("plan", cwd=runner).stdout
        # a beat that moved means that it lives after all
        file.write_bytes(encode(replace(record, beat=record.beat + 1)))
        waiting = projects.start("server", "forget", "far", cwd=runner)
        assert waiting.stderr is not None
        assert "waiting up to 15 s for a sign of life of server far" in waiting.stderr.readline()
        file.write_bytes(encode(replace(record, beat=record.beat + 2)))
        assert waiting.wait(timeout=20) == 1
        assert "error[server-alive]" in waiting.communicate()[1]
        projects.run("status", cwd=runner)
        projects.a_term_later(runner, "far")
        assert asked("forgotten", "server", "forget", "far", cwd=runner)["forgotten"] == [
            {"environment": "prod", "id": "far", "url": url},
        ]
        assert "unhealthy" not in projects.run("plan", cwd=runner).stdout
        os.kill(process.pid, signal.SIGCONT)
        until(file.exists)
        assert projects.served(runner, "prod")["healthy"] is True, "one that lives after all registers again"
