"""Prepared rows and exported models for the tests of what comes after export: real parquet, real scikit-learn, real ONNX."""

import hashlib
import io

import numpy as np
import polars as pl
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LinearRegression, LogisticRegression

from leptonctl.core.codec import encode
from leptonctl.core.contract import Column, Contract
from leptonctl.core.manifest import Graph, GraphInput, Manifest, ManifestColumn, package_digest
from leptonctl.core.result import Result
from leptonctl.core.row_list import RowList
from leptonctl.learning.outputs import ExportOutputs, PrepareOutputs
from leptonctl.learning.preparing.row_list import PUBLIC, Listing, ListPrivacy, Marks
from leptonctl.spi.running import Bench


class Shelf(dict):
    """Artifacts by digest, in memory."""

    def put_artifact(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self[digest] = data
        return digest

    def get_artifact(self, digest):
        return self[digest]


def quiet(**_progress):
    """Progress that is discarded."""


def bench(shelf, folder):
    return Bench(project=folder, artifacts=shelf, progress=quiet)


def contract(frame, target):
    """The contract of a frame of prepared rows."""
    kinds = {pl.Float32: "number", pl.String: "string", pl.Boolean: "boolean", pl.Int64: "integer", pl.Float64: "number"}
    return Contract(
        target=target,
        target_type=kinds[frame.schema[target]],
        classes=None if frame.schema[target] == pl.Float64 else tuple(sorted(frame[target].unique().to_list())),
        columns=tuple(Column(name=name, type=kinds[dtype]) for name, dtype in frame.schema.items() if name != target),
    )


def list_rows(frame: pl.DataFrame, source: str, *, id: str | None = None, privacy: ListPrivacy = PUBLIC) -> tuple[RowList, Marks]:
    """The list of the rows of a table and their marks."""
    listing = Listing(source, id=id, privacy=privacy)
    listing.add(frame)
    return listing.finish()


def prepared(shelf, train, test, target="y"):
    """The result of `prepare` for two frames of prepared rows."""

    def put(frame):
        out = io.BytesIO()
        frame.write_parquet(out)
        return shelf.put_artifact(out.getvalue())

    sides = {"train": train, "test": test}
    lists = {side: list_rows(frame, "csv") for side, frame in sides.items()}
    outputs = PrepareOutputs(
        rows={side: frame.height for side, frame in sides.items()}, rows_digest={}, contract=contract(train, target),
        row_lists={side: rows for side, (rows, _) in lists.items()},
    )  # fmt: skip
    artifacts = {f"{side}.parquet": put(frame) for side, frame in sides.items()}
    artifacts |= {f"{side}.rows": shelf.put_artifact(marks.pack()) for side, (_, marks) in lists.items()}
    return Result(key="sha256:0", op="prepare", artifacts=artifacts, outputs=outputs.to_json())


def exported(shelf, train, features, target="y", fills=None, dtype=None, **params):
    """The result of `export` for a linear model of numeric columns, and the native model."""
    x = train.select(features).to_numpy().astype(np.float32)
    y = train[target].to_numpy() if train.schema[target] != pl.String else np.array(train[target].to_list())
    regression = train.schema[target] == pl.Float64
    model = (LinearRegression() if regression else LogisticRegression(**params)).fit(x, y)
    options = None if regression else {id(model): {"zipmap": False}}
    graph = to_onnx(model, initial_types=[("features", FloatTensorType([None, len(features)]))], options=options, target_opset=18)
    names = [output.name for output in graph.graph.output]
    manifest = Manifest(
        task="regression" if regression else "classification",
        target=target,
        target_type="number" if regression else "string",
        columns=tuple(
            ManifestColumn(name=n, type="number", nullable=True, fill=(fills or {}).get(n), graph=GraphInput(input="features", index=i))
            for i, n in enumerate(features)
        ),
        classes=None if regression else tuple(model.classes_.tolist()),
        graph=Graph(
            features=len(features),
            strings=(),
            outputs={"prediction": names[0]} if regression else {"label": names[0], "probabilities": names[1]},
        ),
    )
    return export_of(shelf, graph.SerializeToString(), manifest, dtype), model


def export_of(shelf, onnx, manifest, dtype=None):
    """The result of `export` for a graph and its manifest."""
    artifacts = {"model.onnx": shelf.put_artifact(onnx), "manifest.json": shelf.put_artifact(encode(manifest))}
    outputs = ExportOutputs(package=package_digest(artifacts["model.onnx"], manifest), native_dtype=dtype)
    return Result(key="sha256:1", op="export", artifacts=artifacts, outputs=outputs.to_json())


def frame_of(x, y, names=None):
    """Float32 columns and a target `y`."""
    named = {n: x[:, i].astype(np.float32) for i, n in enumerate(names or [f"c{i}" for i in range(x.shape[1])])}
    return pl.DataFrame({**named, "y": y})
