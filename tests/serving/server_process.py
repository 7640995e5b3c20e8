"""A server process started as users start it, and what tests ask of it over real sockets."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

from leptonctl.core.codec import decode_message
from leptonctl.core.deployment import ServerRecord
from tests.serving.serving_models import KEY, filter_model, request

V1, V2 = filter_model(), filter_model((-0.5, -0.01, 2.0))
ASKED = json.dumps(request(money=[1.5], length=[10], ratio=[0.25])).encode()
PATH = "/v2/models/m/infer"
JSON = {"Content-Type": "application/json"}


class Process:
    """A server process started as users start it."""

    def __init__(self, shop, name="one", *more, port=0, flags=("-P",), cwd=None, variables=()):
        command = [sys.executable, *flags, "-m", "leptonctl.deploying.serve", "--store", str(shop.folder), "--project", str(shop.folder)]
        command += ["--lineage", shop.lineage, "--environment", shop.environment, "--port", str(port), "--id", name, *more]
        environment = os.environ | {"LEPTON_TEST_KEY": KEY.decode(), **dict(variables)}
        self.popen = subprocess.Popen(command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.line = self.popen.stdout.readline()
        self.port = int(self.line.split(" as ")[0].rpartition(":")[2]) if self.line else 0

    def get(self, path, method="GET", body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, body=ASKED, path=PATH):
        return self.get(path, "POST", body, JSON)

    def status(self):
        return decode_message(self.get("/leptonctl/v1/status")[1], ServerRecord)

    def wait(self, what, timeout=20):
        """Until `what(status)` holds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.status()
            if what(status):
                return status
            time.sleep(0.02)
        raise AssertionError(status)

    def raw(self, data, timeout=10):
        """Bytes on a socket of their own, and everything that comes back until the server closes the connection or stops sending."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as line:
            line.sendall(data)
            with suppress(TimeoutError, ConnectionError):
                line.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: line.recv(65536), b""))
        return b""

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()


@contextmanager
def running(*shops, **more):
    """A server for each shop (named one, two …); yields the list, or the server itself if there is one shop."""
    names = ("one", "two", "three")
    started = [Process(shop, name, **more) for shop, name in zip(shops, names, strict=False)]
    try:
        yield started[0] if len(started) == 1 else started
    finally:
        for process in started:
            process.end()


def load(server, stop, answers, workers=8):
    """Eight clients that ask without a pause; every answer or failure is kept."""

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        while not stop.is_set():
            try:
                connection.request("POST", PATH, ASKED, JSON)
                answer = connection.getresponse()
                answers.append((answer.status, answer.read()))
            except (OSError, http.client.HTTPException) as problem:
                answers.append((0, repr(problem).encode()))
                connection.close()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    return threads
