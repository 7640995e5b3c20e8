"""Small real ONNX models with their manifests and golden rows, and a store that holds deployments of them."""

import hashlib

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.contract import hash_text, key_mark
from leptonctl.core.deployment import Deployment, Epoch, Head, Route
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Graph, GraphInput, Hashing, Manifest, ManifestColumn, package_digest
from leptonctl.core.store_records import StoreIdentity
from leptonctl.serving.condition import Identity
from leptonctl.serving.follow import Follower
from leptonctl.serving.settings import Settings
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.lineage import LineageStore

KEY = b"a key for tests"
SECRET = {"secret": {"env": "LEPTON_TEST_KEY"}}


def column(name, kind, entry, index=None, **more):
    return ManifestColumn(name=name, type=kind, graph=GraphInput(input=entry, index=index), **{"nullable": False, **more})


def manifest(columns, *, strings=(), task="classification", target_type="string", classes=("n", "y"), privacy=None):
    outputs = {"prediction": "out"} if task == "regression" else {"label": "label", "probabilities": "probabilities"}
    features = sum(c.graph.index is not None for c in columns)
    return Manifest(
        task=task, target="target", target_type=target_type, columns=tuple(columns), privacy=privacy,
        classes=None if task == "regression" else tuple(classes),
        graph=Graph(features=features, strings=tuple(strings), outputs=outputs),
    )  # fmt: skip


def graph(weights, *, strings=(), words=None, task="classification", labels=("n", "y"), bias=0.0):
    """A linear score (NaN counts as 0) with a word table per string input; a sigmoid over it unless it is a regression."""
    nodes, inputs, parts = [], [], []
    constants = [helper.make_tensor("bias", TensorProto.FLOAT, [1], [bias]), helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])]
    if weights:
        inputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)]))
        constants.append(helper.make_tensor("weights", TensorProto.FLOAT, [len(weights), 1], weights))
        nodes += [
            helper.make_node("IsNaN", ["features"], ["absent"]),
            helper.make_node("Where", ["absent", "zero", "features"], ["present"]),
            helper.make_node("MatMul", ["present", "weights"], ["score"]),
        ]
        parts.append("score")
    for name in strings:
        inputs.append(helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1]))
        keys, values = zip(*words[name].items(), strict=True)
        table = {"keys_strings": list(keys), "values_floats": list(values), "default_float": 0.125}
        nodes.append(helper.make_node("LabelEncoder", [name], [f"{name}_score"], domain="ai.onnx.ml", **table))
        parts.append(f"{name}_score")
    nodes += [helper.make_node("Sum", parts, ["sum"]), helper.make_node("Add", ["sum", "bias"], ["out"])]
    if task == "regression":
        outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 1])]
    else:
        kind, table = (TensorProto.INT64, "values_int64s") if isinstance(labels[0], int) else (TensorProto.STRING, "values_strings")
        constants.append(helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))
        encode = {"keys_int64s": [0, 1], table: list(labels)}
        nodes += [
            helper.make_node("Sigmoid", ["out"], ["yes"]),
            helper.make_node("Sub", ["one", "yes"], ["no"]),
            helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=0),
            helper.make_node("LabelEncoder", ["place"], ["label"], domain="ai.onnx.ml", **encode)
            if kind == TensorProto.STRING
            else helper.make_node("Identity", ["place"], ["label"]),
        ]
        outputs = [
            helper.make_tensor_value_info("label", kind, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ]
    model_graph = helper.make_graph(nodes, "leptonctl", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(model_graph, opset_imports=opsets, ir_version=10).SerializeToString()


def request(**columns):
    """An inference request of named columns; the datatype follows the values."""
    kinds = {bool: "BOOL", str: "BYTES"}
    inputs = []
    for name, data in columns.items():
        kind = next((kinds.get(type(cell), "FP32") for cell in data if cell is not None), "FP32")
        inputs.append({"name": name, "shape": [len(data)], "datatype": kind, "data": data})
    return {"inputs": inputs}


def golden(onnx, query, feed):
    """The rows of a request and what onnxruntime itself answers for the arrays they mean."""
    session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    outputs = []
    for tensor, value in zip(session.get_outputs(), session.run(None, feed), strict=True):
        name = "prediction" if tensor.name == "out" else tensor.name
        datatype = {"tensor(string)": "BYTES", "tensor(int64)": "INT64"}.get(tensor.type, "FP32")
        shape = [len(value), 2] if name == "probabilities" else [len(value)]
        outputs.append({"name": name, "datatype": datatype, "shape": shape, "data": value.reshape(-1).tolist()})
    return {"request": query, "response": {"outputs": outputs}}


def filter_model(weights=(0.5, -0.01, 2.0), bias=0.0):
    """Three numeric columns: money (filled), length (an integer, bounded), ratio (may be missing)."""
    onnx = graph(list(weights), bias=bias)
    columns = [
        column("money", "number", "features", 0, fill=0.5, min=0),
        column("length", "integer", "features", 1, min=0, max=1000),
        column("ratio", "number", "features", 2, nullable=True, values=(0.25, 0.5, 1.0)),
    ]
    query = request(money=[1.5, 0.1], length=[10, 900], ratio=[0.25, None])
    feed = {"features": np.array([[1.5, 10, 0.25], [0.1, 900, np.nan]], np.float32)}
    return onnx, manifest(columns), golden(onnx, query, feed)


def mixed_model():
    """All types: booleans on both ways into the graph, strings with allowed values, a hashed column. Not in graph order."""
    words = {
        "s0": {"true": 1.0, "false": -1.0, "": 0.5},
        "s1": {"hello": 2.0, "привет": 3.0, "none": 4.0},
        "s2": {hash_text(KEY, "alice"): 5.0},
    }
    onnx = graph([0.1, 10.0], strings=words, words=words, task="regression")
    columns = [
        column("subject", "string", "s1", fill="none", values=("hello", "привет", "none")),
        column("urgent", "boolean", "features", 1),
        column("known", "boolean", "s0", nullable=True),
        column("size", "number", "features", 0, nullable=True),
        column("account", "string", "s2", nullable=True, hash=True),
    ]
    query = request(
        subject=["hello", "привет"], urgent=[True, False], known=[False, None], size=[3, None], account=[hash_text(KEY, "alice"), None]
    )
    query["inputs"][2]["datatype"] = "BOOL"
    feed = {
        "features": np.array([[3, 1], [np.nan, 0]], np.float32),
        "s0": np.array([["false"], [""]], object),
        "s1": np.array([["hello"], ["привет"]], object),
        "s2": np.array([[hash_text(KEY, "alice")], [""]], object),
    }
    privacy = Hashing(hash=("account",), key=SECRET, key_id="k1")
    return (
        onnx,
        manifest(columns, strings=["s0", "s1", "s2"], task="regression", target_type="number", privacy=privacy),
        golden(onnx, query, feed),
    )


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def in_bytes(value):
    return value if isinstance(value, bytes) else encode(value)


class Shop:
    """A store in a folder, and the moves an apply makes in it for one environment of one lineage."""

    def __init__(self, folder, environment="prod", lineage="l", *, mark=True):
        self.folder, self.environment, self.lineage = folder, environment, lineage
        self.objects = FolderObjects(root=folder)
        self.store = LineageStore(objects=self.objects, lineage=lineage)
        self.epoch = Epoch(generation=1, token=1)
        if mark:
            self.mark()

    def mark(self):
        """Make it a store."""
        self.objects.create(layout.IDENTITY, encode(StoreIdentity(id="a-store")))

    @property
    def head_path(self):
        return layout.head(self.lineage, self.environment)

    def path(self, number):
        return layout.deployment(self.lineage, self.environment, number)

    def put(self, value):
        data = in_bytes(value)
        self.objects.create(layout.artifact(digest_of(data)), data)
        return digest_of(data)

    def put_model(self, version, model, **more):
        onnx, described, rows = model
        files = {"model.onnx": self.put(onnx), "manifest.json": self.put(described), "golden.json": self.put(rows)}
        package = package_digest(files["model.onnx"], described) if isinstance(described, Manifest) else digest_of(b"another package")
        route = Route(
            version=version, digest=digest_of(version.encode() + onnx), package=package, artifact=files["model.onnx"], files=files
        )
        return replace(route, **more)

    def record(self, number, serial, models, **more):
        """Write the record of a deployment: model -> route or routes."""
        routes = {name: route if isinstance(route, tuple) else (route,) for name, route in models.items()}
        record = Deployment(
            lineage=self.lineage, environment=self.environment, deployment=number, incarnation=1, serial=serial, previous=None,
            at=f"2024-01-01T00:00:{number:02d}Z", by="t", commit=None, url="", requests="lenient", models=routes,
        )  # fmt: skip
        assert self.objects.create(self.path(number), encode(replace(record, **more)))

    def read_head(self):
        before = self.store.head(self.environment)
        return before.head if before else Head(epoch=self.epoch, nonce="")

    def point(self, **fields):
        """Write the head again with some fields changed."""
        before = self.store.head(self.environment)
        head = before.head if before else Head(epoch=self.epoch, nonce="")
        values = {"epoch": self.epoch, "holder": "t", "deployment": head.deployment, "serial": head.serial, "staged": head.staged}
        assert self.store.move_head(self.environment, before, **{**values, **fields})

    def stage(self, number):
        self.point(staged=number)

    def head(self, number, serial):
        self.point(deployment=number, serial=serial, staged=0)

    def deploy(self, number, serial, models, **more):
        """A switch: record, staged, head. It follows what the head names."""
        self.record(number, serial, models, **{"previous": self.read_head().deployment or None, **more})
        self.stage(number)
        self.head(number, serial)

    def destroy(self, serial):
        self.point(deployment=0, serial=serial, staged=0)

    def servers(self):
        return {record.id: record for record in self.store.servers(self.environment)}

    def mark_key(self, key=KEY, key_id="k1"):
        self.objects.put(layout.key_mark(key_id), encode({"mark": key_mark(key, key_id)}))


def a_follower(shop, read_secret=lambda _written: KEY, log=None, **settings):
    """A follower of a shop's environment that is stepped by hand and retries failures at once."""
    identity = Identity(
        id="one", lineage=shop.lineage, environment=shop.environment, host="h", machine="machine", pid=1, start=2, boot="boot"
    )
    record = identity.record("http://127.0.0.1:1", 0.0)
    lines = [] if log is None else log
    return Follower(shop.objects, record, read_secret, settings=Settings(**{"retry_s": 1e-9, **settings}), log=lines.append)


def versions(follower):
    """What is served: model -> version."""
    return {name: model.version for name, model in follower.current().models.items()}
