"""How many requests a second `leptonctl serve` answers, beside a naive server of FastAPI and onnxruntime with the same model.

    python benchmarks/serving.py [--seconds 3] [--connections 8] [--columns 57] [--rows 1] [--rounds 3] [--alone]

Servers and load run in separate processes; the rounds alternate, so that a busy machine slows both. Prints the best round of each.
`--alone` measures leptonctl's server only; without it the `bench` extra is needed.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leptonctl.core.manifest import Manifest

LINEAGE = "bench"
NAIVE = """
import sys
import numpy as np, onnxruntime as ort, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Input(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]

class Body(BaseModel):
    inputs: list[Input]

options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
app = FastAPI()

@app.post("/v2/models/m/infer")
async def infer(body: Body):
    inputs = {i.name: np.array(i.data, dtype=np.float32).reshape(i.shape) for i in body.inputs}
    if "features" in inputs:
        features = inputs["features"]
    else:
        features = np.stack([inputs[f"c{n}"].reshape(-1) for n in range(len(inputs))], axis=1)
    label, probabilities = session.run(None, {"features": features})
    return {"model_name": "m", "model_version": "v1", "outputs": [
        {"name": "label", "shape": list(label.shape), "datatype": "BYTES", "data": label.tolist()},
        {"name": "probabilities", "shape": list(probabilities.shape), "datatype": "FP32", "data": probabilities.reshape(-1).tolist()},
    ]}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="error")
"""


class Client(asyncio.Protocol):
    """One connection, which sends the next request as soon as it has the answer."""

    def __init__(self, message: bytes, times: list[float], until: float) -> None:
        self.message, self.times, self.until = message, times, until
        self.pending, self.failed = b"", 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.ask()

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        self.pending += data
        head, separator, body = self.pending.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self.pending = b""
        now = time.perf_counter()
        self.times.append(now - self.asked)
        self.failed += not head.startswith(b"HTTP/1.1 200")
        if now < self.until:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, _problem: Exception | None) -> None:
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)


async def load(port: int, connections: int, seconds: float, body: bytes) -> dict[str, float]:
    """Requests a second, latencies in ms, failures."""
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    times: list[float] = []
    started = time.perf_counter()
    clients = [Client(head + body, times, started + seconds) for _ in range(connections)]
    for client in clients:
        await asyncio.get_running_loop().create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - started
    times.sort()
    return {
        "requests_per_s": len(times) / elapsed,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
        "failed": sum(client.failed for client in clients),
    }


def requests(columns: int, rows: int) -> dict[str, bytes]:
    """The same rows with one input per column, and packed."""
    cells = [[((31 * row + 7 * column) % 100) / 100 for column in range(columns)] for row in range(rows)]
    split = [{"name": f"c{n}", "shape": [rows], "datatype": "FP32", "data": [row[n] for row in cells]} for n in range(columns)]
    packed = [{"name": "features", "shape": [rows, columns], "datatype": "FP32", "data": [cell for row in cells for cell in row]}]
    # flat data, since the naive server reads no other
    return {"one input a column": json.dumps({"inputs": split}).encode(), "packed features": json.dumps({"inputs": packed}).encode()}


def make_store(folder: Path, columns: int) -> bytes:
    """Write a deployment of one logistic regression. Returns its ONNX bytes."""
    import numpy as np
    import onnxruntime as ort
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression

    from leptonctl.core.manifest import Graph, GraphInput, Manifest, ManifestColumn

    random = np.random.default_rng(0)
    rows = random.normal(size=(500, columns)).astype(np.float32)
    model = LogisticRegression().fit(rows, np.where(rows[:, 0] > 0, "y", "n"))
    types = [("features", FloatTensorType([None, columns]))]
    graph = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3})
    onnx = graph.SerializeToString()
    label, probabilities = ort.InferenceSession(onnx).run(["label", "probabilities"], {"features": rows[:1]})
    names = [f"c{n}" for n in range(columns)]
    manifest = Manifest(
        task="classification", target="t", target_type="string", classes=("n", "y"),
        columns=tuple(
            ManifestColumn(name=name, type="number", nullable=False, graph=GraphInput(input="features", index=n))
            for n, name in enumerate(names)
        ),
        graph=Graph(features=columns, strings=(), outputs={"label": "label", "probabilities": "probabilities"}),
    )  # fmt: skip
    golden = {
        "request": {"inputs": [{"name": "features", "shape": [1, columns], "datatype": "FP32", "data": rows[0].tolist()}]},
        "response": {"outputs": [
            {"name": "label", "shape": [1], "datatype": "BYTES", "data": label.tolist()},
            {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": probabilities.reshape(-1).tolist()},
        ]},
    }  # fmt: skip
    put_deployment(folder, onnx, manifest, golden)
    return onnx


def put_deployment(folder: Path, onnx: bytes, manifest: "Manifest", golden: object) -> None:
    """Write what an apply leaves in a store: the files of the model, a deployment of it, and the head that names it."""
    import hashlib

    from leptonctl.core import layout
    from leptonctl.core.codec import encode
    from leptonctl.core.deployment import Deployment, Epoch, Route
    from leptonctl.core.manifest import package_digest
    from leptonctl.core.store_records import StoreIdentity
    from leptonctl.storage.folder import FolderObjects
    from leptonctl.storage.lineage import LineageStore

    objects = FolderObjects(root=folder)
    store = LineageStore(objects=objects, lineage=LINEAGE)
    files: dict[str, str] = {}
    for name, data in (("model.onnx", onnx), ("manifest.json", encode(manifest)), ("golden.json", encode(golden))):
        files[name] = "sha256:" + hashlib.sha256(data).hexdigest()
        objects.create(layout.artifact(files[name]), data)
    graph = files["model.onnx"]
    route = Route(version="v1", digest=graph, package=package_digest(graph, manifest), artifact=graph, files=files)
    objects.create(layout.IDENTITY, encode(StoreIdentity(id="bench")))
    store.put_deployment(
        Deployment(
            lineage=LINEAGE, environment="bench", deployment=1, incarnation=1, serial=1, previous=None, at="", by=None, commit=None,
            url=None, requests="lenient", models={"m": (route,)},
        )
    )  # fmt: skip
    store.move_head("bench", None, epoch=Epoch(generation=1, token=1), holder="bench", deployment=1, serial=1, staged=0)


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def wait(port: int, body: bytes, process: subprocess.Popen[bytes]) -> Any:
    """Wait until the server answers. Returns the outputs in its answer."""
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/v2/models/m/infer"
    for _ in range(600):
        if process.poll() is not None:
            sys.exit("a server did not start")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5) as answer:
                return json.load(answer)["outputs"]
        except OSError:
            time.sleep(0.05)
    sys.exit("a server does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--columns", type=int, default=57)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="measure leptonctl's server only")
    parser.add_argument("--load", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(asyncio.run(load(options.load, options.connections, options.seconds, sys.stdin.buffer.read()))))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Start the servers, check that they answer alike, and print the figures of each form of request."""
    onnx = make_store(folder / "store", options.columns)
    (folder / "model.onnx").write_bytes(onnx)
    (folder / "naive.py").write_text(NAIVE)
    ports = {"naive": free_port(), "leptonctl": free_port()}
    ours = ["-P", "-m", "leptonctl.deploying.serve", "--store", str(folder / "store"), "--project", str(folder)]
    ours += ["--lineage", LINEAGE, "--environment", "bench"]
    commands = {
        "naive": [str(folder / "naive.py"), str(folder / "model.onnx"), str(ports["naive"])],
        "leptonctl": [*ours, "--port", str(ports["leptonctl"])],
    }
    if options.alone:
        del commands["naive"]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": one_thread}
    servers = {name: subprocess.Popen([sys.executable, *command], **quiet) for name, command in commands.items()}
    try:
        for form, body in requests(options.columns, options.rows).items():
            answers = [wait(ports[name], body, servers[name]) for name in servers]
            if any(answer != answers[0] for answer in answers):
                sys.exit("the two servers give different answers")
            rounds = [{name: measure(options, ports[name], body) for name in servers} for _ in range(options.rounds)]
            best = {name: show(form, name, [figures[name] for figures in rounds]) for name in servers}
            if "naive" in best:
                print(f"{form}: leptonctl / naive = {best['leptonctl'] / best['naive']:.2f}\n", flush=True)
    finally:
        for process in servers.values():
            process.send_signal(signal.SIGTERM)
        for process in servers.values():
            process.wait(timeout=20)


def measure(options: argparse.Namespace, port: int, body: bytes) -> dict[str, float]:
    command = [sys.executable, __file__, "--load", str(port), "--connections", str(options.connections), "--seconds", str(options.seconds)]
    figures: dict[str, float] = json.loads(subprocess.run(command, input=body, capture_output=True, check=True).stdout)
    return figures


def show(form: str, name: str, rounds: list[dict[str, float]]) -> float:
    """Print the best round of one server. Returns its requests a second."""
    best = max(rounds, key=lambda figures: figures["requests_per_s"])
    text = f"{best['requests_per_s']:8.0f} requests/s  p50 {best['p50_ms']:6.2f} ms  p99 {best['p99_ms']:6.2f} ms"
    print(f"{form:20} {name:10} {text}  failed {sum(int(figures['failed']) for figures in rounds)}", flush=True)
    return best["requests_per_s"]


if __name__ == "__main__":
    main()
