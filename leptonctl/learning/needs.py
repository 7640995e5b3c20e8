"""Reads the results of earlier steps: prepared rows, contracts, packages and native models. Keeps nothing but small prepared rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.contract import Contract
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest, package_digest
from leptonctl.core.profile import PROFILE_FILE, Profile
from leptonctl.core.result import Result
from leptonctl.core.row_list import RowList
from leptonctl.learning.comparable import Side
from leptonctl.learning.inputs import read_record, unreadable
from leptonctl.learning.outputs import ExportOutputs, PrepareOutputs
from leptonctl.learning.preparing.row_list import FILES, Marks, unpack
from leptonctl.learning.scoring.answers import WIDE
from leptonctl.learning.tables.prepared import Rows, copy_rows, read_rows, read_side_cells
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts

if TYPE_CHECKING:
    import polars as pl

SMALL, MOST_RECENT = 4 << 20, 4
"""Prepared rows of at most so many bytes are kept, and so many of them."""
_RECENT: dict[tuple[str, str, str], Rows] = {}
"""A worker needs the same rows four times for each of many small versions. Reading them would take longer than the fit."""


class Package(Frozen):
    """A version's graph with its manifest: what is evaluated, compared, bound and served, identified by `digest`.

    `dtype` is that of the native model's probabilities; the graph's float32 probabilities are cast to it for the metrics.
    """

    digest: str
    onnx: bytes
    manifest: Manifest
    dtype: str = WIDE


def read_package(export: Result, artifacts: Artifacts) -> Package:
    """The package of an export. Raises ProviderError (wrong-package) when graph and manifest do not have its digest."""
    outputs = read_record("the outputs of `export`", export.outputs, ExportOutputs)
    manifest = read_manifest(artifacts.get_artifact(export.artifacts[MANIFEST_FILE]))
    graph = export.artifacts[GRAPH_FILE]
    if package_digest(graph, manifest) != outputs.package:
        raise ProviderError(
            "A package does not match its digest",
            detail=f"The graph {graph} and its manifest do not make the recorded package {outputs.package}.",
            hint="build the version again",
            id="wrong-package",
        )
    dtype = outputs.native_dtype or WIDE
    return Package(digest=outputs.package, onnx=artifacts.get_artifact(graph), manifest=manifest, dtype=dtype)


def read_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of `manifest.json`. Raises ProviderError."""
    try:
        return decode(data, Manifest)
    except BadRecord as problem:
        raise unreadable(MANIFEST_FILE, problem) from problem


def read_contract(prepare: Result) -> Contract:
    """The contract of prepared rows: what was declared, completed by what was found in the data."""
    return read_record("the outputs of `prepare`", prepare.outputs, PrepareOutputs).contract


def read_prepared(prepare: Result, side: str, task: str, artifacts: Artifacts) -> Rows:
    """The `train` or `test` rows of a prepare step, as arrays of their own."""
    digest = prepare.artifacts[f"{side}.parquet"]
    key = (prepare.key, digest, task)
    rows = _RECENT.get(key)
    if rows is None:
        data = artifacts.get_artifact(digest)
        rows = read_rows(data, read_contract(prepare), task)
        if not prepare.key or len(data) > SMALL:
            return rows
        _RECENT[key] = rows
        while len(_RECENT) > MOST_RECENT:
            del _RECENT[next(iter(_RECENT))]
    return copy_rows(rows)


def read_row_list(prepare: Result, side: str, artifacts: Artifacts) -> tuple[RowList, Marks] | None:
    """The row list of a side and its marks; None when the step recorded none."""
    rows = read_record("the outputs of `prepare`", prepare.outputs, PrepareOutputs).row_lists.get(side)
    digest = prepare.artifacts.get(FILES[side])
    return None if rows is None or digest is None else (rows, unpack(artifacts.get_artifact(digest), rows))


def read_profile(prepare: Result, artifacts: Artifacts) -> Profile | None:
    """The profile of the training rows; None where the step made none, it was purged, or it is damaged."""
    digest = prepare.artifacts.get(PROFILE_FILE)
    try:
        return None if digest is None else decode(artifacts.get_artifact(digest), Profile)
    except (KeyError, ValueError):
        return None


def read_side(prepare: Result, side: str, artifacts: Artifacts) -> Side:
    """The rows of a side as a comparison needs them. Their cells are read when they are asked for."""

    def cells() -> pl.DataFrame:
        return read_side_cells(prepare, side, artifacts)

    return Side(listed=read_row_list(prepare, side, artifacts), contract=read_contract(prepare), cells=cells)


def native_files(train: Result, artifacts: Artifacts) -> Mapping[str, bytes]:
    """The files of the native model, by name."""
    return {name: artifacts.get_artifact(digest) for name, digest in train.artifacts.items()}
