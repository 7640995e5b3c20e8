"""Which process uses an address of this host, from the kernel's tables and a status page."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from leptonctl.core.codec import encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.deploying import addresses
from tests.projects import free_port


@pytest.mark.parametrize(
    ("host", "listens"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1")]
)
def test_a_listener_is_found(host, listens):
    with socket.create_server((listens, free_port())) as server:
        port = server.getsockname()[1]
        found = addresses.listener(host, port)
        assert found is not None
        assert (found.pid, found.folder, found.arguments) == (os.getpid(), os.getcwd(), None)
        refused = addresses.refusal(host, port)
        assert refused is not None
        assert addresses.in_use(refused)
    assert addresses.listener(host, port) is None
    assert addresses.port_free(host, port)


def test_an_ipv6_listener_is_found():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        assert addresses.listener("::1", port).pid == os.getpid()
        assert addresses.listener("127.0.0.1", port) is None


def test_another_address_of_the_port_is_not_in_the_way():
    with socket.create_server(("127.0.0.2", free_port())) as server:
        port = server.getsockname()[1]
        assert addresses.port_free("127.0.0.1", port)
        assert addresses.listener("127.0.0.1", port) is None
        assert addresses.listener("127.0.0.2", port).pid == os.getpid()


def test_an_address_of_another_host_is_not_in_use():
    refused = addresses.refusal("203.0.113.9", free_port())
    assert refused is not None
    assert not addresses.in_use(refused)


def test_the_folder_of_a_process_is_found(tmp_path):
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path, text=True)
    try:
        found = addresses.listener("127.0.0.1", int(other.stdout.readline()))
        assert (found.pid, found.folder) == (other.pid, str(tmp_path))
        assert "time.sleep(60)" in found.command
    finally:
        other.kill()
        other.communicate()


def test_arguments_of_other_programs_are_ignored(tmp_path):
    code = "import sys, time; print(1, flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code, "-m", "leptonctl.deploying.serve", "--project", str(tmp_path), "--lineage"]
    other = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        other.stdout.readline()
        assert addresses.arguments_of(other.pid) == ("--project", str(tmp_path), "--lineage")
        found = addresses.Listener(pid=other.pid, command="", folder="", arguments=addresses.arguments_of(other.pid))
        assert (found.argument("--project"), found.argument("--lineage"), found.argument("--id")) == (str(tmp_path), "", "")
    finally:
        other.kill()
        other.communicate()
    assert addresses.arguments_of(other.pid) is None


@contextmanager
def answering(body, status=200):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", free_port()), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


RECORD = ServerRecord(id="x", lineage="l", environment="prod", host="h", pid=1, url="u", started=0.0)


def test_a_status_page_is_read_as_a_record():
    with answering(encode(RECORD)) as url:
        assert addresses.probe(url) == RECORD


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"hello", 200),
        (b"{}", 200),
        (b'{"environment": "prod"}', 200),
        (b"[" * 100_000, 200),
        (encode(RECORD), 404),
        (b"\xff", 200),
    ],
)
def test_what_is_not_a_status_page_is_ignored(body, status):
    with answering(body, status) as url:
        assert addresses.probe(url) is None


@pytest.mark.parametrize("url", ["", "http://", "http://127.0.0.1", "http://127.0.0.1:x", "http://nowhere.invalid:80"])
def test_an_invalid_address_has_no_answer(url):
    assert addresses.probe(url, 0.5) is None


def test_a_server_that_accepts_and_does_not_answer_is_ignored():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert addresses.probe(f"http://127.0.0.1:{server.getsockname()[1]}", 0.2) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("web", "http://web:80"),
    ],
)
def test_urls(host, url):
    assert addresses.url_of(host, 80) == url
