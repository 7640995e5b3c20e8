"""Small real ONNX models with their manifests and golden rows, and a store that holds deployments of them."""

import hashlib
import json

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from leptonctl.core.contract import hash_text, key_mark
from leptonctl.storage.store import open_store

KEY = b"a key for tests"
SECRET = {"secret": {"env": "LEPTON_TEST_KEY"}}


def column(name, kind, entry, index=None, **more):
    place = {"input": entry} if index is None else {"input": entry, "index": index}
    plain = {"nullable": False, "fill": None, "min": None, "max": None, "values": None, "hash": False}
    return {"name": name, "type": kind, **plain, **more, "graph": place}


def manifest(columns, *, strings=(), task="classification", target_type="string", classes=("n", "y"), privacy=None):
    outputs = {"prediction": "out"} if task == "regression" else {"label": "label", "probabilities": "probabilities"}
    return {
        "format_version": "1",
        "task": task,
        "target": "target",
        "target_type": target_type,
        "columns": columns,
        "classes": None if task == "regression" else list(classes),
        "graph": {"features": sum("index" in c["graph"] for c in columns), "strings": list(strings), "outputs": outputs},
        "privacy": privacy,
    }


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
    made = helper.make_graph(nodes, "leptonctl", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10).SerializeToString()


def request(**columns):
    """An inference request of named columns; the datatype follows the values."""
    kinds = {bool: "BOOL", str: "BYTES"}
    inputs = []
    for name, data in columns.items():
        kind = next((kinds.get(type(cell), "FP32") for cell in data if cell is not None), "FP32")
        inputs.append({"name": name, "shape": [len(data)], "datatype": kind, "data": data})
    return {"inputs": inputs}


def golden(onnx, asked, feed):
    """The rows of a request and what onnxruntime itself answers for the arrays they mean."""
    session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    outputs = []
    for tensor, value in zip(session.get_outputs(), session.run(None, feed), strict=True):
        name = "prediction" if tensor.name == "out" else tensor.name
        datatype = {"tensor(string)": "BYTES", "tensor(int64)": "INT64"}.get(tensor.type, "FP32")
        shape = [len(value), 2] if name == "probabilities" else [len(value)]
        outputs.append({"name": name, "datatype": datatype, "shape": shape, "data": value.reshape(-1).tolist()})
    return {"request": asked, "response": {"outputs": outputs}}


def filter_model(weights=(0.5, -0.01, 2.0), bias=0.0):
    """Three numeric columns: money (filled), length (an integer, bounded), ratio (may be missing)."""
    onnx = graph(list(weights), bias=bias)
    columns = [
        column("money", "number", "features", 0, fill=0.5, min=0),
        column("length", "integer", "features", 1, min=0, max=1000),
        column("ratio", "number", "features", 2, nullable=True, values=[0.25, 0.5, 1.0]),
    ]
    asked = request(money=[1.5, 0.1], length=[10, 900], ratio=[0.25, None])
    feed = {"features": np.array([[1.5, 10, 0.25], [0.1, 900, np.nan]], np.float32)}
    return onnx, manifest(columns), golden(onnx, asked, feed)


def mixed_model():
    """All types: booleans on both ways into the graph, text with allowed values, a hashed column. Not in graph order."""
    words = {
        "s0": {"true": 1.0, "false": -1.0, "": 0.5},
        "s1": {"hello": 2.0, "привет": 3.0, "none": 4.0},
        "s2": {hash_text(KEY, "alice"): 5.0},
    }
    onnx = graph([0.1, 10.0], strings=words, words=words, task="regression")
    columns = [
        column("subject", "string", "s1", fill="none", values=["hello", "привет", "none"]),
        column("urgent", "boolean", "features", 1),
        column("known", "boolean", "s0", nullable=True),
        column("size", "number", "features", 0, nullable=True),
        column("account", "string", "s2", nullable=True, hash=True),
    ]
    asked = request(
        subject=["hello", "привет"], urgent=[True, False], known=[False, None], size=[3, None], account=[hash_text(KEY, "alice"), None]
    )
    asked["inputs"][2]["datatype"] = "BOOL"
    feed = {
        "features": np.array([[3, 1], [np.nan, 0]], np.float32),
        "s0": np.array([["false"], [""]], object),
        "s1": np.array([["hello"], ["привет"]], object),
        "s2": np.array([[hash_text(KEY, "alice")], [""]], object),
    }
    privacy = {"hash": ["account"], "key": SECRET, "key_id": "k1"}
    return (
        onnx,
        manifest(columns, strings=["s0", "s1", "s2"], task="regression", target_type="number", privacy=privacy),
        golden(onnx, asked, feed),
    )


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Shop:
    """A store in a folder, and the moves an apply makes in it."""

    def __init__(self, folder, environment="prod"):
        self.folder, self.environment = folder, environment
        self.store = open_store(str(folder), folder)
        self.objects = self.store.objects

    def put_model(self, version, model):
        onnx, described, rows = model
        files = {"model.onnx": onnx, "manifest.json": json.dumps(described).encode(), "golden.json": json.dumps(rows).encode()}
        digests = {name: self.store.put_artifact(data) for name, data in files.items()}
        recipe = digest_of(version.encode() + onnx)
        return {"version": version, "digest": recipe, "artifact": digests["model.onnx"], "artifacts": digests, "metrics": {}}

    def record(self, number, serial, models, **more):
        record = {
            "environment": self.environment, "deployment": number, "serial": serial, "lineage": "l", "at": f"2024-01-01T00:00:{number:02d}Z",
            "by": "t", "commit": None, "url": "", "requests": "lenient", "models": models, **more,
        }  # fmt: skip
        assert self.store.put_deployment(self.environment, number, record)

    def stage(self, number, serial):
        self.store.stage(self.environment, {"deployment": number, "serial": serial})

    def head(self, number, serial):
        before = self.store.head(self.environment)
        assert self.store.move_head(self.environment, {"deployment": number, "serial": serial}, before[1] if before else None)

    def deploy(self, number, serial, models, **more):
        self.record(number, serial, models, **more)
        self.stage(number, serial)
        self.head(number, serial)

    def servers(self):
        return {record["id"]: record for record in self.store.servers(self.environment)}

    def mark_key(self, key=KEY, key_id="k1"):
        assert self.store.check_key(key_id, key_mark(key, key_id))
