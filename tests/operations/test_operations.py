"""docs/operations.md: every command of the page is run, its unit and its proxy are tried with real servers, and its numbers are the product's."""

import configparser
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from leptonctl.deploying.server import SETTINGS
from tests import projects
from tests.e2e import clones
from tests.e2e.clones import until
from tests.operations.pages import PATH, Commands, apply, bind, output, serves
from tests.test_docs import page

PAGE = page("docs/operations.md")
REQUEST = {"inputs": [{"name": name, "datatype": "FP32", "shape": [1], "data": [4]} for name in ("x", "y")]}


def section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}$(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def block(language: str, heading: str) -> str:
    (body,) = re.findall(rf"^```{language}\n(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    return str(body)


@pytest.fixture
def machines(built: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two checkouts whose `leptonctl.yaml` is the page's, with state and store elsewhere."""
    first, second = clones.shared(built, tmp_path)
    text = block("yaml", "Several machines").replace("/srv/lepton", str(tmp_path / "shared"))
    for root in (first, second):
        (root / "leptonctl.yaml").write_text(text.replace("mail-safety", "tiny"), encoding="utf-8")
    projects.commit(first)
    yield first, second
    projects.stop_servers(tmp_path)


def test_the_sections_with_commands_are_those_that_are_run_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE):
        if "```sh" in section(heading):
            assert f'Commands(section("{heading}"))' in tests, heading


def test_several_machines(machines: tuple[Path, Path]) -> None:
    first, second = machines
    apply(first)
    store, port = first.parent / "shared" / "store", projects.free_port()
    files = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    with Commands(section("Several machines")) as commands:
        _, *serve = shlex.split(commands.next(port=str(port)))
        process = projects.start(*serve, cwd=second)
        try:
            assert process.stdout is not None
            assert re.match(r"serving prod at https://model-1\.example\.org as \S+", process.stdout.readline())
            url = f"http://127.0.0.1:{port}"
            until(lambda: projects.status_record(url).deployment == 1)
            until(lambda: projects.served(first, "prod")["healthy"] is True)
            assert "https://model-1.example.org" in commands.run(first)
            assert "https://model-1.example.org" in commands.run(first)
            written = {
                file.relative_to(store) for file in store.rglob("*") if file.is_file() and files.get(file) != file.stat().st_mtime_ns
            }
            lineage = projects.state_of(first)["lineage"]
            places = {f"projects/{lineage}/servers" if file.parts[0] == "projects" else file.parts[0] for file in written}
            assert places <= {f"projects/{lineage}/servers", ".locks", ".temporary"}
            assert all(file.is_relative_to(f"projects/{lineage}/servers") for file in written if file.parts[0] == "projects")
            (first.parent / "shared" / "state").rename(first.parent / "gone")
            assert projects.ask(f"{url}/v2/models/spam-filter/infer", REQUEST)["model_version"] == "v1"
        finally:
            process.terminate()
            process.communicate(timeout=20)


def test_ci(machines: tuple[Path, Path]) -> None:
    first, second = machines
    with Commands(section("CI")) as commands:
        assert "nothing to build" in commands.run(first)
        assert "environment/prod/spam-filter" in commands.run(first)
        assert projects.state_of(second)["serial"] == 0
        assert "unbound → v1" in commands.run(second)
    assert "reason: merged" in output("history", root=first)
    shutil.rmtree(second / ".leptonctl")
    assert "Nothing to do" in output("plan", root=second)
    bind(first, "v2")
    assert projects.run("freeze", "prod", "--reason", "a holiday", cwd=first).returncode == 0
    apply(first, 6)
    assert "1 held" in apply(first)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """PATH with an `rsync`, which not every machine has."""
    if shutil.which("rsync"):
        return PATH
    script = tmp_path / "bin" / "rsync"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\nmkdir -p "$3" && cp -a "$2." "$3"\n', encoding="utf-8")
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{PATH}"


def test_backup_and_restore(prod: Path, path: str) -> None:
    store = prod / ".leptonctl" / "store"
    with Commands(section("Backup and restore")) as commands:
        commands.run(prod)
        assert "Read back and equal" in commands.run(prod, path=path)
        bind(prod, "v2")  # between the two copies
        apply(prod)
        commands.run(prod, path=path, store=str(store))
        bind(prod, "v1")
        apply(prod)
        shutil.rmtree(store)
        shutil.rmtree(prod / ".leptonctl" / "state")
        store.mkdir()
        commands.run(prod, path=path, store=str(store))
        (copy,) = (prod / "backups").glob("state-*.json")
        assert "The state is in charge" in commands.run(prod, BACKUP=f"backups/{copy.name}")
        commands.run(prod)
        commands.run(prod)
        commands.run(prod)
    assert (serves(prod), projects.served(prod, "prod")["healthy"]) == ("v1", True)
    assert "Nothing to do" in output("plan", root=prod)


def test_upgrade(prod: Path) -> None:
    (prod / "backups").mkdir()
    with Commands(section("Upgrade")) as commands:
        assert "onnxruntime" in commands.run(prod)
        commands.run(prod)
        assert "Nothing to do" in commands.run(prod)


def test_what_to_alert_on(prod: Path) -> None:
    url = projects.served(prod, "prod")["url"]
    projects.ask(f"{url}/v2/models/spam-filter/infer", REQUEST)
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    for name in set(re.findall(r"`(leptonctl_\w+)`", section("What to alert on"))):
        assert f"\n# TYPE {name} " in f"\n{metrics}", name
    assert re.search(r'^leptonctl_inference_requests_total\{.*code="200"\} 1$', metrics, re.MULTILINE)
    with Commands(section("What to alert on")) as commands:
        commands.run(prod)
        commands.run(prod)
    for pid in projects.processes(prod):
        os.kill(pid, signal.SIGKILL)
    assert projects.run("status", "--check", cwd=prod).returncode == 1
    apply(prod)
    bind(prod, "v2")
    assert projects.run("status", "--check", cwd=prod).returncode == 6
    status = json.loads(output("status", "--json", root=prod))
    assert status["environments"][0]["healthy"] is True


def service() -> configparser.SectionProxy:
    """The section `Service` of the page's unit."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(block("ini", "A systemd unit"))
    return unit["Service"]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_unit_serves_and_stops(sign: signal.Signals, machines: tuple[Path, Path]) -> None:
    first, second = machines
    apply(first)
    port = projects.free_port()
    words = shlex.split(service()["ExecStart"].replace("8080", str(port)))
    assert Path(words[0]).name == "leptonctl"
    assert int(service()["TimeoutStopSec"]) > int(str(SETTINGS["stop_s"]["default"])) == 10
    assert service()["Restart"] == "always"
    store = first.parent / "shared" / "store"
    if sign is signal.SIGTERM:
        store.rename(store.with_name("unmounted"))
        refused = projects.run(*words[1:], cwd=second)
        assert (refused.returncode, "wrong-store" in refused.stderr) == (1, True)
        store.with_name("unmounted").rename(store)
    process = projects.start(*words[1:], cwd=second)
    until(lambda: answers(port))
    process.send_signal(sign)
    _, log = process.communicate(timeout=int(service()["TimeoutStopSec"]))
    assert (process.returncode, "stopped" in log) == (0, True), log


def answers(port: int) -> bool:
    try:
        return projects.ask(f"http://127.0.0.1:{port}/v2/health/ready") == {"ready": True}
    except OSError:
        return False


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "leptonctl-prod.service"
    program = shlex.split(service()["ExecStart"])[0]
    text = block("ini", "A systemd unit").replace(program, "/bin/true").replace("User=lepton", f"User={os.getuid()}")
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    assert unit.name not in done.stdout + done.stderr
    unit.write_text(text.replace("Restart=always", "Restart=sometimes"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    assert unit.name in done.stderr, "it does look"


def test_the_proxy_of_the_page_lets_through_what_the_server_takes(tmp_path: Path) -> None:
    proxy = block("nginx", "A reverse proxy in front")
    assert int(re.findall(r"client_max_body_size (\d+)m;", proxy)[0]) * 1024 * 1024 == SETTINGS["max_body"]["default"]
    assert re.findall(r"location (\S+) ", proxy) == ["/v2"]
    if shutil.which("nginx"):
        plain = re.sub(r"^ *ssl_.*\n", "", proxy, flags=re.MULTILINE).replace("443 ssl", str(projects.free_port()))
        (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {plain} }}", encoding="utf-8")
        done = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


def test_a_server_behind_a_proxy(prod: Path) -> None:
    with behind_proxy(int(projects.served(prod, "prod")["url"].rpartition(":")[2])) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(3):
            client.request("POST", "/v2/models/spam-filter/infer", json.dumps(REQUEST), {"Host": "models.example.org"})
            answer = client.getresponse()
            assert (answer.status, json.loads(answer.read())["model_version"]) == (200, "v1")
        for path, status in (("/v2", 200), ("/v2/health/ready", 200), ("/v2/models/nothing", 404), ("/metrics", 403)):
            client.request("GET", path, headers={"Host": "models.example.org"})
            answer = client.getresponse()
            answer.read()
            assert answer.status == status, path
        client.close()
        assert len(Proxy.used) == 1, "one connection to the server is kept"


class Proxy(http.server.BaseHTTPRequestHandler):
    """What the page's nginx does: `/v2` goes to the server over a connection that is kept, under the upstream's name."""

    protocol_version = "HTTP/1.1"
    upstream: ClassVar[http.client.HTTPConnection]
    used: ClassVar[set[tuple[str, int]]] = set()

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, data = 403, b""
        if self.path.startswith("/v2"):
            self.upstream.request(self.command, self.path, body, {"Host": "prod", "Content-Type": "application/json"})
            self.used.add(self.upstream.sock.getsockname())
            answer = self.upstream.getresponse()
            status, data = answer.status, answer.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = forward

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def behind_proxy(port: int) -> Iterator[int]:
    """The port of a proxy in front of a server."""
    Proxy.upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    Proxy.used.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            Proxy.upstream.close()
