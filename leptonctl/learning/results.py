"""What earlier steps gave, opened: prepared rows, and packages with the digest that they go by. Reads artifacts; keeps nothing."""

from collections.abc import Mapping

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.contract import Contract
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import Manifest, package_digest
from leptonctl.core.result import Result
from leptonctl.learning.inputs import read_record, unreadable
from leptonctl.learning.outputs import ExportOutputs, PrepareOutputs
from leptonctl.learning.tables.prepared import Rows, read_ids, read_rows
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts

ONNX, MANIFEST, GOLDEN = "model.onnx", "manifest.json", "golden.json"
WIDE = "float64"


class Package(Frozen):
    """A version's graph with its manifest: what is evaluated, compared, bound and served, known by `digest` (protocols 11).

    `dtype` is the dtype of the native model's probabilities, to which the graph's float32 is cast for the metrics.
    """

    digest: str
    onnx: bytes
    manifest: Manifest
    dtype: str = WIDE


def read_package(export: Result, artifacts: Artifacts) -> Package:
    """The package of an export. Raises ProviderError when graph and manifest are not those that its digest is of."""
    outputs = read_record("the outputs of `export`", export.outputs, ExportOutputs)
    manifest = read_manifest(artifacts.get_artifact(export.artifacts[MANIFEST]))
    graph = export.artifacts[ONNX]
    if package_digest(graph, manifest) != outputs.package:
        raise ProviderError(
            "A package is not what its digest says",
            detail=f"The graph {graph} and its manifest are another package than {outputs.package}, which is recorded for them.",
            hint="build the version again",
            id="wrong-package",
        )
    dtype = outputs.native_dtype or WIDE
    return Package(digest=outputs.package, onnx=artifacts.get_artifact(graph), manifest=manifest, dtype=dtype)


def read_manifest(data: bytes) -> Manifest:
    """The record in the bytes of a `manifest.json`."""
    try:
        return decode(data, Manifest)
    except BadRecord as problem:
        raise unreadable(MANIFEST, problem) from problem


def read_contract(prepare: Result) -> Contract:
    """The contract of prepared rows, as declared and as the data turned out to be."""
    return read_record("the outputs of `prepare`", prepare.outputs, PrepareOutputs).contract


def read_prepared(prepare: Result, side: str, task: str, artifacts: Artifacts) -> Rows:
    """The `train` or `test` rows that a prepare step gave."""
    return read_rows(artifacts.get_artifact(prepare.artifacts[f"{side}.parquet"]), read_contract(prepare), task)


def trained_on(prepare: Result, artifacts: Artifacts) -> frozenset[bytes]:
    """The identities of the rows that a version was trained on."""
    return read_ids(artifacts.get_artifact(prepare.artifacts["train.parquet"]))


def native_files(train: Result, artifacts: Artifacts) -> Mapping[str, bytes]:
    """The files of the native model, by name."""
    return {name: artifacts.get_artifact(digest) for name, digest in train.artifacts.items()}
