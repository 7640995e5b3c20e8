"""What clients can make a server hold: heads, bodies, connections, and the time it waits for them. Over real sockets."""

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.serving.server_process import ASKED, JSON, PATH, V1, Process
from tests.serving.serving_models import Shop
from tests.serving.test_process import settings

MIB = 2**20
BODIES, BODY = 40, 15 * MIB


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("store"))
    shop.mark_key()
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    process = Process(shop, "one", *settings(head_s=1.0, body_s=2.0, max_connections=60, max_bodies=64 * MIB))
    process.wait(lambda status: status.deployment == 1)
    yield process
    process.end()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=15)


def everything(line):
    answer = b""
    with suppress(OSError):
        while piece := line.recv(65536):
            answer += piece
    return answer


def rss_mib(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def head(length, *more):
    lines = [b"POST " + PATH.encode() + b" HTTP/1.1", b"Host: x", b"Content-Type: application/json", b"Content-Length: %d" % length, *more]
    return b"\r\n".join([*lines, b"", b""])


def test_many_unfinished_bodies_take_bounded_memory_and_delay_no_other_request(server):
    assert server.post()[0] == 200
    before, answers = rss_mib(server.popen.pid), []
    piece = b" " * (BODY - 1)

    def send(line):
        with suppress(OSError):
            line.sendall(head(BODY) + piece)
        answers.append(everything(line))

    with ExitStack() as stack:
        lines = [stack.enter_context(connect(server)) for _ in range(BODIES)]
        senders = [threading.Thread(target=send, args=(line,)) for line in lines]
        for sender in senders:
            sender.start()
        highest = 0.0
        while any(sender.is_alive() for sender in senders):
            highest = max(highest, rss_mib(server.popen.pid))
            assert server.post()[0] == 200
        for sender in senders:
            sender.join()
    assert highest - before < 200, f"{highest - before:.0f} MiB more"
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
    assert refused, answers
    assert all(b"retry-after: 1\r\n" in answer for answer in refused)
    # those that were held are not held for ever
    assert {answer[:13] for answer in answers} <= {b"HTTP/1.1 503 ", b"HTTP/1.1 408 ", b""}
    assert server.post(b" " * (2 * MIB) + ASKED)[0] == 200, "what was held is free again"


STOPS = {
    "nothing": b"",
    "half a line": b"GET /v2",
    "half a header": b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "half a body": head(10) + b"{",
}


def test_a_client_that_stops_sending_is_not_waited_for(server):
    begun = time.monotonic()
    with ExitStack() as stack:
        lines = {name: stack.enter_context(connect(server)) for name in STOPS}
        for name, line in lines.items():
            line.sendall(STOPS[name])
        answers = {name: everything(line) for name, line in lines.items()}
    assert {name: answer[:12] for name, answer in answers.items()} == dict.fromkeys(STOPS, b"HTTP/1.1 408")
    assert time.monotonic() - begun < 10


def test_a_client_that_sends_a_byte_at_a_time_is_not_waited_for(server):
    with connect(server) as line:
        line.sendall(b"GET /v2 HTTP/1.1\r\n")
        with suppress(OSError):
            for _ in range(60):
                line.sendall(b"X-a: b\r\n")
                time.sleep(0.1)
        assert everything(line).startswith((b"HTTP/1.1 408", b""))


def test_a_head_without_end_is_refused(server):
    with connect(server) as line:
        sent = 0
        with suppress(OSError):
            line.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Long: ")
            for _ in range(200):
                line.sendall(b"a" * 65536)
                sent += 65536
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 431") or sent < 8 * MIB, (answer[:100], sent)
    assert server.post()[0] == 200


@pytest.mark.parametrize("more", [[b"X-%d: 1" % i for i in range(101)], [b"X-Long: " + b"a" * 70_000]], ids=["many", "long"])
def test_too_many_headers_are_refused(server, more):
    answer = server.raw(head(len(ASKED), *more) + ASKED)
    assert answer.startswith(b"HTTP/1.1 431 "), answer[:200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_request_of_a_large_head_and_body_in_bounds_is_answered(server):
    more = [b"X-%d: %s" % (i, b"a" * 500) for i in range(80)]
    assert server.raw(head(len(ASKED), *more) + ASKED).startswith(b"HTTP/1.1 200 ")
    # a second request after a large body on one connection: the bytes of the body are not those of a head
    body = b" " * (3 * MIB) + ASKED
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(2):
        connection.request("POST", PATH, body, JSON)
        assert connection.getresponse().read().startswith(b'{"model_name"')
    connection.close()


def test_connections_are_limited_and_free_again(server):
    with ExitStack() as stack:
        lines = [stack.enter_context(connect(server)) for _ in range(70)]
        for line in lines[60:]:
            answer = everything(line)
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert b"retry-after" in answer
    deadline = time.monotonic() + 10
    while True:
        with suppress(OSError):
            if server.post()[0] == 200:
                return
        assert time.monotonic() < deadline


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_other_machines_do_not_see_the_host(server, header):
    own = json.loads(server.get("/leptonctl/v1/status")[1])
    public = json.loads(server.get("/leptonctl/v1/status", headers={header: "10.1.2.3"})[1])
    assert (own["pid"], own["host"]) == (server.popen.pid, socket.gethostname())
    assert (public["pid"], public["host"], public["url"], public.get("machine", "")) == (0, "", "", "")
    assert (public["lineage"], public["environment"], public["deployment"], list(public["models"])) == ("l", "prod", 1, ["m"])
    assert socket.gethostname() not in json.dumps({**public, "id": ""})


def test_the_predictions_are_the_same_for_all(server):
    assert server.get(PATH, "POST", ASKED, {**JSON, "X-Forwarded-For": "10.1.2.3"}) == server.post()
