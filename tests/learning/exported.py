"""Prepared rows and exported models for the tests of what comes after export: real parquet, real scikit-learn, real ONNX."""

import hashlib
import io
import json

import numpy as np
import polars as pl
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LinearRegression, LogisticRegression

from leptonctl.core.values import Result
from leptonctl.spi.running import Bench


class Shelf(dict):
    """Artifacts by digest, in memory."""

    def put_artifact(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self[digest] = data
        return digest

    def get_artifact(self, digest):
        return self[digest]


def quiet(**_told):
    """Progress that nobody reads."""


def bench(shelf, folder):
    return Bench(project=folder, artifacts=shelf, progress=quiet)


def contract(frame, target):
    kinds = {pl.Float32: "number", pl.String: "string", pl.Boolean: "boolean", pl.Int64: "integer", pl.Float64: "number"}
    return {
        "target": target,
        "target_type": kinds[frame.schema[target]],
        "classes": None if frame.schema[target] == pl.Float64 else sorted(frame[target].unique().to_list()),
        "columns": [
            {
                "name": n,
                "type": kinds[t],
                "nullable": True,
                "fill": None,
                "min": None,
                "max": None,
                "values": None,
                "hash": False,
                "declared": False,
            }
            for n, t in frame.schema.items()
            if n != target
        ],
    }


def prepared(shelf, train, test, target="y"):
    """The result of `prepare` for two frames of prepared rows."""

    def put(frame):
        cells = [json.dumps(row, default=str).encode() for row in frame.rows()]
        ids = pl.Series("__row__", [hashlib.sha256(c).digest()[:16] for c in cells], dtype=pl.Binary)
        out = io.BytesIO()
        frame.with_columns(ids).write_parquet(out)
        return shelf.put_artifact(out.getvalue())

    return Result(
        key="sha256:0",
        op="prepare",
        artifacts={"train.parquet": put(train), "test.parquet": put(test)},
        outputs={"contract": contract(train, target)},
        provenance={},
        seconds=0.1,
    )


def exported(shelf, train, features, target="y", fills=None, **params):
    """The result of `export` for a linear model of numeric columns, and the native model."""
    x = train.select(features).to_numpy().astype(np.float32)
    y = train[target].to_numpy() if train.schema[target] != pl.String else np.array(train[target].to_list())
    regression = train.schema[target] == pl.Float64
    model = (LinearRegression() if regression else LogisticRegression(**params)).fit(x, y)
    options = None if regression else {id(model): {"zipmap": False}}
    graph = to_onnx(model, initial_types=[("features", FloatTensorType([None, len(features)]))], options=options, target_opset=18)
    names = [output.name for output in graph.graph.output]
    manifest = {
        "format_version": "1",
        "task": "regression" if regression else "classification",
        "target": target,
        "target_type": "number" if regression else "string",
        "columns": [
            {"name": n, "type": "number", "nullable": True, "fill": (fills or {}).get(n), "min": None, "max": None, "values": None,
             "hash": False, "graph": {"input": "features", "index": i}}
            for i, n in enumerate(features)
        ],
        "classes": None if regression else model.classes_.tolist(),
        "graph": {"features": len(features), "strings": [],
                  "outputs": {"prediction": names[0]} if regression else {"label": names[0], "probabilities": names[1]}},
        "privacy": None,
    }  # fmt: skip
    artifacts = {
        "model.onnx": shelf.put_artifact(graph.SerializeToString()),
        "manifest.json": shelf.put_artifact(json.dumps(manifest).encode()),
    }
    return Result(key="sha256:1", op="export", artifacts=artifacts, outputs={}, provenance={}, seconds=0.1), model


def frame_of(x, y, names=None):
    """Float32 columns and a target `y`."""
    named = {n: x[:, i].astype(np.float32) for i, n in enumerate(names or [f"c{i}" for i in range(x.shape[1])])}
    return pl.DataFrame({**named, "y": y})
